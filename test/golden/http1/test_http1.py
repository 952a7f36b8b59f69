"""Our HTTP/1.1 server end against Node's, case by case.

The verdict on every case is Node's, or a stricter one whose reason stands in
differences.py. Node's verdicts are recorded beside this file, so the comparison
does not need Node; where there is one, it is asked again. To record anew:

    python3 test_http1.py --record
"""
import fnmatch
import os
import pathlib
import shutil
import struct
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from cases import all_cases  # noqa: E402
from differences import DIFFERENCES  # noqa: E402

RECORD = HERE / "node-verdicts.txt"
ROOT = HERE.parents[2]
BUILD = pathlib.Path(os.environ.get("PHAROS_BUILD", ROOT / "build"))
OURS = BUILD / "test" / "golden" / "golden-http1-verdict"


def judge(command, cases):
    """A verdict a case: (requests that came whole, how it ended)."""
    sent = b"".join(struct.pack(">I", len(c)) + c for c in cases.values())
    done = subprocess.run(command, input=sent, capture_output=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    lines = done.stdout.decode().splitlines()
    assert len(lines) == len(cases)
    return dict(zip(cases, (parse(line) for line in lines)))


def parse(line):
    *requests, end = line.split(" ")
    return requests, end


def node():
    found = shutil.which("node")
    return [found, str(HERE / "node.js")] if found else None


def recorded():
    lines = RECORD.read_text().splitlines()[1:]
    return {label: parse(verdict)
            for label, verdict in (line.split("\t") for line in lines)}


def is_stricter(ours, theirs):
    """We stop before they do, and take nothing that they do not take."""
    (our_requests, our_end), (their_requests, _) = ours, theirs
    if their_requests[:len(our_requests)] != our_requests:
        return False
    return our_end == "refused" or (
        our_end == "ok" and len(our_requests) < len(their_requests))


def reason_for(label):
    for patterns, reason in DIFFERENCES:
        for pattern in patterns.split():
            if fnmatch.fnmatchcase(label, pattern):
                return pattern, reason
    return None, None


def compare(ours, theirs):
    """Return what is wrong, as lines, and the patterns that were needed."""
    wrong, needed = [], set()
    for label, verdict in ours.items():
        if verdict == theirs[label]:
            continue
        pattern, reason = reason_for(label)
        needed.add(pattern)
        if not is_stricter(verdict, theirs[label]):
            wrong.append(f"{label}: we {verdict}, Node {theirs[label]}")
        elif not reason:
            wrong.append(f"{label}: stricter without a reason in the table: "
                         f"we {verdict}, Node {theirs[label]}")
    return wrong, needed


@pytest.fixture(scope="module")
def ours():
    return judge([str(OURS)], all_cases())


def test_there_are_several_hundred_cases():
    assert len(all_cases()) > 2000


def test_same_as_the_recorded_verdicts_or_stricter(ours):
    theirs = recorded()
    assert list(theirs) == list(all_cases()), "record anew: --record"
    wrong, _ = compare(ours, theirs)
    assert not wrong, "\n".join(wrong)


def test_every_row_of_the_table_is_needed(ours):
    _, needed = compare(ours, recorded())
    rows = {p for patterns, _ in DIFFERENCES for p in patterns.split()}
    assert rows == needed


def test_same_as_the_node_on_this_machine_or_stricter(ours):
    if not node():
        pytest.skip("no Node on this machine; the recorded verdicts were "
                    "compared")
    wrong, _ = compare(ours, judge(node(), all_cases()))
    assert not wrong, "\n".join(wrong)


def test_the_comparison_can_fail():
    """A verdict more lenient than Node's is found, whatever its label."""
    refused, taken = ([], "refused"), (["GET:2f:68:"], "ok")
    assert compare({"host-two": taken}, {"host-two": refused})[0]
    assert compare({"x": refused}, {"x": taken})[0]
    assert not compare({"host-two": refused}, {"host-two": taken})[0]


def record():
    version = subprocess.run(
        ["node", "-p", "process.version + ' (llhttp ' + "
         "process.versions.llhttp + ')'"],
        capture_output=True, text=True, check=True).stdout.strip()
    lines = [f"# what Node {version} makes of each case"]
    for label, (requests, end) in judge(node(), all_cases()).items():
        lines.append(f"{label}\t{' '.join([*requests, end])}")
    RECORD.write_text("\n".join(lines) + "\n")


if __name__ == "__main__" and sys.argv[1:] == ["--record"]:
    record()
