"""pharos-broker alone, as an operator and a pod meet it: start, refusals,
status, tokens, limits, the end. What it carries is in test_secrets.py."""
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from lab import parts
from lab.process import Process

LIMIT_STREAMS = 8


def broker_words(lab, **changed):
    words = {"tls-cert": lab.pki / "broker.crt",
             "tls-key": lab.pki / "broker.key",
             "tls-ca": lab.pki / "ca.crt",
             "listen": "127.0.0.1:0",
             "listen-cert": lab.lab_pki / "listen.crt",
             "listen-key": lab.lab_pki / "listen.key",
             "beacon-address": "127.0.0.1:9",
             "beacon-ca": lab.server_ca,
             "beacon-info-hash": lab.info_hash,
             "health-addr": "127.0.0.1:0", **changed}
    return [str(word) for name, value in words.items() if value is not None
            for word in ([f"--{name}"] if value is True
                         else [f"--{name}", value])]


def start(lab, **changed):
    broker = lab.start("pharos-broker", *broker_words(lab, **changed))
    broker.port = lab.port_of(broker, "pods")
    broker.health = lab.port_of(broker, "health")
    return broker


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("broker")
    with parts.Lab(folder) as lab:
        lab.make_certificates()
        lab.other = folder / "other"
        lab.pharos("pki", "init", "--dir", lab.other)
        lab.bad = folder / "bad"
        lab.bad.mkdir()
        for name, text, mode in (("empty", "", 0o600),
                                 ("garbage.pem", "not PEM\n", 0o600),
                                 ("open.key", (lab.pki / "broker.key")
                                  .read_text(), 0o644),
                                 ("token", "knock-knock\n", 0o600)):
            (lab.bad / name).write_text(text)
            (lab.bad / name).chmod(mode)
        (lab.bad / "long").write_text("x" * 8193)
        (lab.bad / "long").chmod(0o600)
        yield lab


@pytest.fixture(scope="module")
def alone(sets):
    """A broker whose beacon is not there."""
    broker = start(sets)
    yield broker
    assert broker.end() == 0


def curl(lab, *words):
    return subprocess.run(
        ["curl", "-sS", "--max-time", "15", "--cacert", lab.server_ca,
         "--proxy-cacert", lab.server_ca, *map(str, words)],
        capture_output=True, text=True, check=False)


def status_of(lab, broker):
    answer = curl(lab, f"https://127.0.0.1:{broker.port}/v1/status")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


class Pod:
    """A pod's HTTP/1.1 connection."""

    def __init__(self, lab, broker, source="127.0.0.1"):
        context = ssl.create_default_context(cafile=str(lab.server_ca))
        plain = socket.create_connection(("127.0.0.1", broker.port), 15,
                                         source_address=(source, 0))
        self.socket = context.wrap_socket(plain, server_hostname="127.0.0.1")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, method, target, **fields):
        lines = [f"{method} {target} HTTP/1.1", f"Host: {target}"
                 if method == "CONNECT" else "Host: broker"]
        lines += [f"{name.replace('_', '-')}: {value}"
                  for name, value in fields.items()]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = http.client.HTTPResponse(self.socket, method=method)
        answer.begin()
        return answer

    def connect(self, target="bridge.pharos:443", **fields):
        return self.ask("CONNECT", target, **fields)


def errors_of(answer):
    return json.loads(answer.read())["errors"]


# ---- start

