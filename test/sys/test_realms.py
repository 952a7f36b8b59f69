"""The bridge that needs nothing from disk but its credential: who it is comes
from the store, and so does who is let in. On the development store and on
OpenBao."""
import json
import time
import urllib.error
import urllib.request

import pytest

from lab import parts
from lab.cluster import State
from lab.exposition import parse, value
from lab.leavingstore import LeavingStore
from lab.proxy import FaultProxy
from lab.registered import Registered

ISSUED = iter(f"test{one}{two}aa" for one in "abcdefgh" for two in "abcdefgh")


@pytest.fixture(scope="module")
def ground(any_store):
    """Beacon and store, for all tests of this page."""
    any_store.beacon = any_store.start_beacon()
    return any_store


def health(process, page):
    """Status and text."""
    try:
        with urllib.request.urlopen(f"http://{process.health}{page}",
                                    timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metric(process, name, **labels):
    return value(parse(health(process, "/metrics")[1]), name, **labels)


def until(true, what, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def said_since(process, mark):
    return "\n".join(process.text().splitlines()[mark:])


class Realm:
    """One cluster in the store, with a credential for its bridge."""

    def __init__(self, ground, folder, **change):
        self.ground, self.folder = ground, folder
        self.cluster = State()
        self.store = Registered(ground.store, next(ISSUED), self.cluster,
                                **change)
        self.credential = self.write(folder / "one.json")

    def write(self, path, beacons=(), **more):
        return self.store.write_credential(
            path, more.pop("port", self.ground.store_process.port),
            [f"127.0.0.1:{self.ground.beacon.port}", *beacons], **more)

    def start_bridge(self, *words, credential=None):
        lab = self.ground
        bridge = lab.start(
            "pharos-bridge", "--credential", credential or self.credential,
            "--vault-ca", lab.server_ca, "--beacon-ca", lab.server_ca,
            "--health-addr", "127.0.0.1:0", *words)
        bridge.health = lab.address_of(bridge, "health")
        return bridge

    def start_broker(self, name):
        lab = self.ground
        broker = lab.start(
            "pharos-broker",
            "--beacon-address", f"127.0.0.1:{lab.beacon.port}",
            "--beacon-ca", lab.server_ca,
            "--beacon-info-hash", self.store.realm,
            "--listen", "127.0.0.1:0", "--health-addr", "127.0.0.1:0",
            *lab.server_words("listen", "listen"),
            *self.store.sign_broker(self.folder, name))
        broker.port = lab.port_of(broker, "pods")
        return broker

    def read_secret(self, broker):
        """By a wrapper of pod team-a/web; what its command printed."""
        self.cluster.add_pod("team-a", "web-1", "web")
        token = self.cluster.request_token("team-a", "web", {"spec": {
            "audiences": [f"pharos:{self.store.realm}"]}})["status"]["token"]
        path = self.folder / "pod-token"
        path.write_text(token)
        path.chmod(0o600)
        wrapper = self.ground.start(
            "pharos-wrapper", "--broker", f"https://127.0.0.1:{broker.port}",
            "--broker-ca", self.ground.server_ca,
            "--bridge-ca", self.folder / "bridge-ca.crt",
            "--jwt-file", path, "--role", "team-a.web",
            "--secret", "secret/data/app", "--map", "password=PASSWORD",
            "--deliver", "env", "--deadline", "20s",
            "--", "/bin/sh", "-c", "echo got $PASSWORD")
        wrapper.wait_for("got from-its-namespace", 20)
        assert wrapper.wait() == 0


@pytest.fixture
def realm(ground, tmp_path):
    yield Realm(ground, tmp_path)


def test_nothing_but_the_credential(realm):
    """It waits for a registration, then at the beacon, and serves; so does the
    next start of it."""
    bridge = realm.start_bridge()
    bridge.wait_for("no registration in the store yet", 20)
    status, why = health(bridge, "/readyz")
    assert (status, why.strip()) == (503, "no registration in the store yet")
    realm.store.write(0, "pending")
    bridge.wait_for("waiting at beacon", 20)
    realm.store.write(1, "active")
    bridge.wait_for("keys are at the store's JWT mount", 20)
    assert health(bridge, "/readyz")[0] == 200

    realm.store.settles("POST", "secret/data/app",
                        {"data": {"password": "from-its-namespace"}})
    realm.store.grant("team-a", "web", "app")
    broker = realm.start_broker("b1")
    broker.wait_for("tunnel up", 20)
    realm.read_secret(broker)

    assert bridge.end() == 0
    realm.store.must("POST", "auth/jwt/config", {  # somebody else's keys
        "jwt_validation_pubkeys": [
            realm.ground.make_cluster().public_key],
        "bound_issuer": "https://elsewhere", "jwt_supported_algs": ["RS256"]})
    mark = broker.mark()
    bridge = realm.start_bridge()
    bridge.wait_for("keys are at the store's JWT mount", 20)
    broker.wait_for("tunnel up", 40, since=mark)
    realm.read_secret(broker)
    for process in (bridge, broker):
        assert "ERROR" not in process.text()
        assert process.end() == 0


def test_a_store_below_a_path(realm):
    """What registers keeps the path in the credential; its bridge asks there,
    and nowhere else."""
    realm.store.write(0)
    lab = realm.ground
    credential = json.loads(realm.credential.read_text())
    with LeavingStore(f"https://127.0.0.1:{lab.store_process.port}",
                      lab.server_ca, below="/a/bao") as way:
        for words, address in (((), way.address),
                               (("--vault-addr", way.address + "/"),
                                "https://127.0.0.1:1")):
            realm.credential.write_text(json.dumps(
                credential | {"address": address}))
            bridge = realm.start_bridge(*words)
            bridge.wait_for("waiting at beacon", 20)
            assert bridge.end() == 0
        assert way.asked and not way.beside


def test_revocation(realm):
    """One by its name, then all: what lives is cut, and nobody comes back."""
    realm.store.write(0)
    bridge = realm.start_bridge()
    bridge.wait_for("waiting at beacon", 20)
    brokers = [realm.start_broker(name) for name in ("b1", "b2")]
    for broker in brokers:
        broker.wait_for("tunnel up", 20)
    until(lambda: metric(bridge, "pharos_bridge_tunnels", realm="one") == 2,
          "two tunnels")

    mark, kept = bridge.mark(), brokers[1].mark()
    realm.store.write(1, shut_out=["b1"])
    bridge.wait_for("broker shut out.*peer=b1.*revoked by its name", 5,
                    since=mark)
    brokers[0].wait_for("tunnel gone", 5)
    # it tries again, and is refused at the handshake
    mark = bridge.mark()
    bridge.wait_for("broker shut out.*peer=b1", 30, since=mark)
    assert "tunnel gone" not in said_since(brokers[1], kept)
    assert metric(bridge, "pharos_bridge_tunnels", realm="one") == 1

    realm.store.write(2, "revoked")
    brokers[1].wait_for("tunnel gone", 5)
    until(lambda: metric(bridge, "pharos_bridge_tunnels", realm="one") == 0,
          "no tunnel")
    assert metric(bridge, "pharos_bridge_registration", realm="one",
                  state="revoked") == 1
    assert metric(bridge, "pharos_bridge_shut_out_total", realm="one") >= 3
    assert bridge.end() == 0


def test_the_store_goes_and_comes(realm):
    """Away at the start: it waits. Away later: the last registration counts,
    and what was revoked meanwhile counts once the store is back."""
    realm.store.write(0)
    with FaultProxy(("127.0.0.1",
                     realm.ground.store_process.port)) as store:
        store.refusing = True
        credential = realm.write(realm.folder / "away.json", port=store.port)
        bridge = realm.start_bridge(credential=credential)
        bridge.wait_for("store account.*cannot be reached|"
                        "store account.*connection broke", 20)
        assert health(bridge, "/readyz")[0] == 503
        store.refusing = False
        bridge.wait_for("waiting at beacon", 30)
        broker = realm.start_broker("b1")
        broker.wait_for("tunnel up", 20)

        store.refusing = True
        store.reset_all()
        bridge.wait_for("the last one counts", 20)
        assert health(bridge, "/readyz")[0] == 200
        assert metric(bridge, "pharos_bridge_registration_away",
                      realm="away") == 1
        assert "tunnel gone" not in broker.text()
        realm.store.write(1, shut_out=["b1"])
        store.refusing = False
        bridge.wait_for("the store answers again", 20)
        broker.wait_for("tunnel gone", 10)
        assert metric(bridge, "pharos_bridge_registration_away",
                      realm="away") == 0
        assert bridge.end() == 0


def test_renewal(ground, tmp_path):
    """Certificate and token, each at two thirds of a short life; tunnels stay.
    """
    realm = Realm(ground, tmp_path, role={"max_ttl": "9s", "ttl": "9s"},
                  token={"token_ttl": "6s", "token_max_ttl": "15s"})
    realm.store.write(0)
    bridge = realm.start_bridge()
    bridge.wait_for("waiting at beacon", 20)

    def expiry():
        return metric(bridge,
                      "pharos_bridge_certificate_expiry_timestamp_seconds",
                      realm="one")

    first = expiry()
    until(lambda: expiry() > first, "a newer certificate", 30)
    until(lambda: metric(bridge, "pharos_bridge_store_renewals_total",
                         realm="one") > 0, "a renewed token", 30)
    until(lambda: metric(bridge, "pharos_bridge_store_logins_total",
                         realm="one") > 1, "a second login", 30)
    assert health(bridge, "/readyz")[0] == 200
    assert "not renewed" not in bridge.text()
    assert bridge.end() == 0


def test_a_folder_of_credentials(ground, tmp_path):
    """Each file a realm, also those that come later; none harms another."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    for name in "ab":
        (tmp_path / name).mkdir()
    realms = [Realm(ground, tmp_path / name) for name in "ab"]
    for one in realms:
        one.store.write(0)
    (folder / "broken.json").touch(0o600)
    (folder / "broken.json").write_text('{"version": 7}')
    realms[0].write(folder / "a.json")

    bridge = realms[0].start_bridge(credential=folder)
    bridge.wait_for("credential is no good.*realm=broken", 20)
    bridge.wait_for("waiting at beacon.*realm=a", 20)
    realms[1].write(folder / "b.json")
    bridge.wait_for("waiting at beacon.*realm=b", 20)
    brokers = [one.start_broker(f"b{i}") for i, one in enumerate(realms)]
    for broker in brokers:
        broker.wait_for("tunnel up", 20)
    assert metric(bridge, "pharos_bridge_realms") == 2
    assert metric(bridge, "pharos_bridge_realms_broken") == 1

    # another secret-id: nothing is cut; gone: cut, and the other is not
    mark = bridge.mark()
    realms[0].write(folder / "a.new")
    (folder / "a.new").rename(folder / "a.json")
    bridge.wait_for("credential read.*realm=a", 20, since=mark)
    assert "tunnel gone" not in brokers[0].text()

    # no good: the one before it is used; another place: opened anew
    (folder / "a.json").write_text("{}")
    bridge.wait_for("credential is no good; the one before.*realm=a", 20,
                    since=mark)
    assert "tunnel gone" not in brokers[0].text()
    mark, joined = bridge.mark(), brokers[0].mark()
    realms[0].write(folder / "a.json", ["127.0.0.1:1"])
    bridge.wait_for("credential names another place.*realm=a", 20, since=mark)
    bridge.wait_for("waiting at beacon.*realm=a", 20, since=mark)
    brokers[0].wait_for("tunnel up", 40, since=joined)

    joined = brokers[0].mark()
    (folder / "b.json").unlink()
    bridge.wait_for("credential is gone.*realm=b", 20)
    brokers[1].wait_for("tunnel gone", 10)
    assert "tunnel gone" not in said_since(brokers[0], joined)
    assert metric(bridge, "pharos_bridge_realms") == 1
    assert 'realm="b"' not in health(bridge, "/metrics")[1]
    assert bridge.end() == 0


def test_a_secret_id_that_is_none(realm):
    said = json.loads(realm.credential.read_text())
    realm.credential.write_text(json.dumps({**said, "secret_id": "x"}))
    bridge = realm.start_bridge()
    bridge.wait_for("store account.*invalid role or secret.*"
                    "`pharos source register` with --credential", 20)
    assert bridge.end() == 0


def test_folders_that_are_put_in_order(ground, tmp_path):
    """A folder that is away for a moment takes nothing away, and a credential
    that moves to another one is served from there."""
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    realm = Realm(ground, tmp_path)
    realm.store.write(0)
    realm.write(folders[1] / "a.json")
    bridge = realm.start_bridge("--credential", folders[1],
                                "--credential", realm.credential,
                                credential=folders[0])
    bridge.wait_for("waiting at beacon.*realm=a", 20)

    mark = bridge.mark()
    folders[1].rename(tmp_path / "away")
    realm.write(tmp_path / "one.new")
    (tmp_path / "one.new").rename(realm.credential)  # so that a look is seen
    bridge.wait_for("credential read.*realm=one", 20, since=mark)
    (tmp_path / "away").rename(folders[1])
    assert "credential is gone" not in bridge.text()
    assert metric(bridge, "pharos_bridge_realms") == 2

    mark = bridge.mark()
    (folders[1] / "a.json").rename(folders[0] / "a.json")
    bridge.wait_for("credential is gone.*realm=a", 20, since=mark)
    bridge.wait_for("waiting at beacon.*realm=a", 20, since=mark)
    assert metric(bridge, "pharos_bridge_realms") == 2
    assert bridge.end() == 0


def test_a_token_file(realm):
    """In place of the AppRole; what replaces it is used."""
    realm.store.write(0)
    path = realm.folder / "token"
    tokens = [realm.store.must("POST", "auth/token/create", {
        "policies": ["pharos-bridge"], "ttl": "1h",
        "no_default_policy": True})["auth"]["client_token"] for _ in range(2)]
    path.touch(0o600)
    path.write_text(tokens[0])
    lab = realm.ground
    bridge = lab.start(
        "pharos-bridge", "--store-token-file", path,
        "--vault-addr", f"https://127.0.0.1:{lab.store_process.port}",
        "--vault-namespace", realm.store.namespace,
        "--vault-ca", lab.server_ca, "--beacon-ca", lab.server_ca,
        "--beacon-address", f"127.0.0.1:{lab.beacon.port}",
        "--health-addr", "127.0.0.1:0")
    bridge.health = lab.address_of(bridge, "health")
    bridge.wait_for("waiting at beacon", 20)
    other = path.with_suffix(".new")
    other.touch(0o600)
    other.write_text(tokens[1])
    other.rename(path)
    until(lambda: metric(bridge, "pharos_bridge_store_logins_total") == 2,
          "the other token")
    realm.store.must("POST", "auth/token/revoke", {"token": tokens[0]})
    mark = bridge.mark()
    realm.store.write(1, "stale")
    bridge.wait_for("registration.*state=stale", 10, since=mark)
    assert bridge.end() == 0


def test_more_credentials_than_are_served(tmp_path):
    """256 realms, whose store does not answer, and one over."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    for i in range(257):
        path = folder / f"realm-{i:03}.json"
        path.touch(0o600)
        path.write_text(json.dumps({
            "version": 1, "address": "https://127.0.0.1:1",
            "namespace": f"cloudtaser/realm{i:03}", "prefix": "",
            "role_id": "r", "secret_id": "s", "beacons": ["127.0.0.1:1"]}))
    with parts.Lab(tmp_path) as lab:
        bridge = lab.start("pharos-bridge", "--credential", folder,
                           "--health-addr", "127.0.0.1:0")
        bridge.health = lab.address_of(bridge, "health")
        bridge.wait_for("too many credentials.*left_out=1", 20)
        assert metric(bridge, "pharos_bridge_realms") == 256
        assert metric(bridge, "pharos_bridge_realms_left_out") == 1
        (folder / "realm-000.json").unlink()
        until(lambda: metric(bridge, "pharos_bridge_realms_left_out") == 0,
              "the last one is served")
        assert metric(bridge, "pharos_bridge_realms") == 256
        assert bridge.text().count("too many credentials") == 1
        assert bridge.end() == 0


@pytest.mark.parametrize("label, words, why", [
    ("nothing", [], "--vault-addr is missing, and so is --credential"),
    ("no such file", ["--credential", "/nowhere/x.json"],
     "credential /nowhere/x.json: No such file"),
    ("two ways", ["--credential", "x", "--store-token-file", "y"],
     "--store-token-file does not go with --credential"),
    ("a namespace of its own",
     ["--credential", "x", "--vault-namespace", "y"],
     "--vault-namespace does not go with --credential"),
    ("a certificate too", ["--credential", "x", "--tls-cert", "y"],
     "--tls-cert does not go with --credential"),
    ("a token, and no beacon",
     ["--store-token-file", "x", "--vault-addr", "https://store"],
     "--beacon-address is missing"),
])
def test_what_does_not_go(tmp_path, label, words, why):
    with parts.Lab(tmp_path) as lab:
        bridge = lab.start("pharos-bridge", *words)
        assert bridge.wait() in (1, 2), label
        assert why in bridge.text(), label


def test_a_credential_that_others_can_read(realm):
    realm.credential.chmod(0o644)
    lab = realm.ground
    bridge = lab.start("pharos-bridge", "--credential", realm.credential)
    assert bridge.wait() == 1
    assert "one.json" in bridge.text()
    secret = json.loads(realm.credential.read_text())["secret_id"]
    assert secret not in bridge.text()
