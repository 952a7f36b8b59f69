"""How programs go: nothing new, what runs may end, the rest is cut at a
deadline; the exit status says which."""
import hashlib
import signal
import threading

import pytest

from lab.beaconpeer import (Ended, Fleet, Reset, ask, metric_becomes, metrics)

HASH = hashlib.sha256(b"an info hash").digest()
CUT = 3


def other_hash(number):
    return hashlib.sha256(b"hash %d" % number).digest()


class Beacon:
    def __init__(self, lab, *words):
        self.process = lab.start(
            "pharos-beacon", "--addr", "127.0.0.1:0", "--health-addr",
            "127.0.0.1:0", *lab.server_words("beacon"), *words)
        self.port = lab.port_of(self.process, "legs")
        self.health = lab.address_of(self.process, "health")

    def ask(self, request):
        return ask(self.health, request)

    def drain(self, how=signal.SIGTERM):
        mark = self.process.mark()
        if how == "admin":
            assert " 202 " in self.ask("POST /admin/drain")[0]
        else:
            self.process.signal(how)
        self.process.wait_for("draining", since=mark)


@pytest.fixture
def beacon(lab):
    return Beacon(lab)


@pytest.fixture
def fleet(lab, beacon):
    with Fleet(beacon.port, lab.server_ca) as peers:
        yield peers


# ---- the beacon

@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, "admin"])
def test_drain_in_its_order(fleet, beacon, how):
    """Not ready; who waits is sent away; who comes is told; pairs go on until
    they end, and then the beacon ends with 0."""
    listener, connector = fleet.pair(HASH)
    waiting = [fleet.listen(other_hash(n)) for n in range(8)]
    for peer in waiting:
        peer.waits()
    unsaid = fleet.dial()
    beacon.drain(how)
    line, body = beacon.ask("GET /readyz")
    assert " 503 " in line and body == "draining\n"
    assert " 200 " in beacon.ask("GET /healthz")[0]
    delays = [peer.sent_away() for peer in waiting]
    assert all(1000 <= delay < 2000 for delay in delays)
    assert len(set(delays)) > 1, "spread"
    for late in (unsaid.hello(1, HASH), fleet.listen(HASH)):
        refusal = late.refused()
        assert refusal.code == "draining"
        assert 1000 <= refusal.retry < 2000
    seen = metrics(beacon.health)
    assert seen["pharos_beacon_draining"] == 1
    assert seen["pharos_beacon_goaways_total"] == 8
    assert seen['pharos_beacon_refusals_total{code="draining"}'] == 2
    assert seen["pharos_beacon_pairs"] == 1
    connector.send(b"still here")
    assert listener.read(10) == b"still here"
    connector.finish()
    assert listener.read_to_end() == b""
    listener.send(b"the last words")
    listener.finish()
    assert connector.read_to_end() == b"the last words"
    assert beacon.process.wait() == 0


def test_drain_of_an_idle_beacon(beacon):
    beacon.drain()
    assert beacon.process.wait() == 0


def test_drain_timeout_cuts_what_is_left(lab):
    beacon = Beacon(lab, "--drain-timeout", "300ms")
    with Fleet(beacon.port, lab.server_ca) as fleet:
        listener, connector = fleet.pair(HASH)
        beacon.drain()
        for peer in (listener, connector):
            with pytest.raises(Reset):
                peer.read(1)
    assert beacon.process.wait() == CUT


def test_second_signal_ends_at_once(fleet, beacon):
    listener, connector = fleet.pair(HASH)
    beacon.drain()
    beacon.process.signal(signal.SIGTERM)
    for peer in (listener, connector):
        with pytest.raises((Ended, Reset)):
            peer.read(1)
    assert beacon.process.wait() == CUT


def pass_checked(sender, reader, size):
    """So many bytes one way, and the end; the digest that came."""
    block = hashlib.sha256(size.to_bytes(8, "big")).digest() * 512
    sent, came = hashlib.sha256(), hashlib.sha256()

    def send():
        for _ in range(size // len(block)):
            sender.send(block)
            sent.update(block)
        sender.finish()

    thread = threading.Thread(target=send)
    thread.start()
    try:
        while True:
            came.update(reader.read_some())
    except Ended:
        thread.join()
        return sent.digest() == came.digest()


def test_shutdown_drains_under_load(lab, fleet, beacon):
    """Eight pairs in full flow when the drain begins: every byte arrives."""
    pairs = [fleet.pair(other_hash(n)) for n in range(8)]
    good = []
    threads = [threading.Thread(target=lambda one=one: good.append(
        pass_checked(one[1], one[0], 8 << 20))) for one in pairs]
    for thread in threads:
        thread.start()
    metric_becomes(beacon.health, "pharos_beacon_pairs", 8)
    beacon.drain()
    for thread in threads:
        thread.join(60)
    assert good == [True] * 8
    for listener, connector in pairs:
        listener.finish()
        assert connector.read_to_end() == b""
    assert beacon.process.wait() == 0


# ---- /admin/drain is for this machine

def test_admin_has_a_listener_of_its_own(lab):
    process = lab.start(
        "pharos-beacon", "--addr", "127.0.0.1:0", "--health-addr",
        "0.0.0.0:0", *lab.server_words("beacon"))
    health = lab.address_of(process, "health")
    admin = lab.address_of(process, "admin")
    assert admin.startswith("127.0.0.1:")
    port = health.rpartition(":")[2]
    assert " 404 " in ask(f"127.0.0.1:{port}", "POST /admin/drain")[0]
    assert " 405 " in ask(admin, "GET /admin/drain")[0]
    assert " 202 " in ask(admin, "POST /admin/drain")[0]
    assert process.wait() == 0
