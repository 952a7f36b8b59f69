"""The zones' rules, shown with packets: who reaches what, in both families.

    peer1, peer2 ---- wg0 host eth0 ---- forest
                        br0
                         `---- container, whose port 8443 the host publishes

What stands for the tunnel is a wire called wg0: the rules know a packet of the
tunnel by that name, as they would WireGuard's. Peers reach each other through
the host only.
"""
import os
import socket
import struct
import subprocess
import time

import pytest

from lab import network, parts
from lab.houses import Houses

RULESET = parts.BUILD / "test" / "sys" / "ruleset"
REASON = network.permitted()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

TUNNEL_PORT = 51820
WAIT = 0.4      # for what must not come

ADDRESSES = {
    "peer1": ("10.88.0.2", "fd88::2"),
    "peer2": ("10.88.0.3", "fd88::3"),
    "forest": ("198.18.7.2", "fd18::2"),
    "container": ("10.99.0.2", "fd99::2"),
}
# the host, as each of them sees it
HOST = {
    "peer1": ("10.88.0.1", "fd88::1"),
    "peer2": ("10.88.0.1", "fd88::1"),
    "forest": ("198.18.7.1", "fd18::1"),
    "container": ("10.99.0.1", "fd99::1"),
}
LINKS = {"air": ("wg0", "10.88.0.1/16", "fd88::1/64"),
         "forest": ("eth0", "198.18.7.1/24", "fd18::1/64"),
         "container": ("br0", "10.99.0.1/24", "fd99::1/64")}

RULES = """\
network 10.88.0.0/16
network fd88::/64
zone oculus
service tcp/443
service tcp/8443
service udp/5000
member 10.88.0.2
member fd88::2
zone shell
service tcp/22
member 10.88.0.3
member fd88::3
zone empty
service tcp/25
"""

PUBLISHED = """
table inet container {
    chain published {
        type nat hook prerouting priority dstnat;
        fib daddr type local tcp dport 8443 meta nfproto ipv4 \
            dnat ip to 10.99.0.2:8443
        fib daddr type local tcp dport 8443 meta nfproto ipv6 \
            dnat ip6 to [fd99::2]:8443
    }
}
"""

# who reaches which port of the host
REACHED = {
    "peer1": {443, 8443, 5000},
    "peer2": {22},
    "forest": {80},
    "container": {80},
}
TCP_PORTS = (443, 8443, 22, 25, 80)
UDP_PORTS = (5000, 5001)
REACHED_BY_UDP = {"forest": {5001}, "container": {5001}, "peer1": {5000},
                  "peer2": set()}


def mac_of(houses, house, link):
    text = network.run("ip", "-n", houses.name(house), "-o", "link", "show",
                       link).stdout
    return text.split("link/ether ")[1].split()[0]


def add_peer(houses, peer):
    """It knows the host alone, by a wire of its own to the air."""
    houses.add(peer)
    houses.wire(peer, "way", "air", peer)
    houses.ip("air", "link", "set", peer, "master", "bridge")
    four, six = ADDRESSES[peer]
    houses.ip(peer, "addr", "add", f"{four}/32", "dev", "way")
    houses.ip(peer, "addr", "add", f"{six}/128", "dev", "way", "nodad")
    mac, host_mac = mac_of(houses, peer, "way"), mac_of(houses, "host", "wg0")
    for own, host in zip(ADDRESSES[peer], HOST[peer]):
        # the rules let no neighbour discovery in: WireGuard has none
        houses.ip("host", "neigh", "add", own, "lladdr", mac, "dev", "wg0")
        houses.ip(peer, "route", "add", host, "dev", "way")
        houses.ip(peer, "neigh", "add", host, "lladdr", host_mac, "dev", "way")
        houses.ip(peer, "route", "add", "default", "via", host, "dev", "way",
                  "onlink")


def add_link(houses, house):
    link, four, six = LINKS[house]
    houses.add(house)
    houses.wire("host", link, house, "way")
    houses.ip("host", "addr", "add", four, "dev", link)
    houses.ip("host", "addr", "add", six, "dev", link, "nodad")


def build(houses):
    houses.add("host")
    houses.set("host", "ipv4/ip_forward=1", "ipv6/conf/all/forwarding=1",
               "ipv4/conf/all/send_redirects=0")
    for house in LINKS:
        add_link(houses, house)
    houses.ip("air", "link", "add", "bridge", "type", "bridge")
    houses.ip("air", "link", "set", "bridge", "up")
    houses.ip("air", "link", "set", "way", "master", "bridge")
    for peer in ("peer1", "peer2"):
        add_peer(houses, peer)
    for house in ("forest", "container"):
        for own, host, bits in zip(ADDRESSES[house], HOST[house], (24, 64)):
            flags = ["nodad"] if ":" in own else []
            houses.ip(house, "addr", "add", f"{own}/{bits}", "dev", "way",
                      *flags)
            houses.ip(house, "route", "add", "default", "via", host)


