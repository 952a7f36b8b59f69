"""`pharos source register`, `list`, `approve`, `revoke` and `verify`, on the
development store and on a real OpenBao: what is made, what the bridge may do
with it, and what is left when something fails."""
import base64
import hashlib
import json
import os
import re
import stat
import subprocess
import time

import pytest

from lab import parts, peers
from lab.leavingstore import LeavingStore
from lab.parts import program

pytestmark = pytest.mark.skipif(
    "source" not in subprocess.run(
        [program("pharos"), "--help"], text=True, capture_output=True,
        check=False).stdout,
    reason="a release without libcurl")

BEACON = ("--beacon-address", "relay.example:443")
DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
SUBJECT = "system:serviceaccount:pharos-system:pharos-broker"


def fingerprint(name):
    """A cluster that nobody else in here has."""
    text = base64.b32encode(hashlib.sha256(name.encode()).digest())
    return text.decode().rstrip("=").lower()


def neighbour(cluster):
    """Another cluster with the same first eight digits."""
    return fingerprint_of(cluster[:8], "neighbour of " + cluster)


def fingerprint_of(first, name):
    return first + fingerprint(name)[len(first):]


class Clusters:
    """`pharos source` on one store, and the store itself."""

    def __init__(self, lab, real):
        self.lab, self.real = lab, real
        process = lab.start_openbao() if real else lab.start_devstore()
        self.port, self.store = process.port, lab.store
        self.address = f"https://127.0.0.1:{self.port}"

    def run(self, verb, *words, token=None, group="source",
            address=None, **more):
        clean = {name: value for name, value in os.environ.items()
                 if not name.startswith("PHAROS_")
                 and not name.lower().endswith("_proxy")}
        env = {**clean, **more.pop("env", {})}
        if token != "":
            env["PHAROS_SECRETSTORE_TOKEN"] = token or self.store.token
        return subprocess.run(
            [str(program("pharos")), group, verb, *map(str, words),
             "--secretstore-address", address or self.address,
             "--secretstore-ca", str(self.lab.server_ca)],
            text=True, capture_output=True, check=False, timeout=120, env=env,
            stdin=subprocess.DEVNULL, **more)

    def good(self, verb, *words, **more):
        done = self.run(verb, *words, **more)
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout

    def told(self, verb, *words, **more):
        return json.loads(self.good(verb, *words, "-o", "json", **more))

    def bad(self, verb, *words, status=1, **more):
        done = self.run(verb, *words, **more)
        assert done.returncode == status, (done.stdout, done.stderr)
        return " ".join(done.stderr.split())

    def register(self, cluster, *words, **more):
        return self.told("register", "--fingerprint", cluster, *BEACON,
                         *words, **more)

    def call(self, method, path, body=None, token=None, where=""):
        return self.store.call(method, f"{where}/{path}" if where else path,
                               body, token)

    def record(self, where, **changed):
        """The registration as the store has it; with changes, another hand's
        write."""
        _, answer = self.call("GET", "pharos/data/registration", where=where)
        if changed:
            version = answer["data"]["metadata"]["version"]
            status, said = self.call(
                "POST", "pharos/data/registration",
                {"options": {"cas": version},
                 "data": {**answer["data"]["data"], **changed}}, where=where)
            assert status == 200, said
        return answer["data"]["data"]


@pytest.fixture(scope="module", params=("devstore", "openbao"))
def clusters(request, tmp_path_factory):
    with parts.Lab(tmp_path_factory.mktemp("lab")) as lab:
        lab.make_certificates()
        try:
            yield Clusters(lab, request.param == "openbao")
        except peers.NotHere as why:
            pytest.skip(str(why))


@pytest.fixture(scope="module")
def joined(clusters, tmp_path_factory):
    """One cluster that is registered, with a bridge's credential."""
    file = tmp_path_factory.mktemp("joined") / "credential.json"
    cluster = fingerprint("joined")
    answer = clusters.register(cluster, "--credential", file)
    return cluster, answer, json.loads(file.read_text())


def home(cluster):
    return f"cloudtaser/{cluster[:8]}"


def login(clusters, credential):
    status, answer = clusters.call(
        "POST", "auth/pharos-approle/login",
        {name: credential[name] for name in ("role_id", "secret_id")},
        where=credential["namespace"])
    assert status == 200, answer
    return answer["auth"]


# ---- what a registration makes

def test_a_cluster_is_registered(clusters, tmp_path):
    cluster = fingerprint("first")
    file = tmp_path / "bridge.json"
    before = time.time()
    answer = clusters.register(cluster, "--credential", file, "--ttl", "2h")
    assert answer["state"] == "pending"
    assert answer["id"] == answer["canonical"] == cluster
    assert answer["namespace"] == home(cluster)
    assert answer["subject"] == SUBJECT
    assert before - 2 <= answer["opened"] <= time.time()
    assert answer["closes"] - answer["opened"] == 7200
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    credential = json.loads(file.read_text())
    assert credential["address"] == clusters.address
    assert credential["namespace"] == home(cluster)
    assert credential["prefix"] == ""
    assert credential["beacons"] == ["relay.example:443"]
    assert login(clusters, credential)["policies"] == ["pharos-bridge"]


def test_the_join_string_has_the_ca_of_the_store(clusters, joined):
    _, answer, credential = joined
    _, ca = clusters.call("GET", "pharos-pki/cert/ca",
                          where=credential["namespace"])
    pem = ca["data"]["certificate"]
    der = base64.b64decode("".join(pem.strip().splitlines()[1:-1]))
    body = answer["join"].removeprefix("pharos-join-v1.")
    assert der in base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    assert answer["info_hash"] == hashlib.sha256(der).hexdigest()
    text = subprocess.run(["openssl", "x509", "-noout", "-text"], input=pem,
                          text=True, capture_output=True, check=True).stdout
    assert "ASN1 OID: prime256v1" in text
    assert "CA:TRUE, pathlen:0" in text
    assert "DNS:" not in text


