"""pharos-tether with real peers: what the codex says is in force, and stays."""
import time

import pytest

from lab import tethered

REASON = tethered.missing()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

HOST4, HOST6 = "10.188.0.1", "fd88:1::1"


@pytest.fixture(name="town")
def town_fixture(tmp_path):
    with tethered.Tethered(tmp_path) as town:
        town.init()
        town.good("zone", "add", "admin", "tcp/22@ssh")
        yield town


def test_a_phone_reaches_its_zone_and_the_forest_does_not(town):
    conf = town.add("phone", "--zones", "admin", "--psk")
    with town.listen(22), town.listen(23):
        daemon = town.start()
        town.phone.up(conf)
        assert town.reaches("phone", HOST4, 22)
        assert town.reaches("phone", HOST6, 22)
        assert not town.reaches("phone", HOST4, 23, 1)
        assert not town.reaches("forest", "198.18.9.1", 22, 1)
        assert not town.reaches("forest", "fd09::1", 22, 1)
        assert town.reaches("forest", "198.18.9.1", 23)
        phone = town.peer("phone")
        assert phone["endpoint"].startswith("198.18.8.2:")
        assert phone["handshake"] > 0 and phone["received"] > 0
        assert daemon.end() == 0
        # and without it nobody does
        assert not town.reaches("forest", "198.18.9.1", 22, 1)
        assert "pharos_tether" in town.on_host("nft", "list", "tables")


def test_a_change_is_in_force_when_the_verb_ends(town):
    town.start()
    done = town.run("peer", "add", "phone", "--zones", "admin", "--conf",
                    "phone.conf")
    assert (done.returncode, done.stderr) == (0, "in force\n")
    with town.listen(22):
        town.phone.up((town.folder / "phone.conf").read_text())
        assert town.reaches("phone", HOST4, 22)
        town.good("peer", "revoke", "phone")
        assert not town.reaches("phone", HOST4, 22, 1)
        assert town.status()["keys_with_access"] == 0


def test_down_leaves_the_rules_and_up_brings_it_back(town):
    conf = town.add("phone", "--zones", "admin")
    town.start()
    with town.listen(22):
        town.phone.up(conf)
        assert town.reaches("phone", HOST4, 22)
        assert town.good("down") == f"{town.interface} is down\n"
        assert town.interface not in town.on_host("ip", "link")
        assert not town.reaches("forest", "198.18.9.1", 22, 1)
        assert town.run("peer", "add", "other", "--conf", "o").stderr == \
            "written; the tunnel is down\n"
        assert town.good("up") == f"{town.interface} is up\n"
        assert town.reaches("phone", HOST4, 22, 20)
        assert town.status()["keys_with_access"] == 2


def wait_until(what, seconds=30):
    """What came of @what, once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return found


def test_the_old_key_goes_at_the_first_handshake_of_the_new(town):
    old = town.add("phone", "--zones", "admin", "--psk")
    daemon = town.start()
    with town.listen(22):
        town.phone.up(old)
        assert town.reaches("phone", HOST4, 22)
        town.good("peer", "rotate", "phone", "--conf", "new.conf")
        # it is not cut before it has the new one
        assert town.reaches("phone", HOST4, 22)
        before = town.peer("phone")
        assert before["next"]
        town.phone.configure((town.folder / "new.conf").read_text())
        assert town.reaches("phone", HOST4, 22, 30)
        daemon.wait_for("keys have taken their turn keys=1")
        after = town.peer("phone")
        assert after["next"] is None
        assert after["key"] == before["next"]["key"]
        # the old one is dead for good
        wait_until(lambda: town.status()["keys_with_access"] == 1)
        town.phone.configure(old)
        assert not town.reaches("phone", HOST4, 22, 2)
        assert before["key"] in (town.state / "tombstones").read_text()


def soon(seconds=5):
    """A time to come, as the verbs take it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ",
                         time.gmtime(time.time() + seconds))


def test_time_alone_ends_access_and_a_rotation(town):
    conf = town.add("phone", "--zones", "admin")
    town.add("guest", "--expires", soon())
    daemon = town.start()
    town.good("peer", "rotate", "phone", "--overlap", soon(), "--conf", "n")
    with town.listen(22):
        town.phone.up(conf)
        daemon.wait_for("keys have taken their turn keys=1", 30)
        wait_until(lambda: town.status()["keys_with_access"] == 1)
        assert town.peer("guest")["state"] == "expired"
        assert not town.reaches("phone", HOST4, 22, 1)
        town.phone.configure((town.folder / "n").read_text())
        assert town.reaches("phone", HOST4, 22, 20)