def listener(kind, port):
    one = socket.socket(socket.AF_INET6, kind)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    one.bind(("::", port))
    if kind == socket.SOCK_STREAM:
        one.listen(64)
    else:
        one.setblocking(False)
    return one


class Town:
    """All of it, with services that listen and the rules loaded."""

    def __init__(self):
        self.houses = Houses()
        try:
            build(self.houses)
            self.tcp = {port: self.listen("host", socket.SOCK_STREAM, port)
                        for port in TCP_PORTS if port != 8443}
            self.udp = {port: self.listen("host", socket.SOCK_DGRAM, port)
                        for port in UDP_PORTS}
            self.tcp[8443] = self.listen("container", socket.SOCK_STREAM, 8443)
            self.others = [self.listen(house, socket.SOCK_STREAM, 80)
                           for house in ("peer1", "peer2", "forest")]
            self.houses.nft("host", PUBLISHED)
            self.load(RULES)
        except BaseException:
            self.houses.close()
            raise

    def listen(self, house, kind, port):
        return self.houses.inside(house, lambda: listener(kind, port))

    def load(self, rules):
        text = subprocess.run(
            [str(RULESET), "wg0", str(TUNNEL_PORT)], input=rules, text=True,
            check=True, capture_output=True).stdout
        self.houses.nft("host", text)

    def socket(self, house, kind, where):
        family = socket.AF_INET6 if ":" in where else socket.AF_INET
        return self.houses.inside(house, lambda: socket.socket(family, kind))

    def connect(self, house, where, port, source=None):
        """A connection, or None where nothing answers."""
        one = self.socket(house, socket.SOCK_STREAM, where)
        one.settimeout(WAIT)
        try:
            if source:
                one.bind((source, 0))
            one.connect((where, port))
            return one
        except OSError:
            one.close()
            return None

    def reaches(self, house, where, port):
        one = self.connect(house, where, port)
        if one:
            one.close()
        return bool(one)

    def drain(self, port):
        try:
            while True:
                self.udp[port].recv(100)
        except BlockingIOError:
            pass

    def udp_reaches(self, house, where, port, source=None):
        self.drain(port)
        with self.socket(house, socket.SOCK_DGRAM, where) as one:
            if source:
                one.bind((source, 0))
            one.sendto(b"hello", (where, port))
            return self.came(port)

    def came(self, port):
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            try:
                return bool(self.udp[port].recv(100))
            except BlockingIOError:
                time.sleep(0.005)
        return False

    def close(self):
        for one in [*self.tcp.values(), *self.udp.values(), *self.others]:
            one.close()
        self.houses.close()


@pytest.fixture(scope="module", name="town")
def the_town():
    town = Town()
    yield town
    town.close()


@pytest.fixture(autouse=True)
def usual_rules(town):
    town.load(RULES)


FAMILIES = pytest.mark.parametrize("family", [0, 1], ids=["v4", "v6"])
HOUSES = pytest.mark.parametrize("house", list(ADDRESSES))


@FAMILIES
@HOUSES
def test_a_zone_is_reached_by_its_members_alone(town, house, family):
    where = HOST[house][family]
    reached = {port for port in TCP_PORTS if town.reaches(house, where, port)}
    reached |= {port for port in UDP_PORTS
                if town.udp_reaches(house, where, port)}
    assert reached == REACHED[house] | REACHED_BY_UDP[house]


@FAMILIES
def test_the_machine_itself_reaches_its_services(town, family):
    loopback = ("127.0.0.1", "::1")[family]
    for where in (loopback, HOST["forest"][family], HOST["peer1"][family]):
        assert town.reaches("host", where, 443)
        assert town.reaches("host", where, 22)


@FAMILIES
def test_without_the_rules_all_of_it_is_reached(town, family):
    """What the tests above say is the rules' doing."""
    town.houses.nft("host", "delete table inet pharos_tether")
    for house in ("peer1", "forest"):
        where = HOST[house][family]
        assert all(town.reaches(house, where, port) for port in TCP_PORTS)
        assert town.udp_reaches(house, where, 5000)
    assert town.reaches("peer1", ADDRESSES["peer2"][family], 80)


@FAMILIES
def test_the_tunnels_address_is_no_way_in_from_outside(town, family):
    assert not town.reaches("forest", HOST["peer1"][family], 443)
    assert not town.reaches("forest", HOST["peer1"][family], 22)