def test_for_people_the_line_stands_alone(clusters, tmp_path):
    cluster = fingerprint("people")
    done = clusters.run("register", "--fingerprint", cluster, *BEACON,
                        "--require-approval", "--credential",
                        tmp_path / "bridge.json")
    assert done.returncode == 0
    assert done.stdout.startswith("pharos-join-v1.")
    assert done.stdout.count("\n") == 1
    assert f"pharos-bridge --credential {tmp_path}/bridge.json" in done.stderr
    assert "pharos source approve" in done.stderr
    assert clusters.store.token not in done.stdout + done.stderr


def test_twice_is_safe(clusters, tmp_path):
    cluster = fingerprint("twice")
    first = clusters.register(cluster, "--ttl", "1h", "--require-approval")
    clusters.record(home(cluster), waiting={"pod": "early", "since": 1})
    again = clusters.register(cluster, "--ttl", "3h", "--credential",
                              tmp_path / "bridge.json")
    assert again["info_hash"] == first["info_hash"]
    assert again["closes"] - again["opened"] == 10800
    assert again["require_approval"], "approval was asked for, and stays"
    assert "waiting" not in again
    secret_ids = f"{home(cluster)}/auth/pharos-approle/role/bridge/secret-id"
    _, listed = clusters.call("LIST", secret_ids)
    assert len(listed["data"]["keys"]) == 1


def test_other_beacons_and_another_service(clusters):
    cluster = fingerprint("others")
    answer = clusters.register(
        cluster, "--beacon-address", "b.example:8443,[2001:db8::1]:443",
        "--serviceaccount", "ops/relay", "--broker-service", "front")
    assert answer["subject"] == "system:serviceaccount:ops:relay"
    _, role = clusters.call("GET", "pharos-pki/roles/broker",
                            where=home(cluster))
    assert role["data"]["allowed_domains"] == [
        "front.ops.svc", "front.ops.svc.cluster.local"]
    assert answer["service"] == "front"
    assert clusters.record(home(cluster))["service"] == "front"
    clusters.good("verify", cluster)
    for name in (b"b.example:8443", b"[2001:db8::1]:443"):
        body = answer["join"].removeprefix("pharos-join-v1.")
        assert name in base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))


def test_behind_a_prefix(tmp_path_factory):
    """In a store of its own: where a prefix is, no namespace of that name can
    be."""
    with parts.Lab(tmp_path_factory.mktemp("prefix")) as lab:
        lab.make_certificates()
        for real in (False, True):
            try:
                clusters = Clusters(lab, real)
            except peers.NotHere:
                continue
            check_prefix(clusters, lab.folder / f"bridge-{real}.json")


def check_prefix(clusters, file):
    cluster = fingerprint("prefix")
    prefix = f"cloudtaser/{cluster[:8]}/"
    plain = ("--no-namespaces",)
    clusters.register(cluster, *plain, "--credential", file)
    clusters.register(cluster, *plain)
    credential = json.loads(file.read_text())
    assert credential["namespace"] == "" and credential["prefix"] == prefix
    _, answer = clusters.call(
        "POST", f"auth/{prefix}pharos-approle/login",
        {name: credential[name] for name in ("role_id", "secret_id")})
    token = answer["auth"]["client_token"]
    policy = prefix.replace("/", "-") + "pharos-bridge"
    assert answer["auth"]["policies"] == [policy]
    assert clusters.call("GET", f"{prefix}pharos/data/registration",
                         token=token)[0] == 200
    assert clusters.call("GET", "secret/data/x", token=token)[0] == 403
    assert [one["id"] for one in clusters.told("list", *plain)] == [cluster]
    clusters.good("verify", cluster, *plain)
    clusters.good("grant", "--fingerprint", cluster, *plain, "--namespace",
                  "a", "--serviceaccount", "b", "--path", "secret/x")
    _, role = clusters.call("GET", f"auth/{prefix}jwt/role/a.b")
    assert role["data"]["token_policies"] == [
        prefix.replace("/", "-") + "a.b"]
    clusters.good("ungrant", "--fingerprint", cluster, *plain, "--namespace",
                  "a", "--serviceaccount", "b")
    assert clusters.told("grants", "--fingerprint", cluster, *plain) == []
    assert clusters.told("grants", cluster, *plain) == []
    done = clusters.run("grants", cluster, "--fingerprint", cluster, *plain)
    assert done.returncode == 2 and "which cluster?" in done.stderr
    clusters.good("revoke", cluster, *plain)


# ---- who is who

def test_another_cluster_with_the_same_digits_is_refused(clusters):
    cluster = fingerprint("mine")
    other = neighbour(cluster)
    clusters.register(cluster)
    said = clusters.bad("register", "--fingerprint", other, *BEACON)
    assert "another cluster is registered there" in said
    assert "--namespace" in said
    answer = clusters.register(other, "--namespace", "cloudtaser/other")
    assert answer["namespace"] == "cloudtaser/other"
    for verb in ("verify", "revoke", "approve"):
        assert "another cluster" in clusters.bad(verb, other)
    clusters.good("verify", other, "--namespace", "cloudtaser/other")
    assert {cluster, other} <= {
        one["id"] for one in clusters.told("list")}


def test_the_list_says_who_waits(clusters):
    cluster = fingerprint("listed")
    clusters.register(cluster, "--require-approval")
    clusters.record(home(cluster), waiting={"pod": "pod-7", "since": 1000})
    found = {one["id"]: one for one in clusters.told("list")}[cluster]
    assert found["waiting"] == {"pod": "pod-7", "since": 1000}
    line = [one for one in clusters.good("list").splitlines()
            if one.split()[-1].replace("-", "")[:8] == cluster[:8]]
    assert "pending" in line[0] and "pod-7" in line[0]
    assert "pharos-system:pharos-broker" in line[0]


