"""A broker that has a join string and nothing else: `pharos-broker --join`.

The cluster is a stand-in that signs real tokens; the bridge of the first part is
written from doc/wire/boot.md, and dials."""
import json
import re
import socket
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from lab.bootbridge import Authority, Session, claims_of
from lab.cluster import KubeApi
from lab.parts import program
from lab.process import LabError

ACCOUNT = "system:serviceaccount:pharos:broker"
RIGHTS = frozenset({"namespaces", "discovery", "tokens"})
HOST = "pharos-broker.pharos.svc"


class Home:
    """A cluster with a pod for the broker, and what the pod has."""

    def __init__(self, folder, pod="broker-1"):
        self.folder, self.pod = folder, pod
        self.api = KubeApi(folder)
        self.uid = self.api.state.add_pod("pharos", pod, "broker")
        self.api.rights[ACCOUNT] = RIGHTS
        self.token_file = folder / f"token-{pod}"
        self.write_token()

    def __enter__(self):
        self.api.__enter__()
        return self

    def __exit__(self, *args):
        self.api.__exit__(*args)

    def write_token(self):
        answer = self.api.state.request_token("pharos", "broker", {"spec": {
            "audiences": [self.api.state.issuer],
            "boundObjectRef": {"name": self.pod, "uid": self.uid}}})
        self.token_file.write_text(answer["status"]["token"])

    def words(self):
        path = self.folder / "kubeconfig"
        path.write_text(json.dumps(self.api.kubeconfig(
            {"tokenFile": str(self.token_file)})))
        return ["--kubeconfig", path]


@pytest.fixture
def home(tmp_path):
    with Home(tmp_path) as one:
        yield one


@pytest.fixture(scope="module")
def authority():
    return Authority()


def start(lab, authority, home, *words):
    """A broker that waits to be dialled."""
    broker = lab.start(
        "pharos-broker", "--join", authority.join_string("127.0.0.1:1"),
        "--mode", "reverse", "--reverse-listen", "127.0.0.1:0",
        "--listen", "127.0.0.1:0", "--health-addr", "127.0.0.1:0",
        *home.words(), *words)
    broker.tunnels = lab.port_of(broker, "tunnels")
    broker.health = lab.port_of(broker, "health")
    return broker


def page(broker, path):
    """(status, text) of a health page."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{broker.health}{path}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def status_of(broker):
    return json.loads(page(broker, "/v1/status")[1])


def join_of(broker):
    return status_of(broker)["join"]


def session(broker, authority):
    """The bridge's end; the broker may not be there yet, and then it resets."""
    for _ in range(200):
        try:
            return Session(authority, broker.tunnels)
        except Exception as error:  # pylint: disable=broad-except
            last = error
            broker.wait_for_news(0.05)
    raise LabError(f"no boot session: {last!r}")


def joined(broker, authority, **more):
    with session(broker, authority) as one:
        mark = broker.mark()
        leaf = one.sign([HOST, "127.0.0.1"], **more)
        broker.wait_for(r"certificate .*name=", since=mark)
    return leaf


def der_of(leaf):
    return leaf.public_bytes(Encoding.DER)


def shown_leaf(lab, authority, port):
    """What a pod gets to see."""
    ca = lab.folder / "bridge-ca.crt"
    authority.write(lab.folder)
    (lab.folder / "ca.crt").rename(ca)
    context = ssl.create_default_context(cafile=str(ca))
    with socket.create_connection(("127.0.0.1", port), 10) as plain, \
            context.wrap_socket(plain, server_hostname=HOST) as tls:
        return tls.getpeercert(True)


# ---- the request

def test_the_request_is_as_written(lab, authority, home):
    broker = start(lab, authority, home)
    with session(broker, authority) as one:
        request = one.request
        assert set(request) == {"token", "csr", "uid", "jwks", "discovery"}
        assert request["uid"] == home.api.state.uid
        assert request["jwks"] == home.api.state.jwks()
        assert request["discovery"] == home.api.state.discovery()
        claims = claims_of(request["token"])
        assert claims["aud"] == [one.expected_audience()]
        assert claims["sub"] == ACCOUNT
        assert claims["exp"] - claims["iat"] == 600
        assert claims["kubernetes.io"]["pod"] == {
            "name": home.pod, "uid": home.uid}
        assert one.csr.is_signature_valid
    assert broker.end() == 0


def test_the_listener_opens_with_the_certificate(lab, authority, home):
    broker = start(lab, authority, home)
    assert page(broker, "/healthz")[0] == 200
    assert page(broker, "/readyz")[0] == 503
    assert join_of(broker)["certificate"] == "none"
    assert not re.search("what=pods", broker.text())
    leaf = joined(broker, authority)
    port = lab.port_of(broker, "pods")
    assert shown_leaf(lab, authority, port) == der_of(leaf)
    assert join_of(broker)["certificate"] == "good"
    status, reason = page(broker, "/readyz")
    assert status == 503 and "tunnel" in reason  # the bridge is not there
    assert broker.end() == 0


