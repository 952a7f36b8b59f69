"""The bridge: what it lets pass, what a client meets when the store is no good,
and what it refuses at its start."""
import hashlib
import http.client
import json
import ssl
import subprocess

import pytest

from lab import parts
from lab.badstore import BadStore


class Client:
    """A store's client at the broker's pass-through."""

    def __init__(self, lab, broker, token="s.client-token"):
        self.connection = http.client.HTTPSConnection(
            "127.0.0.1", broker.port, timeout=50,
            context=ssl.create_default_context(cafile=lab.server_ca))
        self.token = token

    def call(self, method, path, body=None, **headers):
        headers = {name.replace("_", "-"): value
                   for name, value in headers.items()}
        headers.setdefault("X-Vault-Token", self.token)
        self.connection.request(method, f"/v1/{path}", body, headers)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        return answer, json.loads(text) if text.strip() else None

    def get(self, path, **headers):
        answer, body = self.call("GET", path, **headers)
        return answer.status, body


class Way:
    """A client, a broker, a beacon and a bridge, to some store."""

    def __init__(self, lab, store, *words):
        self.lab = lab
        self.beacon = lab.start_beacon()
        self.bridge = self.start_bridge(store, *words)
        self.broker = lab.start_broker(self.beacon.port, "--pass-through")
        self.broker.wait_for("tunnel up", 15)
        self.client = Client(lab, self.broker)

    def start_bridge(self, store, *words):
        lab = self.lab
        return lab.start(
            "pharos-bridge", "--vault-addr", store, "--beacon-address",
            f"127.0.0.1:{self.beacon.port}", "--beacon-ca", lab.server_ca,
            "--beacon-info-hash", lab.info_hash, "--health-addr",
            "127.0.0.1:0", "--log-level", "debug",
            *lab.tunnel_words("bridge"), *words)

    def page(self, path):
        pages = http.client.HTTPConnection(
            "127.0.0.1", parts.Lab.port_of(self.bridge, "health"), timeout=10)
        pages.request("GET", path)
        return pages.getresponse().read().decode()


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    with parts.Lab(tmp_path_factory.mktemp("bad")) as lab, BadStore() as store:
        lab.make_certificates()
        way = Way(lab, store.address, "--vault-namespace", "ct/fp01",
                  "--allow-path", "secret/", "--allow-path", "db/creds/app",
                  "--auth-mount", "ct-x")
        way.store = store
        yield way


# ---- a store that is no good: status and words for the client, by what it does

ANSWERS = [
    ("403", 403, "403 permission denied"),
    ("404", 404, "404 not found"),
    ("429", 429, "429 too many requests: slow down"),
    ("500", 500, "500 internal error"),
    ("503", 503, "503 sealed or not ready: Vault is sealed"),
    ("html", 502, "18 bytes of text/html, which is not how the store answers"),
    ("html-403", 502, "which is not how the store answers"),
    ("html-502", 503, "which is not how the store answers"),
    ("empty", 502, "200 empty answer"),
    ("empty-500", 503, "500 internal error, without a word on why"),
    ("cut-json", 502, "which is not how the store answers"),
    ("array", 502, "which is not how the store answers"),
    ("redirect", 502, "which is not how the store answers"),
    ("large", 502, "larger than"),
    ("nothing", 502, "the connection broke"),
    ("reset", 502, "the connection broke"),
    ("half-head", 502, "store http://127.0.0.1"),
    ("half-body", 502, "the connection broke"),
    ("garbage", 502, "store http://127.0.0.1"),
]


@pytest.mark.parametrize("name,status,words", ANSWERS,
                         ids=[row[0] for row in ANSWERS])
def test_bad_answers(bad, name, status, words):
    seen, body = bad.client.get(f"secret/data/{name}")
    text = body["errors"][0]
    assert seen == status, text
    assert words in text
    assert bad.store.address in text
    assert bad.client.get("secret/data/good")[0] == 200


def test_retry_after_passes(bad):
    answer, _ = bad.client.call("GET", "secret/data/429")
    assert answer.getheader("Retry-After") == "7"


def test_hanging_stores_hold_up_nobody(bad):
    others = [Client(bad.lab, bad.broker) for _ in range(4)]
    for number, client in enumerate(others):
        client.connection.request(
            "GET", f"/v1/secret/data/{'hang' if number % 2 else 'drip'}",
            headers={"X-Vault-Token": "s.t"})
    assert bad.client.get("secret/data/good")[0] == 200
    for client in others:
        client.connection.close()


