"""pharos-beacon behind a load balancer that names the real source: HAProxy,
by both versions of the PROXY protocol."""
import hashlib
import shutil
import socket

import pytest

from lab.beaconpeer import Fleet, Peer, metric_becomes, metric_reaches, metrics
from lab.process import Process

HASH = hashlib.sha256(b"an info hash").digest()
PROXY = "127.0.0.100"  # from where HAProxy connects; nothing else is trusted
HAPROXY = shutil.which("haproxy")
VERSIONS = pytest.mark.parametrize("version", ["send-proxy", "send-proxy-v2"])
needs_haproxy = pytest.mark.skipif(
    not HAPROXY, reason="haproxy is not installed")

CONFIG = """
global
    maxconn 1000
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen legs
    bind fd@{door}
    server beacon 127.0.0.1:{port} source {source} {words}
"""


@pytest.fixture
def beacon(lab):
    process = lab.start_beacon(0, "--log-level", "debug", "--proxy-protocol",
                               f"{PROXY},2001:db8::/64")
    process.health = lab.address_of(process, "health")
    yield process
    assert process.end() == 0
    assert "ERROR" not in process.text()


class Balancer:
    """HAProxy in front of the beacon, on a port of its own."""

    def __init__(self, lab, beacon, words):
        door = socket.create_server(("127.0.0.1", 0), backlog=512)
        config = lab.folder / "haproxy.cfg"
        config.write_text(CONFIG.format(door=door.fileno(), port=beacon.port,
                                        source=PROXY, words=words))
        self.port = door.getsockname()[1]
        self.process = Process("haproxy", [HAPROXY, "-db", "-f", config],
                               pass_fds=[door.fileno()])
        lab.running.append(self.process)
        door.close()


def preambles(beacon, said):
    return metrics(beacon.health)[
        f'pharos_beacon_preambles_total{{said="{said}"}}']


@needs_haproxy
@VERSIONS
def test_pair_through_a_balancer(lab, beacon, version):
    with Fleet(Balancer(lab, beacon, version).port, lab.server_ca) as fleet:
        one, other = fleet.pair(HASH, ["127.0.0.8", "127.0.0.9"])
        other.send(b"request" * 1000)
        assert one.read(7000) == b"request" * 1000
    for source in ("127.0.0.8", "127.0.0.9"):
        beacon.wait_for(rf"proxied .*source={source}:\d+ proxy={PROXY}:\d+")
    assert preambles(beacon, "source") == 2


@needs_haproxy
@VERSIONS
def test_limits_are_the_real_source_s(lab, beacon, version):
    """One source that comes too often is refused, another one that comes by
    the same balancer is not, nor is the balancer with all of them."""
    with Fleet(Balancer(lab, beacon, version).port, lab.server_ca) as fleet:
        for _ in range(100):
            fleet.dial(source="127.0.0.8", tls=False).socket.close()
        metric_becomes(beacon.health,
                       'pharos_beacon_preambles_total{said="source"}', 100)
        assert fleet.dial(source="127.0.0.8").refused().code == "rateLimit"
        beacon.wait_for(r"refused .*source=127\.0\.0\.8:\d+ code=rateLimit")
        for number in range(20, 28):
            for _ in range(20):
                fleet.dial(source=f"127.0.0.{number}", tls=False).socket.close()
        listener = fleet.listen(HASH, source="127.0.0.9")
        listener.waits()
        # and it is the same source when it comes by itself
        with Peer(beacon.port, fleet.context, "127.0.0.8") as direct:
            assert direct.refused().code == "rateLimit"


@needs_haproxy
def test_health_checks_are_nobodys_connections(lab, beacon):
    words = "send-proxy-v2 check check-send-proxy inter 20ms"
    with Fleet(Balancer(lab, beacon, words).port, lab.server_ca) as fleet:
        metric_reaches(beacon.health,
                       'pharos_beacon_preambles_total{said="none"}', 250)
        fleet.listen(HASH, source="127.0.0.9").waits()
    seen = metrics(beacon.health)
    assert seen['pharos_beacon_connections_total{verdict="shut"}'] == 0
    assert seen['pharos_beacon_connections_total{verdict="told"}'] == 0


@pytest.mark.parametrize("words", [
    b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\7\xc6\x33\x64\1\x12\x67\1\xbb"])
def test_nobody_else_is_believed(beacon, words):
    with Peer(beacon.port) as stranger:
        stranger.socket.sendall(words)
        assert len(stranger.raw_end()) <= 7  # a TLS alert at most
    metric_becomes(beacon.health,
                   'pharos_beacon_handshake_failures_total{class="notTls"}', 1)
    assert preambles(beacon, "source") == 0
    assert "192.0.2.7" not in beacon.text()


@pytest.mark.parametrize("words", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/1.1\r\n\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 4711\r\n", b"PROXY " + b"x" * 200,
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff"])
def test_a_trusted_proxy_has_to_speak(beacon, words):
    with Peer(beacon.port, source=PROXY) as proxy:
        proxy.socket.sendall(words)
        assert proxy.raw_end() == b""
    metric_becomes(beacon.health,
                   'pharos_beacon_preambles_total{said="nonsense"}', 1)
    beacon.wait_for(f"proxy refused .*proxy={PROXY}")
    metric_becomes(beacon.health, "pharos_beacon_unfinished_legs", 0)


def test_a_preamble_byte_by_byte(lab, beacon):
    """However it is cut, TLS begins right behind it."""
    with Peer(beacon.port, source=PROXY) as peer:
        for byte in b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n":
            peer.socket.sendall(bytes([byte]))
        with Fleet(beacon.port, lab.server_ca) as fleet:
            peer.handshake(fleet.context)
        peer.hello(1, HASH).waits()
    beacon.wait_for(r"proxied .*source=\[2001:db8::7\]:4711")


def test_what_is_no_network_is_said(lab):
    process = lab.start("pharos-beacon", "--addr", "127.0.0.1:0",
                        "--health-addr", "127.0.0.1:0",
                        *lab.server_words("beacon"),
                        "--proxy-protocol", "lb.example")
    assert process.wait() == 1
    assert "--proxy-protocol lb.example: not a network" in process.text()
