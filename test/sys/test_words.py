"""Joining by a beacon's address alone: the real programs on both sides, a person
who compares six words, and who may stand in between."""
import json
import re
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from conftest import names_hosts
from lab import parts, peers
from lab.beaconpeer import outer_context
from lab.bootbridge import Authority
from lab.bootclient import Key, Session, meeting
from lab.falsebridge import FalseBridge
from lab.joined import ACCOUNT, NAMESPACE, Joined, Real, StandIn
from lab.kubeserver import KubeServer
from lab.process import LabError

WORDS = r"(?:[a-z]{4} ){5}[a-z]{4}"
OTHERS = "nono nono nono nono nono nono"


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    with parts.Lab(tmp_path_factory.mktemp("ground")) as lab:
        lab.make_certificates()
        lab.start_devstore()
        yield lab


class World:
    """A registration that is pending, a beacon, and a cluster of its own."""

    def __init__(self, ground, folder, cluster=None):
        self.ground, self.folder = ground, folder
        self.beacon = ground.start_beacon()
        self.address = f"127.0.0.1:{self.beacon.port}"
        self.cluster = cluster or StandIn(folder)
        self.joined = Joined(ground, folder, self.cluster, [self.address])
        self.started = []

    def __enter__(self):
        self.cluster.__enter__()
        self.joined.register()
        return self

    def __exit__(self, *args):
        for process in self.started + [self.beacon]:
            process.kill()
        self.cluster.__exit__(*args)

    def bridge(self):
        bridge = self.joined.start_bridge()
        self.started.insert(0, bridge)
        return bridge

    def broker(self, pod="broker-1"):
        """With nothing but the beacon's address."""
        broker = self.joined.start_broker(pod, "--beacon-address",
                                          self.address)
        self.started.insert(0, broker)
        return broker

    def both(self):
        """(the broker, its words)"""
        self.bridge().wait_for("waiting at beacon", 20)
        broker = self.broker()
        return broker, shown_by(broker)

    # ---- at the store

    def source(self, verb, *words):
        return self.joined.pharos("store", "source", verb, *words,
                                  *self.joined.store_words())

    def waiting(self):
        """{pod: words}, as `pharos source list` shows them."""
        found = next(one for one in json.loads(self.source(
            "list", "-o", "json")) if one["namespace"] ==
            self.joined.answer["namespace"])
        return {one["pod"]: one["words"] for one in found.get("words", [])}

    def approve_source(self, words):
        return self.source("approve", self.joined.id, "--words", words)

    # ---- at the cluster

    def approve_target(self, words, *more):
        return self.joined.pharos(
            "cluster", "target", "approve", "--words", words, "--namespace",
            NAMESPACE, "--kubeconfig", self.joined.kubeconfig(
                "admin", self.cluster.admin()), *more)

    def meeting(self):
        return meeting(self.joined.record()["fingerprint"])

    def outer(self):
        return outer_context(self.ground.server_ca)

    def false_bridge(self, authority):
        return FalseBridge(self.beacon.port, self.outer(), self.meeting(),
                           authority)


@pytest.fixture
def world(ground, tmp_path):
    with World(ground, tmp_path) as one:
        yield one


def shown_by(broker, since=0):
    return broker.wait_for(rf'words="?({WORDS})', 30, since)[1].group(1)


