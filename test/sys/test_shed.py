"""Outer TLS is shed: by clients written from the specification, and by bridge
and broker, seen on the wire."""
import contextlib
import hashlib
import os
import random
import signal
import socket
import struct

import pytest

from conftest import Delivery
from lab import parts
from lab.beaconpeer import (CONNECT, LISTEN, SHED, Ended, Fleet, Reset,
                            metric_becomes, metric_reaches, metrics, tlv)
from lab.capture import Capture, NotPermitted, streams

HASH = hashlib.sha256(b"shed").digest()
SHED_AGREED = 1
MARKER = b"the end of the capture"
NOW, TOTAL = "pharos_beacon_shed_pairs", "pharos_beacon_shed_pairs_total"


@pytest.fixture(scope="module")
def beacon(module_lab):
    beacon = module_lab.start_beacon()
    beacon.health = f"127.0.0.1:{module_lab.port_of(beacon, 'health')}"
    return beacon


@pytest.fixture
def fleet(module_lab, beacon):
    before = metrics(beacon.health)[TOTAL]
    with Fleet(beacon.port, module_lab.server_ca) as fleet:
        fleet.before = before
        yield fleet
    metric_becomes(beacon.health, "pharos_beacon_pairs", 0)


def pair(fleet, flags=SHED_AGREED, tlvs=None):
    peers = [fleet.dial() for _ in range(2)]
    for i, (role, peer) in enumerate(zip((LISTEN, CONNECT), peers)):
        peer.hello(role, HASH, *(tlvs[i](peer) if tlvs else [peer.shed_tlv()]))
        if not i:
            peer.waits()
    assert peers[0].paired(flags) == peers[1].paired(flags)
    return peers


def shed(peers):
    for sender, reader in (peers, peers[::-1]):
        sender.send(b"inside")
        sender.shed_out()
        sender.send(b"raw at once")
        assert reader.shed_in() == b"inside"
        assert reader.read(11) == b"raw at once"


@pytest.fixture
def shed_pair(fleet, beacon):
    peers = pair(fleet)
    shed(peers)
    metric_becomes(beacon.health, NOW, 1)
    return peers


def test_both_directions(fleet, beacon, shed_pair):
    sent = os.urandom(8 << 20)
    for sender, reader in (shed_pair, shed_pair[::-1]):
        got = bytearray()
        at = 0
        while len(got) < len(sent):
            if at < len(sent):
                sender.send(sent[at:at + 50000])
                at += 50000
            got += reader.read_some()
        assert bytes(got) == sent
    assert metrics(beacon.health)[TOTAL] == fleet.before + 1


def test_one_direction_only(fleet, beacon):
    listener, connector = pair(fleet)
    connector.send(b"inside")
    connector.shed_out()
    connector.send(b"raw")
    assert listener.shed_in() == b"inside"
    assert listener.read(3) == b"raw"
    listener.send(b"still inside")
    assert connector.read(12) == b"still inside"
    assert metrics(beacon.health)[NOW] == 0
    connector.finish()
    with pytest.raises(Ended):
        listener.read(1)
    listener.finish()
    with pytest.raises(Ended):
        connector.read(1)


def test_end_passes_after_the_last_byte(fleet, beacon, shed_pair):
    listener, connector = shed_pair
    connector.send(b"last words")
    connector.finish()
    assert listener.read_to_end() == b"last words"
    listener.send(b"and the other direction goes on")
    listener.finish()
    assert connector.read_to_end() == b"and the other direction goes on"
    metric_becomes(beacon.health, NOW, 0)
    assert metrics(beacon.health)[TOTAL] == fleet.before + 1


def test_reset_passes(shed_pair):
    listener, connector = shed_pair
    connector.reset()
    with pytest.raises(Reset):
        listener.read(1)


def test_slow_reader_holds_back_its_peer(shed_pair):
    listener, connector = shed_pair
    connector.socket.setblocking(False)
    taken = 0
    with pytest.raises(BlockingIOError):
        while taken < 1 << 28:
            taken += connector.socket.send(bytes(1 << 16))
    assert taken < 32 << 20  # what kernel buffers and a pipe hold
    while taken:
        taken -= len(listener.read_some(1 << 20))