def test_approval(clusters):
    cluster = fingerprint("approved")
    clusters.register(cluster, "--require-approval")
    assert "nobody waits" in clusters.bad("approve", cluster)
    clusters.record(home(cluster), waiting={"pod": "pod-7", "since": 1000})
    for _ in range(2):
        assert clusters.told("approve", cluster)["approved"]
    assert clusters.record(home(cluster))["approved"]
    assert "approved   pod pod-7" in clusters.good("approve", cluster)


def test_new_keys(clusters):
    cluster, fresh = fingerprint("rotated"), fingerprint("rotated: new keys")
    clusters.register(cluster)
    facts = {"uid": "u", "issuer": "https://i", "jwks": {"keys": []}}
    clusters.record(home(cluster), state="active", cluster=facts)
    assert "is active" in clusters.bad("approve", cluster, "--fingerprint",
                                       fresh)
    clusters.record(home(cluster), state="stale")
    assert "--fingerprint" in clusters.bad("approve", cluster)
    answer = clusters.told("approve", cluster, "--fingerprint", fresh)
    assert answer["state"] == "pending"
    assert answer["id"] == cluster and answer["canonical"] == fresh
    assert "cluster" not in clusters.record(home(cluster))
    assert "has new keys" in clusters.bad(
        "register", "--fingerprint", cluster, *BEACON)


def test_an_active_one_stays_active(clusters):
    cluster = fingerprint("running")
    clusters.register(cluster)
    facts = {"uid": "u", "issuer": "https://i", "jwks": {"keys": []}}
    clusters.record(home(cluster), state="active", cluster=facts)
    assert clusters.register(cluster)["state"] == "active"
    assert clusters.record(home(cluster))["cluster"] == facts
    assert clusters.register(cluster, "--broker-service",
                             "front")["service"] == "front"
    assert clusters.record(home(cluster))["state"] == "active"
    clusters.good("verify", cluster)
    assert "its broker is system:serviceaccount" in clusters.bad(
        "register", "--fingerprint", cluster, *BEACON, "--serviceaccount",
        "other/broker")


def test_revoking(clusters):
    cluster = fingerprint("revoked")
    clusters.register(cluster)
    for _ in range(2):
        answer = clusters.told("revoke", cluster, "--broker", "pod-1")
        assert answer["state"] == "pending"
        assert answer["shut_out"] == ["pod-1"]
    for _ in range(2):
        assert clusters.told("revoke", cluster)["state"] == "revoked"
    assert "is revoked" in clusters.bad("register", "--fingerprint", cluster,
                                        *BEACON)
    assert "nothing is to be approved" in clusters.bad("approve", cluster)


@pytest.mark.parametrize("verb", ("approve", "revoke", "verify"))
def test_what_is_not_registered(clusters, verb):
    said = clusters.bad(verb, fingerprint("nobody"))
    assert "no cluster is registered there" in said


# ---- what the bridge's own token may do

