"""The load generators of bench/, so that they do not rot: each drives a real
beacon for a moment. What they measure is bench/run's; what must hold however
slow the machine is stands here."""
import json
import os
import pathlib
import select
import socket
import subprocess
import sys
from functools import partial

import pytest

from conftest import Delivery
from lab import parts

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "bench"))
from measure import machine  # noqa: E402
from measure.bench import released  # noqa: E402
from measure.rounds import in_turn  # noqa: E402
from measure.rows import replaced  # noqa: E402


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def program(name):
    return str(parts.BUILD / "bench" / f"load-{name}")


def load(name, *words, say=""):
    """The last line of what it reports; `say` is its standard input."""
    done = subprocess.run(
        [program(name), *map(str, words)], input=say,
        text=True, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def proof_words(lab):
    return ["--cert", lab.pki / "bridge.crt", "--key", lab.pki / "bridge.key",
            "--ca", lab.pki / "ca.crt"]


def inner_words(lab):
    return ["--broker-cert", lab.pki / "broker.crt",
            "--broker-key", lab.pki / "broker.key",
            "--bridge-cert", lab.pki / "bridge.crt",
            "--bridge-key", lab.pki / "bridge.key", "--ca", lab.pki / "ca.crt"]


@pytest.fixture
def beacon(lab):
    process = lab.start_beacon()
    process.words = ["--port", process.port, "--relay-ca", lab.server_ca]
    yield process
    assert process.end() == 0
    assert "ERROR" not in process.text()


def test_no_join_is_lost_in_a_storm(beacon):
    report = load("pairs", *beacon.words, "--together", "--pairs", 1000,
                  "--window", 200, "--first-source", 70000, "--sources", 50)
    assert report["pairs"] == 1000
    assert report["lost"] == 0, report["first_fault"]
    assert report["connected_ms"]["n"] == report["greeted_ms"]["n"] == 1000


def test_a_refused_join_counts_as_lost(beacon):
    """More legs than one source may wait with: the report says so."""
    report = load("pairs", *beacon.words, "--pairs", 60, "--window", 60,
                  "--sources", 1)
    assert report["lost"] > 0
    assert report["first_fault"] in ("sourceBusy", "rateLimit")


@pytest.mark.parametrize("hold", [[], ["--hold"]])
def test_proven_legs_arrive(lab, beacon, hold):
    report = load("legs", *beacon.words, *proof_words(lab), "--legs", 50,
                  *hold)
    assert report["arrived"] == 50 and report["failed"] == 0, report


def test_bare_legs_arrive(beacon):
    report = load("legs", *beacon.words, "--legs", 50, "--sources", 10)
    assert report["arrived"] == 50 and report["failed"] == 0, report


def test_silent_connections_arrive(beacon):
    report = load("legs", *beacon.words, "--way", "tcp", "--legs", 50)
    assert report["arrived"] == 50 and report["failed"] == 0, report


def test_a_stream_through_the_beacon(lab, beacon):
    report = load("stream", *beacon.words, *inner_words(lab), "--bytes",
                  1 << 20, say="\n")
    assert report["bytes"] == 1 << 20


def test_many_pairs_are_held(lab, beacon):
    report = load("stream", *beacon.words, *inner_words(lab), "--pairs", 20)
    assert report["ready"] == 20


@pytest.mark.parametrize("end", ["fin", "rst"])
def test_an_ending_is_seen(lab, beacon, end):
    report = load("endings", *beacon.words, *inner_words(lab), "--end", end,
                  "--pairs", 5, "--patience", "30s")
    assert report["unseen"] == 0 and report["seen_ms"]["n"] == 5


def test_a_stream_through_the_bare_pump(lab):
    port, back = free_port(), free_port()
    with subprocess.Popen([program("splice"), str(port), str(back), "65536"],
                          stdout=subprocess.PIPE, text=True) as pump:
        try:
            assert pump.stdout.readline() == "listening\n"
            report = load("stream", "--port", port, "--back-port", back,
                          "--way", "tcp", *inner_words(lab), "--bytes",
                          1 << 20, say="\n")
        finally:
            pump.kill()
    assert report["bytes"] == 1 << 20


def rows_of(text):
    """"a1 b2": the rows of figures a and b."""
    return [{"figure": word[0], "ours": word[1:]} for word in text.split()]


@pytest.mark.parametrize("old,new,all_of_them", [
    ("a1 a2 b1", "a8 a9", "a8 a9 b1"),
    ("a1 b1 c1", "b9", "a1 b9 c1"),
    ("a1", "b9", "a1 b9"),
    ("a1 b1", "", "a1 b1"),
])
def test_a_run_of_some_families_replaces_their_rows(old, new, all_of_them):
    assert replaced(rows_of(old), rows_of(new)) == rows_of(all_of_them)


# what the host took of each round made, in percent; how many are wanted; which
# count; how many more were made
ROUNDS = [
    ("a good host", [0, 1, 2], 3, [0, 1, 2], 0),
    ("one is made again", [1, 30, 2, 3], 3, [0, 2, 3], 1),
    ("never good", [9, 6, 8, 7], 2, [1, 3], 2),
]


@pytest.mark.parametrize("label,lost,rounds,count,more", ROUNDS,
                         ids=[row[0] for row in ROUNDS])
def test_rounds_that_the_host_took_are_set_aside(monkeypatch, label, lost,
                                                 rounds, count, more):
    each = iter(lost)
    monkeypatch.setattr(machine.Stolen, "percent", lambda _: next(each))
    numbers = {"ours": iter(range(9)), "theirs": iter(range(9))}
    taken, said = in_turn({who: partial(next, of)
                           for who, of in numbers.items()}, rounds)
    assert sorted(taken["ours"]) == sorted(taken["theirs"]) == count, label
    assert (f"({more} more set aside" in said) == (more > 0)


def git(folder, *words):
    return subprocess.run(
        ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b",
         *words], check=True, text=True, capture_output=True).stdout.strip()


