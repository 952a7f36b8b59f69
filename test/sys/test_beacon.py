"""pharos-beacon against a second implementation of its protocol."""
import hashlib
import os
import resource
import socket
import struct
import time

import pytest

from OpenSSL.SSL import Error as SSLError

from lab import beaconpeer
from lab.beaconpeer import (CONNECT, LISTEN, NAME, PING, REQUIRE_PROVEN, SHED,
                            Ended, Fleet, Identity, Peer, Reset, frame, hello,
                            metric_becomes, metrics, outer_context, tlv)

HASH = hashlib.sha256(b"an info hash").digest()


@pytest.fixture
def fleet(lab, beacon):
    with Fleet(beacon.port, lab.server_ca) as peers:
        yield peers


@pytest.fixture
def bridge(lab):
    return Identity(lab.pki / "bridge.crt", lab.pki / "bridge.key",
                    lab.pki / "ca.crt")


@pytest.fixture
def broker(lab):
    return Identity(lab.pki / "broker.crt", lab.pki / "broker.key",
                    lab.pki / "ca.crt")


def other_hash(number):
    return hashlib.sha256(b"hash %d" % number).digest()


# ---- pairs

def test_bare_pair(fleet, beacon):
    listener = fleet.listen(HASH, tlv(NAME, b"first"))
    wait = listener.waits()
    assert wait.ping == 25 and wait.position == 0
    connector = fleet.connect(HASH)
    assert listener.paired() == connector.paired()
    connector.send(b"request")
    assert listener.read(7) == b"request"
    listener.send(b"answer")
    assert connector.read(6) == b"answer"
    connector.reset()
    beacon.wait_for(
        rf"pair ended hash={HASH[:4].hex()} pair=[0-9a-f]{{16}} "
        r"listener=127\.0\.0\.1:\d+ connector=127\.0\.0\.1:\d+ proven=false "
        r"ms=\d+ to_connector=6 to_listener=7 shed=false reset=true$")
    assert " paired " not in beacon.text()  # one line a pair


def test_connector_may_come_first(fleet):
    connector = fleet.connect(HASH)
    connector.waits()
    listener = fleet.listen(HASH)
    assert listener.paired() == connector.paired()


def test_hashes_do_not_meet(fleet):
    one, other = fleet.listen(HASH), fleet.connect(other_hash(1))
    one.waits()
    other.waits()
    assert one.quiet() and other.quiet()


def test_proven_pair(fleet, beacon, bridge, broker):
    stranger = fleet.connect(bridge.info_hash)
    stranger.waits()
    listener = fleet.dial().proven_hello(LISTEN, bridge, tlv(REQUIRE_PROVEN))
    listener.waits()
    connector = fleet.dial().proven_hello(CONNECT, broker,
                                          tlv(REQUIRE_PROVEN))
    assert listener.paired() == connector.paired()
    assert stranger.quiet()
    assert metrics(beacon.health)[
        'pharos_beacon_hellos_total{kind="proven"}'] == 2





def test_unknown_tlv_is_skipped(fleet):
    fleet.listen(HASH, tlv(0x60, b"of a later version")).waits()


def test_many_bytes_both_ways(fleet, beacon):
    listener, connector = fleet.pair(HASH)
    sent = os.urandom(4 << 20)
    for sender, reader in ((connector, listener), (listener, connector)):
        sender.socket.setblocking(True)
        got = bytearray()
        at = 0
        while len(got) < len(sent):
            if at < len(sent):
                sender.send(sent[at:at + 50000])
                at += 50000
            got += reader.read_some()
        assert bytes(got) == sent
    seen = metrics(beacon.health)
    assert seen['pharos_beacon_bytes_total{to="listener"}'] == len(sent)
    assert seen['pharos_beacon_bytes_total{to="connector"}'] == len(sent)


def test_end_passes_after_the_last_byte(fleet, beacon):
    listener, connector = fleet.pair(HASH)
    connector.send(b"last words")
    connector.finish()
    assert listener.read_to_end() == b"last words"
    listener.send(b"and the other direction goes on")
    listener.finish()
    assert connector.read_to_end() == b"and the other direction goes on"
    metric_becomes(beacon.health, "pharos_beacon_pairs", 0)
    assert metrics(beacon.health)["pharos_beacon_pair_resets_total"] == 0


