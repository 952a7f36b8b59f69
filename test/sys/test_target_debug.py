"""`pharos target debug`: each hop of a broker's way broken in turn, and that one
is named."""
import base64
import contextlib
import hashlib
import http.server
import json
import os
import socket
import ssl
import struct
import subprocess
import threading

import pytest

from lab import parts, ports
from lab.beaconpeer import (ERROR, LISTEN, PAIRED, PING, PONG, Ended, Peer,
                            Reset, frame, outer_context)
from lab.parts import program

pytestmark = pytest.mark.skipif(
    "target" not in subprocess.run(
        [program("pharos"), "--help"], text=True, capture_output=True,
        check=False).stdout,
    reason="a release without libcurl")

HOPS = ["dns", "tcp", "proxy", "outer tls", "hello", "pairing", "inner tls",
        "pin", "role"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with parts.Lab(tmp_path_factory.mktemp("debug")) as made:
        made.make_certificates()
        made.other_pki = made.folder / "other"
        made.pharos("pki", "init", "--dir", made.other_pki)
        made.beacon = made.start_beacon()
        yield made


def join_string(lab, *beacons):
    """By doc/wire/boot.md."""
    pem = (lab.pki / "ca.crt").read_text()
    der = ssl.PEM_cert_to_DER_cert(pem)
    body = bytes([len(beacons)])
    for text in (*map(str.encode, beacons), der):
        body += struct.pack(">H", len(text)) + text
    prefix = b"pharos-join-v1."
    body += hashlib.sha256(prefix + body).digest()[:4]
    return (prefix + base64.urlsafe_b64encode(body).rstrip(b"=")).decode()


def run(*words, **env):
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith("PHAROS_")
             and not name.lower().endswith("_proxy")}
    return subprocess.run(
        [str(program("pharos")), "target", "debug", *map(str, words)],
        text=True, capture_output=True, check=False, timeout=90,
        stdin=subprocess.DEVNULL, env={**clean, **env})


def debug(lab, beacon, *words, join=False, **env):
    """Return {hop: its row} of one beacon."""
    where = ["--join", join_string(lab, beacon)] if join else [
        "--tls-ca", lab.pki / "ca.crt", "--beacon-address", beacon]
    done = run(*where, "--beacon-ca", lab.server_ca, "-o", "json", *words,
               **env)
    [chain] = json.loads(done.stdout)
    assert [row["hop"] for row in chain["hops"]] == HOPS
    assert chain["about"] == f"beacon {beacon}"
    assert done.returncode == (0 if chain["good"] else 1)
    return {row["hop"]: row for row in chain["hops"]}


def assert_broken(rows, hop):
    """All before @hop is good, it has failed, nothing behind was reached."""
    at = HOPS.index(hop)
    for name in HOPS[:at]:
        assert rows[name]["state"] in ("good", "skipped"), rows[name]
    assert rows[hop]["state"] == "failed", rows
    assert rows[hop]["seen"] and rows[hop]["expected"] and \
        rows[hop]["remedy"]
    for name in HOPS[at + 1:]:
        assert rows[name] == {"hop": name, "state": "not reached"}
    return rows[hop]


class Waiting:
    """Somebody who waits at the beacon under our info hash, and then is a TLS
    server with a certificate of his choice."""

    def __init__(self, lab, cert, key, alpn):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        self.context.set_alpn_protocols([alpn])
        self.peer = Peer(lab.beacon.port, outer_context(lab.server_ca))
        self.peer.hello(LISTEN, bytes.fromhex(lab.info_hash)).waits()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        try:
            kind = None
            while kind != PAIRED:
                kind, body = self.peer.read_frame()
                if kind == PING:
                    self.peer.send(frame(PONG, body))
            self.answer()
        except (Ended, Reset, ssl.SSLError, OSError):
            pass

    def answer(self):
        come, go = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context.wrap_bio(come, go, server_side=True)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.peer.send(go.read())
                come.write(self.peer.read_some())
            except ssl.SSLError:
                self.peer.send(go.read())
                raise
        self.peer.send(go.read())
        while True:
            come.write(self.peer.read_some())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):  # gone already
            self.peer.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.peer.socket.close()


