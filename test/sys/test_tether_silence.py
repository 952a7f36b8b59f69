"""A stranger sends the tunnel's port whatever comes to mind, but nothing that is
made with the host's public key, and gets nothing back: no answer, no ICMP.

PHAROS_DATAGRAMS says how many; make soak-silence sends a million.
"""
import hashlib
import os
import random
import socket
import threading
import time

import pytest

from lab import tethered

REASON = tethered.missing()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

DATAGRAMS = int(os.environ.get("PHAROS_DATAGRAMS", "100000"))
CLOSED = tethered.PORT + 1      # where nobody listens, of no affair of ours
HOST = ("198.18.9.1", "fd09::1")
AT_ONCE = 64                    # no more wait to be read, so none is dropped
PATIENCE = 20

# ---- what is sent

ELSEWHERE = hashlib.sha256(b"another host's public key").digest()


def signed(message, key):
    """With the first MAC of the host whose public key that is (WireGuard's
    paper, section 5.4.4), and none in the second place."""
    mac_key = hashlib.blake2s(b"mac1----" + key).digest()
    mac = hashlib.blake2s(message, key=mac_key, digest_size=16).digest()
    return message + mac + bytes(16)


def begun(kind, size, rng):
    return bytes([kind, 0, 0, 0]) + rng.randbytes(size - 4)


KINDS = {
    "empty": lambda rng: b"",
    "one byte": lambda rng: rng.randbytes(1),
    "any bytes": lambda rng: rng.randbytes(rng.randrange(1472)),
    "zeros": lambda rng: bytes(rng.randrange(1472)),
    "any type": lambda rng: begun(rng.randrange(256),
                                  rng.choice((32, 64, 92, 148)), rng),
    "initiation": lambda rng: begun(1, 148, rng),
    "initiation, no MAC": lambda rng: begun(1, 116, rng) + bytes(32),
    "initiation to another": lambda rng: signed(begun(1, 116, rng), ELSEWHERE),
    "initiation to zeros": lambda rng: signed(begun(1, 116, rng), bytes(32)),
    "initiation, cut": lambda rng: begun(1, 147, rng),
    "initiation, longer": lambda rng: begun(1, 149, rng),
    "response": lambda rng: begun(2, 92, rng),
    "response to another": lambda rng: signed(begun(2, 60, rng), ELSEWHERE),
    "cookie": lambda rng: begun(3, 64, rng),
    "data": lambda rng: begun(4, rng.randrange(32, 1472), rng),
    "data, of session 0": lambda rng: bytes([4]) + bytes(15) +
    rng.randbytes(16),
    "data, the last count": lambda rng: begun(4, 8, rng) + b"\xff" * 8 +
    rng.randbytes(16),
    "reserved bytes": lambda rng: b"\x01" + rng.randbytes(147),
    "big-endian type": lambda rng: b"\0\0\0\x01" + rng.randbytes(144),
    "DNS": lambda rng: rng.randbytes(2) + bytes.fromhex(
        "01000001000000000000037777770765") + b"xample\x03org\0\0\1\0\1",
    "NTP": lambda rng: b"\x1b" + bytes(47),
    "QUIC": lambda rng: b"\xc3\0\0\0\x01\x08" + rng.randbytes(1194),
    "DTLS": lambda rng: b"\x16\xfe\xfd" + bytes(8) + rng.randbytes(120),
    "IKE": lambda rng: rng.randbytes(8) + bytes(8) + b"\x21\x20\x22\x08" +
    rng.randbytes(200),
    "STUN": lambda rng: b"\0\1\0\0\x21\x12\xa4\x42" + rng.randbytes(12),
    "OpenVPN": lambda rng: b"\x38" + rng.randbytes(13),
    "SSDP": lambda rng: b"M-SEARCH * HTTP/1.1\r\nMX: 1\r\n\r\n",
    "text": lambda rng: b"\n",
    "fragments": lambda rng: begun(1, rng.randrange(1600, 4000), rng),
}


class Ear:
    """All that comes to the stranger's end of the wire, but for what each host
    there says and asks (ARP; neighbours, routers and groups of IPv6)."""

    def __init__(self, town):
        self.heard = []
        self.wire = town.inside("forest", lambda: socket.socket(
            socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)))
        self.wire.bind(("way", 0))
        self.wire.settimeout(0.1)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def _listen(self):
        while not self.over.is_set():
            try:
                frame, whence = self.wire.recvfrom(2048)
            except TimeoutError:
                continue
            if whence[2] != socket.PACKET_OUTGOING and not household(frame):
                self.heard.append(frame)

    def close(self):
        self.over.set()
        self.thread.join()
        self.wire.close()


