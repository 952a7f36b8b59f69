"""`pharos target fingerprint` against a stand-in for a cluster's API."""
import base64
import hashlib
import json
import os
import socket
import struct
import subprocess
import sys

import pytest

from lab.cluster import RIGHTS, SERVER_NAME, KubeApi, State
from lab.parts import program

pytestmark = pytest.mark.skipif(
    "target" not in subprocess.run(
        [program("pharos"), "--help"], text=True, capture_output=True,
        check=False).stdout,
    reason="a release without libcurl")


@pytest.fixture
def api(tmp_path):
    with KubeApi(tmp_path) as server:
        yield server


def run(*words, **env):
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith(("KUBE", "PHAROS_"))
             and not name.lower().endswith("_proxy")}
    return subprocess.run(
        [str(program("pharos")), "target", "fingerprint", *map(str, words)],
        text=True, capture_output=True, check=False, timeout=60,
        stdin=subprocess.DEVNULL,
        env={**clean, "HOME": "/nonexistent", **env})


def good(*words, **env):
    done = run(*words, **env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def bad(*words, status=1, **env):
    done = run(*words, **env)
    assert done.returncode == status, (done.stdout, done.stderr)
    assert done.stdout == ""
    return done.stderr


def write(path, config):
    path.write_text(config if isinstance(config, str)
                    else json.dumps(config, indent=1))
    return path


def config(tmp_path, api, user=None, cluster=None):
    user = {"token": "admin-token"} if user is None else user
    return write(tmp_path / "config", api.kubeconfig(user, cluster))


def answers(tmp_path, state):
    """What `kubectl get --raw` would have written."""
    return ["--uid", state.uid,
            "--jwks", write(tmp_path / "jwks.json", state.jwks()),
            "--discovery", write(tmp_path / "disc.json", state.discovery())]


def expected(state):
    """The canonical form, reckoned from its definition."""
    def field(data):
        return struct.pack(">I", len(data)) + data
    prints = []
    for key in state.keys:
        jwk = key.jwk()
        members = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}
        text = json.dumps({name: jwk[name] for name in members[jwk["kty"]]},
                          separators=(",", ":"), sort_keys=True)
        prints.append(hashlib.sha256(text.encode()).digest())
    data = b"".join(map(field, [
        b"pharos-fingerprint-v1", state.uid.encode(), state.issuer.encode(),
        *sorted(prints)]))
    digest = hashlib.sha256(data).digest()
    return base64.b32encode(digest).decode().rstrip("=").lower()


# ---- the answer

@pytest.mark.parametrize("algorithms", [
    ("RS256",), ("ES256",), ("RS256", "ES256")])
def test_both_ways_give_the_same_fingerprint(tmp_path, algorithms):
    state = State(algorithms=algorithms)
    with KubeApi(tmp_path, state) as api:
        asked = good("--kubeconfig", config(tmp_path, api), "-o", "json")
    read = good(*answers(tmp_path, state), "-o", "json")
    asked, read = json.loads(asked), json.loads(read)
    assert asked.pop("server") == api.url
    assert asked == read
    assert asked["canonical"] == expected(state)
    assert asked["uid"] == state.uid
    assert asked["issuer"] == state.issuer


def test_only_the_fingerprint_goes_where_a_script_reads(tmp_path, api):
    path = config(tmp_path, api)
    done = run("--kubeconfig", path)
    shown = json.loads(good("--kubeconfig", path, "-o", "json"))
    assert done.stdout == shown["fingerprint"] + "\n"
    assert f"context lab of {path}: {api.url}" in done.stderr
    assert f"kube-system {api.state.uid}" in done.stderr


def test_three_calls_are_made_and_no_more(tmp_path, api):
    good("--kubeconfig", config(tmp_path, api))
    assert sorted(api.seen) == [
        ("GET", "/.well-known/openid-configuration", "admin"),
        ("GET", "/api/v1/namespaces/kube-system", "admin"),
        ("GET", "/openid/v1/jwks", "admin")]


def test_new_keys_are_another_fingerprint(tmp_path, api):
    path = config(tmp_path, api)
    before = good("--kubeconfig", path)
    assert good("--kubeconfig", path) == before
    api.state.rotate()
    assert good("--kubeconfig", path) != before


# ---- who one is

