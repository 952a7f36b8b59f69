"""`pharos target validate`: what a store has for one cluster, each part taken
away or spoilt in turn, and that hop is named. On the development store and on a
real OpenBao."""
import contextlib
import hashlib
import http.server
import json
import os
import ssl
import subprocess
import threading
import time

import pytest
from cryptography.hazmat.primitives import serialization

from lab import parts, peers, ports
from lab.cluster import KubeApi
from lab.parts import program

pytestmark = pytest.mark.skipif(
    "target" not in subprocess.run(
        [program("pharos"), "--help"], text=True, capture_output=True,
        check=False).stdout,
    reason="a release without libcurl")

HOPS = ["dns", "tcp", "proxy", "tls", "health", "seal", "token", "namespace",
        "record", "ca", "jwt mount", "keys", "role", "claims", "path"]
BROKER = "system:serviceaccount:pharos-system:pharos-broker"


def run(*words, **env):
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith(("PHAROS_", "KUBE"))
             and not name.lower().endswith("_proxy")}
    return subprocess.run(
        [str(program("pharos")), *map(str, words)], text=True,
        capture_output=True, check=False, timeout=90,
        stdin=subprocess.DEVNULL,
        env={**clean, "HOME": "/nonexistent", **env})


def pem(key):
    return key.private.public_key().public_bytes(
        serialization.Encoding.PEM,
        serialization.PublicFormat.SubjectPublicKeyInfo).decode()


class Registered:
    """A cluster as register, bridge and grant leave it in a store."""

    def __init__(self, lab, api, real):
        process = lab.start_openbao() if real else lab.start_devstore()
        self.lab, self.api, self.store = lab, api, lab.store
        self.address = f"https://127.0.0.1:{process.port}"
        config = lab.folder / "kubeconfig"
        config.write_text(json.dumps(api.kubeconfig(
            {"token": "admin-token"})))
        self.kubeconfig = config
        shown = json.loads(run("target", "fingerprint", "--kubeconfig",
                               config, "-o", "json").stdout)
        self.fingerprint = shown["canonical"]
        self.space = f"cloudtaser/{self.fingerprint[:8]}"
        self.version = 0
        self.make()

    def at(self, path):
        return f"{self.space}/{path}"

    def must(self, method, path, body=None):
        return self.store.must(method, self.at(path), body)

    def make(self):
        self.store.must("POST", "sys/namespaces/cloudtaser", {})
        self.store.must("POST", "cloudtaser/sys/namespaces/"
                        + self.fingerprint[:8], {})
        for mount in ("pharos", "secret"):
            self.must("POST", f"sys/mounts/{mount}",
                      {"type": "kv", "options": {"version": "2"}})
        self.must("POST", "sys/mounts/pharos-pki", {"type": "pki"})
        made = self.must("POST", "pharos-pki/root/generate/internal", {
            "common_name": "bridge CA", "exclude_cn_from_sans": True,
            "key_type": "ec", "ttl": "700h"})
        der = ssl.PEM_cert_to_DER_cert(made["data"]["certificate"])
        self.realm = hashlib.sha256(der).hexdigest()
        self.must("POST", "sys/auth/jwt", {"type": "jwt"})
        self.put_keys()
        self.put_record("active")
        self.grant("web", "secret/team-a/db")

    def put_keys(self, **changed):
        self.must("POST", "auth/jwt/config", {
            "jwt_validation_pubkeys": [
                pem(key) for key in self.api.state.keys],
            "bound_issuer": self.api.state.issuer,
            "jwt_supported_algs": ["ES256", "RS256"], **changed})

    def put_record(self, state, **changed):
        now = int(time.time())
        record = {"version": 1, "state": state, "id": self.fingerprint,
                  "fingerprint": self.fingerprint, "namespace": self.space,
                  "subject": BROKER, "opened": now, "closes": now + 3600,
                  "require_approval": False, "approved": False,
                  "shut_out": []}
        if state != "pending":
            record["cluster"] = {"uid": self.api.state.uid,
                                 "issuer": self.api.state.issuer,
                                 "jwks": self.api.state.jwks()}
        deadline = time.monotonic() + 30
        while True:  # a real store makes a mount ready in its own time
            status, answer = self.store.call(
                "POST", self.at("pharos/data/registration"),
                {"data": {**record, **changed}})
            if status == 200:
                return
            assert time.monotonic() < deadline, answer

    def grant(self, account, *paths):
        done = run("source", "grant", "--secretstore-address", self.address,
                   "--secretstore-ca", self.lab.server_ca,
                   "--secretstore-namespace", self.space, "--namespace",
                   "team-a", "--serviceaccount", account, "--info-hash",
                   self.realm, *(word for path in paths
                                 for word in ("--path", path)),
                   PHAROS_SECRETSTORE_TOKEN=self.store.token)
        assert done.returncode == 0, done.stderr

    def words(self, *words, address=None):
        return ["target", "validate", "--secretstore-address",
                address or self.address, "--secretstore-ca",
                self.lab.server_ca, "-o", "json", *words]

    def rows(self, *words, token=None, **more):
        done = run(*self.words(*words, **more),
                   PHAROS_SECRETSTORE_TOKEN=token or self.store.token)
        assert done.stdout, done.stderr
        [chain] = json.loads(done.stdout)
        assert [row["hop"] for row in chain["hops"]] == HOPS
        assert done.returncode == (0 if chain["good"] else 1)
        return {row["hop"]: row for row in chain["hops"]}

    def pod(self, *words, **more):
        return self.rows("--fingerprint", self.fingerprint, "--kubeconfig",
                         self.kubeconfig, "--namespace", "team-a",
                         "--serviceaccount", "web", *words, **more)


