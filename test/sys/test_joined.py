"""From nothing to a secret: fingerprint, registration, bridge by its credential,
broker by its join string, with the real programs; and what may happen to them."""
import json
import re
import time
import urllib.error
import urllib.request

import pytest

from conftest import names_hosts
from lab import parts, peers
from lab.joined import ACCOUNT, HOST, NAMESPACE, USER, Joined, Real, StandIn
from lab.kubeserver import KubeServer
from lab.process import LabError

# of a role of the PKI engine, what registering says
KEPT = ("allowed_domains", "allowed_uri_sans", "allow_bare_domains",
        "allow_any_name", "allow_ip_sans", "allow_localhost",
        "use_csr_common_name", "use_csr_sans", "cn_validations", "key_type",
        "server_flag", "client_flag", "not_before_duration")


@pytest.fixture(scope="module")
def ground(any_store):
    return any_store


class World:
    """Beacons, a cluster of its own, and all that belongs to it."""

    def __init__(self, ground, folder, beacons=1):
        self.ground = ground
        self.beacons = [ground.start_beacon() for _ in range(beacons)]
        self.cluster = StandIn(folder)
        self.joined = Joined(ground, folder, self.cluster, [
            f"127.0.0.1:{beacon.port}" for beacon in self.beacons])
        self.started = []

    def __enter__(self):
        self.cluster.__enter__()
        return self

    def __exit__(self, *args):
        for process in self.started + self.beacons:
            process.kill()
        self.cluster.__exit__(*args)

    def bridge(self, *words):
        bridge = self.joined.start_bridge(*words)
        self.started.insert(0, bridge)
        return bridge

    def broker(self, pod="broker-1", *words):
        broker = self.joined.start_broker(pod, *words)
        self.started.insert(0, broker)
        return broker

    def up(self, *words):
        """Registered, the bridge at the beacons, and a broker with a tunnel."""
        self.joined.register(*words)
        self.bridge().wait_for("waiting at beacon", 20)
        broker = self.broker()
        broker.wait_for("tunnel up", 20)
        return broker

    def short_lives(self, seconds):
        """Certificates of brokers end so soon."""
        path = f"{self.joined.answer['namespace']}/pharos-pki/roles/broker"
        role = self.ground.store.must("GET", path)["data"]
        self.ground.store.must("POST", path, {
            name: role[name] for name in KEPT} | {
                "max_ttl": f"{seconds}s", "ttl": f"{seconds}s"})


@pytest.fixture
def world(ground, tmp_path):
    with World(ground, tmp_path) as one:
        yield one