def test_a_client_certificate_as_data_and_as_files(tmp_path, api):
    cert, key = api.authority.issue("admin")
    data = {"client-certificate-data": base64.b64encode(cert.encode()).decode(),
            "client-key-data": base64.b64encode(key.encode()).decode()}
    first = good("--kubeconfig", config(tmp_path, api, data))
    (tmp_path / "keys").mkdir()
    write(tmp_path / "keys" / "me.crt", cert)
    write(tmp_path / "keys" / "me.key", key)
    files = {"client-certificate": "keys/me.crt", "client-key": "keys/me.key"}
    assert good("--kubeconfig", config(tmp_path, api, files)) == first
    assert {user for _, _, user in api.seen} == {"admin"}


def test_a_token_from_a_file_wins_over_one_beside_it(tmp_path, api):
    write(tmp_path / "my-token", "admin-token\n")
    good("--kubeconfig", config(
        tmp_path, api, {"tokenFile": "my-token", "token": "an-old-one"}))


def test_a_user_without_rights_is_told_which_to_ask_for(tmp_path, api):
    api.users["poor"] = ("jane", RIGHTS - {"discovery"})
    text = bad("--kubeconfig", config(tmp_path, api, {"token": "poor"}))
    assert f"cluster {api.url}: GET /.well-known/openid-configuration: " \
        "403 Forbidden: " in text
    assert 'User "jane" cannot get path' in text
    assert "ClusterRole system:service-account-issuer-discovery" in text
    api.users["poor"] = ("jane", frozenset())
    text = bad("--kubeconfig", config(tmp_path, api, {"token": "poor"}))
    assert 'cannot get resource "namespaces"' in text
    assert "verb get on resource namespaces" in text


def test_credentials_that_nobody_knows(tmp_path, api):
    text = bad("--kubeconfig", config(tmp_path, api, {"token": "nobody"}))
    assert "401 Unauthorized" in text and "log in again" in text


def test_nobody_at_all(tmp_path, api):
    text = bad("--kubeconfig", config(tmp_path, api, {}))
    assert "system:anonymous" in text


# ---- a plugin

PLUGIN = """#!{python}
import json, os, sys
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
json.dump({{"argv": sys.argv[1:], "info": info, "color": os.environ["COLOR"],
           "input": sys.stdin.read()}}, open({seen!r}, "w"))
print("the plugin was here", file=sys.stderr)
{body}
"""


def plugin(tmp_path, status, version="v1", body=None, **more):
    path = tmp_path / "cloud-login"
    answer = json.dumps({"kind": "ExecCredential", "status": status,
                         "apiVersion":
                         f"client.authentication.k8s.io/{version}"})
    path.write_text(PLUGIN.format(
        python=sys.executable, seen=str(tmp_path / "seen.json"),
        body=f"print({answer!r})" if body is None else body))
    path.chmod(0o755)
    return {"exec": {
        "apiVersion": f"client.authentication.k8s.io/{version}",
        "command": "./cloud-login", "args": ["get-token", "--cluster", "one"],
        "env": [{"name": "COLOR", "value": "green"}],
        "interactiveMode": "IfAvailable", **more}}


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_a_plugin_that_gives_a_token(tmp_path, api, version):
    user = plugin(tmp_path, {"token": "admin-token",
                             "expirationTimestamp": "2099-01-01T00:00:00Z"},
                  version, provideClusterInfo=True)
    done = run("--kubeconfig", config(tmp_path, api, user), COLOR="red")
    assert done.returncode == 0, done.stderr
    assert "the plugin was here" in done.stderr
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen["argv"] == ["get-token", "--cluster", "one"]
    assert seen["color"] == "green" and seen["input"] == ""
    info = seen["info"]
    assert info["apiVersion"] == f"client.authentication.k8s.io/{version}"
    assert info["kind"] == "ExecCredential"
    assert info["spec"]["interactive"] is False
    cluster = info["spec"]["cluster"]
    assert cluster["server"] == api.url
    assert base64.b64decode(
        cluster["certificate-authority-data"]).decode() == api.ca


def test_a_plugin_is_told_of_the_cluster_only_if_it_asks(tmp_path, api):
    good("--kubeconfig", config(tmp_path, api, plugin(
        tmp_path, {"token": "admin-token"})))
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert "cluster" not in seen["info"]["spec"]


def test_a_plugin_that_gives_a_certificate(tmp_path, api):
    cert, key = api.authority.issue("admin")
    good("--kubeconfig", config(tmp_path, api, plugin(tmp_path, {
        "clientCertificateData": cert, "clientKeyData": key})))
    assert {user for _, _, user in api.seen} == {"admin"}