def at(lab):
    return f"127.0.0.1:{lab.beacon.port}"


# ---- all is well

def test_a_bridge_with_certificates_in_files(lab):
    bridge = lab.start_bridge(1, lab.beacon.port)
    try:
        bridge.wait_for("registered|waiting|beacon")
        rows = debug(lab, at(lab))
        assert [rows[hop]["state"] for hop in HOPS] == \
            ["good", "good", "skipped"] + ["good"] * 6
        assert lab.info_hash in rows["hello"]["seen"]
        assert rows["role"]["seen"].startswith("bridge ")
    finally:
        bridge.end()


def test_a_bridge_that_takes_brokers_which_join(lab):
    with Waiting(lab, lab.pki / "bridge.crt", lab.pki / "bridge.key",
                 "pharos-boot/1"):
        rows = debug(lab, at(lab), join=True)
    assert rows["role"]["state"] == "good"


# ---- each hop broken

def test_a_name_that_nobody_has(lab):
    row = assert_broken(debug(lab, "nobody.invalid:443"), "dns")
    assert "nobody.invalid" in row["seen"] or "name server" in row["seen"]


def test_a_port_where_nobody_listens(lab):
    port = ports.free(1)
    row = assert_broken(debug(lab, f"127.0.0.1:{port}"), "tcp")
    assert "refused" in row["seen"]
    assert "outbound TCP" in row["usually"]


class Proxy(http.server.BaseHTTPRequestHandler):
    def do_CONNECT(self):
        self.send_error(403, "not that one")

    def log_message(self, *_):
        pass


def test_a_proxy_that_lets_nobody_through(lab):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        row = assert_broken(
            debug(lab, "beacon.example:443", "--egress-proxy", url), "proxy")
        assert "403" in row["seen"] and "CONNECT" in row["usually"]
        assert_broken(debug(lab, "beacon.example:443", HTTPS_PROXY=url),
                      "proxy")
    finally:
        server.shutdown()
        server.server_close()


def test_a_beacon_with_a_certificate_of_another_ca(lab):
    row = assert_broken(
        debug(lab, at(lab), "--beacon-ca", lab.other_pki / "ca.crt"),
        "outer tls")
    assert "--beacon-ca" in row["usually"]


def test_something_else_than_a_beacon(lab):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer():
            with server.accept()[0] as first:  # the hop "tcp", kept for TLS
                first.recv(10)
                first.sendall(b"220 mail.example ESMTP\r\n")
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        assert_broken(debug(lab, f"127.0.0.1:{port}"), "outer tls")
        thread.join(10)


def test_a_beacon_that_sends_us_away(lab):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(lab.lab_pki / "beacon.crt",
                            lab.lab_pki / "beacon.key")
    context.set_alpn_protocols(["beacon/1"])
    limit = struct.pack(">HI", 1, 5000) + b"too many"

    def serve(server):
        for _ in range(2):  # the hop "outer tls" has a connection of its own
            with context.wrap_socket(server.accept()[0], server_side=True) \
                    as leg:
                if leg.recv(4096):
                    leg.sendall(frame(ERROR, limit))
                    leg.unwrap()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        row = assert_broken(
            debug(lab, f"127.0.0.1:{server.getsockname()[1]}"), "hello")
        thread.join(10)
    assert "too many" in row["seen"]


def test_nobody_waits(lab):
    row = assert_broken(debug(lab, at(lab), "--wait", "1s"), "pairing")
    assert "Start the bridge" in row["usually"]


def test_a_bridge_that_takes_no_joining(lab):
    with Waiting(lab, lab.pki / "bridge.crt", lab.pki / "bridge.key",
                 "pharos-tunnel/1"):
        assert_broken(debug(lab, at(lab), join=True), "inner tls")


def test_a_bridge_of_another_realm(lab):
    with Waiting(lab, lab.other_pki / "bridge.crt",
                 lab.other_pki / "bridge.key", "pharos-boot/1"):
        row = assert_broken(debug(lab, at(lab), join=True), "pin")
    assert "pharos source register" in row["usually"]


