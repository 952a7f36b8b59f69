"""A host with a tether, its owner's phone, and a stranger, in namespaces.

    phone 198.18.8.2 ---- 198.18.8.1 host 198.18.9.1 ---- 198.18.9.2 forest
          fd08::2         fd08::1         fd09::1         fd09::2

The host runs pharos-tether; the phone a stock wireguard-go, with the
configuration that `pharos tether peer add` has made.
"""
import json
import os
import pathlib
import shutil
import socket
import subprocess

from . import network
from .houses import Houses
from .parts import program
from .process import Process

PORT = 51820
SIDES = {"phone": 8, "forest": 9}


def missing():
    """None, or why this cannot be tested here."""
    if reason := network.permitted():
        return reason
    if not os.path.exists("/dev/net/tun"):
        return "no /dev/net/tun"
    return None if shutil.which("wireguard-go") else "no wireguard-go"


def interface_name(what):
    """One that no other run has: the sockets of wireguard-go are all in one
    folder, whatever the namespace."""
    return f"t{os.getpid()}{what}"


class Device:
    """A stock WireGuard in a namespace."""

    def __init__(self, houses, house, what="p"):
        self.houses = houses
        self.house = house
        self.name = interface_name(what)
        self.process = None
        self.addresses = []

    def up(self, conf):
        """As wg-quick would, of the text of its file."""
        self.process = Process(
            self.name, ["wireguard-go", "-f", self.name],
            namespace=self.houses.name(self.house),
            env={"LOG_LEVEL": "verbose"})
        self.process.wait_for("UAPI listener started")
        self.configure(conf)
        self.houses.ip(self.house, "link", "set", self.name, "mtu", "1420",
                       "up")
        for network_ in self.lines(conf, "AllowedIPs"):
            self.houses.ip(self.house, "route", "add", network_, "dev",
                           self.name)
        return self

    @staticmethod
    def lines(conf, name):
        """The values of a line, which commas divide."""
        return [part.strip() for line in conf.splitlines()
                if line.startswith(f"{name} = ")
                for part in line.partition("=")[2].split(",")]

    def configure(self, conf):
        """The same interface with another key; its addresses stay."""
        plain = "\n".join(
            line for line in conf.splitlines()
            if not line.startswith(("Address", "DNS", "MTU", "#")))
        network.run("ip", "netns", "exec", self.houses.name(self.house),
                    "wg", "setconf", self.name, "/dev/stdin", text=plain)
        if not self.addresses:
            self.addresses = self.lines(conf, "Address")
            for address in self.addresses:
                flags = ["nodad"] if ":" in address else []
                self.houses.ip(self.house, "addr", "add", address, "dev",
                               self.name, *flags)

    def down(self):
        if self.process and self.process.child.poll() is None:
            self.process.end()


class Tethered:
    """The namespaces, and the host's tether with its files in @folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.codex = self.folder / "etc" / "tether.yaml"
        self.state = self.folder / "state"
        self.control = self.folder / "run" / "control"
        self.interface = interface_name("h")
        self.houses = Houses()
        self.running = []
        self.phone = Device(self.houses, "phone")
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def _build(self):
        self.houses.add("host")
        for side, net in SIDES.items():
            self.houses.add(side)
            self.houses.wire("host", side, side, "way")
            for house, link, number in (("host", side, 1), (side, "way", 2)):
                self.houses.ip(house, "addr", "add",
                               f"198.18.{net}.{number}/24", "dev", link)
                self.houses.ip(house, "addr", "add",
                               f"fd0{net}::{number}/64", "dev", link, "nodad")

    def close(self):
        self.phone.down()
        for process in reversed(self.running):
            if process.child.poll() is None:
                process.end(20)
        self.houses.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- the command

    def run(self, *words):
        return subprocess.run(
            [str(program("pharos")), "tether", *map(str, words),
             "--control", str(self.control)] + self._places(words),
            text=True, capture_output=True, check=False, timeout=60,
            cwd=self.folder)

    def _places(self, words):
        if words[0] in ("up", "down", "apply"):
            return []
        return ["--codex", str(self.codex), "--state", str(self.state)]

    def good(self, *words):
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def init(self, *words):
        self.good("init", "--endpoint", f"198.18.8.1:{PORT}", "--if",
                  self.interface, "--network", "10.188.0.0/16", "--network6",
                  "fd88:1::/64", *words)

    def add(self, name, *words):
        """A peer; the text of its configuration."""
        path = self.folder / f"{name}.conf"
        path.unlink(missing_ok=True)
        self.good("peer", "add", name, "--conf", path, *words)
        return path.read_text()

    def status(self):
        return json.loads(self.good("status", "-o", "json"))

    def peer(self, name):
        """What status says of it."""
        return next(peer for peer in self.status()["peers"]
                    if peer["name"] == name)

    # ---- the daemon

    def start(self, *words, wait="tether serving", under=(), env=None):
        process = Process(
            "pharos-tether",
            [program("pharos-tether"), "--codex", self.codex, "--state",
             self.state, "--control", self.control, "--driver", "user",
             "--health-addr", "127.0.0.1:0", *words],
            namespace=self.houses.name("host"), under=under, env=env)
        self.running.append(process)
        if wait:
            process.wait_for(wait, 30)
        return process

    # ---- the host

    def inside(self, house, function):
        return self.houses.inside(house, function)

    def on_host(self, *command, check=True):
        return network.run("ip", "netns", "exec", self.houses.name("host"),
                           *command, check=check).stdout

    def listen(self, port):
        """A TCP service of the host, on all its addresses."""
        def make():
            one = socket.socket(socket.AF_INET6)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            one.bind(("::", port))
            one.listen(64)
            return one
        return self.inside("host", make)

    def reaches(self, house, address, port, seconds=5):
        """Does a TCP connection from there come about?"""
        def attempt():
            try:
                socket.create_connection((address, port), seconds).close()
            except OSError:
                return False
            return True
        return self.inside(house, attempt)
