"""What a service manager such as systemd asks of a daemon: to be told how it is
(sd_notify), to be handed its socket (sd_listen_fds), and to be restarted
without a client's noticing."""
import hashlib
import os
import signal
import socket
import threading
import time

import pytest

from lab.beaconpeer import (CONNECT, LISTEN, Fleet, Peer, Reset, ask,
                            outer_context)
from test_reload import Flow, hang_up

HASH = hashlib.sha256(b"an info hash").digest()


def other_hash(number):
    return hashlib.sha256(b"hash %d" % number).digest()


class Manager:
    """Hears what daemons say to NOTIFY_SOCKET."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(10)
        self.env = {"NOTIFY_SOCKET": address.replace("\0", "@")}

    def hear(self):
        lines = self.socket.recv(4096).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def hears(self, **expected):
        """The next word that is not the watchdog's."""
        while "WATCHDOG" in (said := self.hear()):
            pass
        assert said.items() >= expected.items(), said
        return said

    def silent(self):
        """Nothing has been said by now."""
        self.socket.setblocking(False)
        try:
            return self.hear()
        except BlockingIOError:
            return None
        finally:
            self.socket.settimeout(10)


@pytest.fixture(params=["file", "abstract"])
def manager(request, lab):
    return Manager(str(lab.folder / "notify") if request.param == "file"
                   else f"\0pharos-{os.getpid()}-{lab.folder.name}")


def start_beacon(lab, *words, **more):
    beacon = lab.start(
        "pharos-beacon", "--addr", "127.0.0.1:0", "--health-addr",
        "127.0.0.1:0", *lab.server_words("beacon"), *words, **more)
    beacon.port = lab.port_of(beacon, "legs")
    beacon.health = lab.address_of(beacon, "health")
    return beacon


# ---- telling

def test_what_the_manager_hears(lab, manager):
    beacon = start_beacon(lab, "--drain-timeout", "7s", env=manager.env)
    manager.hears(READY="1", STATUS="serving")
    with Fleet(beacon.port, lab.server_ca) as fleet:
        fleet.pair(HASH)
        before = time.monotonic_ns() // 1000
        hang_up(beacon)
        said = manager.hears(RELOADING="1")
        assert before <= int(said["MONOTONIC_USEC"]) <= \
            time.monotonic_ns() // 1000
        manager.hears(READY="1")
        beacon.signal(signal.SIGTERM)
        manager.hears(STOPPING="1", STATUS="draining",
                      EXTEND_TIMEOUT_USEC="17000000")
    assert beacon.wait() == 0


def test_systemd_watchdog(lab, manager):
    """It is fed while the loop turns, and not when the process hangs."""
    beacon = start_beacon(lab, env={**manager.env, "WATCHDOG_USEC": "400000"})
    for _ in range(4):
        while "WATCHDOG" not in manager.hear():
            pass
    beacon.signal(signal.SIGSTOP)
    while "T" not in open(f"/proc/{beacon.pid}/stat").read().split()[2]:
        pass
    while manager.silent():
        pass
    manager.socket.settimeout(1)
    with pytest.raises(TimeoutError):
        manager.hear()
    manager.socket.settimeout(10)
    beacon.signal(signal.SIGCONT)
    assert manager.hear() == {"WATCHDOG": "1"}


def test_manager_is_not_there(lab):
    beacon = start_beacon(lab, env={"NOTIFY_SOCKET": "/nowhere"})
    assert "service manager is not reached" in beacon.text()
    assert " 200 " in ask(beacon.health, "GET /readyz")[0]


def test_ready_only_when_it_serves(lab):
    """A daemon whose start fails has never said READY."""
    manager = Manager(str(lab.folder / "notify"))
    taken = socket.create_server(("127.0.0.1", 0))
    beacon = lab.start(
        "pharos-beacon", "--addr", "127.0.0.1:0", "--health-addr",
        f"127.0.0.1:{port_of(taken)}", *lab.server_words("beacon"),
        env=manager.env)
    assert beacon.wait() == 1
    assert "another process listens there" in beacon.text()
    assert manager.silent() is None