def commit(folder, name, text):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    git(folder, "add", name)
    git(folder, "commit", "-q", "-m", name)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def sources(tmp_path):
    """A project of two commits, with a program in its dist/."""
    git(tmp_path, "init", "-q")
    commits = {"first": commit(tmp_path, "src/a.c", "one"),
               "second": commit(tmp_path, "src/a.c", "two")}
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "relay").touch()
    return tmp_path, commits


INFO = [
    ("of this commit", "commit {second}\ngcc 1\n", True),
    ("of another commit", "commit {first}\ngcc 1\n", False),
    ("of a commit that is not here", f"commit {'a' * 40}\n", False),
    ("of no commit", "commit\n", False),
    ("of something else", "tree {second}\n", False),
    ("an option", "commit --no-index\n", False),
]


@pytest.mark.parametrize("info,counts", [row[1:] for row in INFO],
                         ids=[row[0] for row in INFO])
def test_a_release_counts_for_its_commit(sources, info, counts):
    folder, commits = sources
    (folder / "dist" / "BUILDINFO").write_text(info.format(**commits))
    assert released("relay", folder) == (
        folder / "dist" / "relay" if counts else None)
    assert released("another", folder) is None


def test_a_release_counts_as_long_as_its_sources_stay(sources):
    folder, commits = sources
    assert released("relay", folder) is None  # it says of no commit
    (folder / "dist" / "BUILDINFO").write_text("commit {second}".format(
        **commits))
    commit(folder, "doc/a.md", "words")
    assert released("relay", folder)
    commit(folder, "include/a.h", "three")
    assert released("relay", folder) is None


BENCH = """
import sys
sys.path[:0] = [{bench!r}, {test!r}]
from measure.processes import Measured
print(Measured({folder!r}, "relay", ["sleep", "60"]).pid, flush=True)
sys.stdin.read()
"""


def children():
    return {int(pid) for task in pathlib.Path("/proc/self/task").iterdir()
            for pid in (task / "children").read_text().split()}


def test_what_keeps_a_core_awake_has_no_share_of_ours():
    """In our session it would have as much as we."""
    before = children()
    with machine.awake():
        spinning = children() - before
        assert len(spinning) == len(os.sched_getaffinity(0))
        for pid in spinning:
            assert os.sched_getscheduler(pid) == os.SCHED_IDLE
            assert os.getsid(pid) == pid
            group = pathlib.Path(f"/proc/{pid}/autogroup")
            assert not group.exists() or "nice 19" in group.read_text()
    assert not children() & spinning


class Autogroup:
    """Of a kernel that says this to each word in turn."""

    def __init__(self, *answers):
        self.answers = iter(answers)

    def write_text(self, text):
        assert text == "19"
        answer = next(self.answers)
        if answer:
            raise answer


@pytest.mark.parametrize("answers", [
    [None], [FileNotFoundError()], [PermissionError()],
    [BlockingIOError()] * 3 + [None],
    [BlockingIOError()] * 3 + [PermissionError()],
])
def test_the_least_share_is_asked_for_until_it_is_answered(monkeypatch,
                                                           answers):
    group = Autogroup(*answers)
    monkeypatch.setattr(machine, "AUTOGROUP", group)
    monkeypatch.setattr(machine.time, "sleep", lambda _: None)
    machine.take_least_share()
    assert not list(group.answers)


