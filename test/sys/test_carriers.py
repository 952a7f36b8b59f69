"""amneziawg-go in wireguard-go's place: the drivers' own tests, with it."""
import os
import re
import subprocess

import pytest

from lab import parts, peers

PROGRAMS = ["link/test-link-wg", "tether/test-tether-tunnel"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_tunnel_is_carried_by_amneziawg_go(program):
    try:
        carrier = peers.find("amneziawg-go")
    except peers.NotHere as why:
        pytest.skip(str(why))
    done = subprocess.run(
        [parts.BUILD / "src" / program, carrier], text=True, check=False,
        capture_output=True, env={**os.environ, "CMOCKA_MESSAGE_OUTPUT": "TAP"})
    skipped = re.search(r"1\.\.0 # SKIP (.*)", done.stdout)
    if skipped:
        pytest.skip(skipped[1])
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"^ok ", done.stdout, re.MULTILINE)) >= 7
