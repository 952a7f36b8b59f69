"""How the real programs come to be there, or are named as missing, and whether
playing two servers side by side sees a difference."""
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from interop import clusters, pair, rows
from lab import parts, peers

# A Go that counts its builds.
GO = """#!/bin/sh
case $1 in
env) echo {version} ;;
list) printf 'one\\ntwo\\n' ;;
build)
	echo build >>{folder}/builds
	echo some/package >&2
	{work}
	while [ "$1" != -o ]; do shift; done
	printf '#!/bin/sh\\necho peer\\n' >"$2"
	chmod +x "$2"
	;;
esac
"""


@pytest.fixture
def make_go(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def make(version="go1.26.8", work=""):
        path = tmp_path / "go"
        path.write_text(GO.format(version=version, work=work,
                                  folder=tmp_path))
        path.chmod(0o755)
        monkeypatch.setattr(peers, "go_places", lambda: [str(path)])
        return path
    make.builds = lambda: (tmp_path / "builds").read_text().count("build")
    return make


def build(seconds=60, tell=lambda text: None):
    return peers.build("openbao", time.monotonic() + seconds, tell)


def test_built_once(make_go, tmp_path):
    make_go(work=f"while [ ! -e {tmp_path}/go-on ]; do sleep 0.05; done")
    with pytest.raises(peers.NotHere, match="openbao is not built: make peers"):
        peers.find("openbao")
    told = []

    def tell(text):  # the one that builds is done when the other one waits
        told.append(text)
        if "somebody else builds it" in text:
            (tmp_path / "go-on").touch()

    with ThreadPoolExecutor(2) as two:
        first, second = [one.result() for one in
                         [two.submit(build, tell=tell) for _ in range(2)]]
    assert first == second == peers.find("openbao") == build()
    assert make_go.builds() == 1
    assert subprocess.check_output([first], text=True) == "peer\n"
    assert any("fetching sources" in text for text in told), told
    assert re.fullmatch(r"2\.4\.0-[0-9a-f]{12}", first.parent.name)
    left = {path.name for path in first.parent.parent.iterdir()}
    assert left == {"lock", first.parent.name}


def test_another_pin_is_another_build(make_go, monkeypatch):
    make_go()
    first = build()
    peer = peers.PEERS["openbao"]
    monkeypatch.setattr(peer, "flags", peer.flags + " -X other")
    assert build() != first
    assert make_go.builds() == 2


REFUSALS = [
    ("too old", "go1.19.8", "", 60,
     r"needs Go 1\.26 or newer; \S+/go is go1\.19\.8"),
    ("no Go", "", "", 60, r"needs Go 1\.26 or newer; \S+/go is no Go"),
    ("does not compile", "go1.26.8", "echo 'x.go:1: no such thing' >&2; exit 1",
     60, "go build failed: .*x.go:1: no such thing"),
    ("too slow", "go1.26.8", "sleep 60", 0.5, "not built within the time"),
]


@pytest.mark.parametrize("label,version,work,seconds,why", REFUSALS,
                         ids=[row[0] for row in REFUSALS])
def test_refused_by_name(make_go, label, version, work, seconds, why):
    make_go(version, work)
    with pytest.raises(peers.NotHere, match=why):
        build(seconds)
    with pytest.raises(peers.NotHere, match=why):  # so does a skip
        peers.find("openbao")
    make_go()
    assert build() == peers.find("openbao"), label


def test_no_go_anywhere(make_go, monkeypatch):
    monkeypatch.setattr(peers, "go_places", lambda: [])
    with pytest.raises(peers.NotHere, match="there is no go$"):
        build()


def test_a_name_that_nobody_has():
    done = subprocess.run(
        [sys.executable, parts.ROOT / "tools/peers", "nobody"], text=True,
        capture_output=True, check=False)
    assert done.returncode == 2
    assert "no peer nobody; there are openbao, kube-apiserver" in done.stderr


# ---- does a difference show?

SHAPES = [
    ("values are not compared", {"a": 1}, {"a": 2}, False, []),
    ("a float is a number", {"a": 1}, {"a": 2.5}, False, []),
    ("a number is no truth", {"a": 1}, {"a": True}, False,
     ["answer.a is number in the stand-in's, bool in the real one's"]),
    ("null is no list", {"a": None}, {"a": []}, False,
     ["answer.a is NoneType in the stand-in's, list in the real one's"]),
    ("too much", {"a": {"b": 1, "c": 1}}, {"a": {"b": 1}}, False,
     ["answer.a.c is only in the stand-in's"]),
    ("too much, though partial", {"a": 1, "b": 1}, {"a": 1}, True,
     ["answer.b is only in the stand-in's"]),
    ("too little", {"a": 1}, {"a": 1, "b": {}}, False,
     ["answer.b is only in the real one's"]),
    ("too little, as partial", {"a": 1}, {"a": 1, "b": {}}, True, []),
    ("no answer at all", None, {"a": 1}, True,
     ["answer is NoneType in the stand-in's, {'a': 'number'} in the real "
      "one's"]),
]


@pytest.mark.parametrize("label,standin,real,partial,found", SHAPES,
                         ids=[row[0] for row in SHAPES])
def test_shapes(label, standin, real, partial, found):
    assert list(pair.shapes_differ(pair.shape(standin), pair.shape(real),
                                   partial)) == found, label


class Says:
    """A server of one answer."""

    def __init__(self, status, answer):
        self.status, self.answer = status, answer

    def begin(self, _):
        pass

    def play_row(self, row):
        return self.status, self.answer, rows.check_row(
            row, self.status, self.answer, lambda value: value)


ROWS = [
    ("as the row says", (404, {"errors": ["no"]}), []),
    ("another status", (403, {"errors": ["no"]}),
     ["status 403, expected 404: {'errors': ['no']}"]),
    ("other words", (404, {"errors": ["nope"]}),
     ["answer.errors is ['nope'], expected ['no']"]),
]


@pytest.mark.parametrize("label,said,found", ROWS, ids=[r[0] for r in ROWS])
def test_rows(tmp_path, label, said, found):
    case = rows.Case(label, [("root", "GET", "x", None, 404, ["no"])])
    good = Says(404, {"errors": ["no"]})
    for standin, real, who in ((Says(*said), good, "the stand-in"),
                               (good, Says(*said), "the real one")):
        outcome = pair.play(case, tmp_path, standin, real)
        assert outcome.differences == [f"root GET x: {who}: {what}"
                                       for what in found], label
        assert outcome.compared == 1


def test_a_row_left_out_is_named(tmp_path):
    case = rows.Case("some", rows.not_yet([("root", "GET", "x", None, 404)]))
    outcome = pair.play(case, tmp_path, Says(500, None),
                        Says(404, None))
    assert outcome.left_out == ["root GET x"] and not outcome.differences


# ---- a real cluster

@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    try:
        server, player = clusters.real(tmp_path_factory.mktemp("cluster"))
    except peers.NotHere as why:
        pytest.skip(str(why))
    with server:
        yield player


@pytest.mark.parametrize("case", clusters.CASES, ids=lambda case: case.name)
def test_cluster(cluster, case, tmp_path):
    cluster.play(case.made(tmp_path))
