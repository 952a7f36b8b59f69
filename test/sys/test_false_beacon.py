"""A beacon that was seized, with the real bridge, broker and store: it answers
brokers itself, swaps legs, relays one cluster to another, and plays again what
it has recorded. It has its genuine certificate, and sees all that it carries.

Whatever it does, nobody joins whom a person has not registered, nothing secret
is told to it, and once it does its work again everybody is let in.
"""
import contextlib
import re
import subprocess

import pytest

from lab.clienthello import KEY_SHARE, PRE_SHARED_KEY, PSK_MODES, TLS_1_3, \
    VERSIONS, client_hello_of, server_hello_of
from lab.beaconpeer import CONNECT, LISTEN
from lab.falsebeacon import FalseBeacon, honest
from lab.falseend import Shown
from lab.forged import forge, issued
from lab.joined import Joined, StandIn

BOOT, TUNNEL = b"pharos-boot/1", b"pharos-tunnel/1"


def crossing(*clusters):
    """Relays one cluster's broker to another one's bridge, where that waits for
    brokers that know its CA; it waits for others, too."""
    realms = {one.joined.answer["info_hash"] for one in clusters}

    def crossed(beacon, leg):
        for other in beacon.waiting:
            if other.role != leg.role and \
                    {other.info_hash.hex(), leg.info_hash.hex()} == realms:
                return beacon.pair(other, leg)
        return beacon.keep(leg)
    return crossed


def alike(beacon, leg):
    """Two bridges, or two brokers."""
    for other in beacon.waiting:
        if other.role == leg.role:
            return beacon.pair(other, leg)
    return beacon.keep(leg)


class Cluster:
    """One that is registered, with a bridge."""

    def __init__(self, ground, folder, beacon):
        folder.mkdir()
        self.ground, self.cluster = ground, StandIn(folder)
        self.joined = Joined(ground, folder, self.cluster,
                             [f"127.0.0.1:{beacon.port}"])
        self.joined.register()
        self.bridge = self.joined.start_bridge()
        self.brokers = []

    def __enter__(self):
        self.cluster.__enter__()
        return self

    def __exit__(self, *args):
        for process in (*self.brokers, self.bridge):
            process.kill()
        self.cluster.__exit__(*args)

    def broker(self, pod="broker-1"):
        broker = self.joined.start_broker(pod)
        self.brokers.append(broker)
        return broker

    def up(self):
        broker = self.broker()
        broker.wait_for("tunnel up", 20)
        return broker

    def signed(self):
        """How often the bridge has let somebody in."""
        return len(re.findall("boot session .*result=signed",
                              self.bridge.text()))

    def leaf(self, role, name):
        """What the store's PKI signs for that role, with its key."""
        folder, space = self.joined.folder, self.joined.answer["namespace"]
        shown = Shown(folder / f"{name}.crt", folder / f"{name}.key")
        csr = subprocess.run(
            ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-keyout", shown.key,
             "-subj", f"/CN={name}"], check=True, capture_output=True).stdout
        hosts = {"alt_names": "bridge.pharos"} if role == "bridge" else {}
        answer = self.ground.store.must(
            "POST", f"{space}/pharos-pki/sign/{role}", {
                "csr": csr.decode(), "common_name": name, "ttl": "1h",
                "exclude_cn_from_sans": True, **hosts, "uri_sans":
                f"pharos://{self.joined.answer['info_hash']}/{role}/{name}"})
        shown.cert.write_text(answer["data"]["certificate"])
        return shown


@pytest.fixture(scope="module")
def ground(module_lab):
    module_lab.devstore = module_lab.start_devstore()
    yield module_lab


@pytest.fixture
def beacon(ground):
    with FalseBeacon(issued(ground.lab_pki, "beacon"), honest) as one:
        yield one


@pytest.fixture
def cluster(ground, beacon, tmp_path):
    with Cluster(ground, tmp_path / "one", beacon) as one:
        yield one


# ---- it does its work

def talks(beacon):
    """The pairs of which both have spoken."""
    return [pair for pair in beacon.pairs
            if all(leg.heard for leg in pair.legs)]