def page(process, path):
    try:
        with urllib.request.urlopen(f"http://{process.health}{path}",
                                    timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def join_of(broker):
    return json.loads(page(broker, "/v1/status")[1])["join"]


def until(true, what, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def read_secret(joined, broker, value):
    wrapper = joined.start_wrapper(
        broker, "team-a", "web", "--secret", "secret/data/team-a/web",
        "--map", "password=PASSWORD", "--deliver", "env", "--deadline", "20s",
        "--", "/bin/sh", "-c", "echo got $PASSWORD")
    wrapper.wait_for(f"got {value}$", 25)
    assert wrapper.wait() == 0


def stock(joined, value):
    joined.write_secret("team-a/web", password=value)
    joined.grant("team-a", "web", "secret/team-a/web")


# ---- what is promised

@names_hosts
def test_from_nothing_to_a_secret(world):
    broker = world.up()
    joined = world.joined
    assert page(broker, "/readyz")[0] == 200
    assert joined.record()["state"] == "active"
    stock(joined, "the-value")
    read_secret(joined, broker, "the-value")
    held = {path.name for path in joined.folder.iterdir()}
    assert not [name for name in held
                if re.search(r"\.(key|pem)$", name) and "api" not in name]
    assert broker.end() == 0


@names_hosts
def test_a_broker_that_is_started_again(world):
    broker = world.up()
    stock(world.joined, "still-there")
    broker.kill()
    broker = world.broker()
    broker.wait_for("tunnel up", 20)
    read_secret(world.joined, broker, "still-there")
    assert broker.end() == 0


def test_two_replicas(world):
    world.joined.register()
    world.bridge().wait_for("waiting at beacon", 20)
    brokers = [world.broker(f"broker-{number}") for number in (1, 2)]
    for broker in brokers:
        broker.wait_for("tunnel up", 20)
    version = world.joined.record()
    assert version["state"] == "active"
    for broker in brokers:
        assert join_of(broker)["certificate"] == "good"
        assert broker.end() == 0


def test_renewal(world):
    """Each at two thirds of a short life; tunnels and listener stay."""
    world.joined.register()
    world.short_lives(9)
    world.bridge().wait_for("waiting at beacon", 20)
    broker = world.broker()
    broker.wait_for("tunnel up", 20)
    first = join_of(broker)["ends"]
    until(lambda: join_of(broker)["ends"] > first, "a newer certificate")
    second = join_of(broker)["ends"]
    until(lambda: join_of(broker)["ends"] > second, "and the next")
    text = broker.text()
    assert "tunnel gone" not in text and "no certificate" not in text
    assert page(broker, "/readyz")[0] == 200
    assert broker.end() == 0


def test_the_bridge_dials(world):
    """The reverse mode: the connection that comes is for the boot session, and
    for a renewal a tunnel makes room for it."""
    joined = world.joined
    joined.register()
    world.short_lives(12)
    broker = world.broker("broker-1", "--mode", "reverse",
                          "--reverse-listen", "127.0.0.1:0")
    place = world.ground.address_of(broker, "tunnels")
    world.bridge("--mode", "reverse", "--broker-address", place)
    broker.wait_for("tunnel up", 30)
    first = join_of(broker)["ends"]
    until(lambda: join_of(broker)["ends"] > first, "a newer certificate", 40)
    until(lambda: page(broker, "/readyz")[0] == 200, "a tunnel", 20)
    assert broker.end() == 0


# As the kubelet mounts it: a link to a folder that is replaced as a whole.
POD = """
mount -t tmpfs none /run
at=/run/secrets/kubernetes.io/serviceaccount
mkdir -p $at/..now && ln -s ..now $at/..data
cp {token} $at/..now/token && cp {ca} $at/..now/ca.crt
ln -s ..data/token $at/token && ln -s ..data/ca.crt $at/ca.crt
exec "$0" "$@"
"""


@names_hosts
def test_in_a_pod_nothing_else_is_said(world, tmp_path):
    """Where the API is, and who the broker is, every pod has; and confined the
    broker still reads it, at each renewal."""
    joined = world.joined
    joined.register()
    world.short_lives(9)
    world.bridge().wait_for("waiting at beacon", 20)
    uid = world.cluster.add_pod(NAMESPACE, "broker-7", ACCOUNT)
    token, ca = tmp_path / "own-token", tmp_path / "own-ca"
    token.write_text(world.cluster.token(
        NAMESPACE, ACCOUNT, world.cluster.own_audience(), ("broker-7", uid)))
    ca.write_text(world.cluster.ca_pem)
    host, _, port = world.cluster.url.removeprefix("https://").partition(":")
    broker = world.ground.start(
        "pharos-broker", "--join", joined.join, "--beacon-ca",
        world.ground.server_ca, "--listen", "127.0.0.1:0", "--health-addr",
        "127.0.0.1:0", env={"KUBERNETES_SERVICE_HOST": host,
                            "KUBERNETES_SERVICE_PORT": port},
        under=["unshare", "-m", "sh", "-ec",
               POD.format(token=token, ca=ca)])
    world.started.insert(0, broker)
    broker.health = world.ground.address_of(broker, "health")
    broker.wait_for("certificate name=broker-7", 20)
    first = join_of(broker)["ends"]
    until(lambda: join_of(broker)["ends"] > first, "a newer certificate")
    assert broker.end() == 0


# ---- what may happen

def test_a_beacon_that_is_not_there(ground, tmp_path):
    with World(ground, tmp_path, beacons=2) as world:
        world.beacons[0].kill()
        broker = world.up()
        assert join_of(broker)["certificate"] == "good"
        assert broker.end() == 0


def test_a_beacon_that_goes(ground, tmp_path):
    with World(ground, tmp_path, beacons=2) as world:
        world.joined.register()
        world.short_lives(12)
        world.bridge().wait_for("waiting at beacon", 20)
        broker = world.broker()
        broker.wait_for("tunnel up", 20)
        first = join_of(broker)["ends"]
        world.beacons[1].kill()
        until(lambda: join_of(broker)["ends"] > first, "a newer certificate",
              30)
        assert broker.end() == 0


def test_the_clusters_api_goes_and_comes(world):
    joined, server = world.joined, world.cluster.server
    joined.register()
    world.short_lives(9)
    world.bridge().wait_for("waiting at beacon", 20)
    broker = world.broker()
    broker.wait_for("tunnel up", 20)
    first = join_of(broker)["ends"]
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}/token"
    server.instead[path] = (503, {"kind": "Status", "message": "in repair"})
    broker.wait_for("no certificate .*503.*in repair", 20)
    assert "in repair" in join_of(broker)["last_error"]
    del server.instead[path]
    until(lambda: join_of(broker)["ends"] > first, "a newer certificate", 30)
    assert join_of(broker)["last_error"] == ""
    assert broker.end() == 0


def test_a_right_that_was_taken_away(world):
    world.cluster.server.rights[USER] = {"namespaces", "discovery"}
    world.joined.register()
    world.bridge().wait_for("waiting at beacon", 20)
    broker = world.broker()
    broker.wait_for("no certificate .*403.*serviceaccounts/token", 20)
    assert "serviceaccounts/token" in join_of(broker)["remedy"]
    world.cluster.server.rights[USER] = {"namespaces", "discovery", "tokens"}
    broker.wait_for("tunnel up", 40)
    assert broker.end() == 0


def test_approval(world):
    joined = world.joined
    joined.register("--require-approval")
    bridge = world.bridge()
    bridge.wait_for("waiting at beacon", 20)
    broker = world.broker()
    broker.wait_for(r"no certificate .*\(approval\)", 20)
    shown = join_of(broker)
    assert "pharos source approve" in shown["remedy"]
    assert 1 <= shown["retry_in_seconds"] <= 38
    assert page(broker, "/readyz")[0] == 503
    assert joined.record()["waiting"]["pod"] == "broker-1"
    mark = bridge.mark()
    joined.source("approve", joined.id)
    bridge.wait_for("registration ", 10, mark)
    broker.kill()  # it would come again after half a minute
    broker = world.broker()
    broker.wait_for("tunnel up", 20)
    assert broker.end() == 0


def test_another_cluster_with_this_join_string(world, tmp_path_factory):
    world.joined.register()
    world.bridge().wait_for("waiting at beacon", 20)
    folder = tmp_path_factory.mktemp("stranger")
    with StandIn(folder) as stranger:
        other = Joined(world.ground, folder, stranger, world.joined.beacons)
        other.join = world.joined.join
        broker = other.start_broker("broker-1")
        world.started.insert(0, broker)
        broker.wait_for(r"no certificate .*\(fingerprint\)", 20)
        assert world.joined.record()["state"] == "pending"
        own = world.broker()
        own.wait_for("tunnel up", 20)
        assert join_of(broker)["certificate"] == "none"


def test_a_cluster_that_is_revoked(world):
    broker = world.up()
    world.joined.source("revoke", world.joined.id)
    began = time.monotonic()
    broker.wait_for("tunnel gone", 10)
    assert time.monotonic() - began < 5
    until(lambda: page(broker, "/readyz")[0] == 503, "not ready")
    broker.kill()
    again = world.broker()
    again.wait_for(r"no certificate .*\(revoked\)", 20)
    assert join_of(again)["remedy"]


def test_one_broker_that_is_revoked(world):
    world.joined.register()
    world.bridge().wait_for("waiting at beacon", 20)
    brokers = [world.broker(f"broker-{number}") for number in (1, 2)]
    for broker in brokers:
        broker.wait_for("tunnel up", 20)
    world.joined.source("revoke", world.joined.id,
                        "--broker", "broker-1")
    brokers[0].wait_for("tunnel gone", 10)
    until(lambda: page(brokers[0], "/readyz")[0] == 503, "not ready")
    assert page(brokers[1], "/readyz")[0] == 200
    assert "tunnel gone" not in brokers[1].text()


def test_in_a_store_without_namespaces(tmp_path):
    """All of it behind a prefix; in a store of its own, since where a prefix
    is no namespace of that name can be."""
    plain = "--no-namespaces"
    with parts.Lab(tmp_path) as lab:
        lab.make_certificates()
        lab.start_devstore()
        with World(lab, tmp_path) as world:
            broker = world.up(plain)
            credential = json.loads(world.joined.credential.read_text())
            assert credential["namespace"] == ""
            assert credential["prefix"].startswith("cloudtaser/")
            listed = world.joined.source("list", plain)
            assert [one["state"] for one in listed] == ["active"]
            mark = broker.mark()
            world.joined.source("revoke", world.joined.id, plain)
            broker.wait_for("tunnel (down|lost|gone|closed)", 20, since=mark)


# ---- on a real cluster

@names_hosts
def test_on_a_real_kube_apiserver(ground, tmp_path):
    try:
        server = KubeServer(tmp_path / "kube")
    except peers.NotHere as why:
        pytest.skip(str(why))
    with server:
        beacon = ground.start_beacon()
        joined = Joined(ground, tmp_path, Real(server),
                        [f"127.0.0.1:{beacon.port}"])
        joined.register()
        bridge = joined.start_bridge()
        bridge.wait_for("waiting at beacon", 20)
        broker = joined.start_broker("broker-1")
        broker.wait_for("tunnel up", 20)
        stock(joined, "by-a-real-cluster")
        read_secret(joined, broker, "by-a-real-cluster")
        for process in (broker, bridge, beacon):
            process.kill()