# ---- what crosses

def test_only_the_token_crosses(bad):
    bad.store.seen.clear()
    status, _ = bad.client.get(
        "s%65cret/data/a%20b?version=3", X_Forwarded_For="10.9.8.7",
        Cookie="x=y", User_Agent="curl", X_Vault_Request="false")
    assert status == 200
    (method, path, headers), = bad.store.seen
    assert (method, path) == ("GET", "/v1/secret/data/a%20b?version=3")
    headers = {name.lower(): value for name, value in headers.items()}
    assert headers.pop("user-agent").startswith("pharos-bridge/")
    assert headers == {
        "host": bad.store.address.removeprefix("http://"), "accept": "*/*",
        "x-vault-token": "s.client-token", "x-vault-request": "true",
        "x-vault-namespace": "ct/fp01"}


def test_nothing_comes_back_but_the_answer(bad):
    answer, _ = bad.client.call("GET", "secret/data/cookie")
    assert answer.getheader("Set-Cookie") is None
    assert answer.getheader("Cache-Control") == "no-store"


REFUSALS = [
    ("GET", "kv/data/a", {}, "outside"),
    ("GET", "db/creds/admin", {}, "outside"),
    ("GET", "sys/mounts", {}, "operation"),
    ("POST", "secret/data/a", {}, "operation"),
    ("DELETE", "secret/data/a", {}, "operation"),
    ("POST", "auth/token/create", {}, "operation"),
    ("POST", "auth/jwt/login", {}, "mount"),
    ("GET", "secret/../sys/mounts", {}, "path"),
    ("GET", "secret/%2e%2e/sys/mounts", {}, "path"),
    ("GET", "secret%2fdata/a", {}, "path"),
    ("GET", "secret//data/a", {}, "path"),
    ("GET", "secret/data/a?list=yes", {}, "query"),
    ("GET", "secret/data/a", {"X_Vault_Namespace": "other"}, "namespace"),
    ("GET", "secret/data/a", {"X_Vault_Wrap_TTL": "60s"}, "header"),
    ("GET", "secret/data/a", {"X_Vault_Token": "two words"}, "token"),
]


def counted(page, reason):
    row = f'pharos_bridge_requests_total{{verdict="{reason}"}} '
    return int(next(line for line in page.splitlines()
                    if line.startswith(row)).removeprefix(row))


@pytest.mark.parametrize("method,path,headers,reason", REFUSALS)
def test_refused_before_the_store(bad, method, path, headers, reason):
    before = counted(bad.page("/metrics"), reason)
    bad.store.seen.clear()
    answer, body = bad.client.call(method, path, **headers)
    assert answer.status == 403
    assert "refused" in body["errors"][0]
    assert not bad.store.seen
    assert counted(bad.page("/metrics"), reason) == before + 1


def test_dynamic_reads(bad):
    assert bad.client.get("db/creds/app")[0] == 200


def test_logins_are_written_anew(bad):
    answer, _ = bad.client.call(
        "POST", "auth/ct-x/login", '{ "jwt":"a.b.c" , "role":"r"}')
    assert answer.status == 200
    answer, _ = bad.client.call(
        "POST", "auth/ct-x/login", '{"jwt":"a.b.c","policies":["root"]}')
    assert answer.status == 400


def test_ready_and_metrics(bad):
    assert bad.page("/readyz") == "ok\n"
    page = bad.page("/metrics")
    for name in ("pharos_bridge_tunnels 1",
                 'pharos_bridge_store_calls_total{result="answered"}',
                 "pharos_bridge_certificate_expiry_timestamp_seconds"):
        assert name in page


def test_no_token_in_the_log(bad):
    bad.client.get("secret/data/403")
    assert "s.client-token" not in bad.bridge.text()
    assert "a.b.c" not in bad.bridge.text()


# ---- trust in the store

@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with parts.Lab(tmp_path_factory.mktemp("real")) as lab:
        lab.make_certificates()
        lab.devstore = lab.start_devstore()
        lab.store.write_secret("app", {"password": "one"})
        yield lab


def read_through(lab, *words):
    way = Way(lab, f"https://127.0.0.1:{lab.devstore.port}", *words)
    way.client.token = lab.store.token
    return way, *way.client.get("secret/data/app")