def test_a_broker_in_place_of_the_bridge(lab):
    with Waiting(lab, lab.pki / "broker.crt", lab.pki / "broker.key",
                 "pharos-boot/1"):
        assert_broken(debug(lab, at(lab), join=True), "pin")


def test_another_role_under_the_bridges_name(lab):
    """Of the right CA, and with the name that a bridge has: the role decides."""
    subprocess.run(
        [str(parts.program("pharos")), "pki", "issue", "--dir", lab.pki,
         "--role", "broker", "--name", "false-bridge", "--host",
         "bridge.pharos"], check=True, capture_output=True)
    with Waiting(lab, lab.pki / "false-bridge.crt",
                 lab.pki / "false-bridge.key", "pharos-boot/1"):
        row = assert_broken(debug(lab, at(lab), join=True), "role")
    assert "role" in row["seen"] and "Not a bridge" in row["usually"]


# ---- how it is said

def test_for_people(lab):
    port = ports.free(1)
    done = run("--join", join_string(lab, at(lab), f"127.0.0.1:{port}"),
               "--beacon-ca", lab.server_ca, "--wait", "1s")
    assert done.returncode == 1
    first, second = done.stdout.split(f"beacon 127.0.0.1:{port}\n")
    assert first.startswith(f"beacon {at(lab)}\n  good         dns ")
    assert "  FAILED       pairing " in first
    assert "  not reached  inner tls" in first
    assert "    expected  a bridge waits there" in first
    assert "    usually   Start the bridge" in first
    assert "  FAILED       tcp " in second
    assert "pharos target debug: beacon" in done.stderr
    assert "pairing has failed" in done.stderr


def test_the_join_string_from_a_file(lab, tmp_path):
    file = tmp_path / "join"
    file.write_text(join_string(lab, at(lab)) + "\n")
    done = run("--join-file", file, "--beacon-ca", lab.server_ca, "--wait",
               "1s", "-o", "json", "--beacon-info-hash", lab.info_hash)
    [chain] = json.loads(done.stdout)
    assert chain["hops"][4]["state"] == "good"


MISUSES = [
    ((), 2, "which bridge?"),
    (("--join", "pharos-join-v1.AAAA"), 1, "join string"),
    (("--join", "nonsense"), 1, "join string"),
    (("--join", "a", "--join-file", "b"), 2, "one or the other"),
    (("--join-file", "/nonexistent"), 1, "/nonexistent"),
    (("--tls-ca", "CA"), 2, "no beacon"),
    (("--tls-ca", "CA", "--beacon-address", "x"), 2, "not an address"),
    (("--tls-ca", "CA", "--beacon-address", "a:1", "--beacon-info-hash",
      "00"), 1, "is not that of this CA"),
    (("--broker", "nonsense"), 2, "not a URL"),
    (("--tls-ca", "CA", "--token-file", "x"), 2, "needs --broker"),
    (("--broker", "https://a:1", "--token-file", "x"), 2,
     "needs the bridge's CA"),
    (("--broker", "https://a", "--token-file", "x", "--tls-ca", "CA"), 2,
     "a pod cannot use it"),
]


@pytest.mark.parametrize("words,status,want", MISUSES,
                         ids=[" ".join(row[0]) or "nothing"
                              for row in MISUSES])
def test_misuse(lab, words, status, want):
    done = run(*(lab.pki / "ca.crt" if word == "CA" else word
                 for word in words))
    assert done.returncode == status, done.stderr
    assert want in done.stderr and done.stdout == ""


# ---- a broker that runs

BROKER_HOPS = ["dns", "tcp", "proxy", "tls", "status", "tunnel", "connect",
               "sealed tls", "pin", "role", "login", "read"]


