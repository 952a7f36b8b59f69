"""pharos-tether with real peers: what the codex says is in force, and stays."""
import base64
import json
import os
import re
import signal
import socket
import time
import urllib.error
import urllib.request

import pytest

from lab import tethered
from lab.parts import Lab

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


def test_it_is_isolated_and_its_carrier_with_it(town):
    daemon = town.start()
    daemon.wait_for("isolated landlock=on .*seccomp=on .*capabilities=true")
    for pid in (daemon.pid, town.status()["carrier"]["process"]):
        lines = dict(line.split(":\t", 1) for line in
                     open(f"/proc/{pid}/status", encoding="utf-8"))
        assert lines["Seccomp"].strip() == "2", pid
        assert lines["NoNewPrivs"].strip() == "1", pid
        assert int(lines["CapBnd"], 16) == 1 << 12, pid


def kill_carrier(town):
    os.kill(town.status()["carrier"]["process"], signal.SIGKILL)


DEEDS = {
    "flush": lambda town: town.on_host("nft", "flush", "ruleset"),
    "an edit": lambda town: town.on_host(
        "nft", "insert", "rule", "inet", "pharos_tether", "pins", "accept"),
    "link removed": lambda town: town.on_host(
        "ip", "link", "del", town.interface),
    "link down": lambda town: town.on_host(
        "ip", "link", "set", town.interface, "down"),
    "address removed": lambda town: town.on_host(
        "ip", "addr", "flush", "dev", town.interface),
    "carrier killed": kill_carrier,
}


@pytest.mark.parametrize("deed", DEEDS)
def test_what_others_undo_is_done_again(town, deed):
    conf = town.add("phone", "--zones", "admin")
    daemon = town.start()
    with town.listen(22):
        town.phone.up(conf)
        assert town.reaches("phone", HOST4, 22)
        mark = daemon.mark()
        DEEDS[deed](town)
        daemon.wait_for("changed by others, restored|carrier started again",
                        30, mark)
        wait_until(lambda: town.reaches("phone", HOST4, 22, 2), 60)
        assert not town.reaches("forest", "198.18.9.1", 22, 1)
        status = town.status()
        counts = status["counts"]
        assert status["state"] == "up"
        assert counts["rules_restored"] + counts["interface_restored"] + \
            status["carrier"]["restarts"] > 0


def test_killed_it_leaves_the_rules_and_comes_back(town):
    conf = town.add("phone", "--zones", "admin")
    daemon = town.start()
    with town.listen(22):
        daemon.kill()
        assert not town.reaches("forest", "198.18.9.1", 22, 1)
        # the carrier ends with it, then the name is free
        wait_until(lambda: town.interface not in town.on_host("ip", "link"))
        town.start()
        town.phone.up(conf)
        assert town.reaches("phone", HOST4, 22)


def test_a_codex_of_nonsense_changes_nothing(town):
    conf = town.add("phone", "--zones", "admin")
    daemon = town.start()
    good = town.codex.read_text()
    with town.listen(22):
        town.phone.up(conf)
        for bad, place in ((good + "nonsense\n", r":\d+:1: "),
                           (good.replace("port: 51820", "port: 99999"),
                            r":\d+:\d+: "),
                           (good.replace(town.interface, "other0"),
                            "Restart pharos-tether")):
            mark = daemon.mark()
            town.codex.write_text(bad)
            daemon.wait_for(f"reload refused .*{place}", 30, mark)
            done = town.run("apply")
            assert done.returncode == 1 and re.search(place, done.stderr)
            assert town.reaches("phone", HOST4, 22)
        town.codex.write_text(good)
        assert town.good("apply") == f"{town.interface} is up\n"


def test_an_edit_by_hand_is_taken_by_itself(town):
    town.add("phone", "--zones", "admin")
    daemon = town.start()
    town.codex.write_text(town.codex.read_text().replace(
        '- name: "phone"\n', '- name: "phone"\n  disabled: true\n'))
    daemon.wait_for("reloaded why=\"a file has changed\"", 30)
    wait_until(lambda: town.status()["keys_with_access"] == 0)


