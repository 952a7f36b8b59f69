"""make test-kernel where it has nothing to run on, and how it reads what the
machine said. The run itself is minutes, and not one of these tests."""
import os
import subprocess

import pytest

from kernel import machine
from lab import parts

TOOL = parts.ROOT / "tools" / "test-kernel"


@pytest.mark.parametrize("label,there,named", [
    ("no qemu", ["apt-cache", "apt-get", "dpkg-deb", "depmod"],
     "no linux-image-cloud-amd64: "),
    ("nothing at all", [], "no linux-image-cloud-amd64: no apt-cache"),
])
def test_what_is_missing_is_a_named_skip(tmp_path, label, there, named):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in there:
        # the lists of packages are empty
        (programs / name).write_text("#!/bin/sh\nexit 100\n")
        (programs / name).chmod(0o755)
    done = subprocess.run(
        ["/usr/bin/python3", TOOL], capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": str(programs), "XDG_CACHE_HOME":
             str(tmp_path)})
    lines = done.stdout.splitlines()
    assert (done.returncode, lines[-1]) == \
        (0, "0 passed, 0 failed, 1 skipped"), (label, done.stderr)
    assert lines[-2].startswith(f"  skipped all of it: {named}"), label


RESULTS = [
    ("nothing", "", []),
    ("one", "== /a b\r\nok 1 - x\r\n== 0\r\n", [("/a b", "ok 1 - x\n", 0)]),
    ("failed", "== /a\n== 3\n== /b\n1..0\n== 0\n",
     [("/a", "", 3), ("/b", "1..0\n", 0)]),
    ("cut", "== /a\n== 0\n== /b\nok 1", [("/a", "", 0),
                                         ("/b", "ok 1\n", None)]),
    ("before the first", "noise\n== /a\n== 0\n", [("/a", "", 0)]),
]


@pytest.mark.parametrize("label,text,rows", RESULTS,
                         ids=[row[0] for row in RESULTS])
def test_what_the_machine_said_is_read(label, text, rows):
    assert machine.read_results(text) == rows, label