def test_reset_passes(fleet, beacon):
    listener, connector = fleet.pair(HASH)
    connector.reset()
    with pytest.raises(Reset):
        listener.read(1)
    metric_becomes(beacon.health, "pharos_beacon_pair_resets_total", 1)


def test_end_without_close_notify_is_a_reset(fleet):
    listener, connector = fleet.pair(HASH)
    connector.socket.shutdown(socket.SHUT_WR)
    with pytest.raises(Reset):
        listener.read(1)


def test_slow_reader_holds_back_its_peer_only(fleet):
    """A pair whose one side does not read stops taking from the other."""
    _, connector = fleet.pair(HASH)
    fine = fleet.pair(other_hash(1))
    connector.socket.setblocking(False)
    taken = 0
    with pytest.raises(BlockingIOError):
        while taken < 1 << 28:
            connector.tls.send(bytes(1 << 14))
            taken += connector.socket.send(connector.tls.bio_read(1 << 15))
    assert taken < 32 << 20  # what kernel buffers and two blocks hold
    fine[0].send(b"x")
    assert fine[1].read(1) == b"x"


# ---- waiting

@pytest.mark.parametrize("end", ["finish", "reset"])
def test_listener_that_left_is_not_paired(fleet, beacon, end):
    listener = fleet.listen(HASH)
    listener.waits()
    getattr(listener, end)()
    metric_becomes(beacon.health,
                   'pharos_beacon_waiting_legs{role="listen"}', 0)
    connector = fleet.connect(HASH)
    connector.waits()
    assert connector.quiet()


@pytest.mark.parametrize("words", [b"x", frame(PING, bytes(8))])
def test_nothing_but_pong_may_follow_hello(fleet, words):
    listener = fleet.listen(HASH)
    listener.waits()
    listener.send(words)
    assert listener.refused().code == "badHello"


# ---- what is refused

BAD_HELLOS = {
    "zero length": (b"\0\0", "badHello"),
    "plain HTTP inside TLS": (b"GET / HTTP/1.1\r\n\r\n", "badHello"),
    "garbage": (b"\xff" * 100, "badHello"),
    "oversize HELLO": (struct.pack(">HB", 4097, 1), "badHello"),
    "oversize frame": (struct.pack(">HB", 1025, 3), "badHello"),
    "unknown type": (frame(8), "badHello"),
    "PING first": (frame(PING, bytes(8)), "badHello"),
    "HELLO without a body": (frame(1), "badHello"),
    "half a hash": (frame(1, b"\1\1" + bytes(16)), "badHello"),
    "version 0": (hello(LISTEN, HASH, version=0), "version"),
    "version 2": (hello(LISTEN, HASH, version=2), "version"),
    "version 2 of another form": (frame(1, b"\2"), "version"),
    "role 0": (hello(0, HASH), "badHello"),
    "role 3": (hello(3, HASH), "badHello"),
    "half a TLV": (hello(LISTEN, HASH, b"\3\0"), "badHello"),
    "TLV past the end": (hello(LISTEN, HASH, b"\3\0\5ab"), "badHello"),
    "TLV that must be known": (hello(LISTEN, HASH, tlv(0x80)), "feature"),
    "short shed": (hello(LISTEN, HASH, tlv(SHED, bytes(31))), "badHello"),
    "shed twice": (hello(LISTEN, HASH, tlv(SHED, bytes(32)),
                         tlv(SHED, bytes(32))), "badHello"),
    "long name": (hello(LISTEN, HASH, tlv(NAME, b"n" * 65)), "badHello"),
    "empty proof": (hello(LISTEN, HASH, tlv(beaconpeer.PROOF)), "badHello"),
    "proof of nonsense": (hello(LISTEN, HASH, tlv(
        beaconpeer.PROOF, b"\0\2ab\0\2cdsignature")), "unproven"),
}


