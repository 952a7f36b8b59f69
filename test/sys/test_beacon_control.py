"""`pharos beacon` and the socket it asks: who may, what it says, what it ends."""
import contextlib
import hashlib
import http.client
import json
import os
import re
import socket
import stat
import subprocess

import pytest

from lab.beaconpeer import Fleet, Reset, metric_becomes, metrics
from lab.parts import program

HASH = hashlib.sha256(b"an info hash").digest()
OTHER = hashlib.sha256(b"another").digest()


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("control", timeout=10)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(self.path)


@pytest.fixture
def control(tmp_path):
    return tmp_path / "run" / "control"


@pytest.fixture
def beacon(lab, control):
    process = lab.start_beacon(0, "--control", control)
    process.health = lab.address_of(process, "health")
    metrics(process.health)  # it runs
    yield process
    assert process.end() == 0
    assert "ERROR" not in process.text()
    assert not control.exists()


@pytest.fixture
def fleet(lab, beacon):
    with Fleet(beacon.port, lab.server_ca) as peers:
        yield peers


def pharos(control, verb, *words):
    return subprocess.run(
        [str(program("pharos")), "beacon", verb, "--control", str(control),
         *words], text=True, capture_output=True, check=False, timeout=60)


def said(control, verb, *words):
    done = pharos(control, verb, *words)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def ask(control, verb, *words):
    return json.loads(said(control, verb, "-o", "json", *words))


def ask_raw(control, method, target):
    connection = UnixConnection(control)
    connection.request(method, target)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


# ---- status

def test_status(fleet, beacon, control):
    fleet.listen(OTHER).waits()
    listener, connector = fleet.pair(HASH)
    listener.send(b"12345")
    assert connector.read(5) == b"12345"
    status = ask(control, "status")
    assert status["process"] == beacon.child.pid
    assert re.fullmatch("[0-9a-f]{32}", status["instance"])
    assert status["ready"] is True and "not_ready_reason" not in status
    assert status["listeners_waiting"] == 1
    assert status["connectors_waiting"] == 0
    assert status["pairs"] == status["pairs_total"] == 1
    assert status["pairs_queued"] == 0
    assert status["limits"]["pairs"] == {"used": 1, "most": 1000}
    assert status["limits"]["waiting_legs"] == {"used": 1, "most": 20000}
    descriptors = status["limits"]["descriptors"]
    assert 0 <= descriptors["used"] - len(
        os.listdir(f"/proc/{beacon.child.pid}/fd")) <= 1  # the question
    assert descriptors["most"] >= descriptors["used"]
    assert status["bytes"] == {"to_connector": 5, "to_listener": 0}
    assert status["refusals"]["rateLimit"] == 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
                        status["certificate_expires"])


def test_status_counts_refusals(fleet, control):
    fleet.dial().hello(7, HASH).refused()
    assert ask(control, "status")["refusals"]["badHello"] == 1


def test_status_for_people(fleet, control):
    fleet.pair(HASH)
    lines = said(control, "status").splitlines()
    assert len(lines) <= 24 and all(len(line) <= 80 for line in lines)
    assert re.match(r"pharos-beacon \S+, process \d+, up \d+ s$", lines[0])
    assert "  slots       1 of 1000" in lines
    assert "refusals      none" in lines


# ---- list

def test_list_of_a_leg_in_each_state(fleet, control):
    begun = fleet.dial()  # TLS is done, no HELLO
    fleet.listen(HASH).waits()
    legs = ask(control, "list")
    assert [leg["state"] for leg in legs] == ["hello", "waiting"]
    assert begun.socket.getsockname()[1] == \
        int(legs[0]["source"].rpartition(":")[2])
    assert "hash" not in legs[0]
    waiting = legs[1]
    assert waiting["hash"] == HASH[:4].hex()
    assert waiting["role"] == "listen" and waiting["proven"] is False
    assert waiting["kind"] == "leg" and waiting["age_seconds"] >= 0


def test_list_of_a_pair(fleet, control):
    listener, connector = fleet.pair(HASH)
    connector.send(b"abc")
    assert listener.read(3) == b"abc"
    pair, = ask(control, "list")
    assert pair["kind"] == "pair" and pair["state"] == "paired"
    assert pair["hash"] == HASH[:4].hex()
    assert (pair["to_listener"], pair["to_connector"]) == (3, 0)
    assert pair["shed"] is False
    for end, peer in (("listener", listener), ("connector", connector)):
        assert pair[end]["source"].endswith(
            f":{peer.socket.getsockname()[1]}")


def test_list_of_a_pair_that_has_shed(lab, control):
    beacon = lab.start_beacon(0, "--control", control)
    beacon.health = lab.address_of(beacon, "health")
    lab.start_bridge(lab.start_devstore().port, beacon.port)
    lab.start_broker(beacon.port).wait_for("tunnel up", 15)
    metric_becomes(beacon.health, "pharos_beacon_shed_pairs", 1)
    pair, = [leg for leg in ask(control, "list") if leg["kind"] == "pair"]
    assert pair["shed"] is True
    assert pair["listener"]["proven"] and pair["connector"]["proven"]
    line, = [line for line in said(control, "list").splitlines()
             if line.startswith(pair["id"])]
    assert re.search(r" pair +yes +yes ", line)


