"""`pharos source grant`, `ungrant` and `grants`, on the development store and on
a real OpenBao."""
import json
import os
import subprocess

import pytest

from lab import parts, peers
from lab.parts import program

pytestmark = pytest.mark.skipif(
    "source" not in subprocess.run(
        [program("pharos"), "--help"], text=True, capture_output=True,
        check=False).stdout,
    reason="a release without libcurl")

SPACE = "cloudtaser"
PATHS = ("secret/team-a/db", "secret/data/team-a/web/*")


class Source:
    """`pharos source` on a store with one JWT mount, in its root and in a
    namespace."""

    def __init__(self, lab, real):
        self.lab = lab
        process = lab.start_openbao() if real else lab.start_devstore()
        self.store, self.real = lab.store, real
        self.port = process.port
        self.cluster = lab.make_cluster()
        self.audience = f"pharos:{lab.info_hash}"
        must = self.store.must
        must("POST", f"sys/namespaces/{SPACE}", {})
        for where in ("", f"{SPACE}/"):
            must("POST", f"{where}sys/auth/jwt", {"type": "jwt"})
            must("POST", f"{where}auth/jwt/config", {
                "jwt_validation_pubkeys": [self.cluster.public_key],
                "bound_issuer": self.cluster.issuer,
                "jwt_supported_algs": ["RS256"]})
        must("POST", f"{SPACE}/sys/mounts/secret",
             {"type": "kv", "options": {"version": "2"}})
        for path in ("db", "web/a", "web/b/c", "other"):
            self.store.write_secret(f"team-a/{path}", {"k": path})

    def run(self, *words, token=None, address=None, **more):
        clean = {name: value for name, value in os.environ.items()
                 if not name.startswith("PHAROS_")
                 and not name.lower().endswith("_proxy")}
        env = {**clean, **more.pop("env", {})}
        if token != "":
            env.setdefault("PHAROS_SECRETSTORE_TOKEN",
                           token or self.store.token)
        return subprocess.run(
            [str(program("pharos")), "source", *map(str, words),
             "--secretstore-address",
             address or f"https://127.0.0.1:{self.port}",
             "--secretstore-ca", str(self.lab.server_ca)],
            text=True, capture_output=True, check=False, timeout=60, env=env,
            **({"stdin": subprocess.DEVNULL} | more))

    def good(self, *words, **more):
        done = self.run(*words, **more)
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout

    def bad(self, *words, status=1, **more):
        done = self.run(*words, **more)
        assert done.returncode == status, (done.stdout, done.stderr)
        assert done.stdout == ""
        if more.get("token"):
            assert more["token"] not in done.stderr
        return " ".join(done.stderr.split())

    def grant(self, account, *paths):
        return ("grant", *who(account), "--info-hash", self.lab.info_hash,
                *(word for path in paths for word in ("--path", path)))

    def grants(self, *words):
        return json.loads(self.good("grants", "-o", "json", *words))

    def login(self, account, where="", **claims):
        """A pod's token of the store; or the status of the refusal."""
        claims.setdefault("subject", f"system:serviceaccount:team-a:{account}")
        jwt = self.cluster.token(claims.pop("audience", self.audience),
                                 **claims)
        status, answer = self.store.call(
            "POST", f"{where}auth/jwt/login",
            {"role": f"team-a.{account}", "jwt": jwt})
        return answer["auth"]["client_token"] if status == 200 else status

    def reads(self, token, path):
        return self.store.call("GET", path, token=token)[0]

    def role_or_policy(self, account, where=""):
        return [self.store.call("GET", f"{where}{path}/team-a.{account}")[0]
                for path in ("auth/jwt/role", "sys/policies/acl")]


def who(account):
    return "--namespace", "team-a", "--serviceaccount", account


@pytest.fixture(scope="module", params=("devstore", "openbao"))
def source(request, tmp_path_factory):
    with parts.Lab(tmp_path_factory.mktemp("lab")) as lab:
        lab.make_certificates()
        try:
            yield Source(lab, request.param == "openbao")
        except peers.NotHere as why:
            pytest.skip(str(why))


