"""`pharos tether doctor`, and routes of the host that stand in the way."""
import json
import shutil
import subprocess

import pytest

from lab.parts import program
from lab.tether import KEY, Tether


def in_namespace(setup, *words):
    """The words in a network namespace that was set up by a shell's lines."""
    if subprocess.run(["unshare", "-n", "true"], check=False,
                      capture_output=True).returncode:
        pytest.skip("no right to make a network namespace")
    if not shutil.which("ip"):
        pytest.skip("no ip(8)")
    return subprocess.run(
        ["unshare", "-n", "sh", "-ec", setup + '\nexec "$@"', "sh",
         *map(str, words)],
        text=True, capture_output=True, check=False, timeout=60)


class Host:
    """A tether, and its verbs in a namespace of their own."""

    def __init__(self, folder):
        self.tether = Tether(folder)

    def run(self, setup, *words):
        return in_namespace(
            "ip link set lo up\n" + setup, program("pharos"), "tether",
            *words, "--codex", self.tether.codex, "--state",
            self.tether.state)

    def doctor(self, setup=""):
        done = self.run(setup, "doctor", "-o", "json")
        found = {one["check"]: one for one in json.loads(done.stdout)}
        bad = [one for one in found.values() if one["state"] == "bad"]
        assert (done.returncode == 1) == bool(bad), done.stderr
        return found


@pytest.fixture(name="host")
def host_fixture(tmp_path):
    host = Host(tmp_path)
    done = host.run("", "init", "--endpoint", "5.6.7.8:51820", "--network",
                    "10.188.0.0/16")
    assert done.returncode == 0, done.stderr
    host.tether.good("zone", "add", "admin", "tcp/4022@ssh")
    host.tether.good("peer", "add", "phone", "--zones", "admin",
                     "--public-key", KEY)
    return host


ETH = "ip link add e0 type bridge\nip link set e0 up\n"


@pytest.mark.parametrize("check,state,setup,says", [
    ("endpoint", "good", ETH + "ip addr add 5.6.7.8/24 dev e0",
     "leads here, by 5.6.7.8"),
    ("endpoint", "warn", ETH + "ip addr add 5.6.7.9/24 dev e0",
     "leads to 5.6.7.8, which is not here: this host has 5.6.7.9"),
    ("endpoint", "warn", ETH + "ip addr add 192.168.3.4/24 dev e0",
     "no address of the internet itself"),
    ("routes", "good", ETH + "ip addr add 10.9.0.1/24 dev e0",
     "10.188.0.0/16"),
    ("routes", "bad", ETH + "ip addr add 10.188.7.1/24 dev e0",
     "overlaps this host's route to 10.188.7.0/24 through e0"),
    ("routes", "bad", ETH + "ip route add 10.188.7.0/24 dev e0 table 77",
     "10.188.7.0/24 through e0"),
    ("interface", "note", "", "there is no wg0"),
    ("interface", "bad", "ip link add wg0 type bridge", "somebody else's"),
    ("interface", "good", "ip tuntap add wg0 mode tun", "wg0 is there"),
    ("services", "warn", "", "nobody listens on tcp/4022@ssh"),
    ("port", "good", "", "UDP 51820 is free"),
    ("clock", "good", "", "Z"),
    ("peers", "good", "", "1 have access"),
    ("udp", "note", "", "lets no UDP out"),
    ("codex", "good", "", "generation 3"),
])
def test_found(host, check, state, setup, says):
    found = host.doctor(setup)[check]
    assert (found["state"], says in found["seen"]) == (state, True), found
    assert bool(found["remedy"]) == (state != "good")


LISTEN = """
import socket, subprocess, sys
family, kind, address, port = sys.argv[1:5]
s = socket.socket(getattr(socket, family), getattr(socket, kind))
s.bind((address, int(port)))
if kind == "SOCK_STREAM":
    s.listen()
sys.exit(subprocess.run(sys.argv[5:]).returncode)
"""