def page(process, path):
    try:
        with urllib.request.urlopen(f"http://{process.health}{path}",
                                    timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def join_of(broker):
    return json.loads(page(broker, "/v1/status")[1])["join"]


def words_counted(broker, what):
    return int(re.search(
        rf'pharos_broker_boot_words_total{{what="{what}"}} (\d+)',
        page(broker, "/metrics")[1]).group(1))


def until(true, what, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def der_of(pem):
    return ssl.PEM_cert_to_DER_cert(pem)


def followed_ca(world):
    """All that stands in the map."""
    data = world.cluster.bridge_map()
    assert set(data) == {"ca.crt"}
    return der_of(data["ca.crt"])


def follows_nobody(world, broker):
    """It has no certificate, knows no CA, and nothing was signed."""
    assert join_of(broker)["certificate"] == "none"
    assert page(broker, "/readyz")[0] == 503
    assert "tunnel up" not in broker.text()
    assert world.joined.record()["state"] == "pending"
    assert "ca.crt" not in world.cluster.bridge_map()


# ---- what is promised

@names_hosts
def test_from_an_address_to_a_secret(any_store, tmp_path):
    with World(any_store, tmp_path) as world:
        joined = world.joined
        broker, words = world.both()
        assert world.waiting() == {"broker-1": words}
        status = join_of(broker)
        assert status["words"] == words
        assert status["waits_for"] == "a person who compares six words"
        assert words in page(broker, "/readyz")[1]
        with pytest.raises(LabError, match="before its words are compared"):
            world.source("approve", joined.id)
        line = re.search(r'pharos target approve --words "(.*)"',
                         world.approve_source(words)).group(1)
        said = world.approve_target(line)
        assert joined.answer["info_hash"] in said
        broker.wait_for("tunnel up", 60)
        assert followed_ca(world) == der_of(joined.ca_pem())
        assert joined.record()["state"] == "active"
        assert "words" not in join_of(broker)
        until(lambda: page(broker, "/readyz")[0] == 200, "it is of use")
        joined.write_secret("team-a/web", password="the-value")
        joined.grant("team-a", "web", "secret/team-a/web")
        wrapper = joined.start_wrapper(
            broker, "team-a", "web", "--secret", "secret/data/team-a/web",
            "--map", "password=PASSWORD", "--deliver", "env", "--deadline",
            "20s", "--", "/bin/sh", "-c", "echo got $PASSWORD")
        wrapper.wait_for("got the-value$", 25)
        assert wrapper.wait() == 0


def test_the_cluster_may_say_it_first(world):
    broker, words = world.both()
    world.approve_target(words)
    broker.wait_for("a person has said which bridge to follow", 20)
    broker.wait_for(r"the bridge refused \(approval\)", 20)
    assert world.joined.record()["state"] == "pending"
    world.approve_source(words)
    broker.wait_for("tunnel up", 60)


def test_a_restart_forgets_the_words_alone(world):
    broker, words = world.both()
    broker.kill()
    broker = world.broker()
    again = shown_by(broker)
    assert again != words
    until(lambda: world.waiting() == {"broker-1": again}, "the new ones")
    with pytest.raises(LabError, match="WRONG WORDS"):
        world.approve_source(words)
    world.approve_source(again)
    world.approve_target(again)
    broker.wait_for("tunnel up", 60)
    broker.kill()
    broker = world.broker()
    broker.wait_for("tunnel up", 30)
    assert not re.search(WORDS, broker.text())


def test_replicas_follow_whoever_was_introduced(world):
    one, words = world.both()
    two = world.broker("broker-2")
    others = shown_by(two)
    until(lambda: world.waiting() == {"broker-1": words, "broker-2": others},
          "both wait")
    world.approve_source(others)
    world.approve_target(others)
    for broker in (one, two):
        broker.wait_for("tunnel up", 60)
    three = world.broker("broker-3")
    three.wait_for("tunnel up", 30)
    assert not re.search(WORDS, three.text())


def test_words_that_were_given_are_not_ours(world):
    broker, words = world.both()
    with pytest.raises(LabError, match="no broker of .* took these words"):
        world.approve_target(OTHERS, "--wait", "5s")
    broker.wait_for("wrong words", 10)
    status = join_of(broker)
    assert "not those of this broker" in status["last_error"]
    assert "somebody stands between" in status["remedy"]
    assert words_counted(broker, "wrong") == 1
    assert words_counted(broker, "shown") == 1
    assert world.cluster.bridge_map() == {}
    follows_nobody(world, broker)
    assert status["words"] == words  # it goes on waiting
    world.approve_source(words)
    world.approve_target(words)
    broker.wait_for("tunnel up", 60)


def test_without_the_right_to_look(world):
    rights = world.cluster.server.rights
    name = next(iter(set(rights) - {"admin"}))
    rights[name] = rights[name] - {"maps.get"}
    world.bridge()
    broker = world.broker()
    broker.wait_for("verb get on the ConfigMap pharos-bridge", 20)
    rights[name] = rights[name] | {"maps.get"}
    shown_by(broker)


def test_words_of_words_before_are_not_taken(world):
    """What a person typed for an earlier session lies there still."""
    broker, words = world.both()
    broker.kill()
    world.cluster.state.maps.create(NAMESPACE, {
        "metadata": {"name": "pharos-bridge"}, "data": {"words": words}})
    broker = world.broker()
    assert shown_by(broker) != words
    broker.wait_for("wrong words", 10)
    follows_nobody(world, broker)


def test_a_ca_of_before_is_named(world):
    """The cluster was registered anew, and the ConfigMap has the CA of before."""
    world.cluster.state.maps.create(NAMESPACE, {
        "metadata": {"name": "pharos-bridge"}, "data": {
            "ca.crt": Authority().cert.public_bytes(Encoding.PEM).decode()}})
    world.bridge().wait_for("waiting at beacon", 20)
    broker = world.broker()
    broker.wait_for(rf"target failed .*ConfigMap {NAMESPACE}/pharos-bridge: "
                    "if the cluster was registered anew, remove ca.crt", 30)
    broker.kill()
    world.cluster.state.maps.change(
        NAMESPACE, "pharos-bridge", {"data": {"ca.crt": None}},
        "application/merge-patch+json")
    shown_by(world.broker())


def test_a_ca_that_is_exchanged_counts_at_the_next_start(world):
    """Whoever can write the ConfigMap does not turn away a broker that runs."""
    bridge = world.bridge()
    bridge.wait_for("waiting at beacon", 20)
    broker = world.broker()
    words = shown_by(broker)
    world.approve_source(words)
    world.approve_target(words)
    broker.wait_for("tunnel up", 60)
    world.cluster.state.maps.change(
        NAMESPACE, "pharos-bridge", {"data": {
            "ca.crt": Authority().cert.public_bytes(Encoding.PEM).decode()}},
        "application/merge-patch+json")
    mark = broker.mark()
    bridge.end()
    broker.wait_for("tunnel gone", 30, since=mark)
    world.bridge()
    broker.wait_for("tunnel up", 60, since=mark)
    broker.end()
    world.broker().wait_for(
        f"target failed .*ConfigMap {NAMESPACE}/pharos-bridge", 30)


def test_who_is_revoked_hears_which_ca_it_follows(world):
    """Registered anew the cluster has another CA; the bridge of before goes on
    refusing whoever follows the old one."""
    broker, words = world.both()
    world.approve_source(words)
    world.approve_target(words)
    broker.wait_for("tunnel up", 60)
    world.source("revoke", world.joined.id)
    broker.wait_for("tunnel gone", 20)
    broker.kill()
    world.broker().wait_for(
        r"refused \(revoked\).*register it anew\. If it was registered anew: "
        f"remove ca.crt from the ConfigMap {NAMESPACE}/pharos-bridge", 30)


def test_nobody_is_there_to_make_words_with(world):
    world.broker().wait_for("target failed .*registered and pending", 30)


def test_outside_a_cluster(ground):
    done = subprocess.run(
        [parts.program("pharos-broker"), "--beacon-address", "127.0.0.1:1"],
        text=True, capture_output=True, check=False, timeout=30, env={})
    assert done.returncode
    assert "joining by --beacon-address alone" in done.stderr


# ---- who may stand in between

def test_somebody_else_answers(world):
    """He knows every public string, and is there first. The broker shows words;
    the store shows none, and refuses these."""
    with world.false_bridge(Authority()) as false:
        broker = world.broker()
        words = false.make_words()
        token = false.hear()["token"]
        false.refuse("approval")
    assert shown_by(broker) == words
    world.bridge().wait_for("waiting at beacon", 20)
    assert world.waiting() == {}
    with pytest.raises(LabError, match="nobody waits for approval"):
        world.approve_source(words)
    # what he was shown is good in that one session
    with Session(world.beacon.port, world.outer(), world.meeting()) as mine:
        mine.six_words()
        key = Key()
        answer = mine.ask(
            token=token, csr=key.csr(), uid=world.cluster.state.uid,
            jwks=world.cluster.state.jwks(),
            discovery=world.cluster.state.discovery())
    assert answer["code"] == "token"
    assert world.waiting() == {}
    follows_nobody(world, broker)


def test_somebody_else_refuses(world):
    """He says what to type, and has the broker sit still; it does neither."""
    with world.false_bridge(Authority()) as false:
        broker = world.broker()
        false.make_words()
        false.hear()
        false.answer(403, code="window", text="they were compared",
                     remedy=f'pharos target approve --words "{OTHERS}"',
                     retry=3600)
        broker.wait_for("no certificate", 20)
    status = join_of(broker)
    assert status["retry_in_seconds"] <= 75
    assert OTHERS not in broker.text() + status["remedy"]
    assert "compared" not in broker.text() + status["last_error"]


def test_a_man_in_the_middle_with_a_token(world):
    """He may even ask for tokens of the broker's account: so he has a session
    with each side, and each side has words. They are not the same, and neither
    side takes the other's."""
    state = world.cluster.state
    with world.false_bridge(Authority()) as false:
        broker = world.broker()
        to_broker = false.make_words()
        false.hear()
        false.refuse("approval")
    assert shown_by(broker) == to_broker
    world.bridge().wait_for("waiting at beacon", 20)
    with Session(world.beacon.port, world.outer(), world.meeting()) as mine:
        to_bridge, _ = mine.six_words()
        key = Key()
        uid = state.add_pod(NAMESPACE, "broker-9", ACCOUNT)
        answer = mine.ask(
            token=world.cluster.token(NAMESPACE, ACCOUNT, mine.audience(key),
                                      ("broker-9", uid)),
            csr=key.csr(), uid=state.uid, jwks=state.jwks(),
            discovery=state.discovery())
    assert answer["code"] == "approval"
    assert world.waiting() == {"broker-9": to_bridge}
    assert to_bridge != to_broker
    with pytest.raises(LabError, match="WRONG WORDS"):
        world.approve_source(to_broker)
    with pytest.raises(LabError, match="no broker of .* took these words"):
        world.approve_target(to_bridge, "--wait", "5s")
    broker.wait_for("wrong words", 10)
    follows_nobody(world, broker)


CHEATS = [
    ("our commitment sent back", {"sends_back": True},
     "our own commitment was sent back"),
    ("another nonce than was promised", {"changes_mind": True},
     "the nonce that came is not the one that was promised"),
    ("the CA of the true bridge", {"ca": True},
     "the CA that was shown is not that of this session's bridge"),
]


@pytest.mark.parametrize("label, how, said", CHEATS,
                         ids=[row[0] for row in CHEATS])
def test_who_cheats_gets_no_words(world, label, how, said):
    if "ca" in how:
        how = {"ca": world.joined.ca_pem()}
    with world.false_bridge(Authority()) as false:
        broker = world.broker()
        false.make_words(**how)
        broker.wait_for(said, 20)
    status = join_of(broker)
    assert said in status["last_error"], label
    assert "words" not in status
    assert "Somebody may stand between" in status["remedy"]
    assert words_counted(broker, "shown") == 0
    world.bridge()
    words = shown_by(broker)  # the true one came, and all is well
    until(lambda: world.waiting() == {"broker-1": words}, "it waits")


def test_a_certificate_before_a_person(world):
    """Signed at once, by a CA that nobody has confirmed."""
    authority = Authority()
    with world.false_bridge(authority) as false:
        broker = world.broker()
        false.make_words()
        false.hear()
        false.answer(200, code="signed", certificates=[false.pem])
        broker.wait_for("signed before a person has compared", 20)
    follows_nobody(world, broker)


def test_strangers_take_legs_meanwhile(world):
    """They hold what they get; who comes for words gets through."""
    world.bridge().wait_for("waiting at beacon", 20)
    held = []
    try:
        for _ in range(6):
            held.append(Session(world.beacon.port, world.outer(),
                                world.meeting()))
        broker = world.broker()
        words = shown_by(broker)
        assert world.waiting() == {"broker-1": words}
        world.approve_source(words)
        world.approve_target(words)
        broker.wait_for("tunnel up", 60)
    finally:
        for session in held:
            session.__exit__()


# ---- on a real API server

def test_a_real_cluster(ground, tmp_path_factory):
    try:
        server = KubeServer(tmp_path_factory.mktemp("kube") / "server")
    except peers.NotHere as why:
        pytest.skip(str(why))
    with server, World(ground, tmp_path_factory.mktemp("world"),
                       Real(server)) as world:
        broker, words = world.both()
        with pytest.raises(LabError, match="no broker of .* took"):
            world.approve_target(OTHERS, "--wait", "3s")
        assert world.cluster.bridge_map() == {}
        world.approve_source(words)
        assert world.joined.answer["info_hash"] in world.approve_target(words)
        broker.wait_for("tunnel up", 60)
        assert followed_ca(world) == der_of(world.joined.ca_pem())
        broker.kill()
        world.broker().wait_for("tunnel up", 30)
