"""The beacon under ten thousand who mean no good, and with too little of what
it needs. In each case healthy peers are served meanwhile and afterwards."""
import contextlib
import errno
import hashlib
import os
import pathlib
import resource
import select
import socket

import pytest

from conftest import not_sanitized
from lab.beaconpeer import (LISTEN, Ended, Fleet, Peer, Reset, hello,
                            metric_becomes, metrics)

CROWD = 10000
HASH = hashlib.sha256(b"scale").digest()


@pytest.fixture
def descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < CROWD + 1000:
        pytest.skip(f"{CROWD} connections need more than {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def sources():
    """Addresses of loopback, each for so many connections as one source may
    open in a minute."""
    for number in range(250):
        yield from [f"127.3.{number // 200}.{1 + number % 200}"] * 90


def healthy(lab, beacon, count=1):
    """Pairs that are made and carry bytes."""
    with Fleet(beacon.port, lab.server_ca) as fleet:
        for _ in range(count):
            listener, connector = fleet.pair(HASH, ("127.9.0.1", "127.9.0.2"))
            connector.send(b"question")
            assert listener.read(8) == b"question"


class Crowd:
    """Many plain connections at once."""

    def __init__(self, port):
        self.port = port
        self.sockets = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in self.sockets:
            sock.close()

    def gather(self, count, words=b""):
        """Connect so many; each says `words`."""
        for _, source in zip(range(count), sources()):
            sock = socket.socket()
            sock.bind((source, 0))
            sock.connect(("127.0.0.1", self.port))
            self.sockets.append(sock)
            with contextlib.suppress(OSError):  # it may be shut already
                sock.sendall(words)

    def all_ended(self, patience=15):
        """Wait until the beacon has ended every one."""
        self.ended(len(self.sockets), patience)

    def ended(self, least, patience):
        """Wait until so many at least are ended."""
        poll = select.poll()
        left = {sock.fileno(): sock for sock in self.sockets}
        for number in left:
            poll.register(number, select.POLLIN)
        while len(self.sockets) - len(left) < least:
            ready = poll.poll(1000 * patience)
            assert ready, f"{len(left)} connections are still open"
            for number, _ in ready:
                if self._ended(left[number]):
                    poll.unregister(number)
                    del left[number]

    @staticmethod
    def _ended(sock):
        try:
            return not sock.recv(65536)
        except OSError as error:
            return error.errno == errno.ECONNRESET


@pytest.mark.parametrize("label,words", [
    ("say nothing", b""),
    ("speak HTTP", b"GET / HTTP/1.1\r\nHost: beacon\r\n\r\n"),
    ("begin a ClientHello", bytes([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3])),
    ("announce 16 MB", bytes([22, 3, 1, 64, 0, 1, 255, 255, 255])
     + bytes(2000)),
    ("send noise", os.urandom(600)),
], ids=lambda value: value if isinstance(value, str) else "")
def test_ten_thousand(lab, beacon, descriptors, label, words):
    with Fleet(beacon.port, lab.server_ca) as fleet, \
            Crowd(beacon.port) as crowd:
        before = fleet.pair(HASH, ("127.8.0.1", "127.8.0.2"))
        for _ in range(5):
            crowd.gather(CROWD // 5, words)
            healthy(lab, beacon, 2)
        crowd.all_ended()
        for peer, other in (before, before[::-1]):
            peer.send(label.encode())
            assert other.read(len(label)) == label.encode()
        healthy(lab, beacon)
    metric_becomes(beacon.health, "pharos_beacon_unfinished_legs", 0)


def test_descriptors_run_out(lab, beacon, descriptors):
    """Who is one too many is shut out at once, and each is counted once: the
    loop does not spin. Who is in stays, and with room all is as before."""
    with Fleet(beacon.port, lab.server_ca) as fleet:
        kept = fleet.pair(HASH, ("127.8.0.1", "127.8.0.2"))
        unlimited = resource.prlimit(beacon.pid, resource.RLIMIT_NOFILE)
        used = len(os.listdir(f"/proc/{beacon.pid}/fd"))
        resource.prlimit(beacon.pid, resource.RLIMIT_NOFILE,
                         (used + 20, unlimited[1]))
        with Crowd(beacon.port) as crowd:
            crowd.gather(300)
            crowd.ended(300 - 20, patience=5)  # before any deadline
            kept[0].send(b"still there")
            assert kept[1].read(11) == b"still there"
        resource.prlimit(beacon.pid, resource.RLIMIT_NOFILE, unlimited)
        metric_becomes(beacon.health, "pharos_beacon_unfinished_legs", 0)
        starved = metrics(beacon.health)["pharos_beacon_accept_starved_total"]
        assert 300 - 20 <= starved <= 300
        healthy(lab, beacon, 3)


@not_sanitized  # where memory is counted otherwise
def test_memory_runs_out(lab, beacon, descriptors):
    """Who comes when there is no memory is shut out; who is in stays, and with
    memory everything is as before."""
    with Fleet(beacon.port, lab.server_ca) as fleet:
        kept = fleet.pair(HASH, ("127.8.0.1", "127.8.0.2"))
        unlimited = resource.prlimit(beacon.pid, resource.RLIMIT_AS)
        size = int(pathlib.Path(f"/proc/{beacon.pid}/statm").read_text()
                   .split()[0]) * resource.getpagesize()
        resource.prlimit(beacon.pid, resource.RLIMIT_AS,
                         (size + (8 << 20), unlimited[1]))
        shut_out, waiting = 0, []
        for number, source in zip(range(3000), sources()):
            try:
                peer = Peer(beacon.port, fleet.context, source)
                waiting.append(peer)
                peer.hello(LISTEN, hashlib.sha256(b"%d" % (number // 8))
                           .digest()).waits()
            except (Reset, Ended, ConnectionResetError, AssertionError):
                shut_out += 1
            if shut_out == 20:
                break
        assert shut_out == 20, f"{len(waiting)} legs fitted in"
        kept[0].send(b"still there")
        assert kept[1].read(11) == b"still there"
        for peer in waiting:
            peer.socket.close()
        resource.prlimit(beacon.pid, resource.RLIMIT_AS, unlimited)
        metric_becomes(beacon.health,
                       'pharos_beacon_waiting_legs{role="listen"}', 0)
        healthy(lab, beacon, 3)


# ---- what comes in small pieces, and what comes and goes

def test_tiny_writes(lab, beacon):
    """One byte a record, both ways at once."""
    words = os.urandom(1500)
    with Fleet(beacon.port, lab.server_ca) as fleet:
        pair = fleet.pair(HASH)
        for at in range(len(words)):
            for peer in pair:
                peer.send(words[at:at + 1])
        for peer in pair:
            assert peer.read(len(words)) == words


def test_the_cap_under_churn(lab, beacon, descriptors):
    """With every slot taken pairs end in every way, and each slot that frees
    goes to one who waits for it: none is lost, none given twice."""
    with Fleet(beacon.port, lab.server_ca) as fleet:
        pairs = [fleet.pair(HASH, [f"127.{side}.5.{1 + number // 40}"
                                   for side in (1, 2)])
                 for number in range(1000)]
        for number in range(150):
            side = [f"127.{side}.6.{1 + number // 40}" for side in (1, 2)]
            listener = fleet.listen(HASH, source=side[0])
            assert listener.waits().position == 0
            connector = fleet.connect(HASH, source=side[1])
            assert connector.waits().position == 1
            leaver = pairs[number]
            if number % 3 == 0:
                leaver[0].reset()
            elif number % 3 == 1:
                for peer in leaver:
                    peer.finish()
            else:
                leaver[1].socket.close()
            assert listener.waits().position == 1
            assert listener.paired() == connector.paired()
        assert metrics(beacon.health)["pharos_beacon_pairs"] == 1000
