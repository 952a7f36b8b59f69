"""Who may use the broker in a cluster: pods whose own token the cluster takes for
audience pharos-broker (TokenReview), on a stand-in for its API and, where it was
built, on a real kube-apiserver."""
import base64
import concurrent.futures
import http.client
import json
import socket
import ssl
import time

import pytest

from conftest import Delivery
from interop import clusters
from lab import parts, peers
from lab.cluster import KubeApi
from lab.kubeserver import ADMIN, KubeServer

AUDIENCE = "pharos-broker"
CROWD = 1000
BURST = 100  # of one pod, or one address
REMEMBERED = 30  # seconds


# ---- two clusters

class StandIn:
    name = "stand-in"

    def __init__(self, folder):
        self.api = KubeApi(folder)
        self.api.state.accounts["pharos", "operator"] = "operator-uid"
        self.api.users["broker-token"] = ("broker", {"reviews"})
        self.words = self.api.kubeconfig({"token": "broker-token"})

    def make_pod(self, name):
        self.api.state.add_pod("pharos", name, "operator")

    def delete_pod(self, name):
        self.api.state.delete_pod("pharos", name)

    def take_token(self, pod, audience=AUDIENCE):
        bound = {"kind": "Pod", "apiVersion": "v1", "name": pod}
        return self.api.state.request_token("pharos", "operator", {"spec": {
            "audiences": [audience], "expirationSeconds": 3600,
            **({"boundObjectRef": bound} if pod else {})}})["status"]["token"]

    def asked(self):
        """How often it was asked about a token."""
        return sum(path.endswith("/tokenreviews")
                   for _, path, _ in self.api.seen)

    def end(self):
        self.api.__exit__()


class Real:
    name = "kube-apiserver"

    def __init__(self, folder):
        self.api = KubeServer(folder / "kube")
        self.api.must("POST", "/api/v1/namespaces", {
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "pharos"}})
        self.inside = "/api/v1/namespaces/pharos"
        self.api.must("POST", f"{self.inside}/serviceaccounts", {
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "operator"}})
        data = base64.b64encode(self.api.ca.read_bytes()).decode()
        self.words = {
            "current-context": "lab",
            "contexts": [{"name": "lab", "context": {
                "cluster": "one", "user": "me"}}],
            "clusters": [{"name": "one", "cluster": {
                "server": self.api.url, "certificate-authority-data": data}}],
            "users": [{"name": "me", "user": {"token": ADMIN}}]}

    def make_pod(self, name):
        self.api.must("POST", f"{self.inside}/pods", clusters.pod(name))

    def delete_pod(self, name):
        self.api.must("DELETE", f"{self.inside}/pods/{name}",
                      {"gracePeriodSeconds": 0})

    def take_token(self, pod, audience=AUDIENCE):
        wish = clusters.request([audience], 3600, pod)
        if pod:
            del wish["spec"]["boundObjectRef"]["uid"]
        else:
            del wish["spec"]["boundObjectRef"]
        return self.api.must("POST", f"/{clusters.TOKEN}",
                             wish)["status"]["token"]

    def end(self):
        self.api.__exit__()


@pytest.fixture(scope="module", params=[StandIn, Real],
                ids=lambda kind: kind.name)
def cluster(request, tmp_path_factory):
    try:
        made = request.param(tmp_path_factory.mktemp("cluster"))
    except peers.NotHere as why:
        pytest.skip(str(why))
    yield made
    made.end()


def kubeconfig(folder, words):
    path = folder / "kubeconfig"
    path.write_text(json.dumps(words))
    path.chmod(0o600)
    return path


# ---- the broker and its pods

def start(lab, cluster, *words):
    """A broker that reviews pods, whose beacon is not there: so whoever is let
    in is told that there is no tunnel."""
    config = kubeconfig(lab.folder, cluster.words)
    broker = lab.start(
        "pharos-broker", *lab.tunnel_words("broker"),
        *lab.server_words("listen", "listen"), "--listen", "127.0.0.1:0",
        "--beacon-address", "127.0.0.1:9", "--beacon-ca", lab.server_ca,
        "--beacon-info-hash", lab.info_hash, "--health-addr", "127.0.0.1:0",
        "--review-pods", "yes", "--kubeconfig", config, *words)
    broker.port = lab.port_of(broker, "pods")
    broker.health = lab.port_of(broker, "health")
    broker.context = ssl.create_default_context(cafile=str(lab.server_ca))
    return broker


@pytest.fixture(scope="module")
def broker(cluster, module_lab):
    made = start(module_lab, cluster)
    yield made
    assert made.end() == 0