def overheard(pair):
    """The extensions of both hellos of a session."""
    said = {leg.role: leg.heard for leg in pair.legs}
    return client_hello_of(said[CONNECT]), server_hello_of(said[LISTEN])


def test_what_it_can_record(beacon, cluster):
    """Boot session and tunnel: TLS 1.3, whose keys are made for one session
    and known to its ends alone. So a certificate's key that leaks later opens
    nothing of this; and nobody takes up the session of somebody else."""
    cluster.up()
    sessions = talks(beacon)
    assert len(sessions) >= 2
    for pair in sessions:
        asked, answered = overheard(pair)
        assert asked[VERSIONS] == b"\x02" + TLS_1_3.to_bytes(2, "big")
        assert answered[VERSIONS] == TLS_1_3.to_bytes(2, "big")
        assert asked[KEY_SHARE] and answered[KEY_SHARE]
        assert PRE_SHARED_KEY not in asked and PRE_SHARED_KEY not in answered
        # one byte of modes: with a key exchange, RFC 8446, 4.2.9
        assert asked.get(PSK_MODES, b"\1\1") == b"\1\1"


# ---- it answers itself

def of_a_broker(cluster):
    return cluster.leaf("broker", "broker-9")


def of_a_ca_of_its_own(cluster):
    return issued(cluster.ground.folder / "own", "bridge")


def of_this_realm_by_its_own_ca(cluster):
    return forge(cluster.joined.folder, cluster.ground.folder / "own",
                 "bridge/b-1", cluster.joined.answer["info_hash"])


def of_itself(cluster):
    return issued(cluster.ground.lab_pki, "beacon")


ANSWERS = {
    "a broker's of this realm": (
        of_a_broker, r"certificate for bridge\.pharos, got one for .*"
        r"/broker/broker-9|role bridge, got broker"),
    "a bridge's of a CA of its own": (of_a_ca_of_its_own, "wrong CA: expected"),
    "a bridge's of this realm, by that CA": (
        of_this_realm_by_its_own_ca, "wrong CA: expected"),
    "the beacon's": (of_itself, "wrong CA: expected"),
}


@pytest.fixture(scope="module", autouse=True)
def own_ca(ground):
    ground.pharos("pki", "init", "--dir", ground.folder / "own")


def answering(shown):
    def decide(beacon, leg):
        if leg.role == CONNECT:
            return beacon.answer(leg, shown, BOOT, TUNNEL)
        return beacon.keep(leg)
    return decide


@pytest.mark.parametrize("label", ANSWERS)
def test_it_answers_itself(beacon, cluster, label):
    make, says = ANSWERS[label]
    beacon.decide = answering(make(cluster))
    broker = cluster.broker()
    broker.wait_for(rf"no certificate .*({says})", 20)
    beacon.wait_until(lambda one: one.ends, "nobody came")
    for end in list(beacon.ends):
        end.wait_until(lambda one: one.over, "it goes on")
        assert not end.heard
    assert any("alert" in (end.refused or "") for end in beacon.ends)
    assert cluster.joined.record()["state"] == "pending"
    assert cluster.signed() == 0
    beacon.decide = honest
    cluster.up()


def test_it_would_see(beacon, cluster):
    """With the bridge's key it is the bridge, and gets the token; which is
    good for this one session, and the bridge knows no such."""
    beacon.decide = answering(cluster.leaf("bridge", "bridge-9"))
    cluster.broker()
    beacon.wait_until(lambda one: one.ends, "nobody came")
    beacon.ends[0].wait_until(lambda end: b'"eyJ' in end.heard, "no token")
    assert cluster.signed() == 0


