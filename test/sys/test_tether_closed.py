"""A pinned service is not reached from the Forest, not for a moment: while the
tether starts, is reloaded, loses its interface or its carrier, stops, and is
killed at whatever point.

A prober in the Forest knocks all the time, at the pinned ports and at ones that
are not pinned, in both families. What comes to the pinned service is counted by
the service itself; what comes to the other shows that the prober was at work.
"""
import random
import socket
import subprocess
import threading
import time

import pytest

from lab import tethered

REASON = tethered.missing()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

HOST = ("198.18.9.1", "fd09::1")
PINNED, OPEN = 5000, 5001       # UDP; the first is in a zone
PINNED_TCP = 22
KNOCKS = 200                    # at least, in each part of a story
PATIENCE = 60
KILLS = 12
EACH_S = 0.001                  # between two rounds of knocking
REPLACED = 24                   # new sets of rules, under a hail of knocks


class Service:
    """UDP ports of the host; what comes there is counted and thrown away."""

    def __init__(self, town, port):
        def make():
            one = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            one.bind(("::", port))
            one.setblocking(False)
            return one
        self.socket = town.inside("host", make)
        self.came = {"v4": 0, "v6": 0}

    def count(self):
        while True:
            try:
                _, whence = self.socket.recvfrom(100)
            except BlockingIOError:
                return self.came
            mapped = whence[0].startswith("::ffff:")
            self.came["v4" if mapped else "v6"] += 1


class Prober(threading.Thread):
    """Knocks until it is told to stop."""

    def __init__(self, town):
        super().__init__()
        self.over = threading.Event()
        self.pinned = Service(town, PINNED)
        self.open = Service(town, OPEN)
        self.door = town.listen(PINNED_TCP)
        self.door.setblocking(False)
        self.udp = town.inside("forest", lambda: [
            (socket.socket(family, socket.SOCK_DGRAM), host) for family, host
            in zip((socket.AF_INET, socket.AF_INET6), HOST)])
        self.town = town
        self.pause = EACH_S

    def run(self):
        self.town.inside("forest", self._knock)

    def _knock(self):
        hands = []
        rounds = 0
        while not self.over.wait(self.pause):
            for one, host in self.udp:
                for port in (PINNED, OPEN):
                    send(one, (host, port))
            rounds += 1
            if rounds % 10 == 0:
                hands = [begin(host) for host in HOST] + hands
                for hand in hands[64:]:
                    hand.close()
                hands = hands[:64]
            self.open.count()
        for hand in hands:
            hand.close()

    def entered(self):
        """What should be nothing at all."""
        came = {**self.pinned.count(), "tcp": 0}
        while True:
            try:
                self.door.accept()[0].close()
            except BlockingIOError:
                return came
            came["tcp"] += 1

    def knock_on(self):
        """Until it has knocked for a while, in both families."""
        begun = dict(self.open.came)
        deadline = time.monotonic() + PATIENCE
        while any(self.open.came[family] < begun[family] + KNOCKS
                  for family in begun):
            assert time.monotonic() < deadline, "the prober is not heard"
            time.sleep(0.01)

    def close(self):
        self.over.set()
        self.join()
        for one in (self.pinned.socket, self.open.socket, self.door,
                    *(one for one, _ in self.udp)):
            one.close()


def send(one, where):
    try:
        one.sendto(b"knock", where)
    except OSError:
        pass        # the network is not up, or a port of ours was refused