def weak(source, name, policy):
    """A token with that policy, and the default one."""
    source.store.must("POST", f"sys/policies/acl/{name}", {"policy": policy})
    return source.store.must("POST", "auth/token/create", {
        "policies": [name]})["auth"]["client_token"]


# ---- what a grant gives

def test_a_pod_reads_what_was_granted_and_nothing_else(source):
    assert source.login("web") == 400
    assert source.good(*source.grant("web", *PATHS)) == (
        "team-a/web may read:\n"
        "  secret/data/team-a/db\n"
        "  secret/data/team-a/web/*\n")
    token = source.login("web")
    for path, status in (
            ("secret/data/team-a/db", 200),
            ("secret/metadata/team-a/db", 200),
            ("secret/data/team-a/web/a", 200),
            ("secret/data/team-a/web/b/c", 200),
            ("secret/data/team-a/other", 403),
            ("secret/data/team-a/db/x", 403),
            ("auth/token/lookup-self", 403),
            ("sys/mounts", 403)):
        assert source.reads(token, path) == status, path
    status, _ = source.store.call("POST", "auth/token/renew-self", {},
                                  token=token)
    assert status == 200
    status, _ = source.store.call("POST", "secret/data/team-a/db",
                                  {"data": {}}, token=token)
    assert status == 403


def test_only_that_subject_and_that_audience_log_in(source):
    source.good(*source.grant("narrow", PATHS[0]))
    assert isinstance(source.login("narrow"), str)
    for subject in ("team-a:other", "team-b:narrow", "team-a:narrow2"):
        assert source.login(
            "narrow", subject=f"system:serviceaccount:{subject}") == 400
    assert source.login("narrow", audience="pharos:" + "0" * 64) == 400


def test_granting_twice_is_fine_and_replaces(source):
    first = json.loads(source.good(*source.grant("twice", "secret/team-a/db"),
                                   "-o", "json"))
    assert first == {
        "namespace": "team-a", "serviceaccount": "twice",
        "audience": source.audience, "paths": ["secret/data/team-a/db"],
        "replaced": False}
    again = source.grant("twice", "secret/team-a/other")
    for _ in range(2):
        assert json.loads(source.good(*again, "-o", "json"))["replaced"]
    token = source.login("twice")
    assert source.reads(token, "secret/data/team-a/other") == 200
    assert source.reads(token, "secret/data/team-a/db") == 403


def test_kv_version_1(source):
    if not source.real:
        pytest.skip("the development store has KV version 2 only")
    source.store.must("POST", "sys/mounts/old", {"type": "kv"})
    source.store.must("POST", "old/team-a", {"k": "old"})
    source.good(*source.grant("first", "old/team-a"))
    assert source.reads(source.login("first"), "old/team-a") == 200


def test_in_a_namespace_of_the_store(source):
    there = "--secretstore-namespace", SPACE
    source.good(*source.grant("spaced", "secret/x"), *there)
    assert source.role_or_policy("spaced") == [404, 404]
    assert source.role_or_policy("spaced", f"{SPACE}/") == [200, 200]
    assert isinstance(source.login("spaced", f"{SPACE}/"), str)
    assert "spaced" in [one["serviceaccount"]
                        for one in source.grants(*there)]
    source.good("ungrant", *who("spaced"), *there)
    assert source.grants(*there) == []


# ---- taking it back, and looking

def test_ungrant_takes_it_from_tokens_that_are_out(source):
    source.good(*source.grant("gone", PATHS[0]))
    token = source.login("gone")
    assert source.reads(token, "secret/data/team-a/db") == 200
    for _ in range(2):
        assert source.good("ungrant", *who("gone")) == \
            "team-a/gone may read nothing\n"
        assert source.reads(token, "secret/data/team-a/db") == 403
        assert source.login("gone") == 400
    assert source.role_or_policy("gone") == [404, 404]