@pytest.mark.parametrize("check,state,listener,says", [
    ("services", "good", ("AF_INET", "SOCK_STREAM", "0.0.0.0", 4022),
     "is listened for"),
    ("services", "good", ("AF_INET6", "SOCK_STREAM", "::", 4022),
     "is listened for"),
    ("services", "warn", ("AF_INET", "SOCK_STREAM", "127.0.0.1", 4022),
     "only the loopback hears"),
    ("services", "warn", ("AF_INET6", "SOCK_STREAM", "::1", 4022),
     "only the loopback hears"),
    ("services", "warn", ("AF_INET", "SOCK_DGRAM", "0.0.0.0", 4022),
     "nobody listens"),
    ("port", "bad", ("AF_INET", "SOCK_DGRAM", "0.0.0.0", 51820),
     "UDP 51820 is somebody else's"),
])
def test_sockets(host, check, state, listener, says):
    done = in_namespace(
        "ip link set lo up", "/usr/bin/python3", "-c", LISTEN, *listener,
        program("pharos"), "tether", "doctor", "-o", "json", "--codex",
        host.tether.codex, "--state", host.tether.state)
    found = {one["check"]: one for one in json.loads(done.stdout)}[check]
    assert (found["state"], says in found["seen"]) == (state, True), found


def test_no_codex_is_one_line(tmp_path):
    tether = Tether(tmp_path)
    said = tether.run("doctor")
    assert said.returncode == 1
    assert said.stdout.splitlines()[0].startswith("bad   codex ")
    assert "tether init" in said.stdout


def test_a_clock_that_jumped_back(host):
    text = host.tether.codex.read_text()
    host.tether.codex.write_text(text.replace("created: 20", "created: 40"))
    found = host.doctor()
    assert found["clock"]["state"] == "bad"
    assert found["codex"]["state"] == "note"


def test_a_name_that_nobody_knows(host):
    text = host.tether.codex.read_text()
    host.tether.codex.write_text(
        text.replace("5.6.7.8:51820", "nobody.invalid:51820"))
    found = host.doctor()["endpoint"]
    assert found["state"] == "warn" and "no address was found" in found["seen"]


def test_as_text(host):
    done = host.run("", "doctor")
    assert done.returncode == 0, done.stdout
    for state in "good", "note", "warn":
        assert f"\n{state}  " in done.stdout


# ---- init and import by the host's routes


def test_init_takes_the_first_free_network(tmp_path):
    host = Host(tmp_path)
    done = host.run(ETH + "ip addr add 10.88.0.1/16 dev e0\n"
                    "ip route add 10.89.128.0/24 dev e0 table 77", "init")
    assert done.returncode == 0, done.stderr
    assert "10.90.0.1" in done.stdout


def test_init_without_a_free_network(tmp_path):
    host = Host(tmp_path)
    done = host.run(ETH + "ip route add 10.0.0.0/8 dev e0", "init")
    assert done.returncode == 1
    assert "10.88.0.0/16" in done.stderr and "--network" in done.stderr
    assert not host.tether.codex.exists()


@pytest.mark.parametrize("setup,words,says", [
    ("ip route add 10.188.7.0/24 dev e0", ["--network", "10.188.0.0/16"],
     "--network: 10.188.0.0/16 overlaps this host's route to 10.188.7.0/24 "
     "through e0"),
    ("ip -6 route add fd77::/48 dev e0", ["--network6", "fd77::/64"],
     "--network6: fd77::/64 overlaps this host's route to fd77::/48 "
     "through e0"),
], ids=["IPv4", "IPv6"])
def test_init_names_the_route(tmp_path, setup, words, says):
    host = Host(tmp_path)
    done = host.run(ETH + setup, "init", *words)
    assert done.returncode == 1 and says in done.stderr
    assert not host.tether.codex.exists()


def test_default_routes_and_our_own_are_in_nobodys_way(tmp_path):
    host = Host(tmp_path)
    done = host.run(ETH + "ip addr add 192.168.3.4/24 dev e0\n"
                    "ip route add default via 192.168.3.1\n"
                    "ip link add wg0 type bridge\nip link set wg0 up\n"
                    "ip addr add 10.188.0.1/16 dev wg0",
                    "init", "--network", "10.188.0.0/16")
    assert done.returncode == 0, done.stderr