class Running:
    """Store, bridge and broker, and a pod's token."""

    def __init__(self, lab):
        self.lab = lab
        store = lab.start_devstore()
        self.cluster = lab.make_cluster()
        self.audience = f"pharos:{lab.info_hash}"
        lab.store.trust_cluster(self.cluster, self.audience, "team-a/*")
        lab.store.write_secret("team-a/db", {"password": "hidden-value"})
        self.client_token = lab.folder / "client-token"
        self.client_token.write_text("for-the-broker")
        self.client_token.chmod(0o600)
        self.bridge = lab.start_bridge(store.port, lab.beacon.port)
        self.broker = lab.start_broker(
            lab.beacon.port, "--client-token-file", self.client_token)
        self.broker.wait_for("tunnel up")

    def token(self, audience=None):
        path = self.lab.folder / "jwt"
        path.write_text(self.cluster.token(audience or self.audience))
        return path

    def rows(self, *words, ca=None):
        done = run("--broker", f"https://127.0.0.1:{self.broker.port}",
                   "--broker-ca", ca or self.lab.server_ca, "-o", "json",
                   *words)
        assert done.stdout, done.stderr
        assert "hidden-value" not in done.stdout + done.stderr
        chain = json.loads(done.stdout)[-1]
        assert [row["hop"] for row in chain["hops"]] == BROKER_HOPS
        assert done.returncode == (0 if chain["good"] else 1)
        return {row["hop"]: row for row in chain["hops"]}

    def pod(self, *words, token=None, ca=None):
        return self.rows(
            "--tls-ca", ca or self.lab.pki / "ca.crt", "--token-file",
            token or self.token(), "--broker-token-file", self.client_token,
            *words)


@pytest.fixture(scope="module")
def running(lab):
    made = Running(lab)
    yield made
    made.broker.end()
    made.bridge.end()


def assert_broker_broken(rows, hop):
    at = BROKER_HOPS.index(hop)
    for name in BROKER_HOPS[:at]:
        assert rows[name]["state"] in ("good", "skipped"), rows[name]
    assert rows[hop]["state"] == "failed", rows
    for name in BROKER_HOPS[at + 1:]:
        assert rows[name] == {"hop": name, "state": "not reached"}
    return rows[hop]


def test_a_broker(running):
    rows = running.rows()
    assert [rows[hop]["state"] for hop in BROKER_HOPS] == \
        ["good", "good", "skipped", "good", "good", "good"] + ["skipped"] * 6
    assert rows["status"]["seen"] == "sessions of pods are sealed"


def test_what_a_pod_does_there(running):
    rows = running.pod("--path", "secret/team-a/db")
    assert [rows[hop]["state"] for hop in BROKER_HOPS] == \
        ["good", "good", "skipped"] + ["good"] * 9
    assert rows["login"]["seen"] == "as team-a.web"
    assert rows["read"]["seen"] == "secret/data/team-a/db: 1 fields"
    assert running.pod()["read"]["state"] == "skipped"


def test_a_broker_with_a_certificate_of_another_ca(running):
    assert_broker_broken(running.rows(ca=running.lab.pki / "ca.crt"), "tls")


def test_a_broker_that_wants_a_token(running):
    rows = running.rows("--tls-ca", running.lab.pki / "ca.crt",
                        "--token-file", running.token())
    row = assert_broker_broken(rows, "connect")
    assert "407" in row["seen"] and "--broker-token-file" in row["usually"]


def test_a_bridge_of_another_ca_behind_the_broker(running):
    assert_broker_broken(
        running.pod(ca=running.lab.other_pki / "ca.crt"), "pin")


def test_a_token_for_another_audience(running):
    row = assert_broker_broken(
        running.pod(token=running.token("pharos:other")), "login")
    assert "audience" in row["seen"]


@pytest.mark.parametrize("path,status", [
    ("secret/team-b/db", "403"), ("secret/team-a/none", "404")])
def test_a_secret_that_the_pod_does_not_get(running, path, status):
    row = assert_broker_broken(running.pod("--path", path), "read")
    assert status in row["seen"]


def test_a_broker_without_its_bridge(running):
    mark = running.broker.mark()
    running.bridge.end()
    running.broker.wait_for("tunnel (gone|ended|down|lost)", since=mark)
    row = assert_broker_broken(running.rows(), "tunnel")
    assert "join string" in row["usually"]