def pin_of(cert):
    key = subprocess.run(["openssl", "x509", "-in", cert, "-noout", "-pubkey"],
                         check=True, capture_output=True).stdout
    spki = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"],
                          input=key, check=True, capture_output=True).stdout
    return hashlib.sha256(spki).hexdigest()


def test_ca(real):
    _, status, body = read_through(real, "--vault-ca", real.server_ca)
    assert status == 200 and body["data"]["data"] == {"password": "one"}


def test_pin(real):
    pin = pin_of(real.lab_pki / "store.crt")
    _, status, _ = read_through(real, "--vault-pin", pin)
    assert status == 200


TRUST = [
    ("another CA", lambda lab: ("--vault-ca", lab.pki / "ca.crt")),
    ("the system's roots", lambda lab: ()),
    ("another pin", lambda lab: ("--vault-pin", "00" * 32)),
    ("the right pin of the wrong CA", lambda lab: (
        "--vault-ca", lab.pki / "ca.crt",
        "--vault-pin", pin_of(lab.lab_pki / "store.crt"))),
]


@pytest.mark.parametrize("label,words", TRUST, ids=[row[0] for row in TRUST])
def test_untrusted(real, label, words):
    way, status, body = read_through(real, *words(real))
    assert status == 502, label
    assert "TLS" in body["errors"][0]
    way.bridge.wait_for("store failed")


def test_store_goes_and_comes_back(real, tmp_path):
    token = tmp_path / "token"
    token.write_text("a-token-of-ours\n")
    token.chmod(0o600)
    words = ["--root-token-file", token]
    store = real.start("pharos-devstore", "--listen", "127.0.0.1:0", *words)
    port = real.port_of(store, "api")
    way = Way(real, f"http://127.0.0.1:{port}")
    way.client.token = "a-token-of-ours"
    assert way.client.get("secret/data/x")[0] == 404
    store.kill()
    status, body = way.client.get("secret/data/x")
    assert status == 502 and "cannot be reached" in body["errors"][0]
    assert way.page("/readyz") == "ok\n"
    store = real.start("pharos-devstore", "--listen", f"127.0.0.1:{port}",
                       *words)
    real.port_of(store, "api")
    assert way.client.get("secret/data/x")[0] == 404


# ---- at the start

START = [
    ("plain HTTP on a network", {"--vault-addr": "http://store:8200"}, 1,
     "plain HTTP is for loopback only"),
    ("no URL", {"--vault-addr": "store:8200"}, 1, "--vault-addr store:8200"),
    ("its API's path", {"--vault-addr": "https://store/v1"}, 1,
     "Leave out /v1"),
    ("no such CA", {"--vault-ca": "/nowhere.pem"}, 1, "/nowhere.pem"),
    ("a bad pin", {"--vault-pin": "xyz"}, 1, "64 hex digits"),
    ("sys/ allowed", {"--allow-path": "sys/"}, 1, "never passed on"),
    ("a path that goes up", {"--allow-path": "a/../b"}, 1, "--allow-path"),
    ("the token mount", {"--auth-mount": "token"}, 1, "--auth-mount token"),
    ("another info hash", {"--beacon-info-hash": "ab" * 32}, 1, "info"),
    ("half an info hash", {"--beacon-info-hash": "abcd"}, 1, "info"),
    ("no store", {"--vault-addr": None}, 2, "vault-addr"),
    ("no beacon", {"--beacon-address": None}, 2, "beacon-address"),
    ("reverse without a broker",
     {"--mode": "reverse", "--beacon-address": None}, 2, "broker-address"),
]


@pytest.mark.parametrize("label,changes,code,words", START,
                         ids=[row[0] for row in START])
def test_start_refused(real, label, changes, code, words):
    options = {"--vault-addr": "https://127.0.0.1:1",
               "--beacon-address": "127.0.0.1:1",
               "--beacon-info-hash": real.info_hash}
    options.update(changes)
    line = [word for name, value in options.items() if value is not None
            for word in (name, value)]
    done = subprocess.run(
        [parts.program("pharos-bridge"), *line,
         *map(str, real.tunnel_words("bridge"))],
        text=True, capture_output=True, check=False, timeout=10)
    assert done.returncode == code, (label, done.stderr)
    assert words in done.stderr
    assert len(done.stderr.splitlines()) <= 3
