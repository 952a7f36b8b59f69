"""What the machine may do to a program: step its clock, be without IPv6, have
its port taken."""
import hashlib
import socket
import struct

import pytest

from conftest import not_sanitized
from lab.badstore import BadStore
from lab.beaconpeer import LISTEN, PING, Fleet, ask, frame, metrics
from lab.parts import BUILD
from test_bridge import Client

HASH = hashlib.sha256(b"an info hash").digest()
TOOLS = BUILD / "test/sys"
YEAR = 365 * 24 * 3600


def other_hash(number):
    return hashlib.sha256(b"hash %d" % number).digest()


# ---- the clock

class Clock:
    def __init__(self, file):
        self.file = file
        self.step(0)
        self.env = {"LD_PRELOAD": str(TOOLS / "clock.so"),
                    "CLOCK_FILE": str(file)}

    def step(self, seconds):
        """In place: the file is mapped."""
        with open(self.file, "r+b" if self.file.exists() else "wb") as file:
            file.write(struct.pack("q", seconds))


@not_sanitized
def test_clock_is_stepped(lab):
    """Ten years ahead and ten years back, by no more than a word to readyz while
    the certificate is not good: deadlines go by another clock, so nobody who
    waits is dropped and no pair is cut."""
    clock = Clock(lab.folder / "clock")
    beacon = lab.start("pharos-beacon", "--addr", "127.0.0.1:0",
                       "--health-addr", "127.0.0.1:0",
                       *lab.server_words("beacon"), env=clock.env)
    health = lab.address_of(beacon, "health")
    with Fleet(lab.port_of(beacon, "legs"), lab.server_ca) as fleet:
        listener, connector = fleet.pair(HASH)
        waiting = fleet.listen(other_hash(1))
        waiting.waits()
        half = fleet.dial()
        half.send(frame(PING)[:1])  # its deadline runs
        for seconds, ready in ((10 * YEAR, " 503 "), (-10 * YEAR, " 200 "),
                               (0, " 200 ")):
            clock.step(seconds)
            assert ready in ask(health, "GET /readyz")[0], seconds
            connector.send(b"x")
            assert listener.read(1) == b"x"
            assert waiting.quiet() and half.quiet()
            for peer in fleet.pair(other_hash(2)):
                peer.reset()
        fleet.connect(other_hash(1)).paired()
        waiting.paired()
    assert metrics(health)['pharos_beacon_refusals_total{code="timeout"}'] == 0


# ---- IPv6

WITHOUT_V6 = {"under": [str(TOOLS / "withhold"),
                        f"socket@{int(socket.AF_INET6)}={97}", "--"]}


def test_without_ipv6(lab):
    """Everything runs on IPv4 where the kernel has no IPv6 at all."""
    with BadStore() as store:
        beacon = lab.start(
            "pharos-beacon", "--addr", ":0", "--health-addr", ":0",
            *lab.server_words("beacon"), **WITHOUT_V6)
        assert lab.address_of(beacon, "legs").startswith("0.0.0.0:")
        assert " 202 " not in ask(
            f"127.0.0.1:{lab.port_of(beacon, 'health')}",
            "POST /admin/drain")[0]
        meet = ["--beacon-address",
                f"127.0.0.1:{lab.port_of(beacon, 'legs')}", "--beacon-ca",
                lab.server_ca, "--beacon-info-hash", lab.info_hash,
                "--health-addr", "127.0.0.1:0"]
        lab.start("pharos-bridge", "--vault-addr", store.address, *meet,
                  *lab.tunnel_words("bridge"), **WITHOUT_V6)
        broker = lab.start(
            "pharos-broker", "--listen", ":0", "--pass-through", *meet,
            *lab.tunnel_words("broker"),
            *lab.server_words("listen", "listen"), **WITHOUT_V6)
        broker.port = lab.port_of(broker, "pods")
        broker.wait_for("tunnel up", 20)
        assert Client(lab, broker).get("secret/data/good")[0] == 200
        admin = lab.address_of(beacon, "admin")
        assert " 202 " in ask(admin, "POST /admin/drain")[0]


def test_an_ipv6_address_without_ipv6(lab):
    beacon = lab.start(
        "pharos-beacon", "--addr", "[::1]:0", "--health-addr", "127.0.0.1:0",
        *lab.server_words("beacon"), **WITHOUT_V6)
    assert beacon.wait() == 1
    assert "listening on [::1]:0: address family not supported" in \
        beacon.text()


# ---- ports

@pytest.mark.parametrize("option", ["--addr", "--health-addr"])
def test_port_is_taken(lab, option):
    """The remedy is named."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        beacon = lab.start(
            "pharos-beacon", "--addr", "127.0.0.1:0", "--health-addr",
            "127.0.0.1:0", option, address, *lab.server_words("beacon"))
        assert beacon.wait() == 1
    assert f"listening on {address}: address already in use" in beacon.text()
    assert "another process listens there: see `ss -ltnp`" in beacon.text()