BAD_ANSWERS = [
    ("nothing", "pass", "it printed nothing"),
    ("no JSON", "print('hello')", "not one JSON object"),
    ("another kind", "print('{\"kind\":\"Pod\"}')", "not an ExecCredential"),
    ("a failure", "sys.exit(3)", "exit status 3"),
    ("killed", "os.kill(os.getpid(), 9)", "signal 9"),
    ("too much", "print('x' * 300000)", "it says too much"),
    ("another version", 'print(\'{"kind":"ExecCredential","apiVersion":'
     '"client.authentication.k8s.io/v1beta1","status":{}}\')',
     "expected apiVersion client.authentication.k8s.io/v1, got"),
]


@pytest.mark.parametrize("body,words", [row[1:] for row in BAD_ANSWERS],
                         ids=[row[0] for row in BAD_ANSWERS])
def test_a_plugin_that_answers_badly(tmp_path, api, body, words):
    text = bad("--kubeconfig", config(tmp_path, api, plugin(
        tmp_path, None, body=body)))
    assert words in text
    assert f"exec plugin {tmp_path}/./cloud-login" in text
    assert api.seen == []


BAD_STATUSES = [
    ("no status", None, "it has no status"),
    ("empty", {}, "neither a token nor a certificate"),
    ("a token with a line end", {"token": "a\nb"}, "its token cannot be one"),
    ("a certificate alone", {"clientCertificateData": "x"}, "must be both"),
    ("no PEM", {"clientCertificateData": "x", "clientKeyData": "y"},
     "the client certificate is not PEM"),
    ("over", {"token": "t", "expirationTimestamp": "2020-01-01T00:00:00Z"},
     "has expired"),
    ("no time", {"token": "t", "expirationTimestamp": "tomorrow"},
     "expirationTimestamp is no time"),
]


@pytest.mark.parametrize("status,words", [row[1:] for row in BAD_STATUSES],
                         ids=[row[0] for row in BAD_STATUSES])
def test_a_plugin_that_gives_what_cannot_be_used(tmp_path, api, status, words):
    assert words in bad("--kubeconfig", config(tmp_path, api, plugin(
        tmp_path, status)))
    assert api.seen == []


def test_what_a_plugin_leaves_behind_is_not_waited_for(tmp_path, api):
    """Its child holds the pipe open for longer than the test may take."""
    body = f"""
import subprocess
child = subprocess.Popen(["sleep", "300"], stderr=subprocess.DEVNULL)
open({str(tmp_path / "child")!r}, "w").write(str(child.pid))
print({json.dumps({
    "kind": "ExecCredential", "status": {"token": "admin-token"},
    "apiVersion": "client.authentication.k8s.io/v1"})!r})"""
    try:
        good("--kubeconfig", config(tmp_path, api, plugin(
            tmp_path, None, body=body)))
    finally:
        os.kill(int((tmp_path / "child").read_text()), 9)


def test_a_plugin_that_is_not_installed_says_how_to(tmp_path, api):
    entry = {"apiVersion": "client.authentication.k8s.io/v1",
             "command": "no-such-cloud-plugin", "interactiveMode": "Never"}
    text = bad("--kubeconfig", config(tmp_path, api, {"exec": entry}))
    assert "exec plugin no-such-cloud-plugin: there is no such program" in text
    entry["installHint"] = "Run: cloud components install plugin"
    text = bad("--kubeconfig", config(tmp_path, api, {"exec": entry}))
    assert "Run: cloud components install plugin" in text


def test_a_plugin_that_must_ask_a_person(tmp_path, api):
    user = plugin(tmp_path, {"token": "t"}, interactiveMode="Always")
    text = bad("--kubeconfig", config(tmp_path, api, user))
    assert "Run this in a terminal." in text
    assert not (tmp_path / "seen.json").exists()


# ---- which file, which context

def test_where_a_kubeconfig_is_looked_for(tmp_path, api):
    path = config(tmp_path, api)
    want = good("--kubeconfig", path)
    assert good(KUBECONFIG=str(path)) == want
    home = tmp_path / "home"
    (home / ".kube").mkdir(parents=True)
    path.rename(home / ".kube" / "config")
    assert good(HOME=str(home)) == want
    assert "there is no kubeconfig" in bad()
    assert "no such file" in bad("--kubeconfig", path).lower()