def other_session(peer):
    return [tlv(SHED, peer.export(b"EXPORTER-of-something-else"))]


@pytest.mark.parametrize("tlvs", [
    (lambda peer: [], lambda peer: [peer.shed_tlv()]),
    (lambda peer: [peer.shed_tlv()], lambda peer: []),
    (lambda peer: [peer.shed_tlv()], other_session),
    (other_session, lambda peer: [peer.shed_tlv()]),
], ids=["listener silent", "connector silent", "connector's TLS was inspected",
        "listener's TLS was inspected"])
def test_not_agreed_is_as_ever(fleet, tlvs):
    listener, connector = pair(fleet, flags=0, tlvs=tlvs)
    listener.send(b"bytes")
    listener.finish()
    assert connector.read_to_end() == b"bytes"
    connector.send(b"others")
    connector.finish()
    assert listener.read_to_end() == b"others"


# ---- bridge and broker

def records(data):
    """The TLS records of one direction as (type, size)."""
    at, seen = 0, []
    while at < len(data):
        kind, version, length = struct.unpack_from(">BHH", data, at)
        assert version in (0x0301, 0x0303) and length <= 16401
        seen.append((kind, 5 + length))
        at += 5 + length
    assert at == len(data), "the last record is not whole"
    return seen


def free_port():
    """Below those that the kernel gives to whoever connects."""
    while True:
        with contextlib.suppress(OSError), \
                socket.create_server(("127.0.0.1",
                                      random.randrange(10000, 30000))) as one:
            return one.getsockname()[1]


def mark(port):
    """What the capture holds once it holds everything before."""
    with socket.create_server(("127.0.0.1", port)) as server, \
            socket.create_connection(server.getsockname()) as client:
        client.sendall(MARKER)


def deliver(delivery, value):
    delivery.lab.store.trust_cluster(delivery.cluster, delivery.audience, "*")
    delivery.lab.store.write_secret("app", {"password": value})
    wrapper = delivery.lab.start_wrapper(
        delivery.broker.port, "--jwt-file", delivery.pod_token(), "--role",
        "team-a.web", "--secret", "secret/data/app", "--deadline", "20s",
        "--map", "password=DB_PASSWORD", "--deliver", "env", "--",
        "/bin/sh", "-c", 'echo "got ${#DB_PASSWORD}"')
    wrapper.wait_for(f"got {len(value)}", 20)
    assert wrapper.wait() == 0


@pytest.mark.parametrize("refuses", [None, "beacon", "bridge", "broker"])
def test_a_secret_crosses_the_beacon(tmp_path, refuses):
    value = "a value that nobody may see on the way " * 50
    port, other = free_port(), free_port()
    words = {name: ["--no-shed"] if name == refuses else []
             for name in ("beacon", "bridge", "broker")}
    words["beacon"] += ["--addr", f":{port}"]
    with parts.Lab(tmp_path) as lab:
        lab.make_certificates()
        try:
            capture = Capture(tmp_path, what=f"tcp port {port} or {other}")
        except NotPermitted as error:
            pytest.skip(f"no capture: {error}")
        delivery = Delivery(lab, **{f"{name}_words": more
                                    for name, more in words.items()})
        beacon = f"127.0.0.1:{lab.port_of(delivery.beacon, 'health')}"
        metric_reaches(beacon, "pharos_beacon_pairs_total" if refuses
                       else TOTAL, 1)
        deliver(delivery, value)
        assert (metrics(beacon)[NOW] > 0) == (not refuses)
        for one in (delivery.broker, delivery.bridge, delivery.beacon):
            one.signal(signal.SIGTERM)
            one.wait()
        mark(other)
        pcap = capture.stop(MARKER)
    assert pcap
    assert value.encode()[:39] not in pcap
    ways = streams(pcap, port)
    ends = 0
    for data in ways.values():
        seen = records(data)
        kinds = [kind for kind, _ in seen]
        begun = kinds.index(23)
        assert set(kinds[:begun]) <= {20, 22}
        assert set(kinds[begun:]) == {23}
        # an alert that is not the last record: outer TLS ended before
        ends += any(size == 24 for _, size in seen[:-1])
    assert (ends >= 4) == (not refuses), ends