def test_a_share_that_is_not_given_is_not_hidden(monkeypatch):
    monkeypatch.setattr(machine, "AUTOGROUP", Autogroup(
        *[BlockingIOError()] * (machine.AUTOGROUP_TRIES + 1)))
    monkeypatch.setattr(machine.time, "sleep", lambda _: None)
    with pytest.raises(BlockingIOError):
        machine.take_least_share()


def test_memory_that_was_used_is_free_again():
    before = children()
    assert machine.have_memory(1 << 20) == 1 << 20
    assert not children() - before
    assert machine.meminfo("MemTotal") > machine.meminfo("MemFree") > 1 << 20


def test_no_more_memory_is_used_than_half_of_what_is_free(monkeypatch):
    monkeypatch.setattr(machine, "meminfo", lambda _: 8 << 20)
    monkeypatch.setattr(machine, "group_free", lambda *_: None)
    assert machine.have_memory(1 << 40) == 4 << 20
    monkeypatch.setattr(machine, "group_free", lambda *_: 2 << 20)
    assert machine.have_memory(1 << 40) == 1 << 20
    monkeypatch.setattr(machine, "group_free", lambda *_: 0)
    assert machine.have_memory(1 << 40) == 0


# (limit, use, of that what files have that nobody reads) of the group, and of
# the one around it
GROUPS = [
    ("no limit", ("max", 10, 0), ("max", 20, 0), None),
    ("ours", ("100", 30, 0), ("max", 70, 0), 70),
    ("what files have is as good as free", ("100", 90, 50), None, 60),
    ("the outer one has less", ("100", 30, 0), ("120", 110, 5), 15),
    ("over its limit", ("100", 130, 0), None, 0),
    ("no such groups", None, None, None),
]


@pytest.mark.parametrize("inner,outer,left", [row[1:] for row in GROUPS],
                         ids=[row[0] for row in GROUPS])
def test_what_a_control_group_has_left(tmp_path, inner, outer, left):
    member = tmp_path / "cgroup"
    member.write_text("4:memory:/elsewhere\n0::/outer/inner\n")
    root = tmp_path / "groups"
    for folder, numbers in ((root / "outer" / "inner", inner),
                            (root / "outer", outer)):
        folder.mkdir(parents=True, exist_ok=True)
        if numbers:
            most, used, files = numbers
            (folder / "memory.max").write_text(f"{most}\n")
            (folder / "memory.current").write_text(f"{used}\n")
            (folder / "memory.stat").write_text(
                f"anon 5\ninactive_file {files}\n")
    assert machine.group_free(root, member) == left


def test_what_a_killed_bench_has_started_ends(tmp_path):
    source = pathlib.Path(__file__).parents[2]
    with subprocess.Popen(
            [sys.executable, "-c", BENCH.format(
                bench=str(source / "bench"), test=str(source / "test"),
                folder=str(tmp_path))], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE) as bench:
        relay = os.pidfd_open(int(bench.stdout.readline()))
        bench.kill()
        assert select.select([relay], [], [], 20)[0]
        os.close(relay)


# ---- pods

@pytest.mark.parametrize("way", ["relayed", "straight"])
def test_pods_are_served(lab, way):
    chain = Delivery(lab)
    lab.store.write_secret("bench/one", {"value": "x"})
    lab.store.trust_cluster(chain.cluster, chain.audience, "bench/one")
    port = chain.broker.port if way == "relayed" else chain.store.port
    words = ["--port", port, "--relay-ca", lab.server_ca, "--bridge-ca",
             lab.pki / "ca.crt", "--role", "team-a.web", "--way", way,
             "--pods", 20, "--sources", 20, "--jwt-file", chain.pod_token()]
    report = load("pods", *words, "--path", "secret/data/bench/one")
    assert report["lost"] == 0 and report["served_ms"]["n"] == 20
    refused = load("pods", *words, "--path", "secret/data/another")
    assert refused["lost"] == 20 and refused["served_ms"]["n"] == 0


def test_pods_of_one_address_are_told_to_come_again(lab):
    """Who is over a limit is served later, and that is counted."""
    chain = Delivery(lab)
    lab.store.write_secret("bench/one", {"value": "x"})
    lab.store.trust_cluster(chain.cluster, chain.audience, "bench/one")
    report = load("pods", "--port", chain.broker.port, "--relay-ca",
                  lab.server_ca, "--bridge-ca", lab.pki / "ca.crt", "--role",
                  "team-a.web", "--pods", 24, "--jwt-file", chain.pod_token(),
                  "--path", "secret/data/bench/one")
    assert report["lost"] == 0 and report["served_ms"]["n"] == 24
    assert report["again"] > 0
