"""`pharos target approve` against a stand-in for a cluster's API; what the broker
does on the other side is played here (test_words.py has the real one)."""
import json
import subprocess
import threading

import pytest

from lab.cluster import KubeApi
from lab.configmaps import ConfigMaps, Refused
from lab.parts import program
from lab.bootbridge import Authority

WORDS = "fago keno dili fomi malo migi"
PLACE = ("pharos-system", "pharos-bridge")

pytestmark = pytest.mark.skipif(
    "target" not in subprocess.run(
        [program("pharos"), "--help"], text=True, capture_output=True,
        check=False).stdout,
    reason="a release without libcurl")


class Cluster:
    def __init__(self, folder):
        self.api = KubeApi(folder)
        self.maps = self.api.state.maps
        self.api.state.add_pod("pharos-system", "broker-1", "pharos-broker")
        self.api.users["poor"] = ("jane", {"maps.get"})
        self.api.users["maker"] = ("joe", {"maps.get", "maps.create"})
        self.folder = folder
        self.authority = Authority()
        self.authority.write(folder)
        self.ca = (folder / "ca.crt").read_text()
        self.written = []

    def approve(self, *words, token="admin-token"):
        path = self.folder / f"kubeconfig-{token}"
        path.write_text(json.dumps(self.api.kubeconfig({"token": token})))
        return subprocess.run(
            [program("pharos"), "target", "approve", "--kubeconfig", path,
             *words], text=True, capture_output=True, check=False, timeout=60,
            env={"HOME": "/nonexistent"})

    def data(self, place=PLACE):
        return self.maps.get(*place).get("data")

    def broker(self, answer):
        """It sees words a moment later, as a broker does that looks."""
        def told(data):
            self.written.append(dict(data))
            if "words" in data and "ca.crt" not in data:
                threading.Timer(0.1, self.maps.change, [
                    *PLACE, {"data": answer(data["words"])},
                    ConfigMaps.TYPE]).start()
        self.maps.told = told


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path)
    with made.api:
        yield made


def takes(cluster):
    return lambda typed: {"words": None, "ca.crt": cluster.ca} \
        if typed == WORDS else {}


@pytest.mark.parametrize("typed", [
    WORDS, WORDS.upper(), "fago-keno-dili-fomi-malo-migi",
    "fago, keno, dili, fomi, malo, migi"])
def test_a_broker_takes_them(cluster, typed):
    cluster.broker(takes(cluster))
    done = cluster.approve("--words", typed)
    assert done.returncode == 0, done.stderr
    assert cluster.authority.info_hash in done.stdout
    assert "waiting" in done.stderr
    assert cluster.written[0] == {"words": WORDS}
    assert cluster.data() == {"ca.crt": cluster.ca}


def test_a_map_of_somebody_else_s_stays(cluster):
    cluster.maps.create(PLACE[0], {
        "metadata": {"name": PLACE[1]}, "data": {"other": "stays"}})
    cluster.broker(takes(cluster))
    done = cluster.approve("--words", WORDS, "-o", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "namespace": "pharos-system", "ca": cluster.ca,
        "info_hash": cluster.authority.info_hash}
    assert cluster.data() == {"other": "stays", "ca.crt": cluster.ca}


def test_nobody_takes_them(cluster):
    cluster.broker(lambda typed: {})
    done = cluster.approve("--words", WORDS, "--wait", "1s")
    assert done.returncode == 1 and done.stdout == ""
    assert "no broker of pharos-system took these words in 1 s" in done.stderr
    assert "somebody stands between the two" in done.stderr
    assert cluster.written[0] == {"words": WORDS}
    assert not cluster.data()


def test_somebody_writes_while_they_are_taken_back(cluster):
    change = cluster.maps.change

    def once(*_):
        cluster.maps.change = change
        change(*PLACE, {"data": {"other": "stays"}}, ConfigMaps.TYPE)
        raise Refused(409, "Conflict", "the object has been modified")
    cluster.maps.change = once
    done = cluster.approve("--words", WORDS, "--wait", "1s")
    assert "they were taken back" in done.stderr
    assert "The broker's log may say why" in done.stderr
    assert cluster.data() == {"other": "stays"}


def test_who_cannot_take_them_back_is_told_so(cluster):
    done = cluster.approve("--words", WORDS, "--wait", "1s", token="maker")
    assert done.returncode == 1
    assert "still lie in the ConfigMap pharos-system/pharos-bridge" in \
        done.stderr
    assert "verb patch on the ConfigMap pharos-bridge" in done.stderr
    assert cluster.data() == {"words": WORDS}


def test_somebody_else_takes_them_away(cluster):
    cluster.broker(lambda typed: {"words": "nono nono nono nono nono nono"})
    done = cluster.approve("--words", WORDS)
    assert done.returncode == 1
    assert "were taken away" in done.stderr
    assert cluster.data()["words"].startswith("nono")


def test_a_bridge_is_followed_already(cluster):
    cluster.maps.create(PLACE[0], {
        "metadata": {"name": PLACE[1]}, "data": {"ca.crt": cluster.ca}})
    cluster.broker(takes(cluster))
    done = cluster.approve("--words", WORDS)
    assert done.returncode == 1
    assert cluster.authority.info_hash in done.stderr
    assert "nothing was changed" in done.stderr
    assert cluster.written == []


def test_another_namespace(cluster):
    cluster.api.state.add_pod("edge", "broker-1", "pharos-broker")
    done = cluster.approve("--words", WORDS, "--namespace", "edge",
                           "--wait", "1s")
    assert "no broker of edge" in done.stderr
    assert not cluster.data(("edge", "pharos-bridge"))


@pytest.mark.parametrize("label, words, status, said", [
    ("no words", [], 2, "--words"),
    ("five words", ["--words", "fago keno dili fomi malo"], 2, "six words"),
    ("a typing error", ["--words", WORDS.replace("k", "p")], 2, "six words"),
    ("a namespace that cannot be", ["--words", WORDS, "--namespace", "a/b"], 1,
     "--namespace a/b: cannot be one"),
    ("a namespace that is not there", ["--words", WORDS, "--namespace", "none"],
     1, 'namespaces "none" not found'),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_cannot_be(cluster, label, words, status, said):
    cluster.broker(takes(cluster))
    done = cluster.approve(*words)
    assert (done.returncode, done.stdout) == (status, ""), label
    assert said in done.stderr
    assert cluster.written == []


def test_who_has_not_the_right(cluster):
    done = cluster.approve("--words", WORDS, token="poor")
    assert done.returncode == 1
    assert 'User "jane" cannot create resource "configmaps"' in done.stderr
    assert "verb create on resource configmaps" in done.stderr


def test_a_ca_that_is_none(cluster):
    cluster.broker(lambda typed: {"words": None, "ca.crt": "garbage"})
    done = cluster.approve("--words", WORDS)
    assert done.returncode == 1 and done.stdout == ""
    assert "ConfigMap pharos-system/pharos-bridge, ca.crt" in done.stderr
    assert "Remove ca.crt there" in done.stderr
