"""Log lines of programs that are busy: whose address they show, and how many
there are."""
import fcntl
import hashlib
import json
import os
import re
import socket
import ssl
import subprocess

import pytest

from lab.beaconpeer import Fleet, metrics
from lab.parts import program

HASH = hashlib.sha256(b"an info hash").digest()
CLIENTS = "127.9."  # where every client in here comes from


def keep_busy(fleet):
    """A pair, waiters, refused ones, scanners, too many from one source."""
    pair = fleet.pair(HASH, ("127.9.0.1", "127.9.0.2"))
    pair[0].send(b"x")
    assert pair[1].read(1) == b"x"
    fleet.connect(hashlib.sha256(b"2").digest(),
                  source="127.9.0.3").waits()
    fleet.dial(source="127.9.0.4").hello(7, HASH).refused()
    scanner = fleet.dial(source="127.9.0.5", tls=False)
    scanner.socket.sendall(b"GET / HTTP/1.0\r\n\r\n")
    scanner.raw_end()
    for _ in range(101):
        fleet.dial(source="127.9.0.6", tls=False)
    told = fleet.dial(source="127.9.0.6")
    assert told.refused().code == "rateLimit"
    pair[0].reset()


def start(lab, tmp_path, *words):
    control = tmp_path / "control"
    beacon = lab.start_beacon(0, "--log-level", "debug", "--control", control,
                              *words)
    beacon.health = lab.address_of(beacon, "health")
    return beacon, control


def everything(beacon, control):
    """All that a beacon says anywhere, when it has ended."""
    listed = subprocess.run(
        [str(program("pharos")), "beacon", "list", "-o", "json", "--control",
         str(control)], text=True, capture_output=True, check=True).stdout
    shown = json.dumps(metrics(beacon.health)) + listed
    beacon.end()
    return shown + beacon.text()


@pytest.mark.parametrize("form", ["text", "json"])
def test_addresses_of_clients_are_kept_nowhere(lab, tmp_path, form):
    beacon, control = start(lab, tmp_path, "--log-addresses", "no",
                            "--log-format", form)
    with Fleet(beacon.port, lab.server_ca) as fleet:
        keep_busy(fleet)
        beacon.wait_for("pair ended")
        text = everything(beacon, control)
    for event in ("paired", "pair ended", "refused", "handshake failed"):
        assert event in text
    assert "(address)" in text and CLIENTS not in text
    assert not re.search(r"\b127\.(?!0\.0\.1)", text)


def test_addresses_are_shown_otherwise(lab, tmp_path):
    beacon, control = start(lab, tmp_path)
    with Fleet(beacon.port, lab.server_ca) as fleet:
        keep_busy(fleet)
        beacon.wait_for("pair ended")
        text = everything(beacon, control)
    for host in range(1, 7):
        assert f"{CLIENTS}0.{host}:" in text
    assert "(address)" not in text


def test_scanners_are_quiet_and_counted(lab):
    beacon = lab.start_beacon()
    beacon.health = lab.address_of(beacon, "health")
    with Fleet(beacon.port, lab.server_ca) as fleet:
        metrics(beacon.health)
        before = beacon.text()
        for _ in range(20):
            scanner = fleet.dial(tls=False)
            scanner.socket.sendall(b"GET / HTTP/1.0\r\n\r\n")
            scanner.raw_end()
        seen = metrics(beacon.health)
    assert sum(value for name, value in seen.items()
               if "handshake_failures_total" in name) == 20
    assert beacon.text() == before


def test_who_does_not_read_the_log_holds_up_nothing(lab):
    """The pipe is full, and the beacon serves on; when it is read again, the
    next line says how many were lost. Its flags, which others may share, stay
    as they were."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    with subprocess.Popen(
            [str(program("pharos-beacon")), "--addr", "127.0.0.1:0",
             "--health-addr", "127.0.0.1:0", "--log-level", "debug",
             *map(str, lab.server_words("beacon"))], stderr=writer) as beacon:
        said = ""
        while "what=health" not in said:
            said += os.read(reader, 4096).decode()
        legs, health = (
            re.search(rf"what={what} address=(\S+)", said).group(1)
            for what in ("legs", "health"))
        lost = "pharos_log_lines_lost_total"
        with Fleet(int(legs.rpartition(":")[2]), lab.server_ca) as fleet:
            for _ in range(40):
                fleet.pair(HASH)[0].reset()
            assert metrics(health)[lost] > 0
            assert not fcntl.fcntl(writer, fcntl.F_GETFL) & os.O_NONBLOCK
            os.read(reader, 4096)
            fleet.pair(HASH)[0].reset()
            while not (told := re.search(r" lost=(\d+)", said)):
                said += os.read(reader, 4096).decode()
            assert 0 < int(told.group(1)) <= metrics(health)[lost]
        os.close(reader)
        os.close(writer)
        beacon.terminate()
        assert beacon.wait(15) is not None


def test_a_brokers_pods_are_kept_nowhere(lab):
    beacon = lab.start_beacon()
    broker = lab.start_broker(beacon.port, "--log-level", "debug",
                              "--log-addresses", "no")
    context = ssl.create_default_context(cafile=str(lab.server_ca))
    with socket.create_connection(("127.0.0.1", broker.port), 10,
                                  ("127.9.0.1", 0)) as plain, \
            context.wrap_socket(plain, server_hostname="127.0.0.1") as pod:
        pod.sendall(b"CONNECT example.org:443 HTTP/1.1\r\n"
                    b"host: example.org:443\r\n\r\n")
        assert b" 403 " in pod.recv(4096)
    broker.wait_for(r"refused source=\(address\)")
    broker.end()
    assert CLIENTS not in broker.text()


def test_the_journal_gets_the_level_and_nothing_twice(lab, tmp_path):
    path = tmp_path / "journal"
    with open(path, "wb") as stream:
        about = os.fstat(stream.fileno())
        done = subprocess.Popen(
            [str(program("pharos-beacon")), "--addr", "127.0.0.1:0",
             "--health-addr", "127.0.0.1:0", "--drain-timeout", "1ms",
             *map(str, lab.server_words("beacon"))], stderr=stream,
            env={**os.environ,
                 "JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino}"})
        while b"what=health" not in path.read_bytes():
            assert done.poll() is None
        done.terminate()
        assert done.wait(15) in (0, -15)
    lines = path.read_text().splitlines()
    assert lines[0].startswith("<6>listening what=legs address=")
    assert all(re.match(r"<[3467]>[a-z]", line) for line in lines)
