"""A beacon where something is missing: IPv6, or descriptors."""
import hashlib
import os
import resource
import time

import pytest

from conftest import Delivery
from lab import network, parts
from lab.beaconpeer import Fleet, metric_becomes, metrics

HASH = hashlib.sha256(b"an info hash").digest()
NOT_PERMITTED = network.permitted()


# ---- without IPv6

class NoIPv6(network.Loopback):
    """One namespace, loopback only, in which IPv6 is switched off."""

    def __enter__(self):
        self.public = f"pharos-{os.getpid()}-no6"
        network.run("ip", "netns", "add", self.public)
        network.run("ip", "netns", "exec", self.public, "sysctl", "-qw",
                    "net.ipv6.conf.all.disable_ipv6=1",
                    "net.ipv6.conf.default.disable_ipv6=1")
        network.run("ip", "-n", self.public, "link", "set", "lo", "up")
        return self

    def __exit__(self, *_):
        network.run("ip", "netns", "del", self.public, check=False)

    def side(self, _name):
        return self.public


@pytest.mark.skipif(NOT_PERMITTED is not None,
                    reason=f"network namespaces: {NOT_PERMITTED}")
def test_all_of_it_without_ipv6(tmp_path):
    """Where a port is all that is said, IPv4 it is; the rest goes on."""
    with NoIPv6() as space, parts.Lab(tmp_path, space) as lab:
        lab.make_certificates()
        delivery = Delivery(lab)
        for process in (delivery.broker, delivery.bridge, delivery.beacon):
            assert process.end() == 0


# ---- without descriptors

def cpu_seconds(process):
    fields = open(f"/proc/{process.pid}/stat",
                  encoding="ascii").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(process):
    """One more than the highest that is open."""
    return 1 + max(map(int, os.listdir(f"/proc/{process.pid}/fd")))


def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_descriptors_run_out(lab):
    """Whoever comes then is turned away at once; pairs go on, the loop does not
    spin, the counter tells, and when some are free again all is as before."""
    beacon = lab.start_beacon()
    health = lab.address_of(beacon, "health")
    with Fleet(beacon.port, lab.server_ca) as fleet:
        one, other = fleet.pair(HASH)
        assert metrics(health)["pharos_beacon_accept_starved_total"] == 0
        used = descriptors(beacon)
        limit = used + 20
        resource.prlimit(beacon.pid, resource.RLIMIT_NOFILE, (limit, limit))

        crowd = [fleet.dial(source=f"127.0.0.{20 + number}", tls=False)
                 for number in range(60)]
        turned_away = [peer for peer in crowd if ended(peer)]
        assert 30 <= len(turned_away) < 60
        began, cpu = time.monotonic(), cpu_seconds(beacon)
        rounds = 0
        while time.monotonic() - began < 1:
            late = fleet.dial(source="127.0.0.9", tls=False)
            assert late.raw_end() == b""
            rounds += 1
            for sender, reader in ((one, other), (other, one)):
                sender.send(b"x" * 1000)
                assert reader.read(1000) == b"x" * 1000
            time.sleep(0.05)
        busy = (cpu_seconds(beacon) - cpu) / (time.monotonic() - began)
        assert busy < 0.5, f"{busy:.2f} of a CPU for {rounds} connections"

        for peer in crowd:
            peer.reset()
        until(lambda: descriptors(beacon) <= used + 1)
        metric_becomes(health, "pharos_beacon_unfinished_legs", 0)
        assert metrics(health)["pharos_beacon_accept_starved_total"] >= \
            len(turned_away) + rounds
        fleet.pair(hashlib.sha256(b"another").digest())
        one.send(b"still here")
        assert other.read(10) == b"still here"
    assert beacon.end() in (0, 3)


def ended(peer):
    """Has the beacon closed it? (It says nothing to the others.)"""
    peer.socket.settimeout(0.3)
    try:
        return peer.socket.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