@FAMILIES
def test_blocked_while_the_tunnel_is_down(town, family):
    town.houses.ip("host", "link", "set", "wg0", "down")
    try:
        assert not town.reaches("forest", HOST["forest"][family], 443)
        assert town.reaches("forest", HOST["forest"][family], 80)
    finally:
        town.houses.ip("host", "link", "set", "wg0", "up")
        if family or ":" in HOST["peer1"][1]:
            restore(town)


def restore(town):
    """What an interface loses when it goes down."""
    houses = town.houses
    network.run("ip", "-n", houses.name("host"), "addr", "add", "fd88::1/64",
                "dev", "wg0", "nodad", check=False)
    for peer in ("peer1", "peer2"):
        mac = mac_of(houses, peer, "way")
        for own in ADDRESSES[peer]:
            houses.ip("host", "neigh", "replace", own, "lladdr", mac, "dev",
                      "wg0")


@FAMILIES
def test_peers_do_not_reach_each_other_unless_asked(town, family):
    where = ADDRESSES["peer2"][family]
    assert not town.reaches("peer1", where, 80)
    town.load(RULES + "peer-to-peer\n")
    assert town.reaches("peer1", where, 80)
    assert not town.reaches("peer1", HOST["peer1"][family], 22)


@FAMILIES
def test_the_tunnel_leads_to_the_machine_and_no_further(town, family):
    assert not town.reaches("peer1", ADDRESSES["forest"][family], 80)
    assert not town.reaches("forest", ADDRESSES["peer1"][family], 80)
    town.load(RULES + "peer-to-peer\n")
    assert not town.reaches("peer1", ADDRESSES["forest"][family], 80)


@FAMILIES
def test_the_machine_reaches_its_peers(town, family):
    assert town.reaches("host", ADDRESSES["peer1"][family], 80)


@FAMILIES
def test_who_loses_a_zone_loses_his_connections(town, family):
    one = town.connect("peer1", HOST["peer1"][family], 443)
    server, _ = town.tcp[443].accept()
    with one, server:
        # those of the tests before
        while server.getpeername()[1] != one.getsockname()[1]:
            server.close()
            server, _ = town.tcp[443].accept()
        server.settimeout(WAIT)
        one.sendall(b"before")
        assert server.recv(100) == b"before"
        town.houses.nft("host", "delete element inet pharos_tether "
                        f"zone_oculus_v{4 + 2 * family} "
                        f"{{ {ADDRESSES['peer1'][family]} }}")
        one.sendall(b"after")
        with pytest.raises(TimeoutError):
            server.recv(100)


@FAMILIES
def test_nobody_outside_sends_in_the_name_of_a_peer(town, family):
    name, bits = (("10.88.0.9", 32), ("fd88::9", 128))[family]
    flags = ["nodad"] if family else []
    town.houses.ip("forest", "addr", "add", f"{name}/{bits}", "dev", "way",
                   *flags)
    try:
        where = HOST["forest"][family]
        assert town.udp_reaches("forest", where, 5001)
        assert not town.udp_reaches("forest", where, 5001, name)
    finally:
        town.houses.ip("forest", "addr", "del", f"{name}/{bits}", "dev", "way")


# ---- silence ---------------------------------------------------------------

IP_OPTIONS = 4
IPV6_DSTOPTS = 59
IPV6_HOPOPTS = 54
NOTHING = b"\x01\x01\x01\x00"           # three NOPs and the end
PADDING = struct.pack("BBBB4x", 0, 0, 1, 4)


def answered(town, family, port, option=None):
    """Does an ICMP message come back that the port is closed?"""
    where = HOST["forest"][family]
    with town.socket("forest", socket.SOCK_DGRAM, where) as one:
        one.settimeout(WAIT)
        if option:
            level = socket.IPPROTO_IPV6 if family else socket.IPPROTO_IP
            one.setsockopt(level, *option)
        one.connect((where, port))
        one.send(bytes(148))
        try:
            one.recv(100)
        except ConnectionRefusedError:
            return True
        except TimeoutError:
            return False
        raise AssertionError("an answer")


@FAMILIES
def test_a_closed_tunnel_says_nothing(town, family):
    assert answered(town, family, TUNNEL_PORT + 1)
    assert not answered(town, family, TUNNEL_PORT)


OPTIONS = [(0, (IP_OPTIONS, NOTHING)), (1, (IPV6_DSTOPTS, PADDING)),
           (1, (IPV6_HOPOPTS, PADDING))]


@pytest.mark.parametrize("family,option", OPTIONS,
                         ids=["options", "destination", "hop-by-hop"])
def test_not_to_odd_packets_either(town, family, option):
    assert answered(town, family, TUNNEL_PORT + 1, option)
    assert not answered(town, family, TUNNEL_PORT, option)