def test_bad_hellos(fleet, beacon):
    bystander = fleet.listen(HASH)
    bystander.waits()
    for label, (words, code) in BAD_HELLOS.items():
        with Peer(beacon.port, fleet.context) as peer:
            peer.send(words)
            refusal = peer.refused()
            assert (refusal.code, refusal.retry) == (code, 0), label
            assert refusal.text, label
    assert bystander.quiet()
    seen = metrics(beacon.health)
    for code in ("badHello", "version", "feature", "unproven"):
        expected = sum(1 for _, got in BAD_HELLOS.values() if got == code)
        assert seen[f'pharos_beacon_refusals_total{{code="{code}"}}'] == \
            expected


def test_bad_proofs(fleet, bridge, broker):
    def refused(peer, role, *tlvs, info_hash=bridge.info_hash):
        return peer.hello(role, info_hash, *tlvs).refused()

    def proof(peer, identity, role):
        return identity.proof(peer.export(b"EXPORTER-pharos-proof-v1"), role)

    peer = fleet.dial()
    assert refused(peer, LISTEN, proof(peer, broker, LISTEN)).code == \
        "unproven", "a broker does not listen"
    peer = fleet.dial()
    assert refused(peer, CONNECT, proof(peer, bridge, CONNECT)).code == \
        "unproven", "a bridge does not connect"
    peer = fleet.dial()
    assert refused(peer, LISTEN, proof(peer, bridge, CONNECT)).code == \
        "unproven", "signed for the other role"
    peer, other = fleet.dial(), fleet.dial()
    assert refused(peer, LISTEN, proof(other, bridge, LISTEN)).code == \
        "unproven", "signed for another session"
    peer = fleet.dial()
    assert refused(peer, LISTEN, proof(peer, bridge, LISTEN),
                   info_hash=HASH).code == \
        "unproven", "another CA's hash"


def test_peers_that_speak_no_beacon(lab, fleet, beacon):
    """Each ends by itself and is counted; none disturbs the others."""
    bystander = fleet.listen(HASH)
    bystander.waits()
    for words in (b"GET / HTTP/1.1\r\nHost: beacon\r\n\r\n",
                  b"\0" * 64, b"SSH-2.0-OpenSSH_9.2\r\n"):
        with Peer(beacon.port) as peer:
            peer.socket.sendall(words)
            assert len(peer.raw_end()) <= 7  # a TLS alert at most
    for alpn in ((), (b"h2", b"http/1.1")):
        with pytest.raises((SSLError, Reset)), \
                Peer(beacon.port, outer_context(lab.server_ca, alpn)):
            pass
    with Peer(beacon.port) as peer:
        peer.reset()
    base = "pharos_beacon_handshake_failures_total"
    metric_becomes(beacon.health, base + '{class="notTls"}', 3)
    metric_becomes(beacon.health, base + '{class="alpn"}', 2)
    metric_becomes(beacon.health, base + '{class="closed"}', 1)
    assert bystander.quiet()
    assert "refused" not in beacon.text()  # debug level only


def test_tls_1_2_is_refused(lab, beacon):
    context = outer_context(lab.server_ca)
    context.set_max_proto_version(beaconpeer.SSL.TLS1_2_VERSION)
    with pytest.raises(SSLError):
        Peer(beacon.port, context)
    metric_becomes(
        beacon.health,
        'pharos_beacon_handshake_failures_total{class="version"}', 1)


def test_ten_seconds(fleet, beacon):
    """Who says nothing, too little, or finds no peer has 10 s; meanwhile, and
    unlike with other relays, that delays nobody who speaks."""
    began = time.monotonic()
    silent = [fleet.dial(source="127.0.0.2", tls=False) for _ in range(60)]
    half = fleet.dial(source="127.0.0.3")
    half.send(hello(LISTEN, HASH)[:20])
    mute = fleet.dial(source="127.0.0.3")
    lonely = fleet.connect(other_hash(1))
    lonely.waits()
    fleet.pair(HASH)
    assert time.monotonic() - began < 3
    assert half.refused().code == "timeout"
    assert mute.refused().code == "timeout"
    refusal = lonely.refused()
    assert refusal.code == "noPeer"
    assert 1000 <= refusal.retry < 2000
    assert [peer.raw_end() for peer in silent] == [b""] * 60
    assert 9 < time.monotonic() - began < 14
    assert metrics(beacon.health)["pharos_beacon_unfinished_legs"] == 0


