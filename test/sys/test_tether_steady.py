"""Peers come and go, and nobody else's packets are lost.

The sender waits when too many of its packets are on the way, so that no queue
overflows on a machine that has other things to do; it sends ten thousand a second
where it may. What is lost all the same is lost to the change.
"""
import select
import socket
import threading
import time

import pytest

from lab import tethered

REASON = tethered.missing()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

PORT = 5000
HOST = "10.188.0.1"
RATE = 10000            # packets a second, at most
ON_THE_WAY = 48         # at most: what waits in no queue is not dropped there
CHANGES = 15
LOST_S = 10             # what has not come by then does not come


class Flow(threading.Thread):
    """Numbered packets from the phone to the host, through the tunnel."""

    def __init__(self, town):
        super().__init__()
        self.over = threading.Event()
        self.sent = self.came = 0
        self.lost = []
        self.next = 0
        self.took = 0.0
        self.began = time.monotonic()
        self.out = town.inside("phone", lambda: socket.socket(
            socket.AF_INET, socket.SOCK_DGRAM))
        self.out.connect((HOST, PORT))
        self.into = town.inside("host", lambda: socket.socket(
            socket.AF_INET, socket.SOCK_DGRAM))
        self.into.bind((HOST, PORT))
        self.into.setblocking(False)

    def run(self):
        self.began = time.monotonic()
        while not self.over.is_set():
            due = int((time.monotonic() - self.began) * RATE)
            room = ON_THE_WAY - (self.sent - self.next)
            for _ in range(min(due - self.sent, room)):
                self.out.send(self.sent.to_bytes(8, "big"))
                self.sent += 1
            self.take(0.001)
        self.finish()

    def take(self, seconds):
        if not select.select([self.into], [], [], seconds)[0]:
            return
        while True:
            try:
                number = int.from_bytes(self.into.recv(8), "big")
            except BlockingIOError:
                return
            self.lost += range(self.next, number)
            self.next = max(self.next, number + 1)
            self.came += 1

    def finish(self):
        """What is still on the way comes, or never will."""
        deadline = time.monotonic() + LOST_S
        while self.next < self.sent and time.monotonic() < deadline:
            self.take(0.05)
        self.lost += range(self.next, self.sent)
        self.took = time.monotonic() - self.began

    def result(self):
        self.over.set()
        self.join()
        self.out.close()
        self.into.close()
        return self.lost


@pytest.fixture(name="town")
def town_fixture(tmp_path):
    with tethered.Tethered(tmp_path) as town:
        town.init()
        town.good("zone", "add", "flow", f"udp/{PORT}")
        town.good("zone", "add", "other", "tcp/8080")
        yield town


def peers_change(town):
    for number in range(CHANGES):
        town.add(f"guest{number}", "--zones", "other", "--psk")
    for number in range(CHANGES):
        town.good("peer", "revoke", f"guest{number}")


def all_is_applied(town):
    for _ in range(CHANGES):
        town.good("apply")


STORIES = {"nothing happens": lambda town: None,
           "peers come and go": peers_change, "apply": all_is_applied}


@pytest.mark.parametrize("story", STORIES)
def test_nobody_elses_packets_are_lost(town, story):
    conf = town.add("phone", "--zones", "flow")
    town.start()
    town.phone.up(conf)
    assert not town.reaches("phone", HOST, 1, 1)    # the handshake is over
    flow = Flow(town)
    flow.start()
    STORIES[story](town)
    while flow.came < 5000:
        time.sleep(0.01)
        assert flow.is_alive()
    lost = flow.result()
    print(f"{story}: {flow.sent} packets, {flow.came} came, "
          f"{flow.sent / flow.took:.0f} a second, {len(lost)} lost")
    assert not lost
    assert flow.came == flow.sent