def connect(broker, token=None, source="127.0.0.1"):
    """CONNECT as a pod; return (status, the reason, the answer's fields)."""
    login = f"Proxy-Authorization: Bearer {token}\r\n" if token else ""
    plain = socket.create_connection(("127.0.0.1", broker.port), 30,
                                     source_address=(source, 0))
    with broker.context.wrap_socket(
            plain, server_hostname="127.0.0.1") as secured:
        secured.sendall(("CONNECT bridge.pharos:443 HTTP/1.1\r\n"
                         f"Host: bridge.pharos:443\r\n{login}\r\n").encode())
        answer = http.client.HTTPResponse(secured, method="CONNECT")
        answer.begin()
        return (answer.status, json.loads(answer.read())["errors"][0],
                dict(answer.getheaders()))


def let_in(answer):
    return answer[0] == 503 and answer[1].startswith("no tunnel")


def get(broker, port, path):
    page = http.client.HTTPSConnection(
        "127.0.0.1", port, context=broker.context, timeout=10) \
        if port == broker.port else \
        http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    page.request("GET", path)
    text = page.getresponse().read().decode()
    page.close()
    return text


def metrics(broker):
    """By name and labels, as they stand there."""
    lines = get(broker, broker.health, "/metrics").splitlines()
    return {name: float(value) for name, _, value in (
        line.rpartition(" ") for line in lines if not line.startswith("#"))}


def reviews(broker):
    seen = metrics(broker)
    return {outcome: seen[f'pharos_broker_reviews_total{{outcome="{outcome}"}}']
            for outcome in ("good", "refused", "noPod", "failed")}


def status_of(broker):
    return json.loads(get(broker, broker.port, "/v1/status"))


# ---- who is let in

def test_a_pod_is_let_in_and_asked_about_once(cluster, broker):
    cluster.make_pod("one")
    token, before = cluster.take_token("one"), reviews(broker)["good"]
    assert let_in(connect(broker, token))
    assert let_in(connect(broker, token))
    assert reviews(broker)["good"] == before + 1
    status = status_of(broker)
    assert status["asks_for"] == "pod token"
    assert status["reviews"]["remembered"] >= 1
    assert status["reviews"]["last_error"] == ""


@pytest.mark.parametrize("pod, audience, code, words", [
    ("here", "pharos:another", 407, "audience pharos-broker"),
    (None, AUDIENCE, 403, "bound to no pod"),
], ids=["another audience", "no pod's"])
def test_another_token_is_refused(cluster, broker, pod, audience, code, words):
    if pod:
        cluster.make_pod(pod)
    answer = connect(broker, cluster.take_token(pod, audience))
    assert answer[0] == code and words in answer[1], answer


def test_without_a_token_nobody_is_asked(cluster, broker):
    before = reviews(broker)
    status, reason, fields = connect(broker)
    assert status == 407 and AUDIENCE in reason
    assert fields["proxy-authenticate"].startswith("Bearer")
    assert reviews(broker) == before


def test_junk_is_refused(broker):
    answer = connect(broker, "junk")
    assert answer[0] == 407 and "does not take this token" in answer[1]


def test_a_pod_that_was_deleted_is_refused_once_its_answer_is_old(
        cluster, broker):
    cluster.make_pod("short")
    token = cluster.take_token("short")
    began = time.monotonic()
    assert let_in(connect(broker, token))
    cluster.delete_pod("short")
    assert let_in(connect(broker, token)), "still remembered"
    source = 0
    while True:  # requests of one address are limited
        source += 1
        answer = connect(broker, token, f"127.0.7.{source % 250 + 1}")
        taken = time.monotonic() - began
        if not let_in(answer) and answer[0] != 429:
            break
        assert taken < REMEMBERED + 60, "never refused"
        time.sleep(0.5)
    assert taken >= REMEMBERED - 1
    assert answer[0] == 407 and "is its pod still there" in answer[1], answer


# ---- the cluster is away

@pytest.fixture
def standin(tmp_path):
    made = StandIn(tmp_path)
    yield made
    made.end()


def test_without_the_right_to_ask_everybody_is_told(lab, standin):
    standin.api.users["broker-token"] = ("broker", set())
    broker = start(lab, standin)
    standin.make_pod("one")
    status, reason, fields = connect(broker, standin.take_token("one"))
    assert status == 503 and fields["retry-after"] == "5"
    assert "403 Forbidden" in reason and "system:auth-delegator" in reason
    broker.wait_for("pods' tokens are not reviewed.*auth-delegator")
    assert "403" in status_of(broker)["reviews"]["last_error"]
    # and once somebody gives it
    standin.api.users["broker-token"] = ("broker", {"reviews"})
    assert let_in(connect(broker, standin.take_token("one")))
    broker.wait_for("pods' tokens are reviewed again")
    assert broker.end() == 0