def test_grants_are_listed_and_other_roles_are_not(source):
    source.good(*source.grant("listed", *PATHS))
    source.store.must("POST", "auth/jwt/role/by.hand", {
        "role_type": "jwt", "user_claim": "sub",
        "bound_audiences": ["x"], "bound_subject": "somebody"})
    source.store.must("POST", "auth/jwt/role/team-a.hand", {
        "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["x"],
        "bound_subject": "system:serviceaccount:team-a:hand"})
    found = {one["serviceaccount"]: one for one in source.grants()}
    assert found["listed"] == {
        "namespace": "team-a", "serviceaccount": "listed",
        "paths": ["secret/data/team-a/db", "secret/data/team-a/web/*"]}
    assert found["hand"]["paths"] is None
    assert len([one for one in found if one not in (
        "web", "narrow", "twice", "first", "listed", "hand")]) == 0
    text = source.good("grants")
    assert "team-a/listed\n  secret/data/team-a/db\n" in text
    assert "team-a/hand\n  (its policy is missing" in text


# ---- a dry run

def test_a_dry_run_shows_every_call_and_makes_none(source):
    words = *source.grant("dry", *PATHS), "--dry-run"
    done = source.run(*words, "-o", "json", token="",
                      address="https://nowhere.invalid/vault/v1/")
    calls = json.loads(done.stdout)
    base = "https://nowhere.invalid/vault/v1/"
    assert [(one["method"], one["url"].removeprefix(base))
            for one in calls] == [
        ("GET", "sys/internal/ui/mounts/secret/team-a/db"),
        ("GET", "sys/internal/ui/mounts/secret/data/team-a/web"),
        ("GET", "sys/policies/acl/team-a.dry"),
        ("POST", "sys/policies/acl/team-a.dry"),
        ("GET", "auth/jwt/role/team-a.dry"),
        ("POST", "auth/jwt/role/team-a.dry")]
    assert calls[-1]["body"]["bound_subject"] == \
        "system:serviceaccount:team-a:dry"
    assert "it is assumed" in done.stderr
    text = source.good(*words)
    assert text.count("\nPOST ") == 2
    text = source.good("ungrant", *who("web"), "--dry-run",
                       "--secretstore-namespace", SPACE)
    assert text.count("DELETE ") == 2
    assert text.count(f"X-Vault-Namespace: {SPACE}\n") == 2
    assert source.role_or_policy("dry") == [404, 404]


def test_what_a_dry_run_shows_is_what_makes_the_grant(source):
    calls = json.loads(source.good(
        *source.grant("pasted", *PATHS), "--dry-run", "-o", "json"))
    for one in calls:
        if one["method"] == "POST":
            source.store.must("POST", one["url"].partition("/v1/")[2],
                              one["body"])
    assert source.reads(source.login("pasted"), "secret/data/team-a/db") == 200
    source.good("ungrant", *who("pasted"))


# ---- tokens

def test_a_token_by_file_flag_or_standard_input(source, tmp_path):
    token = source.store.token
    file = tmp_path / "token"
    file.write_text(token + "\n")
    source.good("grants", "--secretstore-token-file", file, token="")
    source.good("grants", "--secretstore-token", token, token="")
    with open(file, encoding="utf-8") as stdin:
        source.good("grants", "--secretstore-token-file", "-", token="",
                    stdin=stdin)


@pytest.mark.parametrize("label, words, token, says", [
    ("none", (), "", "no token for the store"),
    ("two", ("--secretstore-token-file", "/x"), None, "two tokens"),
])
def test_which_token(source, label, words, token, says):
    assert says in source.bad("grants", *words, token=token, status=2), label


def test_a_token_is_not_printed(source):
    text = source.good("grants", "--print-config", token="marker-4711")
    assert "marker-4711" not in text
    assert "(hidden)" in text


def test_a_token_that_is_none(source, tmp_path):
    assert "has a character that none has" in source.bad(
        "grants", token="two words")
    file = tmp_path / "token"
    file.write_text("one-line\nanother\n")
    said = source.bad("grants", "--secretstore-token-file", file, token="")
    assert "has a character that none has" in said
    assert "one-line" not in said