CASES = [
    ("certificate is missing", {"tls-cert": "{bad}/none.crt"}, ["none.crt"]),
    ("certificate is garbage", {"tls-cert": "{bad}/garbage.pem"},
     ["garbage.pem"]),
    ("key is empty", {"tls-key": "{bad}/empty"}, ["empty"]),
    ("key is readable by others", {"tls-key": "{bad}/open.key"},
     ["open.key", "chmod"]),
    ("key of another certificate", {"tls-key": "{pki}/bridge.key"},
     ["bridge.key"]),
    ("certificate of another role", {"tls-cert": "{pki}/bridge.crt",
                                     "tls-key": "{pki}/bridge.key"},
     ["role is bridge, expected broker", "pharos pki issue"]),
    ("certificate of another realm", {"tls-cert": "{other}/broker.crt",
                                      "tls-key": "{other}/broker.key"},
     ["other/broker.crt"]),
    ("another info hash", {"beacon-info-hash": "0" * 64},
     ["info-hash", "pharos pki info-hash"]),
    ("info hash that is none", {"beacon-info-hash": "zz"},
     ["info-hash", "64"]),
    ("no info hash", {"beacon-info-hash": None}, ["--beacon-info-hash"]),
    ("no beacon", {"beacon-address": None}, ["--beacon-address"]),
    ("a beacon twice", {"beacon-address": "b:1,b:1"}, ["b:1", "twice"]),
    ("beacon without a port", {"beacon-address": "beacon.example"},
     ["beacon.example"]),
    ("CA and pin", {"beacon-pin": "00" * 32}, ["beacon-ca", "beacon-pin"]),
    ("a pin that is none", {"beacon-ca": None, "beacon-pin": "00"},
     ["beacon-pin"]),
    ("no CA of the beacon", {"beacon-ca": "{bad}/none"}, ["none"]),
    ("listener without a certificate", {"listen-cert": None},
     ["--listen-cert"]),
    ("listener with another key", {"listen-key": "{pki}/broker.key"},
     ["broker.key"]),
    ("nowhere to listen", {"listen": "no-such-host.invalid"},
     ["no-such-host.invalid"]),
    ("no client token", {"client-token-file": "{bad}/none"}, ["none"]),
    ("an empty client token", {"client-token-file": "{bad}/empty"},
     ["empty"]),
    ("a client token without end", {"client-token-file": "{bad}/long"},
     ["long", "8192"]),
    ("beacons in reverse mode", {"mode": "reverse"},
     ["--beacon-address", "--mode reverse"]),
    ("reverse mode without a listener",
     {"mode": "reverse", "beacon-address": None, "beacon-ca": None},
     ["--reverse-listen"]),
    ("an option that is none", {"beacon-adress": "b:1"},
     ["beacon-adress", "beacon-address"]),
]


@pytest.mark.parametrize("label,changed,said", CASES,
                         ids=[case[0] for case in CASES])