# ---- handing over the socket

@pytest.fixture
def listening():
    """The socket, held by us as a service manager holds it."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as sock:
        yield sock


def port_of(sock):
    return sock.getsockname()[1]


def test_socket_is_used(lab, listening):
    beacon = start_beacon(lab, passed=listening)
    assert beacon.port == port_of(listening)
    with Fleet(port_of(listening), lab.server_ca) as fleet:
        fleet.pair(HASH)


def test_socket_that_does_not_listen(lab):
    with socket.socket() as sock:
        beacon = lab.start(
            "pharos-beacon", "--health-addr", "127.0.0.1:0",
            *lab.server_words("beacon"), passed=sock)
        assert beacon.wait() == 1
    assert "listening stream socket" in beacon.text()


class Caller(threading.Thread):
    """Connects all the time; each time it must get an answer of a beacon, be it
    that this one is going."""

    def __init__(self, lab, port):
        super().__init__()
        self.context = outer_context(lab.server_ca)
        self.port = port
        self.stop = threading.Event()
        self.called = threading.Semaphore(0)
        self.calls = 0
        self.refused = []

    def call(self, number):
        with Peer(self.port, self.context) as peer:
            peer.hello(LISTEN, other_hash(1000 + number))
            peer.read_frame()

    def run(self):
        while not self.stop.wait(0.02):
            try:
                self.call(self.calls)
            except (OSError, Reset) as error:
                self.refused.append(error)
            self.calls += 1
            self.called.release()


def test_upgrade_refuses_nobody(lab, listening):
    """The old beacon drains while the new one serves, on one socket: no SYN is
    refused, no connection is lost, and pairs end by themselves."""
    old = start_beacon(lab, passed=listening)
    with Fleet(port_of(listening), lab.server_ca) as fleet:
        flows = [Flow(fleet.pair(other_hash(n))) for n in range(4)]
        waiting = fleet.listen(HASH)
        waiting.waits()
        caller = Caller(lab, port_of(listening))
        caller.start()
        mark = old.mark()
        old.signal(signal.SIGTERM)
        old.wait_for("draining", since=mark)
        new = start_beacon(lab, passed=listening)
        assert waiting.sent_away() >= 1000
        listener, connector = fleet.pair(HASH)
        for _ in range(caller.calls + 20):
            assert caller.called.acquire(timeout=20)
        caller.stop.set()
        caller.join()
        assert caller.refused == []
        for flow in flows:
            flow.check()
            flow.reader.finish()
        assert old.wait() == 0
        connector.send(b"of the new one")
        assert listener.read(14) == b"of the new one"
        for peer in (listener, connector):
            peer.finish()
        new.wait_for("pair ended")


def test_restart_refuses_nobody(lab, listening):
    """Between the two nobody serves, and the socket waits."""
    for number in range(3):
        beacon = start_beacon(lab, passed=listening)
        with Fleet(port_of(listening), lab.server_ca) as fleet:
            fleet.pair(HASH)
        beacon.signal(signal.SIGTERM)
        assert beacon.wait() == 0
        with socket.create_connection(("127.0.0.1", port_of(listening)), 10):
            assert number < 3


# ---- what else an operator may do to it

def test_sighup_during_drain(lab):
    """A reload changes nothing of a drain, nor of the pairs."""
    beacon = start_beacon(lab)
    with Fleet(beacon.port, lab.server_ca) as fleet:
        listener, connector = fleet.pair(HASH)
        beacon.signal(signal.SIGTERM)
        beacon.wait_for("draining")
        for _ in range(3):
            hang_up(beacon)
        assert ask(beacon.health, "GET /readyz")[1] == "draining\n"
        assert fleet.dial().hello(CONNECT, HASH).refused().code == "draining"
        connector.send(b"x")
        assert listener.read(1) == b"x"
        connector.finish()
        listener.finish()
    assert beacon.wait() == 0
