"""What broker and beacon have in memory while they carry secrets, and after:
neither a value, nor a token of the store, nor a token of a pod that the store
would take. What the search is worth is shown each time by what they do have, and
by the bridge, which has it all.
"""
import secrets

import pytest

from conftest import names_hosts, not_sanitized
from lab.joined import Joined, StandIn
from lab.process import may_read_memory, memory_finds
from lab.storevalve import StoreValve

pytestmark = [not_sanitized, names_hosts]

SECRETS = {f"team-a/web-{n}": secrets.token_hex(40) for n in range(3)}
PIECE = 20


def pieces(name, text):
    """It may not be whole any more: every part of that size, end to end."""
    data = text.encode()
    starts = [*range(0, len(data) - PIECE, PIECE), len(data) - PIECE]
    return {f"{name} at {at}": data[at:at + PIECE] for at in starts}


def of_token(name, token):
    """Its signature, without which it is good for nothing: what it says stands
    in certificates and in other tokens, too."""
    return pieces(name, token.rpartition(".")[2])


class World:
    """A cluster that has joined, whose store is behind a valve."""

    def __init__(self, lab, folder):
        self.lab = lab
        lab.start_devstore()
        self.beacon = lab.start_beacon()
        self.valve = StoreValve(lab.store)
        self.cluster = StandIn(folder)
        self.joined = Joined(lab, folder, self.cluster,
                             [f"127.0.0.1:{self.beacon.port}"])
        self.joined.register()
        self.bridge = self.joined.start_bridge("--vault-addr",
                                               self.valve.address)
        self.broker = self.joined.start_broker("broker-1")
        self.broker.wait_for("tunnel up", 20)
        for path, value in SECRETS.items():
            self.joined.write_secret(path, password=value)
        self.joined.grant("team-a", "web", "secret/team-a/*")
        self.pod_token = self.joined.pod_token("team-a", "web").read_text()

    def __enter__(self):
        self.cluster.__enter__()
        return self

    def __exit__(self, *args):
        for process in (self.broker, self.bridge, self.beacon):
            process.kill()
        self.valve.__exit__()
        self.cluster.__exit__(*args)

    def wrap(self, path):
        return self.joined.start_wrapper(
            self.broker, "team-a", "web", "--secret", f"secret/data/{path}",
            "--map", "password=PASSWORD", "--deliver", "env", "--deadline",
            "60s", "--", "/bin/sh", "-c", "echo got $PASSWORD")

    def secrets(self):
        """All that is theirs alone who are at the ends."""
        with self.valve.lock:
            tokens = dict(enumerate(self.valve.tokens))
        found = {}
        for path, value in SECRETS.items():
            found |= pieces(path, value)
        for number, token in tokens.items():
            found |= pieces(f"store token {number}", token)
        return found | of_token("pod token", self.pod_token)


@pytest.fixture(scope="module")
def world(module_lab, tmp_path_factory):
    with World(module_lab, tmp_path_factory.mktemp("joined")) as one:
        if not may_read_memory(one.broker.pid):
            pytest.skip("this user may not read the memory of our programs")
        yield one


def carries_nothing(world):
    for process in (world.broker, world.beacon):
        assert not memory_finds(process.pid, world.secrets()), process.name


def test_while_a_secret_is_under_way(world):
    """The pod is logged in, has asked, and the answer is held back."""
    world.valve.fail("GET /v1/secret/data/team-a/web-0", "hold")
    wrapper = world.wrap("team-a/web-0")
    assert world.valve.held.wait(20), wrapper.text()
    carries_nothing(world)
    seen = memory_finds(world.broker.pid, {
        "the pod": b"web-1", "its broker": b"broker-1"})
    assert seen == {"the pod", "its broker"}
    assert memory_finds(world.beacon.pid, {
        "info hash": bytes.fromhex(world.joined.answer["info_hash"])})
    # the bridge passes the token on, in the clear to itself
    names = memory_finds(world.bridge.pid, world.secrets())
    assert any(name.startswith("store token") for name in names)
    world.valve.open()
    wrapper.wait_for(f"got {SECRETS['team-a/web-0']}$", 20)
    assert wrapper.wait() == 0


def test_after_many(world):
    for path in [*SECRETS] * 2:
        wrapper = world.wrap(path)
        wrapper.wait_for(f"got {SECRETS[path]}$", 20)
        assert wrapper.wait() == 0
    assert len(world.valve.tokens) >= 7  # the bridge's, and one of each
    carries_nothing(world)


def test_a_token_for_brokers_is_there_while_it_is_reviewed(world):
    """What the broker has to see, it is seen to have: the search finds tokens."""
    path = "/apis/authentication.k8s.io/v1/tokenreviews"
    token = world.joined.pod_token("team-b", "web", "pharos-broker").read_text()
    server = world.cluster.server
    found = {}

    class Asked(dict):
        """Looks into the broker at the moment of its question."""

        def __contains__(self, asked):
            if asked == path:
                found.update(dict.fromkeys(memory_finds(
                    world.broker.pid, of_token("token", token))))
            return False

    server.instead = Asked()
    try:
        wrapper = world.joined.start_wrapper(
            world.broker, "team-b", "web", "--secret", "secret/data/x",
            "--map", "password=PASSWORD", "--deliver", "env", "--deadline",
            "20s", "--", "/bin/true")
        assert wrapper.wait(30) not in (0, None)  # nothing was granted
    finally:
        server.instead = {}
    assert found
    carries_nothing(world)
