"""A host with a tether, its owner's phone, and a stranger, each in a network
namespace:

    phone 198.18.3.2 ---- 198.18.3.1 host 198.18.4.1 ---- 198.18.4.2 stranger

Both reach the host over the same kind of wire. The phone is what anybody has:
wireguard-go, wg and ip, and a configuration that was read from a picture.
"""
import errno
import os
import selectors
import socket
import threading
import time

from .network import inside, run
from .process import LabError, Process

PREFIXES = {"phone": ("198.18.3", "fd18:3:"),
            "stranger": ("198.18.4", "fd18:4:")}
HOST_OF = {name: f"{v4}.1" for name, (v4, _) in PREFIXES.items()}


def read_conf(text):
    """A wg-quick file as a list of (section, [(key, value), ...])."""
    sections = []
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("["):
            sections.append((line.strip("[]"), []))
        elif line:
            key, value = (part.strip() for part in line.split("=", 1))
            sections[-1][1].append((key, value))
    return sections


class Ground:
    """The namespaces; context manager. Names carry our process id: also those
    of interfaces, since sockets of user-space WireGuard share one folder."""

    def __init__(self, places=("phone", "stranger")):
        self.id = f"tether-{os.getpid()}"
        self.interface = f"t{os.getpid()}"
        self.places = places
        self._made = []

    def space(self, place):
        return f"{self.id}-{place}"

    def ip(self, place, *words):
        return run("ip", "-n", self.space(place), *words).stdout

    def execute(self, place, *words, check=True):
        return run("ip", "netns", "exec", self.space(place), *words,
                   check=check)

    def __enter__(self):
        try:
            self._add("host")
            for place in self.places:
                self._add(place)
                self._join(place)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for place in reversed(self._made):
            run("ip", "netns", "del", self.space(place), check=False)

    def _add(self, place):
        run("ip", "netns", "add", self.space(place))
        self._made.append(place)
        self.ip(place, "link", "set", "lo", "up")

    def _join(self, place):
        v4, v6 = PREFIXES[place]
        self.ip("host", "link", "add", f"to-{place}", "type", "veth", "peer",
                "name", "net", "netns", self.space(place))
        for where, link, number in (("host", f"to-{place}", 1),
                                    (place, "net", 2)):
            self.ip(where, "addr", "add", f"{v4}.{number}/24", "dev", link)
            self.ip(where, "addr", "add", f"{v6}:{number}/64", "dev", link,
                    "nodad")
            self.ip(where, "link", "set", link, "up")


class Device:
    """A peer's machine, with stock programs, at a place of the ground."""

    def __init__(self, ground, place, name=None):
        self.ground, self.place = ground, place
        self.interface = f"{name or place}{os.getpid()}"[:15]
        self.carrier = None

    def up(self, conf):
        """Does what wg-quick does with the text of a configuration."""
        sections = read_conf(conf)
        self.carrier = Process(
            self.interface, ["wireguard-go", "-f", self.interface],
            namespace=self.ground.space(self.place),
            env={"LOG_LEVEL": "verbose"})
        self.carrier.wait_for("UAPI listener started", 20)
        self._configure(sections)
        for key, value in sections[0][1]:
            if key == "Address":
                for address in value.split(","):
                    self.ground.ip(self.place, "addr", "add", address.strip(),
                                   "dev", self.interface)
            elif key == "MTU":
                self.ground.ip(self.place, "link", "set", self.interface,
                               "mtu", value)
        self.ground.ip(self.place, "link", "set", self.interface, "up")
        for key, value in sections[1][1]:
            if key == "AllowedIPs":
                for prefix in value.split(","):
                    self.ground.ip(self.place, "route", "add", prefix.strip(),
                                   "dev", self.interface)

    def _configure(self, sections):
        kept = {"PrivateKey", "ListenPort", "PublicKey", "PresharedKey",
                "AllowedIPs", "Endpoint", "PersistentKeepalive"}
        lines = []
        for name, rows in sections:
            lines += [f"[{name}]", *(f"{key} = {value}" for key, value in rows
                                     if key in kept)]
        run("ip", "netns", "exec", self.ground.space(self.place), "wg",
            "setconf", self.interface, "/dev/stdin", text="\n".join(lines))

    def down(self):
        if self.carrier:
            self.carrier.end()
            self.carrier = None