def test_several_files_are_one_and_the_first_to_say_it_wins(tmp_path, api):
    whole = api.kubeconfig({"token": "admin-token"})
    first = write(tmp_path / "first", {
        "users": whole["users"], "current-context": "lab"})
    second = write(tmp_path / "second", {
        **whole, "current-context": "another",
        "users": [{"name": "me", "user": {"token": "nobody"}}]})
    both = f"{tmp_path}/missing::{first}:{second}"
    good(KUBECONFIG=both)
    assert "there is no 'other' under contexts" in bad(
        "--context", "other", KUBECONFIG=both)
    assert "401" in bad("--context", "lab", KUBECONFIG=f"{second}:{first}")


def test_a_context_has_to_be_chosen(tmp_path, api):
    whole = api.kubeconfig({"token": "admin-token"})
    del whole["current-context"]
    path = write(tmp_path / "config", whole)
    text = bad("--kubeconfig", path)
    assert "no current-context; there are: lab" in text
    assert "--context" in text
    good("--kubeconfig", path, "--context", "lab")


def test_a_context_cannot_drive_the_terminal(tmp_path, api):
    whole = api.kubeconfig({"token": "admin-token"})
    whole["current-context"] = whole["contexts"][0]["name"] = "\x1b[31mlab"
    path = write(tmp_path / "config", whole)
    assert "context ?[31mlab of" in run("--kubeconfig", path).stderr
    whole["current-context"] = "\x1b[31mother"
    assert "there is no '?[31mother'" in bad(
        "--kubeconfig", write(path, whole))
    del whole["current-context"]
    assert "there are: ?[31mlab" in bad("--kubeconfig", write(path, whole))


# ---- the server

def test_a_server_by_another_name_and_below_a_path(tmp_path):
    with KubeApi(tmp_path, prefix="/k8s/clusters/c-1",
                 host=SERVER_NAME) as api:
        text = bad("--kubeconfig", config(tmp_path, api))
        assert "TLS:" in text and "tls-server-name" in text
        good("--kubeconfig", config(
            tmp_path, api, cluster={"tls-server-name": SERVER_NAME}))


def test_a_server_that_somebody_else_signed(tmp_path, api):
    with KubeApi(tmp_path) as other:
        ca = base64.b64encode(other.ca.encode()).decode()
    text = bad("--kubeconfig", config(
        tmp_path, api, cluster={"certificate-authority-data": ca}))
    assert f"cluster {api.url}: TLS:" in text
    assert api.seen == []


def test_a_server_that_is_not_there(tmp_path, api):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{taken.getsockname()[1]}"
        text = bad("--kubeconfig", config(
            tmp_path, api, cluster={"server": url}))
    assert f"cluster {url}: cannot be reached" in text


JWKS, DISCOVERY = "/openid/v1/jwks", "/.well-known/openid-configuration"
UID = "/api/v1/namespaces/kube-system"
STRANGE = [
    ("a login page", UID, (200, b"<html>", "text/html"), "not what a cluster"),
    ("a redirect", UID, (302, b"", "text/html"), "302"),
    ("a gateway's error", JWKS, (502, b"<h1>", "text/html"), "502"),
    ("no HTTPS expected", UID, (400, b"Client sent an HTTP request",
                                "text/plain"), "400"),
    ("an old API", JWKS, (404, {"kind": "Status", "message": "not here"}),
     "404 Not Found: not here"),
    ("a UID that is none", UID, (200, {"metadata": {"uid": "../x"}}),
     "not what a cluster"),
    ("no issuer", DISCOVERY, (200, {}), "discovery"),
    ("no keys", JWKS, (200, {"keys": []}), "key"),
    ("too large", JWKS, (200, b" " * 2_000_000), "larger than"),
    ("control characters", UID, (403, {"kind": "Status",
                                       "message": "\x1b[31mred"}), "?[31mred"),
]


@pytest.mark.parametrize("path,answer,words", [row[1:] for row in STRANGE],
                         ids=[row[0] for row in STRANGE])
def test_a_server_that_is_no_cluster(tmp_path, api, path, answer, words):
    api.instead[path] = answer
    text = bad("--kubeconfig", config(tmp_path, api))
    assert words in text
    assert "\x1b" not in text


def test_the_proxy_of_the_kubeconfig_is_named_when_it_fails(tmp_path, api):
    text = bad("--kubeconfig", config(tmp_path, api, cluster={
        "server": "https://cluster.invalid:6443",
        "proxy-url": "http://jane:secret@127.0.0.1:1"}))
    assert "egress proxy 127.0.0.1:1" in text
    assert "secret" not in text