@pytest.fixture(scope="module", params=("devstore", "openbao"))
def place(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("validate")
    with parts.Lab(folder) as lab, KubeApi(folder) as api:
        lab.make_certificates()
        try:
            yield Registered(lab, api, request.param == "openbao")
        except peers.NotHere as why:
            pytest.skip(str(why))


# by "is it health?": the peers' OpenBao may be one with known holes
WELL = ("good", "skipped"), ("good", "warning")


def assert_broken(rows, hop):
    at = HOPS.index(hop)
    for name in HOPS[:at]:
        assert rows[name]["state"] in WELL[name == "health"], rows[name]
    assert rows[hop]["state"] == "failed", rows
    assert rows[hop]["seen"] and rows[hop]["expected"] and \
        rows[hop]["remedy"]
    for name in HOPS[at + 1:]:
        assert rows[name] == {"hop": name, "state": "not reached"}
    return rows[hop]


# ---- all is well

def test_every_hop(place):
    rows = place.pod("--path", "secret/team-a/db")
    assert rows.pop("health")["state"] in WELL[True]
    assert [row["state"] for row in rows.values()] == \
        ["good", "good", "skipped"] + ["good"] * 11
    assert rows["ca"]["seen"] == f"info hash {place.realm}"
    assert rows["record"]["seen"] == f"active, for {BROKER}"
    assert rows["keys"]["seen"] == "all 1 of the cluster's"
    assert rows["path"]["seen"] == "secret/team-a/db"


def test_what_is_not_asked_for_is_skipped(place):
    rows = place.rows("--fingerprint", place.fingerprint)
    assert [rows[hop]["state"] for hop in
            ("jwt mount", "keys", "role", "claims", "path")] == \
        ["good"] + ["skipped"] * 4


def test_the_cluster_says_its_fingerprint(place):
    rows = place.rows("--kubeconfig", place.kubeconfig)
    assert rows["keys"]["state"] == "good"
    rows = place.rows("--secretstore-namespace", place.space)
    assert rows["jwt mount"]["state"] == "good"


@pytest.mark.parametrize("path", [
    "secret/team-a/web/x", "secret/data/team-a/web/x", "secret/team-a/db"])
def test_paths_with_a_star(place, path):
    place.grant("web", "secret/team-a/db", "secret/team-a/web/*")
    assert place.pod("--path", path)["path"]["state"] == "good"
    place.grant("web", "secret/team-a/db")


# ---- the way there

def test_a_scheme_in_capitals(place):
    rows = place.pod(address=place.address.replace("https", "HTTPS"))
    assert rows["tls"]["state"] == "good"


def test_a_port_where_nobody_listens(place):
    address = f"https://127.0.0.1:{ports.free(1)}"
    assert_broken(place.pod(address=address), "tcp")


def test_a_name_that_nobody_has(place):
    assert_broken(place.pod(address="https://nobody.invalid"), "dns")


def test_a_store_whose_ca_is_another(place):
    row = assert_broken(place.pod("--secretstore-ca",
                                  place.lab.pki / "ca.crt"), "tls")
    assert "--secretstore-ca" in row["remedy"] + row["usually"]


class Answers(http.server.BaseHTTPRequestHandler):
    body = {}

    def do_GET(self):
        data = json.dumps(self.body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def answering(body):
    handler = type("Handler", (Answers,), {"body": body})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("body,hop", [
    ({}, "health"),
    ({"initialized": False, "sealed": True}, "health"),
    ({"initialized": True, "sealed": True, "version": "1"}, "seal"),
], ids=["no store", "not initialised", "sealed"])
def test_a_store_that_is_not_open(place, body, hop):
    with answering(body) as address:
        rows = place.pod(address=address)
    row = assert_broken(rows, hop)
    assert rows["tls"]["state"] == "skipped"
    assert hop != "seal" or "Unseal" in row["remedy"]


@pytest.mark.parametrize("version,state", [
    ("2.5.4", "warning"), ("2.6.2", "good"), ("1.21.0", "good")])
def test_a_store_with_known_holes(place, version, state):
    with answering({"initialized": True, "sealed": False,
                    "version": version}) as address:
        row = place.pod(address=address)["health"]
    assert row["state"] == state and version in row["seen"]
    if state == "warning":
        assert "GHSA-c36x-h252-g9x2" in row["seen"]
        assert "Upgrade" in row["remedy"]


def test_a_token_that_nobody_knows(place):
    row = assert_broken(place.pod(token="s.wrong"), "token")
    assert "s.wrong" not in json.dumps(row)


# ---- what is set up

def test_a_cluster_that_nobody_registered(place):
    assert_broken(place.rows("--secretstore-namespace", "cloudtaser/none"),
                  "namespace")
    assert_broken(
        place.rows("--secretstore-namespace", "cloudtaser"), "record")


@pytest.mark.parametrize("state,changed,want", [
    ("pending", {}, "has not come yet"),
    ("pending", {"require_approval": True, "waiting": {
        "pod": "broker-7", "since": 1}}, "broker-7"),
    ("stale", {}, "stale"),
    ("revoked", {}, "revoked"),
    ("active", {"surplus": 1}, ""),
    ("active", {"fingerprint": "a" * 52}, "another cluster"),
], ids=["pending", "waiting", "stale", "revoked", "unreadable",
        "another cluster's"])
def test_a_record_that_is_not_active(place, state, changed, want):
    place.put_record(state, **changed)
    try:
        row = assert_broken(place.pod(), "record")
        assert want in row["seen"]
        if "waiting" in changed:
            assert "source approve" in row["remedy"]
    finally:
        place.put_record("active")


def test_no_pki(place):
    place.must("DELETE", "sys/mounts/pharos-pki")
    assert_broken(place.pod(), "ca")
    place.must("POST", "sys/mounts/pharos-pki", {"type": "pki"})
    assert_broken(place.pod(), "ca")
    made = place.must("POST", "pharos-pki/root/generate/internal", {
        "common_name": "bridge CA", "exclude_cn_from_sans": True,
        "key_type": "ec", "ttl": "700h"})
    place.realm = hashlib.sha256(ssl.PEM_cert_to_DER_cert(
        made["data"]["certificate"])).hexdigest()
    # the role is for the audience of the CA before
    row = assert_broken(place.pod(), "claims")
    assert f"a pod's token has pharos:{place.realm}" in row["seen"]
    place.grant("web", "secret/team-a/db")
    assert place.pod()["path"]["state"] == "good"


def test_keys_and_issuer_at_the_mount(place):
    place.put_keys(bound_issuer="https://elsewhere")
    row = assert_broken(place.pod(), "jwt mount")
    assert "https://elsewhere" in row["seen"]
    place.put_keys()
    assert place.pod()["path"]["state"] == "good"


def test_the_cluster_has_new_keys(place):
    place.api.state.rotate()
    try:
        row = assert_broken(place.pod(), "keys")
        assert any(key.kid in row["seen"] for key in place.api.state.keys)
        assert "source approve" in row["usually"]
        place.put_keys()
        assert place.pod()["keys"]["seen"] == "all 2 of the cluster's"
    finally:
        del place.api.state.keys[1:]
        place.put_keys()


def register(tmp_path, address, lab, *way):
    """Return the fingerprint of a cluster that is new, and its join string."""
    with KubeApi(tmp_path) as api:
        config = tmp_path / "kubeconfig"
        config.write_text(json.dumps(api.kubeconfig(
            {"token": "admin-token"})))
        fingerprint = run("target", "fingerprint", "--kubeconfig",
                          config).stdout.strip()
    done = run("source", "register", "--secretstore-address", address,
               "--secretstore-ca", lab.server_ca, "--fingerprint",
               fingerprint, "--beacon-address",
               f"127.0.0.1:{ports.free(1)}", "--credential",
               tmp_path / "credential", "-o", "json", *way,
               PHAROS_SECRETSTORE_TOKEN=lab.store.token)
    assert done.returncode == 0, done.stderr
    return fingerprint, json.loads(done.stdout)["join"]


def test_what_register_leaves(place, tmp_path):
    """All is there but the cluster. And `debug` takes the join string as it was
    printed."""
    fingerprint, join = register(tmp_path, place.address, place.lab)
    row = assert_broken(place.rows("--fingerprint", fingerprint), "record")
    assert "has not come yet" in row["seen"]
    done = run("target", "debug", "--join", join, "-o", "json")
    [chain] = json.loads(done.stdout)
    assert [row["state"] for row in chain["hops"]][:2] == ["good", "failed"]


def test_what_register_leaves_in_a_store_without_namespaces(tmp_path):
    with parts.Lab(tmp_path) as lab:
        lab.make_certificates()
        address = f"https://127.0.0.1:{lab.start_devstore().port}"
        fingerprint, _ = register(tmp_path, address, lab, "--no-namespaces")
        done = run("target", "validate", "--secretstore-address", address,
                   "--secretstore-ca", lab.server_ca, "--fingerprint",
                   fingerprint, "--no-namespaces", "-o", "json",
                   PHAROS_SECRETSTORE_TOKEN=lab.store.token)
    [chain] = json.loads(done.stdout)
    rows = {row["hop"]: row for row in chain["hops"]}
    assert rows["namespace"]["seen"].startswith("cloudtaser/")
    assert "has not come yet" in assert_broken(rows, "record")["seen"]


# ---- what is granted

def test_no_role(place):
    rows = place.rows("--fingerprint", place.fingerprint, "--namespace",
                      "team-a", "--serviceaccount", "other")
    row = assert_broken(rows, "role")
    assert "source grant" in row["usually"]


def test_a_role_for_another_subject(place):
    role = place.must("GET", "auth/jwt/role/team-a.web")["data"]
    kept = {name: role[name] for name in (
        "role_type", "user_claim", "bound_audiences", "bound_subject",
        "token_policies", "token_no_default_policy")}
    place.must("POST", "auth/jwt/role/team-a.web",
               {**kept, "bound_subject": "system:serviceaccount:x:y"})
    row = assert_broken(place.pod(), "claims")
    assert "system:serviceaccount:x:y" in row["seen"]
    place.must("POST", "auth/jwt/role/team-a.web", kept)
    assert place.pod()["claims"]["state"] == "good"


def test_a_path_that_is_not_granted(place):
    row = assert_broken(place.pod("--path", "secret/team-b/db"), "path")
    assert "secret/team-b/db is not granted" in row["seen"]
    assert "--path" in row["usually"]


def test_a_policy_that_is_gone(place):
    place.must("DELETE", "sys/policies/acl/team-a.web")
    assert_broken(place.pod(), "path")
    place.grant("web", "secret/team-a/db")


def test_a_token_without_the_right(place):
    """403: which right is missing is said at the hop that needs it."""
    place.must("POST", "sys/policies/acl/little",
               {"policy": 'path "pharos/*" { capabilities = ["read"] }'})
    token = place.must("POST", "auth/token/create", {
        "policies": ["little"], "ttl": "10m"})["auth"]["client_token"]
    row = assert_broken(place.pod(token=token), "jwt mount")
    assert "read on auth/jwt/config" in row["remedy"]


# ---- wrong use

MISUSES = [
    ((), 2, "which cluster?"),
    (("--fingerprint", "abc"), 1, "--fingerprint"),
    (("--fingerprint", "F", "--namespace", "a"), 2, "go together"),
    (("--fingerprint", "F", "--path", "secret/a"), 2, "go together"),
    (("--fingerprint", "F", "--namespace", "a.b", "--serviceaccount", "c"),
     1, "a.b"),
    (("--kubeconfig", "/nonexistent"), 1, "/nonexistent"),
]


@pytest.mark.parametrize("words,status,want", MISUSES,
                         ids=[" ".join(row[0]) or "nothing"
                              for row in MISUSES])
def test_misuse(place, words, status, want):
    done = run(*place.words(*(place.fingerprint if word == "F" else word
                              for word in words)),
               PHAROS_SECRETSTORE_TOKEN=place.store.token)
    assert done.returncode == status, done.stderr
    assert want in done.stderr and done.stdout == ""


def test_no_token(place):
    done = run(*place.words("--fingerprint", place.fingerprint))
    assert done.returncode == 2
    assert "no token for the store" in done.stderr