def test_then_the_tunnel_comes_up(lab, authority, home):
    broker = start(lab, authority, home)
    joined(broker, authority)
    authority.write(lab.folder)
    store = lab.start_devstore()
    bridge = lab.start(
        "pharos-bridge", "--vault-addr", f"https://127.0.0.1:{store.port}",
        "--vault-ca", lab.server_ca, "--mode", "reverse",
        "--broker-address", f"127.0.0.1:{broker.tunnels}",
        "--tls-cert", lab.folder / "bridge.crt",
        "--tls-key", lab.folder / "bridge.key",
        "--tls-ca", lab.folder / "ca.crt", "--health-addr", "127.0.0.1:0")
    _, match = bridge.wait_for(r"tunnel up .*peer=(\S+)", 20)
    assert match.group(1) == home.pod
    broker.wait_for("tunnel up", 10)
    assert page(broker, "/readyz")[0] == 200
    assert broker.end() == 0
    assert bridge.end() == 0


# ---- renewal

def test_it_is_renewed_before_it_ends(lab, authority, home):
    broker = start(lab, authority, home)
    mark = broker.mark()
    joined(broker, authority, seconds=6)
    with session(broker, authority) as again:
        assert set(again.request) == {"token", "csr", "uid"}
        second = again.sign([HOST])
        broker.wait_for("certificate .*good_for_s=86", 10, mark)
    port = lab.port_of(broker, "pods")
    assert shown_leaf(lab, authority, port) == der_of(second)
    assert broker.text().count("what=pods") == 1
    assert broker.end() == 0


def test_a_certificate_that_ends_is_said_loudly(lab, authority, home):
    broker = start(lab, authority, home)
    joined(broker, authority, seconds=3)
    with session(broker, authority) as again:
        again.refuse("store", "the store is sealed", "unseal it", 5, 503)
        broker.wait_for("no certificate .*the store is sealed")
    # before or after the refusal: what stands of both is seen below
    broker.wait_for('err .*the certificate has expired fault="?\\w', 20)
    status, reason = page(broker, "/readyz")
    assert status == 503 and "expired" in reason and "sealed" in reason
    shown = join_of(broker)
    assert shown["certificate"] == "expired"
    assert shown["remedy"] == "unseal it"
    joined(broker, authority)
    assert join_of(broker)["certificate"] == "good"
    assert broker.end() == 0


# ---- what goes wrong

def test_a_refusal_is_shown_with_its_remedy(lab, authority, home):
    broker = start(lab, authority, home)
    with session(broker, authority) as one:
        one.refuse("approval", "a person has to approve it",
                   "pharos source approve m24ppin6", 30)
        broker.wait_for("no certificate .*approve it.*source approve")
    shown = join_of(broker)
    assert "a person has to approve it" in shown["last_error"]
    assert shown["remedy"] == "pharos source approve m24ppin6"
    assert 20 <= shown["retry_in_seconds"] <= 38
    status, reason = page(broker, "/readyz")
    assert status == 503 and "approve" in reason
    assert broker.end() == 0


def test_the_cluster_goes_away_and_comes_back(lab, authority, home):
    state = home.api.state
    home.api.instead["/openid/v1/jwks"] = (500, {"kind": "Status"})
    broker = start(lab, authority, home)
    broker.wait_for("no certificate .*openid/v1/jwks.*500")
    assert "500" in join_of(broker)["last_error"]
    del home.api.instead["/openid/v1/jwks"]
    joined(broker, authority)
    assert state.uid
    assert broker.end() == 0


def test_a_right_that_lacks_is_named(lab, authority, home):
    home.api.rights[ACCOUNT] = frozenset({"namespaces", "discovery"})
    broker = start(lab, authority, home)
    for _ in range(100):
        try:
            Session(authority, broker.tunnels, 2)
        except Exception:  # pylint: disable=broad-except
            broker.wait_for_news(0.05)
        if "serviceaccounts/token" in broker.text():
            break
    broker.wait_for("no certificate .*403.*serviceaccounts/token")
    assert broker.end() == 0


@pytest.mark.parametrize("words, says", [
    (["--join", "pharos-join-v1.AAAA"], "--join"),
    (["--join", "hello"], "--join"),
    (["--join-file", "/nowhere"], "/nowhere"),
    (["--tls-cert", "x"], "--tls-cert does not go with --join"),
    (["--listen-cert", "x"], "--listen-cert does not go with --join"),
    (["--pod-uid", "x" * 100], "--pod-uid"),
    (["--kubeconfig", "/nowhere"], "/nowhere")],
    ids=lambda value: value[0] if isinstance(value, list) else "")
def test_bad_words(lab, authority, home, words, says):
    good = ["--join", authority.join_string("b:443"), "--kubeconfig",
            home.words()[1]]
    if words[0] == "--join-file":
        good = good[2:]
    done = subprocess.run(
        [str(word) for word in
         [program("pharos-broker"), *good, *words, "--listen", "127.0.0.1:0",
          "--health-addr", "127.0.0.1:0"]],
        text=True, capture_output=True, check=False, timeout=20)
    assert done.returncode in (1, 2)
    assert says in done.stderr
