"""amneziawg-go in wireguard-go's place: the drivers' own tests, with it, and a
tether that it carries, with a stock wireguard-go as the phone."""
import os
import re
import subprocess

import pytest

from lab import parts, peers, tethered

PROGRAMS = ["link/test-link-wg", "tether/test-tether-tunnel"]


@pytest.fixture(name="carrier")
def carrier_fixture():
    try:
        return peers.find("amneziawg-go")
    except peers.NotHere as why:
        pytest.skip(str(why))


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_tunnel_is_carried_by_amneziawg_go(program, carrier):
    done = subprocess.run(
        [parts.BUILD / "src" / program, carrier], text=True, check=False,
        capture_output=True, env={**os.environ, "CMOCKA_MESSAGE_OUTPUT": "TAP"})
    skipped = re.search(r"1\.\.0 # SKIP (.*)", done.stdout)
    if skipped:
        pytest.skip(skipped[1])
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"^ok ", done.stdout, re.MULTILINE)) >= 7


@pytest.mark.parametrize("host", ["10.188.0.1", "fd88:1::1"])
def test_a_phone_reaches_its_zone_through_it(tmp_path, carrier, host):
    if reason := tethered.missing():
        pytest.skip(reason)
    with tethered.Tethered(tmp_path) as town:
        town.init()
        town.good("zone", "add", "admin", "tcp/22@ssh")
        conf = town.add("phone", "--zones", "admin", "--psk")
        with town.listen(22), town.listen(23):
            town.start("--program", carrier)
            town.phone.up(conf)
            assert town.reaches("phone", host, 22)
            assert not town.reaches("phone", host, 23, 1)