def read_picture(picture):
    """What an independent reader finds in a picture of a QR code."""
    return run("zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable",
               picture).stdout


# ---- what is reached

def fetch(ground, place, url, seconds=2):
    """What curl gets there; None: nothing."""
    done = ground.execute(place, "curl", "-s", "--max-time", str(seconds), url,
                          check=False)
    return done.stdout if done.returncode == 0 else None


def open_ports(ground, place, address, ports):
    """Those TCP ports that answer to a connection with anything but a reset."""
    def scan():
        found = set()
        for at in range(0, len(ports), 500):
            found |= _knock(address, ports[at:at + 500])
        return found
    return inside(ground.space(place), scan)


def _knock(address, ports):
    waiting, found = selectors.DefaultSelector(), set()
    knocks = []
    for port in ports:
        knock = socket.socket(socket.AF_INET6 if ":" in address
                              else socket.AF_INET)
        knock.setblocking(False)
        knocks.append(knock)
        code = knock.connect_ex((address, port))
        if code == errno.EINPROGRESS:
            waiting.register(knock, selectors.EVENT_WRITE, port)
        elif code != errno.ECONNREFUSED:
            found.add(port)
    deadline = time.monotonic() + 1
    while waiting.get_map() and time.monotonic() < deadline:
        for key, _ in waiting.select(0.2):
            if not key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                found.add(key.data)
            waiting.unregister(key.fileobj)
    waiting.close()
    for knock in knocks:
        knock.close()
    return found


def answers_to(ground, place, address, port, datagrams, patience=1):
    """How many answers these datagrams get, errors by ICMP counted too."""
    def ask():
        count = 0
        with socket.socket(socket.AF_INET6 if ":" in address
                           else socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.connect((address, port))
            asking.settimeout(0)
            for datagram in datagrams:
                try:
                    asking.send(datagram)
                except OSError:
                    count += 1
                count += _heard(asking)
            asking.settimeout(patience)
            while _heard(asking):
                count += 1
        return count
    return inside(ground.space(place), ask)


def _heard(asking):
    try:
        asking.recv(65536)
    except (BlockingIOError, TimeoutError):
        return 0
    except OSError:
        pass
    return 1


class Echo:
    """A UDP service at a place, that answers with what it got."""

    def __init__(self, ground, place, port):
        self.socket = inside(ground.space(place), self._make)
        self.socket.bind(("::", port))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @staticmethod
    def _make():
        return socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)

    def _serve(self):
        while True:
            data, whence = self.socket.recvfrom(2048)
            if data == b"end":
                return
            self.socket.sendto(data, whence)

    def close(self):
        port = self.socket.getsockname()[1]
        self.socket.sendto(b"end", ("::1", port))
        self._thread.join(5)
        self.socket.close()


class Traffic:
    """Numbered datagrams to an echo, one each few milliseconds, and when each
    was sent and came back."""

    def __init__(self, ground, place, address, port, every=0.002):
        self.sent, self.back = {}, {}
        self.every = every
        self._stop = threading.Event()
        self._socket = inside(ground.space(place), lambda: socket.socket(
            socket.AF_INET, socket.SOCK_DGRAM))
        self._socket.connect((address, port))
        self._socket.settimeout(0.2)
        self._news = threading.Condition()
        self._threads = [threading.Thread(target=work, daemon=True)
                         for work in (self._send, self._receive)]
        for thread in self._threads:
            thread.start()

    def _send(self):
        number = 0
        while not self._stop.wait(self.every):
            self.sent[number] = time.monotonic()
            try:
                self._socket.send(number.to_bytes(8, "big"))
            except OSError:
                pass
            number += 1

    def _receive(self):
        while not self._stop.is_set():
            try:
                number = int.from_bytes(self._socket.recv(64), "big")
            except OSError:
                continue
            with self._news:
                self.back[number] = time.monotonic()
                self._news.notify_all()

    def wait_for(self, more, seconds=20):
        """Until so many more have come back; how many did."""
        with self._news:
            before = len(self.back)
            self._news.wait_for(lambda: len(self.back) >= before + more,
                                seconds)
            return len(self.back) - before

    def come_back_after(self, when):
        """Of those sent later than that."""
        with self._news:
            return sum(self.sent[number] > when for number in self.back)

    def last(self):
        with self._news:
            return max(self.back.values(), default=0)

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(5)
        self._socket.close()
