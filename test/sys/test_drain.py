"""How programs go: nothing new, what runs may end, the rest is cut at a
deadline; the exit status says which."""
import hashlib
import signal
import socket
import threading

import pytest

from lab.badstore import BadStore
from lab.beaconpeer import (Ended, Fleet, Reset, ask, metric_becomes, metrics)

from test_bridge import Client, Way

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


# ---- bridge and broker

class Asked(threading.Thread):
    """A request whose answer the store keeps back until its gate opens."""

    def __init__(self, way, store):
        super().__init__()
        self.way = way
        self.seen = None
        self.start()
        assert store.waiting.wait(20)

    def run(self):
        try:
            self.seen = Client(self.way.lab, self.way.broker).get(
                "secret/data/gate")[0]
        except OSError as error:
            self.seen = error


@pytest.fixture
def store():
    with BadStore() as bad:
        yield bad
        bad.gate.set()


def drain(process):
    mark = process.mark()
    process.signal(signal.SIGTERM)
    process.wait_for("draining", since=mark)


def test_broker_ends_what_it_carries(lab, store):
    """Pods are not let in any more; what one has asked for is answered."""
    way = Way(lab, store.address)
    health = lab.address_of(way.broker, "health")
    asked = Asked(way, store)
    drain(way.broker)
    assert ask(health, "GET /readyz")[1] == "draining\n"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", way.broker.port))
    store.gate.set()
    asked.join(20)
    assert asked.seen == 200
    assert way.broker.wait() == 0
    way.bridge.wait_for("tunnel gone .*closed by the peer")


def test_bridge_ends_what_it_serves(lab, store):
    """A request is answered to its end; the next one is not taken."""
    way = Way(lab, store.address)
    asked = Asked(way, store)
    drain(way.bridge)
    while way.client.get("secret/data/good")[0] == 200:
        pass  # asked before the broker had heard of it
    assert way.client.get("secret/data/good")[0] == 503
    store.gate.set()
    asked.join(20)
    assert asked.seen == 200
    assert way.bridge.wait() == 0


@pytest.mark.parametrize("who", ["broker", "bridge"])
@pytest.mark.parametrize("why", ["timeout", "second signal"])
def test_what_takes_too_long_is_cut(lab, store, monkeypatch, who, why):
    if why == "timeout":
        monkeypatch.setenv("PHAROS_DRAIN_TIMEOUT", "300ms")
    way = Way(lab, store.address)
    process = getattr(way, who)
    asked = Asked(way, store)
    drain(process)
    if why == "second signal":
        process.signal(signal.SIGTERM)
    assert process.wait() == CUT
    asked.join(20)
    assert asked.seen != 200


class Work(threading.Thread):
    """Asks again and again, and keeps what was not answered as it should."""

    def __init__(self, way):
        super().__init__()
        self.way = way
        self.stop = threading.Event()
        self.answered = 0
        self.bad = []
        self.start()

    def run(self):
        client = Client(self.way.lab, self.way.broker)
        while not self.stop.wait(0.005):
            try:
                status, body = client.get("secret/data/good")
            except OSError as error:
                status, body = error, None
            if status == 200:
                self.answered += 1
            else:
                self.bad.append((status, body))


class TwoBeacons(Way):
    """The same way over two beacons: the bridge waits at both, the broker has a
    tunnel over each."""

    def __init__(self, lab, store):
        self.lab = lab
        self.beacons = [lab.start_beacon() for _ in range(2)]
        self.ports = [beacon.port for beacon in self.beacons]
        places = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        who = ["--beacon-address", places, "--beacon-ca", lab.server_ca,
               "--beacon-info-hash", lab.info_hash,
               "--health-addr", "127.0.0.1:0"]
        self.bridge = lab.start("pharos-bridge", "--vault-addr", store, *who,
                                *lab.tunnel_words("bridge"))
        self.broker = lab.start(
            "pharos-broker", "--listen", "127.0.0.1:0", "--pass-through",
            *who, *lab.server_words("listen", "listen"),
            *lab.tunnel_words("broker"))
        self.broker.port = lab.port_of(self.broker, "pods")
        for port in self.ports:
            self.broker.wait_for(f"tunnel up .*:{port}", 20)


def test_one_of_two_beacons_drains(lab, store):
    """One after the other goes and comes back, while pods ask all the time: each
    request is answered, and no beacon has to cut a tunnel."""
    way = TwoBeacons(lab, store.address)
    work = Work(way)
    try:
        for number in (0, 1):
            beacon, port = way.beacons[number], way.ports[number]
            marks = way.bridge.mark(), way.broker.mark()
            beacon.signal(signal.SIGTERM)
            assert beacon.wait(20) == 0
            way.bridge.wait_for(f"target failed .*:{port} .*draining",
                                since=marks[0])
            way.broker.wait_for(f"tunnel gone .*:{port}", since=marks[1])
            way.beacons[number] = lab.start_beacon(port)
            way.broker.wait_for(f"tunnel up .*:{port}", 60, since=marks[1])
    finally:
        work.stop.set()
        work.join(20)
    assert work.bad == []
    assert work.answered > 10