def test_refuses_to_start(sets, label, changed, said):
    places = {"bad": sets.bad, "pki": sets.pki, "other": sets.other}
    filled = {name: value.format(**places) if value else None
              for name, value in changed.items()}
    done = subprocess.run(
        [parts.program("pharos-broker"), *broker_words(sets, **filled)],
        capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode in (1, 2), label
    for words in said:
        assert words in done.stderr, f"{label}: {done.stderr}"
    lines = done.stderr.splitlines()
    assert any(line.startswith("pharos-broker: ") for line in lines)
    assert "listening what=pods" not in done.stderr


def test_a_port_that_is_taken(sets, alone):
    done = subprocess.run(
        [parts.program("pharos-broker"),
         *broker_words(sets, listen=f"127.0.0.1:{alone.port}")],
        capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert str(alone.port) in done.stderr


def test_configuration_from_a_file(sets, tmp_path):
    words = broker_words(sets)
    file = tmp_path / "broker.yaml"
    file.write_text("".join(
        f"{name.removeprefix('--')}: {json.dumps(value)}\n"
        for name, value in zip(words[::2], words[1::2])))
    broker = sets.start("pharos-broker", "--config", file)
    broker.wait_for("listening .*what=pods")
    assert broker.end() == 0


def test_print_config_shows_no_token(sets):
    done = subprocess.run(
        [parts.program("pharos-broker"), "--print-config",
         *broker_words(sets, **{"client-token-file": sets.bad / "token"})],
        capture_output=True, text=True, check=True)
    assert "client-token-file:" in done.stdout
    assert "knock-knock" not in done.stdout


# ---- without a tunnel

def test_status_names_the_hop(sets, alone):
    alone.wait_for("target failed target=127.0.0.1:9 .*hint=")
    status = status_of(sets, alone)
    assert status["sealed"] is True
    assert status["mode"] == "beacon"
    assert status["pass_through"] is False
    assert status["tunnels"] == []
    target, = status["targets"]
    assert target["target"] == "127.0.0.1:9"
    assert target["state"] in ("resting", "waiting")
    assert "connection refused" in target["last_error"]
    assert "beacon 127.0.0.1:9" in status["last_error"]


def test_connect_is_503_with_the_reason(sets, alone):
    alone.wait_for("target failed")
    with Pod(sets, alone) as pod:
        answer = pod.connect()
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "5"
        assert answer.headers["Content-Type"] == "application/json"
        text, = errors_of(answer)
        assert text.startswith("no tunnel to the bridge: beacon 127.0.0.1:9")


def test_curl_meets_a_proxy(sets, alone):
    done = curl(sets, "-v", "--proxy", f"https://127.0.0.1:{alone.port}",
                "https://bridge.pharos/v1/sys/health")
    assert "< HTTP/1.1 503" in done.stderr
    assert done.returncode != 0


def test_not_ready_but_alive(sets, alone):
    base = f"http://127.0.0.1:{alone.health}"
    assert curl(sets, f"{base}/healthz").stdout == "ok\n"
    answer = curl(sets, "-w", "%{http_code}", f"{base}/readyz").stdout
    assert answer == "no tunnel to the bridge is up\n503"


def test_pass_through_is_off(sets, alone):
    with Pod(sets, alone) as pod:
        answer = pod.ask("GET", "/v1/secret/data/app", X_Vault_Token="s.x")
        assert answer.status == 403
        assert "--pass-through" in errors_of(answer)[0]
    assert "pass-through is on" not in alone.text()


@pytest.mark.parametrize("target", [
    "example.org:443", "bridge.pharos:8200", "127.0.0.1:443", "[::1]:443"])
def test_no_other_target(sets, alone, target):
    with Pod(sets, alone) as pod:
        answer = pod.connect(target)
        assert answer.status == 403
        assert "bridge.pharos:443" in errors_of(answer)[0]


@pytest.mark.parametrize("target, status", [
    ("/", 404), ("/v2/x", 404), ("/v1", 404)])
def test_nothing_else_is_served(sets, alone, target, status):
    with Pod(sets, alone) as pod:
        assert pod.ask("GET", target).status == status


def test_metrics_count_refusals(sets):
    broker = start(sets)
    with Pod(sets, broker) as pod:
        pod.connect("example.org:443")
    with Pod(sets, broker) as pod:
        pod.connect()
    text = curl(sets, f"http://127.0.0.1:{broker.health}/metrics").stdout
    for line in ('pharos_broker_refusals_total{reason="target"} 1',
                 'pharos_broker_refusals_total{reason="noTunnel"} 1',
                 "pharos_broker_tunnels 0", "pharos_broker_sessions 0",
                 "pharos_broker_streams 0", "pharos_broker_requests_total 0"):
        assert line in text.splitlines()
    left = {line.split()[0]: int(line.split()[1])
            for line in text.splitlines() if "certificate_expiry" in line
            and not line.startswith("#")}
    assert len(left) == 2
    assert all(80 * 86400 < seconds - time.time() <= 90 * 86400
               for seconds in left.values())
    assert broker.end() == 0


# ---- the client token

@pytest.fixture(scope="module")
def guarded(sets):
    broker = start(sets, **{"client-token-file": sets.bad / "token",
                            "pass-through": True})
    yield broker
    assert broker.end() == 0
    assert "knock-knock" not in broker.text()


@pytest.mark.parametrize("fields, status", [
    ({}, 407),
    ({"Proxy_Authorization": "Bearer wrong"}, 407),
    ({"Proxy_Authorization": "Basic knock-knock"}, 407),
    ({"Authorization": "Bearer knock-knock"}, 407),
    ({"Proxy_Authorization": "Bearer knock-knock"}, 503)])
def test_connect_with_a_client_token(sets, guarded, fields, status):
    with Pod(sets, guarded) as pod:
        answer = pod.connect(**fields)
        assert answer.status == status
        assert answer.headers.get("Proxy-Authenticate") == (
            'Bearer realm="pharos-broker"' if status == 407 else None)


@pytest.mark.parametrize("fields, status", [
    ({}, 401),
    ({"X_Vault_Token": "knock-knock"}, 401),
    ({"X_Pharos_Token": "wrong"}, 401),
    ({"X_Pharos_Token": "knock-knock"}, 503),
    ({"Authorization": "Bearer knock-knock"}, 503)])
def test_pass_through_with_a_client_token(sets, guarded, fields, status):
    with Pod(sets, guarded) as pod:
        answer = pod.ask("GET", "/v1/secret/data/app", **fields)
        assert answer.status == status
        assert answer.headers.get("WWW-Authenticate") == (
            'Bearer realm="pharos-broker"' if status == 401 else None)


def test_curl_shows_the_client_token(sets, guarded):
    done = curl(sets, "-v", "--proxy", f"https://127.0.0.1:{guarded.port}",
                "--proxy-header", "Proxy-Authorization: Bearer knock-knock",
                "https://bridge.pharos/")
    assert "< HTTP/1.1 503" in done.stderr


def test_pass_through_is_said_at_start(guarded):
    guarded.wait_for("warn .*pass-through is on")


# ---- limits

def test_too_many_requests_at_once_in_time(sets):
    broker = start(sets)
    codes = curl(sets, "-o", "/dev/null", "-w", "%{http_code}\n",
                 f"https://127.0.0.1:{broker.port}/v1/status?[1-150]") \
        .stdout.split()
    assert set(codes) == {"200", "429"}
    assert codes[:100] == ["200"] * 100
    with Pod(sets, broker, source="127.0.0.2") as other:
        assert other.ask("GET", "/v1/status").status == 200
    metrics = curl(sets, f"http://127.0.0.1:{broker.health}/metrics").stdout
    refused = codes.count("429")
    assert f'refusals_total{{reason="rate"}} {refused}\n' in metrics
    assert broker.end() == 0


def test_too_many_sessions_of_one_pod(tmp_path):
    """Eight at once; the ninth is told so; another pod is served."""
    with parts.Lab(tmp_path) as lab:
        lab.make_certificates()
        beacon, store = lab.start_beacon(), lab.start_devstore()
        lab.start_bridge(store.port, beacon.port)
        broker = lab.start_broker(beacon.port)
        broker.wait_for("tunnel up", 20)
        pods = [Pod(lab, broker) for _ in range(LIMIT_STREAMS + 1)]
        codes = [pod.connect().status for pod in pods]
        assert codes == [200] * LIMIT_STREAMS + [429]
        with Pod(lab, broker, source="127.0.0.2") as other:
            assert other.connect().status == 200
        for pod in pods:
            pod.socket.close()
        assert broker.end() == 0


# ---- many at once, and the way goes

def gauges(lab, broker):
    text = curl(lab, f"http://127.0.0.1:{broker.health}/metrics").stdout
    return {line.rpartition(" ")[0].removeprefix("pharos_broker_"):
            float(line.rpartition(" ")[2])
            for line in text.splitlines() if not line.startswith("#")}


def until_gauge(lab, broker, name, value, seconds=20):
    """Ask again until it is so: a session's end is counted, not logged."""
    deadline = time.monotonic() + seconds
    while (now := gauges(lab, broker))[name] != value:
        assert time.monotonic() < deadline, now
    return now


class Crowd(threading.Thread):
    """Pods one after the other, each from an address of its own: a sealed
    session is opened and something sent into it; what comes back is not looked
    at."""

    def __init__(self, lab, broker, line):
        super().__init__()
        self.lab, self.broker, self.line = lab, broker, line
        self.seen = []
        self.some = threading.Event()  # have been served
        self.start()

    def run(self):
        for number in range(1, 61):
            try:
                with Pod(self.lab, self.broker,
                         f"127.{self.line}.0.{number}") as pod:
                    self.seen.append(pod.connect().status)
                    pod.socket.sendall(os.urandom(2000))
            except OSError:
                self.seen.append(None)
            if number == 10:
                self.some.set()


def test_many_pods_while_the_beacon_goes(tmp_path):
    with parts.Lab(tmp_path) as lab:
        lab.make_certificates()
        beacon, store = lab.start_beacon(), lab.start_devstore()
        lab.start_bridge(store.port, beacon.port)
        broker = lab.start_broker(beacon.port)
        broker.health = lab.port_of(broker, "health")
        broker.wait_for("tunnel up", 20)
        crowds = [Crowd(lab, broker, line) for line in range(1, 7)]
        for crowd in crowds:
            assert crowd.some.wait(30)
        mark = broker.mark()
        beacon.kill()
        broker.wait_for("tunnel gone", 20, mark)
        lab.start_beacon(beacon.port)
        broker.wait_for("tunnel up", 40, mark)
        for crowd in crowds:
            crowd.join(60)
        seen = sum((crowd.seen for crowd in crowds), [])
        assert set(seen) <= {200, 503, None}
        assert seen.count(200) >= 60
        with Pod(lab, broker) as pod:
            assert pod.connect().status == 200
        left = until_gauge(lab, broker, "sessions", 0)
        assert left["streams"] == 0
        assert left["sessions_total"] >= seen.count(200)
        assert left["tunnels"] == 1
        assert broker.end() == 0


# ---- what comes in

@pytest.mark.parametrize("bytes_in", [
    b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff",
    os.urandom(5000), b""], ids=["plain HTTP", "half a hello", "garbage",
                                 "nothing"])
def test_what_is_not_tls_is_dropped(sets, alone, bytes_in):
    with socket.create_connection(("127.0.0.1", alone.port), 5) as plain:
        plain.sendall(bytes_in)
        plain.shutdown(socket.SHUT_WR)
        try:
            while plain.recv(4096):
                pass
        except ConnectionResetError:
            pass
    assert status_of(sets, alone)["mode"] == "beacon"


def test_a_request_smuggled_behind_connect_is_not_served(sets, alone):
    with Pod(sets, alone) as pod:
        pod.socket.sendall(b"CONNECT bridge.pharos:443 HTTP/1.1\r\n"
                           b"Host: bridge.pharos:443\r\n\r\n"
                           b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
        said = b""
        while chunk := pod.socket.recv(4096):
            said += chunk
        assert said.startswith(b"HTTP/1.1 503")
        assert b'"mode"' not in said


# ---- its end

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_in_order(sets, number):
    broker = start(sets)
    with Pod(sets, broker) as idle:
        broker.signal(number)
        assert broker.wait() == 0
        assert idle.socket.recv(10) == b""


def test_ends_with_an_answer_that_nobody_reads(sets):
    """Many answers asked for and none read: they are dropped at the end."""
    broker = start(sets)
    context = ssl.create_default_context(cafile=str(sets.server_ca))
    pods = []
    for i in range(20):
        plain = socket.create_connection(
            ("127.0.0.1", broker.port), 15,
            source_address=(f"127.0.0.{i + 2}", 0))
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        pod = context.wrap_socket(plain, server_hostname="127.0.0.1")
        pod.sendall(b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n" * 90)
        pods.append(pod)
    assert status_of(sets, broker)["mode"] == "beacon"
    assert broker.end() == 0
    for pod in pods:
        pod.close()


@pytest.mark.parametrize("hard, warned", [(512, True), (8192, False)])
def test_descriptors_are_raised(sets, hard, warned):
    broker = Process("pharos-broker", [
        "prlimit", f"--nofile=256:{hard}", parts.program("pharos-broker"),
        *broker_words(sets)])
    try:
        broker.wait_for("listening .*what=pods")
        assert ("few descriptors" in broker.text()) is warned
        limits = open(f"/proc/{broker.pid}/limits", encoding="ascii").read()
        files, = [line for line in limits.splitlines()
                  if line.startswith("Max open files")]
        assert files.split()[3:5] == [str(hard), str(hard)]
    finally:
        assert broker.end() == 0


def test_has_no_privileges(sets, alone):
    text = open(f"/proc/{alone.pid}/status", encoding="ascii").read()
    fields = dict(line.split(":\t", 1) for line in text.splitlines())
    assert fields["CapPrm"] == fields["CapEff"] == "0" * 16
    assert fields["NoNewPrivs"] == "1"
    alone.wait_for("isolated .*undumpable=true no_new_privileges=true")