def test_list_for_people_is_a_table(fleet, control):
    fleet.listen(OTHER).waits()
    fleet.pair(HASH)
    heading, *lines = said(control, "list").splitlines()
    assert len(lines) == 2
    column = heading.index("STATE")
    assert lines[0][column:].startswith("waiting ")
    assert lines[1][column:].startswith("paired ")


def test_list_comes_in_pages(fleet, control):
    """More than a page, from many sources, and each leg once."""
    hosts = [f"127.7.{i // 200}.{i % 200 + 1}" for i in range(250)]
    for host in hosts:
        fleet.dial(source=host)
    status, page = ask_raw(control, "GET", "/v1/legs")
    assert status == 200 and len(page["legs"]) == 100
    _, second = ask_raw(control, "GET", f"/v1/legs?after={page['next']}")
    assert len(second["legs"]) == 100
    _, third = ask_raw(control, "GET", f"/v1/legs?after={second['next']}")
    assert len(third["legs"]) == 50 and third["next"] is None
    sources = [leg["source"].partition(":")[0] for leg in ask(control, "list")]
    assert sources == hosts


def test_an_empty_list(beacon, control):
    assert ask(control, "list") == []
    assert len(said(control, "list").splitlines()) == 1


# ---- kill

def test_kill_a_waiting_leg(fleet, control):
    leg = fleet.listen(HASH)
    leg.waits()
    shown, = ask(control, "list")
    assert said(control, "kill", shown["id"]) == f"leg {shown['id']}: ended\n"
    refusal = leg.refused()
    assert refusal.code == "draining" and "operator" in refusal.text
    assert refusal.retry == 5000
    assert ask(control, "list") == []


def test_kill_a_leg_before_its_hello(fleet, control):
    leg = fleet.dial()
    shown, = ask(control, "list")
    said(control, "kill", shown["id"])
    assert leg.refused().code == "draining"


@pytest.mark.parametrize("which", ["pair", "its listener"])
def test_kill_a_pair(fleet, beacon, control, which):
    peers = fleet.pair(HASH)
    others = fleet.pair(OTHER)
    shown = ask(control, "list")[0]
    wanted = shown["id"] if which == "pair" else shown["listener"]["id"]
    assert ask(control, "kill", wanted) == {"ended": "pair"}
    for peer in peers:
        with pytest.raises(Reset):
            peer.read(1)
    others[0].send(b"x")
    assert others[1].read(1) == b"x"
    assert metrics(beacon.health)["pharos_beacon_pair_resets_total"] == 1
    beacon.wait_for(f"killed what=pair id={wanted}")


@pytest.mark.parametrize("unknown", ["leg-99", "0123456789abcdef", "12"])
def test_kill_of_an_unknown_id(beacon, control, unknown):
    done = pharos(control, "kill", unknown)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(
        f"pharos beacon kill: {unknown}: no leg or pair has this id now")
    assert "pharos beacon list" in done.stderr


@pytest.mark.parametrize("words", [[], ["leg-1", "leg-2"], ["../x"], ["leg-"],
                                   ["leg 1"], ["a" * 30]])
def test_kill_takes_one_id(beacon, control, words):
    done = pharos(control, "kill", *words)
    assert done.returncode == 2
    assert "kill takes one id" in done.stderr


# ---- drain

def start_draining(lab, control, *words):
    beacon = lab.start_beacon(0, "--control", control, *words)
    beacon.health = lab.address_of(beacon, "health")
    return beacon


@contextlib.contextmanager
def drain_and_wait(control):
    with subprocess.Popen(
            [str(program("pharos")), "beacon", "drain", "--wait", "--control",
             str(control)], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE) as waiter:
        try:
            yield waiter
        finally:
            waiter.kill()


def test_drain_waits_for_pairs(lab, control):
    beacon = start_draining(lab, control)
    with Fleet(beacon.port, lab.server_ca) as fleet:
        pair = fleet.pair(HASH)
        with drain_and_wait(control) as waiter:
            first = waiter.stdout.readline()
            assert re.fullmatch(r"draining: 1 pairs, cut in \d+ s\n", first)
            status = ask(control, "status")
            assert status["draining"] is True and status["ready"] is False
            assert 290 <= status["drain_seconds_left"] <= 300
            assert "draining" in said(control, "status")
            pair[0].send(b"still here")
            assert pair[1].read(10) == b"still here"
            for peer in pair:
                peer.socket.close()
            assert waiter.wait(15) == 0
    assert beacon.wait(15) == 0