def taken_name(town):
    town.on_host("ip", "link", "add", town.interface, "type", "veth",
                 "peer", "name", "other")
    return {}


def taken_port(town):
    town.busy = town.inside("host", lambda: socket.socket(socket.AF_INET,
                                                          socket.SOCK_DGRAM))
    town.busy.bind(("0.0.0.0", tethered.PORT))
    return {}


NO_TUN = ["unshare", "--mount", "sh", "-c",
          "mount -t tmpfs none /dev/net && exec \"$@\"", "sh"]

REFUSED = {
    "name taken": (taken_name, "there is one of that name already"),
    "no program": (lambda _: {"words": ["--program", "/none/wireguard-go"]},
                   "/none/wireguard-go: No such file"),
    "not a program of this kind": (
        lambda _: {"words": ["--program", "/bin/true"]},
        "neither wireguard-go nor amneziawg-go"),
    "no right": (lambda _: {"under": ["setpriv", "--bounding-set",
                                      "-net_admin"]}, "CAP_NET_ADMIN"),
    "no device": (lambda _: {"under": NO_TUN},
                  "/dev/net/tun: No such file"),
    "no codex": (lambda town: town.codex.unlink() or {},
                 "there is no tether here"),
    "port taken": (taken_port, "UDP port 51820: another process has it"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_it_does_not_start_and_says_why(town, why):
    prepare, told = REFUSED[why]
    more = prepare(town)
    daemon = town.start(*more.get("words", ()), wait=None,
                        under=more.get("under", ()))
    assert daemon.wait(30) == 1
    assert told in daemon.text()
    if why != "name taken":
        assert town.interface not in town.on_host("ip", "link")


def test_a_second_one_leaves_the_first_alone(town):
    town.start()
    second = town.start(wait=None)
    assert second.wait(30) == 1
    assert "somebody" in second.text() or "serves" in second.text()
    assert town.status()["state"] == "up"


def test_metrics(town):
    town.add("phone")
    daemon = town.start()
    address = Lab.address_of(daemon, "health")

    def page(path):
        with urllib.request.urlopen(f"http://{address}{path}",
                                    timeout=10) as got:
            return got.read().decode()

    text = town.inside("host", lambda: page("/metrics"))
    for line in ("pharos_tether_up 1", "pharos_tether_peers 1",
                 "pharos_tether_keys 1", "pharos_tether_failures_total 0"):
        assert f"\n{line}\n" in text, line
    assert town.inside("host", lambda: page("/readyz"))
    town.good("down")
    with pytest.raises(urllib.error.HTTPError):
        town.inside("host", lambda: page("/readyz"))


# ---- apply --dry-run

def rehearse(town):
    """What an apply would do: as text, and as JSON."""
    return (town.good("apply", "--dry-run"),
            json.loads(town.good("apply", "--dry-run", "-o", "json")))


def machine(town):
    """All that an apply may change, as the system has it; wireguard-go tells its
    peers in any order."""
    return (town.on_host("nft", "-s", "list", "ruleset"),
            town.on_host("ip", "addr", "show", "dev", town.interface),
            town.on_host("ip", "route"),
            sorted(sorted(line.split()) for line in town.on_host(
                "wg", "show", town.interface, "allowed-ips").splitlines()),
            town.on_host("wg", "show", town.interface, "listen-port"),
            town.status()["generation"], town.status()["counts"])


def new_key():
    """In its one form: the last bit of a public key is zero."""
    key = bytearray(os.urandom(32))
    key[-1] &= 0x7f
    return base64.b64encode(key).decode()


def start_and_calm(town):
    """Until no news of its own start are left to be looked at."""
    daemon = town.start()
    town.status()
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("reloaded why=signal")


def edit_unseen(town, *changes):
    """Through another name of the file, of which the daemon has no news."""
    text = town.codex.read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    aside = town.folder / "aside.yaml"
    aside.unlink(missing_ok=True)
    os.link(town.codex, aside)
    aside.write_text(text)


def test_a_dry_run_says_what_an_apply_does_and_does_nothing(town):
    town.add("phone", "--zones", "admin")
    town.add("laptop")
    start_and_calm(town)
    phone, laptop = (town.peer(name) for name in ("phone", "laptop"))
    assert rehearse(town)[0] == "nothing to do\n"
    edit_unseen(
        town, ('- name: "phone"\n', '- name: "phone"\n  disabled: true\n'),
        ("tcp/22@ssh", "tcp/23@telnet"), ("port: 51820", "port: 51821"),
        ("10.188.0.0/16", "10.188.0.0/17"))
    # and what others did to the interface
    stranger = new_key()
    town.on_host("wg", "set", town.interface, "peer", laptop["key"], "remove",
                 "peer", stranger, "allowed-ips", "10.188.0.99/32")
    before = machine(town)
    text, plan = rehearse(town)
    assert machine(town) == before
    rows = {row["name"]: row for row in plan.pop("peers")}
    assert plan == {
        "interface": town.interface, "state": "up", "make": False,
        "rules": "all", "private_key": False, "port": 51821, "mtu": None,
        "addresses": {"added": ["10.188.0.1/17"],
                      "removed": ["10.188.0.1/16"]},
        "routes": {"added": ["10.188.0.0/17"],
                   "removed": ["10.188.0.0/16"]}}
    assert {name: (row["operation"], row["key"])
            for name, row in rows.items()} == {
                "phone": ("remove", phone["key"]),
                "laptop": ("add", laptop["key"]),
                None: ("remove", stranger)}
    assert rows["laptop"]["gets"] == ["10.188.0.3/32", "fd88:1::3/128"]
    for line in ("load the rules anew", "set the UDP port 51821",
                 "remove address 10.188.0.1/16", "add route 10.188.0.0/17",
                 f"remove peer phone: key {phone['key']}",
                 "add peer laptop: gets 10.188.0.3/32, fd88:1::3/128; "
                 f"key {laptop['key']}", f"remove peer -: key {stranger}"):
        assert line in text.splitlines(), (line, text)
    town.good("apply")
    assert rehearse(town)[0] == "nothing to do\n"
    assert town.on_host("wg", "show", town.interface,
                        "listen-port") == "51821\n"


def test_a_dry_run_tells_members_a_codex_of_nonsense_and_a_tunnel_that_is_down(
        town):
    town.add("phone", "--zones", "admin")
    start_and_calm(town)
    edit_unseen(town, ('zones: ["admin"]\n  created', "created"))
    text, plan = rehearse(town)
    assert text == "change the members of zones\n"
    assert plan["rules"] == "members" and plan["peers"] == []
    town.good("down")
    edit_unseen(town, ("tcp/22@ssh", "tcp/23@telnet"))
    assert rehearse(town)[0] == (
        "load the rules anew\n"
        f"{town.interface} was told to be down, and stays so\n")
    edit_unseen(town, ("port: 51820", "port: 99999"))
    done = town.run("apply", "--dry-run")
    assert done.returncode == 1
    assert re.search(rf"{town.codex}:\d+:\d+: ", done.stderr)


CROWD = 2500        # more than two pages of a plan, and one of peers


def test_a_crowd_of_peers_is_told_page_by_page(town):
    """Written into the codex directly."""
    town.add("phone", "--zones", "admin")
    start_and_calm(town)
    keys = {f"p{number}": new_key() for number in range(CROWD)}
    rows = "".join(
        f'- name: "{name}"\n  key: {key}\n  addresses: ["10.188.'
        f'{number // 200 + 1}.{number % 200 + 1}", "fd88:1::1:{number:x}"]\n'
        f'  zones: ["admin"]\n  created: 2026-01-01T00:00:00Z\n'
        for number, (name, key) in enumerate(keys.items()))
    edit_unseen(town, ("peers:\n", "peers:\n" + rows))
    plan = rehearse(town)[1]
    assert plan["rules"] == "members"
    assert {row["name"]: row["key"] for row in plan["peers"]} == keys
    assert {row["operation"] for row in plan["peers"]} == {"add"}
    town.good("apply")
    assert rehearse(town)[0] == "nothing to do\n"
    seen = {peer["name"]: peer for peer in town.status()["peers"]}
    assert len(seen) == CROWD + 1
    # not null: the interface has each of them
    assert {peer["received"] for peer in seen.values()} == {0}