def test_rate_limit(fleet, beacon):
    listener = fleet.listen(HASH, source="127.0.0.9")
    listener.waits()
    for _ in range(100):
        fleet.dial(source="127.0.0.8", tls=False).socket.close()
    refusal = fleet.dial(source="127.0.0.8").refused()
    assert refusal.code == "rateLimit"
    assert 0 < refusal.retry <= 600
    for _ in range(110):
        fleet.dial(source="127.0.0.8", tls=False).socket.close()
    shut = fleet.dial(source="127.0.0.8", tls=False)
    assert shut.raw_end() == b""
    connector = fleet.connect(HASH, source="127.0.0.9")  # another source
    assert listener.paired() == connector.paired()
    seen = metrics(beacon.health)
    assert seen['pharos_beacon_connections_total{verdict="told"}'] >= 90
    assert seen['pharos_beacon_connections_total{verdict="shut"}'] >= 1


def test_bare_legs_of_one_source(fleet):
    for number in range(8):
        fleet.listen(other_hash(number)).waits()
    refusal = fleet.listen(other_hash(8)).refused()
    assert refusal.code == "sourceBusy"
    assert 5000 <= refusal.retry < 10000
    fleet.listen(other_hash(8), source="127.0.0.2").waits()


def test_allow_list(lab, bridge):
    path = lab.folder / "allow"
    path.write_text(f"# ours\n{bridge.info_hash.hex()}\n")
    process = lab.start("pharos-beacon", "--addr", "127.0.0.1:0",
                        "--health-addr", "127.0.0.1:0", "--allow", path,
                        *lab.server_words("beacon"))
    port = lab.port_of(process, "legs")
    with Fleet(port, lab.server_ca) as fleet:
        fleet.listen(bridge.info_hash).waits()
        assert fleet.listen(HASH).refused().code == "unproven"


# ---- the cap

def test_cap_is_back_pressure(fleet, beacon):
    """1,000 pairs; more wait for a slot and get it, first those whose source
    has fewest."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip(f"2,000 connections need more than {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    pairs = []
    for number in range(1000):
        sources = [f"127.0.{side}.{1 + number // 40}" for side in (1, 2)]
        pairs.append(fleet.pair(HASH, sources))
    seen = metrics(beacon.health)
    assert seen["pharos_beacon_pairs"] == 1000

    held = []
    for position, source in enumerate(["127.0.2.1", "127.0.3.1"], 1):
        listener = fleet.listen(HASH, source="127.0.4.1")
        assert listener.waits().position == 0
        connector = fleet.connect(HASH, source=source)
        assert connector.waits().position == position
        assert listener.waits().position == position
        held.append((listener, connector))

    pairs[0][0].finish()
    pairs[0][1].finish()
    assert held[1][0].paired() == held[1][1].paired()  # its source had none
    assert held[0][1].quiet()
    assert pairs[999][0].quiet()  # nobody was cut for it
    pairs[1][0].reset()
    assert held[0][0].paired() == held[0][1].paired()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# ---- start and end

@pytest.mark.parametrize("words, says", [
    (["--tls-cert", "/nonexistent.crt"], "/nonexistent.crt"),
    (["--tls-key", "/nonexistent.key"], "/nonexistent.key"),
    (["--allow", "/nonexistent"], "/nonexistent"),
    (["--addr", "not an address"], "--addr: listening on \"not an address\""),
    (["--health-addr", "192.0.2.1:1"], "--health-addr: listening on 192.0.2.1"),
])
def test_start_says_what_is_wrong(lab, words, says):
    process = lab.start("pharos-beacon", "--addr", "127.0.0.1:0",
                        "--health-addr", "127.0.0.1:0",
                        *lab.server_words("beacon"), *words)
    assert process.wait() == 1
    assert says in process.text()


def test_address_in_use(lab, beacon):
    process = lab.start("pharos-beacon", "--addr", f"127.0.0.1:{beacon.port}",
                        "--health-addr", "127.0.0.1:0",
                        *lab.server_words("beacon"))
    assert process.wait() == 1
    assert (f"--addr: listening on 127.0.0.1:{beacon.port}: address already "
            "in use" in process.text())
    assert "ss -ltnp" in process.text()  # what to do