def test_without_its_api_those_who_are_known_go_on(lab, standin):
    broker = start(lab, standin)
    standin.make_pod("one")
    known, other = standin.take_token("one"), standin.take_token("one")
    assert let_in(connect(broker, known))
    standin.api.instead[f"/{clusters.REVIEW}"] = (503, {"kind": "Status"})
    status, reason, _ = connect(broker, other)
    assert status == 503 and "cannot ask the cluster" in reason
    assert let_in(connect(broker, known))
    del standin.api.instead[f"/{clusters.REVIEW}"]
    assert let_in(connect(broker, other))
    assert broker.end() == 0


# ---- a crowd

def show_all(broker, tokens):
    """Each from an address of its own, many at a time; return the answers."""
    def show(number):
        source = f"127.3.{number // 250}.{number % 250 + 1}"
        return connect(broker, tokens[number], source)
    with concurrent.futures.ThreadPoolExecutor(32) as hands:
        return list(hands.map(show, range(len(tokens))))


def test_a_thousand_pods_are_a_thousand_reviews(lab, standin):
    broker = start(lab, standin)
    tokens = []
    for number in range(CROWD):
        standin.make_pod(f"pod-{number}")
        tokens.append(standin.take_token(f"pod-{number}"))
    assert all(map(let_in, show_all(broker, tokens)))
    assert reviews(broker)["good"] == standin.asked() == CROWD
    # they are known now: nobody is asked again, for as long as that lasts
    assert let_in(connect(broker, tokens[-1]))
    assert standin.asked() == CROWD
    assert broker.end() == 0


def test_a_thousand_who_share_a_token_are_one_review_and_one_pod(lab, standin):
    broker = start(lab, standin)
    standin.make_pod("one")
    began = time.monotonic()
    answers = show_all(broker, [standin.take_token("one")] * CROWD)
    most = BURST + 10 * (time.monotonic() - began) + 32
    assert standin.asked() == 1
    assert BURST <= sum(map(let_in, answers)) <= most
    assert {answer[0] for answer in answers} <= {503, 429}
    assert broker.end() == 0


def test_a_stranger_has_the_cluster_asked_as_often_as_his_address_may(
        lab, standin):
    broker = start(lab, standin)
    standin.make_pod("one")
    began = time.monotonic()
    answers = [connect(broker, f"a.b{number}.c") for number in range(3 * BURST)]
    most = BURST + 10 * (time.monotonic() - began) + 1
    assert {answer[0] for answer in answers} == {407, 429}
    assert standin.asked() <= most
    # which is no loss to a pod elsewhere, nor to one that is known there
    assert let_in(connect(broker, standin.take_token("one"), "127.0.0.9"))
    assert broker.end() == 0


# ---- the wrapper

class Secrets(Delivery):
    """The whole way, through a broker that reviews pods."""

    def __init__(self, lab, standin):
        config = kubeconfig(lab.folder, standin.words)
        super().__init__(lab, ["--review-pods", "yes", "--kubeconfig", config])
        lab.store.write_secret("team-a/web", {"password": "blue"})
        lab.store.trust_cluster(self.cluster, self.audience, "team-a/web")

    def start_wrapper(self, *words):
        return self.lab.start_wrapper(
            self.broker.port, "--jwt-file", self.pod_token(), "--secret",
            "secret/data/team-a/web", "--deliver", "env", "--map",
            "password=PASSWORD", *words)


def write_token(path, text):
    """As the kubelet does: at once."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


def test_the_wrapper_shows_a_second_token_and_reads_it_anew(lab, standin):
    secrets = Secrets(lab, standin)
    standin.make_pod("web")
    path = lab.folder / "broker-token"
    write_token(path, standin.take_token("web"))
    wrapper = secrets.start_wrapper(
        "--broker-token-file", path, "--poll", "300ms", "--on-rotate", "restart",
        "--", "sh", "-c", 'echo "got $PASSWORD"; exec sleep 100')
    wrapper.wait_for("got blue", 20)
    assert standin.asked() == 1
    write_token(path, standin.take_token("web"))
    until = time.monotonic() + 20
    while standin.asked() < 2:
        assert time.monotonic() < until, "the new token was never shown"
        time.sleep(0.05)
    wrapper.end()


@pytest.mark.parametrize("audience, words", [
    (None, ["407", "--broker-token-file", "pharos-broker"]),
    ("pharos:another", ["407", "does not take this token", "pharos-broker"]),
], ids=["no token", "another audience"])
def test_the_wrapper_says_what_is_wrong_with_its_token(
        lab, standin, audience, words):
    secrets = Secrets(lab, standin)
    standin.make_pod("web")
    path = lab.folder / "broker-token"
    write_token(path, standin.take_token("web", audience or "x"))
    wrapper = secrets.start_wrapper(
        *(["--broker-token-file", path] if audience else []), "--", "true")
    assert wrapper.wait() != 0
    for word in words:
        assert word in wrapper.text(), wrapper.text()