# ---- bad files

GOOD = """\
apiVersion: v1
current-context: lab
contexts:
- name: lab
  context: {cluster: one, user: me}
clusters:
- name: one
  cluster: {server: "https://127.0.0.1:1"}
users:
- name: me
  user: {token: t}
"""
BAD_FILES = [
    ("no YAML", GOOD.replace("users:", "users: ]"), "not YAML"),
    ("a list", "- a\n", "expected names with values"),
    ("a name twice", GOOD + "current-context: x\n",
     "config:12:1: 'current-context' comes twice"),
    ("an item twice", GOOD + "- name: me\n  user: {}\n",
     "config:12:3: this name comes twice in the list"),
    ("a second document", GOOD + "---\na: b\n", "second document"),
    ("contexts that are no list", GOOD.replace("contexts:", "contexts: {}\nx:"),
     "config:3:11: expected a list"),
    ("no such cluster", GOOD.replace("cluster: one", "cluster: two"),
     "there is no 'two' under clusters"),
    ("no such user", GOOD.replace("user: me", "user: you"),
     "there is no 'you' under users"),
    ("a cluster without server", GOOD.replace("server:", "serve:"),
     "it has no server"),
    ("no verification", GOOD.replace(
        "{server:", "{insecure-skip-tls-verify: true, server:"),
     "insecure-skip-tls-verify: "),
    ("a password", GOOD.replace("{token: t}", "{username: u, password: p}"),
     "Clusters take no passwords"),
    ("an auth-provider", GOOD.replace(
        "{token: t}", "{auth-provider: {name: gcp}}"), "auth-provider: "),
    ("impersonation", GOOD.replace("{token: t}", "{token: t, as: root}"),
     "without impersonation"),
    ("a CA that is no base64", GOOD.replace(
        "{server:", "{certificate-authority-data: '***', server:"),
     "config:8:41: expected base64 of PEM"),
    ("a CA that is no PEM", GOOD.replace(
        "{server:", "{certificate-authority-data: aGVsbG8=, server:"),
     "certificate-authority is not PEM"),
    ("a CA that is not there", GOOD.replace(
        "{server:", "{certificate-authority: no.crt, server:"), "no.crt"),
    ("plain HTTP", GOOD.replace("https://127.0.0.1", "http://10.0.0.1"),
     "plain HTTP is for loopback only"),
    ("a server that is none", GOOD.replace("https://127.0.0.1:1", "10.0.0.1"),
     "kubeconfig: server 10.0.0.1: cannot be the address"),
    ("a key without certificate", GOOD.replace(
        "{token: t}", "{client-key-data: aGVsbG8=}"),
     "a client key without its client-certificate"),
    ("an old plugin", GOOD.replace(
        "{token: t}", "{exec: {apiVersion: client.authentication.k8s.io/"
        "v1alpha1, command: x}}"), "apiVersion: expected client."),
    ("a plugin without a mode", GOOD.replace(
        "{token: t}", "{exec: {apiVersion: client.authentication.k8s.io/v1, "
        "command: x}}"), "interactiveMode: expected Never"),
    ("a plugin without a command", GOOD.replace(
        "{token: t}", "{exec: {apiVersion: client.authentication.k8s.io/v1, "
        "interactiveMode: Never}}"), "exec: expected a command"),
]


@pytest.mark.parametrize("text,words", [row[1:] for row in BAD_FILES],
                         ids=[row[0] for row in BAD_FILES])
def test_a_bad_kubeconfig(tmp_path, text, words):
    said = bad("--kubeconfig", write(tmp_path / "config", text))
    assert words in said
    assert "hello" not in said


# ---- from files

def test_what_the_files_must_be(tmp_path):
    state = State()
    words = answers(tmp_path, state)
    assert "go together" in bad(*words[:4], status=2)
    assert "in place of a kubeconfig" in bad(
        *words, "--context", "x", status=2)
    assert "UID" in bad("--uid", "not/one", *words[2:])
    write(tmp_path / "jwks.json", "{}")
    bad(*words)
    write(tmp_path / "disc.json", "[]")
    assert str(tmp_path / "disc.json") in bad(*words)
    (tmp_path / "disc.json").unlink()
    assert str(tmp_path / "disc.json") in bad(*words)