# ---- bad input

@pytest.mark.parametrize("label, words, says", [
    ("a namespace with a dot", ("--namespace", "a.b"), "--namespace a.b"),
    ("an account with a slash", ("--serviceaccount", "a/b"),
     "--serviceaccount a/b"),
    ("a wildcard in a name", ("--path", "secret/te*"), "--path secret/te*"),
    ("a template", ("--path", "secret/{{x}}"), "--path secret/{{x}}"),
    ("the store itself", ("--path", "sys/x"), "belongs to the store"),
    ("a way up", ("--path", "secret/../x"), "--path secret/../x"),
    ("no info hash", ("--info-hash", "12"), "--info-hash 12"),
])
def test_words_that_cannot_be(source, label, words, says):
    done = source.bad(*source.grant("bad", "secret/a"), *words, status=2)
    assert says in done, label
    assert source.role_or_policy("bad") == [404, 404]


def test_a_path_of_no_mount(source):
    token = weak(source, "looker", 'path "sys/*" { capabilities = ["read"] }')
    assert "--path nomount/a: the store has no mount there" in source.bad(
        *source.grant("bad", "nomount/a"), token=token)


def test_a_namespace_that_is_not_there(source):
    said = source.bad("grants", "--secretstore-namespace", "nope")
    assert "namespace not found" in said


def test_a_mount_that_is_not_there_undoes_the_policy(source):
    said = source.bad(*source.grant("half", PATHS[0]), "--auth-mount", "nope")
    assert "GET auth/nope/role/team-a.half" in said
    assert "undone: policy team-a.half is as it was before" in said
    assert source.role_or_policy("half") == [404, 404]


def test_what_was_granted_before_is_as_before(source):
    source.good(*source.grant("kept", "secret/team-a/db"))
    token = weak(source, "policies-only", "".join(
        f'path "{path}" {{ capabilities = [{what}] }}\n' for path, what in (
            ("sys/policies/acl/*", '"create", "read", "update", "delete"'),
            ("secret/*", '"read"'),
            ("auth/jwt/role/*", '"read"'))))
    said = source.bad(*source.grant("kept", "secret/team-a/other"),
                      token=token)
    assert "undone: policy team-a.kept is as it was before" in said
    pod = source.login("kept")
    assert source.reads(pod, "secret/data/team-a/db") == 200
    assert source.reads(pod, "secret/data/team-a/other") == 403


def test_the_right_that_is_missing_is_named(source):
    token = weak(source, "reader", "".join(
        f'path "{path}" {{ capabilities = ["read"] }}\n' for path in (
            "secret/*", "sys/policies/acl/*")))
    said = source.bad(*source.grant("weak", PATHS[0]), token=token)
    assert "POST sys/policies/acl/team-a.weak" in said
    assert "The token needs create, update on sys/policies/acl/team-a.weak; " \
           "it has: read." in said
    said = source.bad("grants", token=token)
    assert "needs list on auth/jwt/role; it has: deny." in said
    said = source.bad("grants", token="s.nonsense")
    assert "Is it the right token, and good still? The token needs " in said
    assert "what it has, the store does not tell it" in said


# ---- addresses

@pytest.mark.parametrize("form", [
    "127.0.0.1:{}", "https://127.0.0.1:{}/", "https://127.0.0.1:{}/v1",
    "127.0.0.1:{}/v1/", "HTTPS://127.0.0.1:{}"])
def test_an_address_as_people_write_it(source, form):
    source.good("grants", address=form.format(source.port))


@pytest.mark.parametrize("address, says", [
    ("http://store.example:8200", "plain HTTP is for loopback only"),
    ("ftp://store.example", "cannot be the address of a store"),
    ("https://u:p@store.example", "cannot be the address of a store"),
    ("127.0.0.1:1", "cannot be reached"),
])
def test_an_address_that_cannot_be(source, address, says):
    assert says in source.bad("grants", address=address)