@pytest.mark.parametrize("label", ["a broker's", "of another CA"])
def test_it_answers_who_comes_for_a_tunnel(ground, beacon, label):
    """A broker with its certificate in files; there no host name is looked
    at, but the role."""
    shown, says = {
        "a broker's": (issued(ground.pki, "broker"),
                       "wrong role: expected a certificate with role bridge, "
                       "got broker"),
        "of another CA": (issued(ground.folder / "own", "bridge"),
                          "wrong CA: expected"),
    }[label]
    beacon.decide = answering(shown)
    broker = ground.start_broker(beacon.port)
    try:
        broker.wait_for(says, 20)
        for end in list(beacon.ends):
            end.wait_until(lambda one: one.over, "it goes on")
            assert not end.heard
        assert "tunnel up" not in broker.text()
        came = len(beacon.ends)
        beacon.decide = answering(issued(ground.pki, "bridge"))
        beacon.wait_until(lambda one: len(one.ends) > came, "nobody came")
        beacon.ends[came].wait_until(lambda end: end.heard, "it says nothing")
    finally:
        broker.kill()


# ---- it pairs the wrong two

@pytest.fixture
def other(ground, beacon, tmp_path):
    with Cluster(ground, tmp_path / "two", beacon) as one:
        yield one


def test_it_relays_one_cluster_to_another(beacon, cluster, other):
    beacon.decide = crossing(cluster, other)
    brokers = [one.broker() for one in (cluster, other)]
    for broker in brokers:
        broker.wait_for("no certificate .*wrong CA: expected", 20)
    for one in (cluster, other):
        assert one.joined.record()["state"] == "pending"
        assert one.signed() == 0
        one.bridge.wait_for("peer refused our certificate", 10)
    beacon.start_anew(honest)
    for broker in brokers:
        broker.wait_for("tunnel up", 40)


def test_it_swaps_the_tunnels_of_two_clusters(beacon, cluster, other):
    """Each has its certificate, and shows it to the wrong bridge."""
    brokers = [one.up() for one in (cluster, other)]
    marks = [broker.mark() for broker in brokers]
    beacon.start_anew(crossing(cluster, other))
    for broker, mark in zip(brokers, marks):
        broker.wait_for("wrong CA: expected", 30, mark)
    beacon.start_anew(honest)
    marks = [broker.mark() for broker in brokers]
    for broker, mark in zip(brokers, marks):
        broker.wait_for("tunnel up", 40, mark)


def test_it_pairs_two_of_a_kind(beacon, cluster):
    cluster.up()
    beacon.start_anew(alike)
    broker = cluster.broker("broker-2")
    broker.wait_for("no certificate", 30)
    assert cluster.signed() == 1
    beacon.start_anew(honest)
    broker.wait_for("tunnel up", 60)


# ---- it plays again what it has

def recorded(beacon, role):
    """What that end has said, in each session there was."""
    return [leg.heard for pair in talks(beacon) for leg in pair.legs
            if leg.role == role]


def play(beacon, role, said):
    """To somebody of that role; what he answered."""
    for _ in range(5):  # he may have left just then
        leg = beacon.take(role)
        with contextlib.suppress(OSError):
            leg.send(said)
            while leg.read():
                pass
        if leg.heard:
            break
    return leg.heard


def test_it_plays_a_broker_again(beacon, cluster):
    """Boot session and tunnel of yesterday, to the bridge."""
    cluster.up()
    version = cluster.joined.record()
    said = recorded(beacon, CONNECT)
    assert len(said) >= 2
    for words in said:
        mark = cluster.bridge.mark()
        answer = play(beacon, LISTEN, words)
        server_hello_of(answer)  # it begins, with a key of its own
        cluster.bridge.wait_for("a record was altered on its way", 10, mark)
    assert cluster.signed() == 1
    assert cluster.bridge.text().count("tunnel up") == 1
    assert cluster.joined.record() == version
    cluster.broker("broker-2").wait_for("tunnel up", 20)


def test_it_plays_the_bridge_again(beacon, cluster):
    """To a broker that comes for a certificate."""
    cluster.up()
    said = recorded(beacon, LISTEN)

    def decide(one, leg):
        if leg.role == LISTEN:
            return one.keep(leg)
        return one.replay(leg, said)

    beacon.decide = decide
    broker = cluster.broker("broker-2")
    broker.wait_for("no certificate", 30)
    assert cluster.signed() == 1
    beacon.decide = honest
    broker.wait_for("tunnel up", 40)