def begin(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    one = socket.socket(family)
    one.setblocking(False)
    one.connect_ex((host, PINNED_TCP))
    return one


@pytest.fixture(name="town")
def town_fixture(tmp_path):
    with tethered.Tethered(tmp_path) as town:
        town.init()
        town.good("zone", "add", "admin", "tcp/22@ssh", f"udp/{PINNED}")
        town.add("phone", "--zones", "admin")
        yield town


@pytest.fixture(name="prober")
def prober_fixture(town):
    prober = Prober(town)
    prober.start()
    yield prober
    prober.close()


NOBODY = {"v4": 0, "v6": 0, "tcp": 0}


def forest(town, word):
    """The network comes up after the tether, as its unit is ordered."""
    town.houses.ip("host", "link", "set", "forest", word)
    if word == "up":
        town.houses.ip("host", "addr", "replace", "fd09::1/64", "dev",
                       "forest", "nodad")


def test_what_is_not_pinned_would_be_reached(town, prober):
    """So that the zeros below are the rules' doing."""
    prober.knock_on()
    entered = prober.entered()
    assert all(entered.values()), entered
    assert "pharos_tether" not in town.on_host("nft", "list", "tables")


def test_closed_through_all_that_is_usual(town, prober):
    forest(town, "down")
    prober.entered()
    prober.pinned.came.update({"v4": 0, "v6": 0})
    daemon = town.start()
    forest(town, "up")
    story = {
        "start": lambda: None,
        "a zone more": lambda: town.good("zone", "add", "other", "tcp/8080"),
        "a peer more": lambda: town.add("laptop", "--zones", "other"),
        "a zone less": lambda: town.good("zone", "remove", "other"),
        "reload": lambda: daemon.signal(1),
        "apply": lambda: town.good("apply"),
        "down": lambda: town.good("down"),
        "up": lambda: town.good("up"),
        "interface removed": lambda: town.on_host(
            "ip", "link", "del", town.interface),
        "interface set down": lambda: set_down(town),
        "carrier killed": lambda: kill_carrier(daemon),
        "stop": daemon.end,
        "start again": town.start,
    }
    for label, deed in story.items():
        deed()
        prober.knock_on()
        assert prober.entered() == NOBODY, label
    print(f"{prober.open.came} knocks")


def set_down(town):
    """Once it is there again."""
    deadline = time.monotonic() + PATIENCE
    while town.interface not in town.on_host("ip", "link"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    town.on_host("ip", "link", "set", town.interface, "down")


def kill_carrier(daemon):
    children = subprocess.run(
        ["ps", "--ppid", str(daemon.pid), "-o", "pid="], text=True,
        capture_output=True, check=True).stdout.split()
    for child in children:
        subprocess.run(["kill", "-9", child], check=True)
    daemon.wait_for("carrier started again", PATIENCE)


def test_closed_while_rules_take_the_place_of_others(town, prober):
    """A zone more or less is another set of rules. One packet in thousands
    could slip between the old and the new ones, if they were just changed."""
    town.start()
    prober.entered()
    prober.pinned.came.update({"v4": 0, "v6": 0})
    prober.pause = 0
    for number in range(REPLACED):
        town.good("zone", *(("remove", "other") if number % 2 else
                            ("add", "other", "tcp/8080")))
    prober.knock_on()
    print(f"{REPLACED} times, {prober.open.came} knocks")
    assert prober.entered() == NOBODY


def spoil_codex(town):
    town.codex.write_text(town.codex.read_text() + "nonsense\n")
    return rf"{town.codex}:\d+:1: "


def spoil_keyring(town):
    (town.state / "keyring").write_text("nonsense\n")
    return "keyring"


def spoil_codex_away(town):
    town.codex.unlink()
    return "there is no tether here"


def take_health_port(town):
    town.busy = town.inside("host", socket.socket)
    town.busy.bind(("127.0.0.1", 9446))
    town.busy.listen()
    return "127.0.0.1:9446"


def boot(town, *words):
    """As after a boot, with a kernel that knows no rules: it ends with an
    error, and then the network comes up."""
    forest(town, "down")
    town.on_host("nft", "flush", "ruleset")
    daemon = town.start(*words, wait=None)
    assert daemon.wait(PATIENCE) == 1
    forest(town, "up")
    return daemon


@pytest.mark.parametrize("deed", (spoil_codex, spoil_keyring,
                                  spoil_codex_away, take_health_port))
def test_closed_at_a_boot_that_fails(town, prober, deed):
    town.start().end()
    told = deed(town)
    forest(town, "down")
    prober.entered()
    prober.pinned.came.update({"v4": 0, "v6": 0})
    words = ("--health-addr", "127.0.0.1:9446")
    daemon = boot(town, *(words if deed is take_health_port else ()))
    prober.knock_on()
    assert prober.entered() == NOBODY
    daemon.wait_for("rules of before are in force")
    daemon.wait_for(told)
    if deed is spoil_codex:
        kept = town.state / "rules"
        assert kept.stat().st_mode & 0o777 == 0o600
        kept.write_text(kept.read_text()[:-9])
        boot(town).wait_for("rules of before cannot be loaded.*"
                            "not as it was written")
        kept.unlink()
        boot(town).wait_for("rules of before cannot be loaded.*No such file")


def test_closed_when_it_is_killed_anywhere(town, prober):
    """The first start is before the network; from then on it is killed after
    a while that is chance, most often before it serves."""
    forest(town, "down")
    town.start().kill()
    prober.entered()
    prober.pinned.came.update({"v4": 0, "v6": 0})
    forest(town, "up")
    rng = random.Random(7)
    served = 0
    for number in range(KILLS):
        daemon = town.start(wait=None)
        after = rng.uniform(0, 0.6)
        try:
            daemon.child.wait(after)
        except subprocess.TimeoutExpired:
            pass
        served += "what=control" in daemon.text()
        daemon.kill()
        assert prober.entered() == NOBODY, (number, after)
    prober.knock_on()
    assert prober.entered() == NOBODY
    print(f"killed {KILLS} times, {served} of them when it served; "
          f"{prober.open.came} knocks")