def csr():
    return subprocess.run(
        ["openssl", "req", "-new", "-nodes", "-keyout", "/dev/null", "-subj",
         "/CN=from-the-request", "-addext", "subjectAltName=DNS:evil.test",
         "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
        check=True, text=True, capture_output=True).stdout


def sign(clusters, joined, role, **names):
    _, _, credential = joined
    token = login(clusters, credential)["client_token"]
    return clusters.call(
        "POST", f"pharos-pki/sign/{role}",
        {"csr": csr(), "exclude_cn_from_sans": True, **names}, token,
        credential["namespace"])


def test_the_bridge_has_certificates_signed(clusters, joined):
    realm = joined[1]["info_hash"]
    service = "pharos-broker.pharos-system.svc"
    for role, host in (("bridge", "bridge.pharos"),
                       ("broker", f"{service},{service}.cluster.local")):
        uri = f"pharos://{realm}/{role}/pod-1"
        status, answer = sign(clusters, joined, role, common_name="pod-1",
                              uri_sans=uri, alt_names=host, ttl="24h")
        assert status == 200, answer
        text = subprocess.run(
            ["openssl", "x509", "-noout", "-text"], text=True, check=True,
            input=answer["data"]["certificate"], capture_output=True).stdout
        assert f"URI:{uri}" in text
        assert "TLS Web Server Authentication, TLS Web Client" in text
        assert "evil.test" not in text and "from-the-request" not in text
        for name in host.split(","):
            assert f"DNS:{name}" in text


WRONG_NAMES = (
    ("another host", "bridge", {"alt_names": "evil.test"}),
    ("a host of the other role", "broker", {"alt_names": "bridge.pharos"}),
    ("a host below", "bridge", {"alt_names": "x.bridge.pharos"}),
    ("a wildcard", "bridge", {"alt_names": "*.pharos"}),
    ("localhost", "bridge", {"alt_names": "localhost"}),
    ("an address", "bridge", {"ip_sans": "10.0.0.1"}),
    ("the other role's URI", "bridge",
     {"uri_sans": "pharos://{realm}/broker/x"}),
    ("another realm's URI", "bridge",
     {"uri_sans": "pharos://" + "0" * 64 + "/bridge/x"}),
    ("a URI of no role", "bridge", {"uri_sans": "https://evil.test/"}),
    ("a common name that goes into the names", "bridge",
     {"common_name": "evil.test", "exclude_cn_from_sans": False}),
)


@pytest.mark.parametrize("label, role, names", WRONG_NAMES,
                         ids=[row[0] for row in WRONG_NAMES])
def test_no_other_names_are_signed(clusters, joined, label, role, names):
    realm = joined[1]["info_hash"]
    names = {name: value.format(realm=realm) if isinstance(value, str)
             else value for name, value in names.items()}
    status, answer = sign(clusters, joined, role, **names)
    assert status == 400, (label, answer)


def test_no_certificate_lives_longer_than_a_day(clusters, joined):
    realm = joined[1]["info_hash"]
    status, answer = sign(clusters, joined, "bridge", ttl="8760h",
                          uri_sans=f"pharos://{realm}/bridge/x")
    assert status == 200
    life = answer["data"]["expiration"] - time.time()
    assert life <= 24 * 3600 + 60


def test_the_bridge_does_its_work(clusters, joined):
    _, _, credential = joined
    where = credential["namespace"]
    token = login(clusters, credential)["client_token"]
    status, answer = clusters.call("GET", "pharos/data/registration",
                                   token=token, where=where)
    assert status == 200
    version = answer["data"]["metadata"]["version"]
    body = {"options": {"cas": version}, "data": answer["data"]["data"]}
    for wanted in (200, 400):  # the second time it is another's version
        assert clusters.call("POST", "pharos/data/registration", body, token,
                             where)[0] == wanted
    assert clusters.call("POST", "pharos/data/registration",
                         {"data": body["data"]}, token, where)[0] == 400
    assert clusters.call("GET", "pharos-pki/cert/ca", token=token,
                         where=where)[0] == 200
    key = subprocess.run(
        ["openssl", "pkey", "-pubout", "-in", clusters.lab.pki / "bridge.key"],
        check=True, text=True, capture_output=True).stdout
    status, answer = clusters.call(
        "POST", "auth/jwt/config",
        {"jwt_validation_pubkeys": [key], "bound_issuer": "https://i"}, token,
        where)
    assert status in (200, 204), answer
    assert clusters.call("POST", "auth/token/renew-self", {}, token,
                         where)[0] == 200


FORBIDDEN = (
    ("GET", "secret/data/team-a/db"), ("LIST", "secret/metadata"),
    ("POST", "secret/data/team-a/db"), ("GET", "secret/config"),
    ("GET", "pharos/data/other"), ("POST", "pharos/data/other"),
    ("GET", "pharos/metadata/registration"), ("LIST", "pharos/metadata"),
    ("DELETE", "pharos/data/registration"),
    ("DELETE", "pharos/metadata/registration"),
    ("POST", "pharos/destroy/registration"), ("POST", "pharos/config"),
    ("POST", "pharos-pki/root/generate/internal"),
    ("POST", "pharos-pki/roles/bridge"), ("POST", "pharos-pki/roles/mine"),
    ("POST", "pharos-pki/sign/other"),
    ("POST", "pharos-pki/sign/broker-file"), ("POST", "pharos-pki/issue/bridge"),
    ("POST", "pharos-pki/sign-verbatim"), ("POST", "pharos-pki/revoke"),
    ("POST", "pharos-pki/config/urls"), ("DELETE", "pharos-pki/root"),
    ("GET", "auth/jwt/config"), ("POST", "auth/jwt/role/mine"),
    ("LIST", "auth/jwt/role"), ("DELETE", "auth/jwt/role/a.b"),
    ("POST", "auth/pharos-approle/role/bridge"),
    ("GET", "auth/pharos-approle/role/bridge/role-id"),
    ("POST", "auth/pharos-approle/role/bridge/secret-id"),
    ("POST", "auth/token/create"), ("POST", "auth/token/create-orphan"),
    ("GET", "auth/token/lookup-self"), ("POST", "auth/token/revoke-accessor"),
    ("POST", "sys/policies/acl/pharos-bridge"), ("GET", "sys/policies/acl"),
    ("GET", "sys/policies/acl/pharos-bridge"), ("GET", "sys/mounts"),
    ("POST", "sys/mounts/mine"), ("DELETE", "sys/mounts/secret"),
    ("POST", "sys/auth/mine"), ("GET", "sys/auth"),
    ("POST", "sys/namespaces/mine"), ("LIST", "sys/namespaces"),
    ("POST", "sys/capabilities-self"), ("POST", "identity/entity"),
)


def test_the_bridge_may_do_nothing_else(clusters, joined):
    cluster, _, credential = joined
    where = credential["namespace"]
    clusters.call("POST", "secret/data/team-a/db", {"data": {"k": "v"}},
                  where=where)
    token = login(clusters, credential)["client_token"]
    for method, path in FORBIDDEN:
        body = {} if method == "POST" else None
        status, answer = clusters.call(method, path, body, token, where)
        assert status in (403, 405), (method, path, status, answer)
    other = fingerprint("beside " + cluster)
    clusters.register(other)
    for elsewhere in ("", "cloudtaser", home(other)):
        for path in ("pharos/data/registration", "secret/data/x",
                     "sys/mounts"):
            assert clusters.call("GET", path, token=token,
                                 where=elsewhere)[0] == 403, elsewhere


# ---- what a failure leaves

def namespaces(clusters, where=""):
    status, answer = clusters.call("LIST", "sys/namespaces", where=where)
    return answer["data"]["keys"] if status == 200 else []


def gone(clusters, name, where=""):
    """A real store answers first, and removes then."""
    until = time.monotonic() + 60
    while name in namespaces(clusters, where):
        assert time.monotonic() < until, f"{name} stays"
        time.sleep(0.05)


RIGHTS = {
    "sys/namespaces/*": ("create", "read", "update", "delete"),
    "cloudtaser/sys/namespaces/*": ("create", "read", "update", "delete"),
    "+/+/sys/mounts/*": ("create", "read", "update", "delete"),
    "+/+/sys/auth/*": ("create", "read", "update", "delete", "sudo"),
    "+/+/sys/policies/acl/*": ("create", "read", "update", "delete"),
    "+/+/pharos/*": ("create", "read", "update", "delete"),
    "+/+/pharos-pki/*": ("create", "read", "update", "delete"),
    "+/+/auth/pharos-approle/*": ("create", "read", "update", "delete"),
    "sys/capabilities-self": ("update",),
}


def weak(clusters, name, without):
    """A token with all that registering takes, but for one path."""
    rules = {path: can for path, can in RIGHTS.items() if path != without}
    clusters.store.must("POST", f"sys/policies/acl/{name}", {
        "policy": json.dumps({"path": {
            path: {"capabilities": list(can)}
            for path, can in rules.items()}})})
    return clusters.store.must("POST", "auth/token/create", {
        "policies": [name]})["auth"]["client_token"]


@pytest.mark.parametrize("without", [
    "+/+/sys/auth/*", "+/+/sys/policies/acl/*", "+/+/pharos-pki/*",
    "+/+/auth/pharos-approle/*"])
def test_a_right_that_is_missing_leaves_nothing(clusters, without, tmp_path):
    cluster = fingerprint("weak: " + without)
    token = weak(clusters, "weak", without)
    file = tmp_path / "bridge.json"
    said = clusters.bad("register", "--fingerprint", cluster, *BEACON,
                        "--credential", file, token=token)
    assert "The token needs" in said and home(cluster) in said
    assert not file.exists()
    clusters.register(cluster)
    clusters.good("verify", cluster)


def test_nothing_is_left_of_it(clusters):
    cluster = fingerprint("nothing left")
    clusters.bad("register", "--fingerprint", cluster, *BEACON,
                 "--namespace", "new/one", token=weak(
                     clusters, "less", "+/+/pharos-pki/*"))
    gone(clusters, "new/")


def test_what_was_undone_is_told(clusters):
    cluster = fingerprint("told")
    said = clusters.bad(
        "register", "--fingerprint", cluster, *BEACON,
        token=weak(clusters, "less", "+/+/sys/policies/acl/*"))
    for what in ("mount pharos-pki/", "bridge CA", "PKI role broker",
                 f"namespace {home(cluster)}"):
        assert f"undone: {what} is as it was before" in said
    assert "left behind" not in said


def test_these_rights_are_enough(clusters, tmp_path):
    cluster = fingerprint("enough")
    token = weak(clusters, "enough", None)
    clusters.register(cluster, "--credential", tmp_path / "one", token=token)
    clusters.register(cluster, "--credential", tmp_path / "two", token=token)


def test_a_token_of_the_namespace_alone_is_enough(clusters, tmp_path):
    """Somebody else has made the namespace, and gives nothing above it."""
    cluster = fingerprint("inside")
    clusters.store.must("POST", "sys/namespaces/inside", {})
    clusters.store.must("POST", "inside/sys/policies/acl/all", {
        "policy": 'path "*" { capabilities = ["create", "read", "update", '
                  '"delete", "list", "sudo"] }'})
    token = clusters.store.must("POST", "inside/auth/token/create", {
        "policies": ["all"]})["auth"]["client_token"]
    there = "--namespace", "inside"
    clusters.register(cluster, *there, "--credential", tmp_path / "b.json",
                      token=token)
    clusters.good("verify", cluster, *there, token=token)
    said = clusters.bad("register", "--fingerprint", cluster, *BEACON,
                        token=token)
    assert "403" in said


def test_a_mount_of_another_kind(clusters):
    cluster = fingerprint("taken")
    clusters.store.must("POST", "sys/namespaces/taken", {})
    clusters.store.must("POST", "taken/sys/auth/jwt", {"type": "approle"})
    said = clusters.bad("register", "--fingerprint", cluster, *BEACON,
                        "--namespace", "taken")
    assert "something of another kind is there already" in said
    status, answer = clusters.call("GET", "sys/mounts", where="taken")
    assert status == 200
    assert "pharos/" not in answer["data"]
    assert "pharos-pki/" not in answer["data"]
    assert clusters.call("GET", "sys/auth/jwt", where="taken")[0] == 200


def test_a_file_that_cannot_be_written_undoes_it(clusters, tmp_path):
    cluster = fingerprint("no folder")
    said = clusters.bad("register", "--fingerprint", cluster, *BEACON,
                        "--credential", tmp_path / "none" / "bridge.json")
    assert "none" in said
    gone(clusters, f"{cluster[:8]}/", "cloudtaser")


def test_a_file_that_is_there_is_kept(clusters, tmp_path):
    file = tmp_path / "bridge.json"
    file.write_text("mine")
    said = clusters.bad("register", "--fingerprint", fingerprint("kept"),
                        *BEACON, "--credential", file, status=2)
    assert "is there already" in said
    assert file.read_text() == "mine"


def test_a_second_file_that_cannot_be_written_changes_nothing(
        clusters, tmp_path):
    cluster = fingerprint("second file")
    clusters.register(cluster, "--credential", tmp_path / "one.json")
    before = clusters.record(home(cluster))
    clusters.bad("register", "--fingerprint", cluster, *BEACON,
                 "--credential", tmp_path / "none" / "two.json")
    assert clusters.record(home(cluster)) == before
    _, listed = clusters.call("LIST", f"{home(cluster)}/auth/pharos-approle/"
                              "role/bridge/secret-id")
    assert len(listed["data"]["keys"]) == 1

# ---- a store that goes away

def test_a_store_that_goes_away_and_comes_back(clusters, tmp_path):
    """At each call, in turn before and after the store has done it: what is
    registered is one of the four states or nothing, and a second try has it
    whole."""
    way = LeavingStore(clusters.address, clusters.lab.server_ca)
    try:
        last, does_it, failed = 1, False, 0
        while True:
            cluster = fingerprint(f"leaving {last} {does_it}")
            file = tmp_path / f"{last}-{does_it}.json"
            way.leaves(last, does_it)
            done = clusters.run("register", "--fingerprint", cluster, *BEACON,
                                "--credential", file, address=way.address)
            way.comes_back()
            if done.returncode == 0:
                break
            failed += 1
            assert not file.exists()
            assert "store http://127.0.0.1" in done.stderr
            known = [one for one in clusters.told("list")
                     if one["id"] == cluster]
            assert all(one["state"] == "pending" for one in known)
            clusters.register(cluster, "--credential", file)
            clusters.good("verify", cluster)
            assert login(clusters, json.loads(file.read_text()))
            last, does_it = last + 1, not does_it
        assert failed > 20, "there are more calls than that"
    finally:
        way.close()


HEALTH = "GET /v1/sys/health"
OF_VAULT = {HEALTH: (200, {"initialized": True, "sealed": False,
                           "enterprise": False, "version": "2.5.4"})}
ON_STANDBY = {HEALTH: (429, {"initialized": True, "standby": True})}


@pytest.mark.parametrize("version, says, warned", [
    ("2.5.4", {}, "known holes, mended"), ("2.6.2", {}, None),
    ("1.21.0", {}, None), ("2.5.4", OF_VAULT, None),
    ("2.5.4", ON_STANDBY, "if it is OpenBao, known holes, mended")],
    ids=["with holes", "without", "Vault 1", "Vault 2", "nobody can tell"])
def test_a_store_with_known_holes_is_told_and_taken(
        clusters, version, says, warned):
    """The numbers of OpenBao are those of Vault too, whose holes are others."""
    cluster = fingerprint(f"at {version} {sorted(says)} {warned}")
    way = LeavingStore(clusters.address, clusters.lab.server_ca, version,
                       says=says)
    try:
        done = clusters.run("register", "--fingerprint", cluster, *BEACON,
                            address=way.address)
        checked = clusters.run("validate", "--fingerprint", cluster,
                               group="target", address=way.address)
    finally:
        way.close()
    assert done.returncode == 0, done.stderr
    assert ("warning: the store's version" in done.stderr) == bool(warned)
    for text in (done.stderr, checked.stdout):
        assert ("GHSA-c36x-h252-g9x2" in text) == bool(warned), text
        assert not warned or f"version {version}: {warned} in 2" in text


SEALED = 503, {"errors": ["Vault is sealed"]}
OPEN = {"initialized": True, "sealed": False, "version": "2.6.2"}
STATUS = "GET /v1/sys/seal-status"
BAD_STORES = (
    ("sealed", {"*": SEALED, STATUS: (200, {**OPEN, "sealed": True})},
     "nseal", "seal"),
    ("not initialised", {"*": SEALED, STATUS: (
        200, {**OPEN, "initialized": False, "sealed": True})},
     "nseal|nitialise", "health"),
    ("a standby", {"*": (307, None), STATUS: (200, OPEN)},
     "give the address of the active store itself", "token"),
    ("another server", {"*": (404, {"what": "page"})},
     "s there another server or a proxy at this address?", "health"),
    ("another server, which finds all", {"*": (200, {})},
     "s there another server or a proxy at this address?|gives no certificate",
     "health"),
)


@pytest.mark.parametrize("label, says, remedy, hop", BAD_STORES,
                         ids=[row[0] for row in BAD_STORES])
def test_a_store_that_cannot_be_used_now(clusters, tmp_path, label, says,
                                         remedy, hop):
    """Nothing is made, and what to do is said: by register, by grant, and by
    validate, which names the hop too."""
    cluster = fingerprint("at a store that is " + label)
    file = tmp_path / "bridge.json"
    way = LeavingStore(clusters.address, clusters.lab.server_ca, says=says)
    try:
        for verb, words in (
                ("register", (*BEACON, "--credential", file)),
                ("grant", ("--namespace", "n", "--serviceaccount", "a",
                           "--path", "secret/x"))):
            said = clusters.bad(verb, "--fingerprint", cluster, *words,
                                address=way.address)
            assert re.search(remedy, said), said
        done = clusters.run("validate", "--fingerprint", cluster, "-o",
                            "json", group="target", address=way.address)
    finally:
        way.close()
    assert done.returncode == 1
    rows = {row["hop"]: row for row in json.loads(done.stdout)[0]["hops"]}
    assert rows[hop]["state"] == "failed", rows
    assert not file.exists()
    assert f"{cluster[:8]}/" not in namespaces(clusters, "cloudtaser")


NOT_COMPILED = 400, {"errors": ['plugin not found in the catalog: "pki"']}


def test_a_store_without_pki(clusters):
    cluster = fingerprint("without pki")
    way = LeavingStore(clusters.address, clusters.lab.server_ca, says={
        "POST /v1/sys/mounts/pharos-pki": NOT_COMPILED})
    try:
        said = clusters.bad("register", "--fingerprint", cluster, *BEACON,
                            address=way.address)
    finally:
        way.close()
    assert "POST sys/mounts/pharos-pki" in said
    assert "plugin not found in the catalog" in said
    assert "undone: mount pharos/ is as it was before" in said
    gone(clusters, f"{cluster[:8]}/", "cloudtaser")
    clusters.register(cluster)


def pharos_mounts(clusters, where):
    _, answer = clusters.call("GET", "sys/mounts", where=where)
    return {name for name in answer["data"] if name.startswith("pharos")}


@pytest.mark.parametrize("mount", ("pharos", "secret"))
def test_a_store_with_kv_version_1(clusters, mount):
    if not clusters.real:
        pytest.skip("the development store has KV version 2 only")
    where = f"one-{mount}"
    clusters.store.must("POST", f"sys/namespaces/{where}", {})
    clusters.store.must("POST", f"{where}/sys/mounts/{mount}", {
        "type": "kv", "options": {"version": "1"}})
    said = clusters.bad("register", "--fingerprint", fingerprint(where),
                        *BEACON, "--namespace", where)
    assert f"mount {mount}/" in said
    assert "something of another kind is there already" in said
    assert "left behind" not in said
    kept, until = {"pharos/"} if mount == "pharos" else set(), \
        time.monotonic() + 60
    while pharos_mounts(clusters, where) != kept:  # it answers, then removes
        assert time.monotonic() < until, said
        time.sleep(0.05)


@pytest.mark.parametrize("below", ("/bao", "/a/b"))
def test_a_store_below_a_path(clusters, tmp_path, below):
    """What registers keeps it, and so does the credential."""
    cluster, file = fingerprint("below" + below), tmp_path / "bridge.json"
    way = LeavingStore(clusters.address, clusters.lab.server_ca, below=below)
    try:
        clusters.register(cluster, "--credential", file,
                          address=way.address + "/v1/")
        clusters.good("verify", cluster, address=way.address)
    finally:
        way.close()
    assert json.loads(file.read_text())["address"] == way.address


# ---- target connect

def facts(clusters, folder, name):
    """What a cluster says of itself, in files."""
    key = subprocess.run(
        ["openssl", "pkey", "-in", clusters.lab.pki / "bridge.key", "-pubout",
         "-outform", "DER"], check=True, capture_output=True).stdout
    point = [base64.urlsafe_b64encode(part).rstrip(b"=").decode()
             for part in (key[-64:-32], key[-32:])]
    jwks, discovery = folder / "jwks", folder / "discovery"
    jwks.write_text(json.dumps({"keys": [
        {"kty": "EC", "crv": "P-256", "kid": "k", "x": point[0],
         "y": point[1]}]}))
    discovery.write_text(json.dumps({"issuer": f"https://{name}"}))
    return ("--uid", name, "--jwks", jwks, "--discovery", discovery)


def test_a_cluster_that_can_be_asked_is_active_at_once(clusters, tmp_path):
    cluster = facts(clusters, tmp_path, "asked")
    file = tmp_path / "bridge.json"
    words = ("connect", *cluster, *BEACON, "-o", "json")
    dry = json.loads(clusters.good(*words, "--dry-run", group="target",
                                   token=""))
    record = dry[-1]["body"]["data"]
    assert record["state"] == "active" and record["cluster"]["uid"] == "asked"
    first = json.loads(clusters.good(*words, "--credential", file,
                                     group="target"))
    assert first["state"] == "active" and first["issuer"] == "https://asked"
    assert first["join"].startswith("pharos-join-v1.")
    again = json.loads(clusters.good(*words, group="target"))
    assert again["info_hash"] == first["info_hash"]
    assert login(clusters, json.loads(file.read_text()))["renewable"]
    stored = clusters.record(first["namespace"])["cluster"]
    assert stored["jwks"] == json.loads((tmp_path / "jwks").read_text())
    clusters.good("verify", first["id"])
    shown = subprocess.run(
        [str(program("pharos")), "target", "fingerprint", *map(str, cluster)],
        text=True, capture_output=True, check=True).stdout.strip()
    assert shown == first["fingerprint"]


def test_what_was_pending_is_active_once_the_cluster_was_asked(
        clusters, tmp_path):
    cluster = facts(clusters, tmp_path, "later")
    words = ("connect", *cluster, *BEACON)
    identity = json.loads(clusters.good(
        *words, "--dry-run", "-o", "json", group="target",
        token=""))[-1]["body"]["data"]["id"]
    clusters.register(identity)
    done = clusters.run(*words, group="target")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("pharos-join-v1.")
    assert "Info hash:" in done.stderr and ": active" in done.stderr
    assert clusters.record(home(identity))["state"] == "active"


# ---- verify

def test_verify_finds_what_is_otherwise(clusters):
    cluster = fingerprint("verified")
    clusters.register(cluster)
    text = clusters.good("verify", cluster)
    assert "BAD" not in text
    where = home(cluster)
    must = clusters.store.must
    must("POST", f"{where}/sys/policies/acl/pharos-bridge",
         {"policy": 'path "*" { capabilities = ["sudo"] }'})
    must("POST", f"{where}/pharos-pki/roles/broker", {"allow_any_name": True})
    must("DELETE", f"{where}/auth/pharos-approle/role/bridge")
    done = clusters.run("verify", cluster, "-o", "json")
    assert done.returncode == 1
    found = {one["what"]: one for one in json.loads(done.stdout)}
    bad = {what for what, one in found.items() if not one["good"]}
    assert bad == {"policy pharos-bridge", "PKI role broker",
                   "AppRole bridge"}
    assert found["AppRole bridge"]["found"] == "is missing"
    assert all(found[what]["remedy"] for what in bad)
    assert "3 of these" in done.stderr
    clusters.register(cluster)
    clusters.good("verify", cluster)


def test_verify_looks_at_the_role_of_brokers_with_files(clusters, tmp_path):
    """Which is there only where somebody has made one; register does not."""
    cluster = fingerprint("with files")
    clusters.register(cluster)
    assert "broker-file" not in clusters.good("verify", cluster)
    words = ("connect", *facts(clusters, tmp_path, "with-files"), *BEACON,
             "-o", "json", "--dir")
    right = [call["body"] for call in json.loads(clusters.good(
        *words, tmp_path / "one", "--dry-run", group="target", token=""))
             if call["url"].endswith("roles/broker-file") and "body" in call]
    made = json.loads(clusters.good(*words, tmp_path / "one", group="target"))
    right = json.loads(json.dumps(right[0]).replace(
        "<info hash>", made["info_hash"]))
    cluster, role = made["id"], \
        f"{made['namespace']}/pharos-pki/roles/broker-file"
    assert "PKI role broker-file: as it should be" in clusters.good(
        "verify", cluster)
    clusters.store.must("POST", role, right)
    clusters.good("verify", cluster)
    for change in ({"allow_any_name": True}, {"max_ttl": "8760h"},
                   {"allowed_uri_sans": [
                       f"pharos://{made['info_hash']}/bridge/*"]}):
        clusters.store.must("POST", role, {**right, **change})
        done = clusters.run("verify", cluster, "-o", "json")
        assert done.returncode == 1, change
        bad = [one for one in json.loads(done.stdout) if not one["good"]]
        assert [one["what"] for one in bad] == ["PKI role broker-file"]
        assert "target connect" in bad[0]["remedy"]
        clusters.register(cluster)  # is not what the remedy says
        assert clusters.run("verify", cluster).returncode == 1
        clusters.good(*words, tmp_path / f"two-{list(change)[0]}",
                      group="target")
        clusters.good("verify", cluster)


def test_verify_finds_a_window_that_is_closed(clusters):
    cluster = fingerprint("late")
    clusters.register(cluster)
    clusters.record(home(cluster), opened=1000, closes=2000)
    done = clusters.run("verify", cluster)
    assert done.returncode == 1
    assert "its window closed 1970-01-01 00:33 UTC" in done.stdout


# ---- a dry run

def test_what_a_dry_run_shows_is_what_is_made(clusters, tmp_path):
    cluster = fingerprint("dry")
    file = tmp_path / "bridge.json"
    words = ("register", "--fingerprint", cluster, *BEACON, "--dry-run",
             "--credential", file)
    done = clusters.run(*words, "-o", "json", token="")
    assert done.returncode == 0
    calls = json.loads(done.stdout)
    assert not file.exists()
    assert f"{cluster[:8]}/" not in namespaces(clusters, "cloudtaser")
    posts = [one for one in calls if one["method"] == "POST"]
    assert json.loads(posts[-1]["body"]["data"]["id"].join('""')) == cluster
    realm = None
    for one in posts:
        path = one["url"].partition("/v1/")[2]
        where = one.get("namespace", "")
        body = json.loads(json.dumps(one["body"]).replace(
            "<info hash>", realm or "<info hash>"))
        for _ in range(100):
            status, answer = clusters.call("POST", path, body, where=where)
            if "Upgrading" not in str(answer):
                break
            time.sleep(0.1)
        assert status in (200, 204), (path, answer)
        if path.endswith("root/generate/internal"):
            pem = answer["data"]["certificate"]
            realm = hashlib.sha256(base64.b64decode("".join(
                pem.strip().splitlines()[1:-1]))).hexdigest()
    clusters.good("verify", cluster)
    assert "X-Vault-Namespace: cloudtaser\n" in clusters.good(*words)


# ---- bad input

TYPO = fingerprint("typo")
GOOD = ("--fingerprint", TYPO, *BEACON)


@pytest.mark.parametrize("label, words, says", [
    ("no fingerprint", BEACON, "--fingerprint"),
    ("no beacon", ("--fingerprint", TYPO), "--beacon-address"),
    ("half a fingerprint", ("--fingerprint", TYPO[:30], *BEACON), "digits"),
    ("a beacon without a port", (*GOOD, "--beacon-address", "b"), "HOST:PORT"),
    ("a beacon with a scheme", (*GOOD, "--beacon-address", "https://b:1"),
     "HOST:PORT"),
    ("an account without a namespace", (*GOOD, "--serviceaccount", "broker"),
     "NAMESPACE/NAME"),
    ("an account that cannot be", (*GOOD, "--serviceaccount", "a/B"),
     "--serviceaccount a/B"),
    ("a Service that cannot be", (*GOOD, "--broker-service", "*"),
     "--broker-service *"),
    ("a namespace that cannot be", (*GOOD, "--namespace", "a//b"), "a//b"),
    ("a namespace and none", (*GOOD, "--namespace", "a", "--no-namespaces"),
     "--no-namespaces"),
    ("no time at all", (*GOOD, "--ttl", "0"), "--ttl"),
    ("more than a year", (*GOOD, "--ttl", "9000h"), "--ttl"),
    ("nine beacons", (*GOOD, *BEACON * 8), "more than 8"),
])
def test_words_that_cannot_be(clusters, label, words, says):
    assert says in clusters.bad("register", *words, status=2), label


@pytest.mark.parametrize("address, says", [
    ("https://u:p@store", "store: cannot be the address of a store"),
    ("https://store?a", "store?a: cannot be the address of a store"),
    ("https://store/a/..", "store/a/..: cannot be the address of a store"),
    ("https://store//a", "store//a: cannot be the address of a store"),
    ("https://store/v1/v1", "Leave out /v1"),
    ("https://" + 600 * "a", "at most 512 characters"),
], ids=["user", "query", "way up", "empty segment", "API", "too long"])
def test_an_address_that_cannot_be(clusters, tmp_path, address, says):
    """Neither who registers takes it, nor its bridge."""
    file = tmp_path / "bridge.json"
    for more in ((), ("--dry-run",)):
        said = clusters.bad("register", *GOOD, "--credential", file, *more,
                            address=address, status=2)
        assert "--secretstore-address" in said
        assert says in said
    file.touch(0o600)
    file.write_text(json.dumps({
        "version": 1, "address": "https://store", "namespace": "cloudtaser/x",
        "prefix": "", "role_id": "r", "secret_id": "s",
        "beacons": ["relay.example:443"]}))
    done = subprocess.run(
        [str(program("pharos-bridge")), "--credential", file, "--vault-addr",
         address, "--health-addr", "127.0.0.1:0"], text=True,
        capture_output=True, check=False, timeout=60)
    assert done.returncode == 1, done.stderr
    assert "--vault-addr" in done.stderr
    assert says in " ".join(done.stderr.split())


def test_a_typo_in_a_fingerprint_is_found(clusters):
    shown = clusters.register(fingerprint("shown"))["fingerprint"]
    clusters.good("verify", shown.upper())
    last = DIGITS[DIGITS.index(shown[5]) - 1]
    said = clusters.bad("verify", shown[:5] + last + shown[6:], status=2)
    assert "mistyped" in said or "wrong" in said or "check" in said


def test_which_cluster_has_to_be_said(clusters):
    for verb in ("approve", "revoke", "verify"):
        assert "which cluster?" in clusters.bad(verb, status=2)


def test_nothing_is_listed_that_is_nowhere(clusters):
    done = clusters.run("list", token=weak(clusters, "nobody", None))
    assert done.returncode == 1
    assert "The token needs list on sys/namespaces" in " ".join(
        done.stderr.split())