def test_drain_tells_of_pairs_that_were_cut(lab, control):
    beacon = start_draining(lab, control, "--drain-timeout", "1s")
    with Fleet(beacon.port, lab.server_ca) as fleet:
        fleet.pair(HASH)
        with drain_and_wait(control) as waiter:
            assert waiter.wait(15) == 3
            assert "1 of them, were cut" in waiter.stderr.read()
    assert beacon.wait(15) == 3


def test_drain_without_waiting(lab, control):
    beacon = start_draining(lab, control)
    assert said(control, "drain").startswith("draining: 0 pairs, cut in ")
    assert beacon.wait(15) == 0


def test_a_beacon_started_beside_one_that_drains(lab, control):
    """It gets the path; the other one is found aside, and who waits for its
    end goes on waiting."""
    first = start_draining(lab, control)
    with Fleet(first.port, lab.server_ca) as fleet:
        pair = fleet.pair(HASH)
        with drain_and_wait(control) as waiter:
            assert "draining: 1 pairs" in waiter.stdout.readline()
            second = lab.start_beacon(0, "--control", control)
            aside = control.with_name(f"control.draining-{first.child.pid}")
            second.wait_for(f"control socket taken over.*{aside}")
            assert ask(control, "status")["process"] == second.child.pid
            old = ask(aside, "status")
            assert old["process"] == first.child.pid and old["draining"]
            assert waiter.poll() is None
            for peer in pair:
                peer.socket.close()
            assert waiter.wait(15) == 0
    assert first.wait(15) == 0
    assert not aside.exists()
    assert ask(control, "status")["process"] == second.child.pid


def test_a_beacon_that_does_not_come_to_serve_gives_the_path_back(
        lab, control):
    """Its port is still held by the one that drains."""
    first = start_draining(lab, control)
    with Fleet(first.port, lab.server_ca) as fleet:
        fleet.pair(HASH)
        said(control, "drain")
        second = lab.start(
            "pharos-beacon", "--addr", f":{first.port}", "--health-addr",
            "127.0.0.1:0", "--control", str(control),
            *lab.server_words("beacon"))
        assert second.wait(15) == 1
        assert "control socket taken over" in second.text()
        assert ask(control, "status")["process"] == first.child.pid
    assert first.wait(15) == 0
    assert not control.exists()


# ---- the socket

def test_modes(beacon, control):
    assert stat.S_IMODE(control.stat().st_mode) == 0o600
    assert stat.S_IMODE(control.parent.stat().st_mode) == 0o700


def test_a_second_beacon_is_told(lab, beacon, control):
    second = lab.start("pharos-beacon", "--addr", "127.0.0.1:0",
                       "--health-addr", "127.0.0.1:0", "--control",
                       str(control), *lab.server_words("beacon"))
    assert second.wait(15) == 1
    assert f"{control}: another process serves there" in second.text()
    assert ask(control, "status")["process"] == beacon.child.pid


def test_after_a_kill_the_socket_is_replaced(lab, control):
    first = lab.start_beacon(0, "--control", control)
    first.kill()
    assert control.exists()
    second = lab.start_beacon(0, "--control", control)
    assert ask(control, "status")["process"] == second.child.pid


def test_the_service_managers_folder(lab, tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    beacon = lab.start_beacon(
        0, env={"RUNTIME_DIRECTORY": f"{folder}:/another"})
    assert ask(folder / "control", "status")["process"] == beacon.child.pid


def test_off(lab, tmp_path):
    beacon = lab.start_beacon(0, "--control", "off", env={
        "RUNTIME_DIRECTORY": str(tmp_path)})
    assert "what=control" not in beacon.text()
    assert not (tmp_path / "control").exists()


def test_nobody_there(tmp_path):
    done = pharos(tmp_path / "none", "status")
    assert done.returncode == 1
    assert "no pharos-beacon there" in done.stderr
    assert "--control" in done.stderr


def test_a_queue_that_is_full(tmp_path):
    path = tmp_path / "control"
    with socket.socket(socket.AF_UNIX) as nobody_accepts, \
            socket.socket(socket.AF_UNIX) as waiter:
        nobody_accepts.bind(str(path))
        nobody_accepts.listen(0)
        waiter.connect(str(path))  # it is full
        done = pharos(path, "status")
    assert done.returncode == 1
    assert "takes no calls" in done.stderr


def test_a_path_that_is_too_long(tmp_path):
    done = pharos(tmp_path / ("x" * 108), "status")
    assert done.returncode == 1
    assert "at most 107 bytes" in done.stderr


@pytest.mark.parametrize("method, target, status", [
    ("POST", "/v1/status", 405), ("GET", "/v1/drain", 405),
    ("GET", "/v1/kill/leg-1", 405),
    ("POST", "/v1/kill/", 404), ("GET", "/v2/status", 404),
    ("GET", "/v1/legs?after=-1", 400), ("GET", "/v1/legs?from=1", 400),
    ("GET", "/v1/legs?after=1x", 400),
    ("GET", "/v1/legs?after=99999999999999999999", 400),
])
def test_wrong_requests(beacon, control, method, target, status):
    got, body = ask_raw(control, method, target)
    assert got == status and body["errors"]