def household(frame):
    if frame[12:14] == b"\x86\xdd":
        return frame[20] == 0 or (frame[20] == 58 and 130 <= frame[54] <= 143)
    return frame[12:14] == b"\x08\x06"


@pytest.fixture(name="ear")
def ear_fixture(town):
    ear = Ear(town)
    yield ear
    ear.close()


class Counters:
    """How many datagrams the host's programs have read, or could not."""

    FILES = {"snmp": "Udp: ", "snmp6": "Udp6"}

    def __init__(self, town):
        self.files = town.inside("host", lambda: [
            open(f"/proc/thread-self/net/{name}", encoding="ascii")
            for name in self.FILES])

    def now(self):
        """(read, dropped)"""
        four, six = self.files
        four.seek(0)
        six.seek(0)
        names, values = [line.split() for line in four
                         if line.startswith("Udp: ")]
        counts = dict(zip(names, values))
        counts6 = dict(line.split() for line in six)
        return (int(counts["InDatagrams"]) + int(counts6["Udp6InDatagrams"]),
                int(counts["InErrors"]) + int(counts6["Udp6InErrors"]))

    def close(self):
        for file in self.files:
            file.close()


@pytest.fixture(name="town")
def town_fixture(tmp_path):
    with tethered.Tethered(tmp_path) as town:
        town.init()
        town.good("zone", "add", "admin", "tcp/22@ssh")
        # the kernel would keep its ICMP back, which is not silence
        town.houses.set("host", "ipv4/icmp_ratemask=0", "ipv6/icmp/ratelimit=0")
        yield town



class Scanner:
    """Sends to a port of the host, from many ports, in both families."""

    def __init__(self, town, seed):
        self.rng = random.Random(seed)
        self.sockets = town.inside("forest", lambda: [
            (socket.socket(family, socket.SOCK_DGRAM), host)
            for family, host in zip((socket.AF_INET, socket.AF_INET6), HOST)
            for _ in range(8)])
        self.kinds = list(KINDS.values())
        self.sent = 0

    def send(self, port, count):
        """Each kind in turn, so that all are sent to both families."""
        for _ in range(count):
            one, host = self.sockets[
                self.sent // len(self.kinds) % len(self.sockets)]
            message = self.kinds[self.sent % len(self.kinds)](self.rng)
            try:
                one.sendto(message, (host, port))
            except ConnectionRefusedError:
                one.sendto(message, (host, port))
            self.sent += 1

    def close(self):
        for one, _ in self.sockets:
            one.close()


@pytest.fixture(name="scanner")
def scanner_fixture(town):
    scanner = Scanner(town, 1)
    yield scanner
    scanner.close()


def wait_for(what):
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def scan(town, scanner, count):
    """No more at once than the host has room for: each is read there."""
    counters = Counters(town)
    try:
        begun = counters.now()
        for done in range(0, count, AT_ONCE):
            now = min(AT_ONCE, count - done)
            scanner.send(tethered.PORT, now)
            wait_for(lambda so_far=done + now:
                     sum(counters.now()) - sum(begun) >= so_far)
        read, dropped = counters.now()
        return read - begun[0], dropped - begun[1]
    finally:
        counters.close()


def test_a_stranger_hears_nothing(town, scanner, ear):
    conf = town.add("phone", "--zones", "admin")
    town.start()
    with town.listen(22):
        town.phone.up(conf)
        assert town.reaches("phone", "10.188.0.1", 22)
        began = time.monotonic()
        read, dropped = scan(town, scanner, DATAGRAMS)
        took = time.monotonic() - began
        print(f"{scanner.sent} datagrams, {read} read, {dropped} dropped, "
              f"{len(ear.heard)} answers, {took:.0f} s")
        # it was there, and well, all the time
        assert town.reaches("phone", "10.188.0.1", 22)
    assert ear.heard == []
    assert read >= DATAGRAMS * 0.99


def test_nor_when_it_is_down_or_dead(town, scanner, ear):
    daemon = town.start()
    town.good("down")
    scanner.send(tethered.PORT, 2000)
    town.good("up")
    daemon.kill()
    scanner.send(tethered.PORT, 2000)
    assert not town.reaches("forest", HOST[0], 22, 1)
    assert ear.heard == []


def test_where_there_is_no_tunnel_the_host_answers(town, scanner, ear):
    """What is not heard above would be."""
    town.start()
    scanner.send(CLOSED, 2000)
    wait_for(lambda: len(ear.heard) >= 100)
    assert {frame[12:14] for frame in ear.heard} == \
        {b"\x08\x00", b"\x86\xdd"}
