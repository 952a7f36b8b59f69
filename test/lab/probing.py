"""What is reached in a namespace, and what answers: a scanner, an echo, a flow of
datagrams, a reader of pictures."""
import errno
import selectors
import socket
import threading
import time

from .network import run


def read_picture(picture):
    """What an independent reader finds in a picture of a QR code."""
    return run("zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable",
               picture).stdout


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def fetch(houses, house, url, seconds=2):
    """What curl gets there; None: nothing."""
    done = run("ip", "netns", "exec", houses.name(house), "curl", "-s",
               "--max-time", seconds, url, check=False)
    return done.stdout if done.returncode == 0 else None


def open_ports(houses, house, address, ports):
    """Those TCP ports that answer to a connection with anything but a reset."""
    def scan():
        found = set()
        for at in range(0, len(ports), 500):
            found |= _knock(address, ports[at:at + 500])
        return found
    return houses.inside(house, scan)


def _knock(address, ports):
    waiting, found = selectors.DefaultSelector(), set()
    knocks = []
    for port in ports:
        knock = socket.socket(family_of(address))
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


def answers_to(houses, house, target, datagrams, patience=1):
    """How many answers these datagrams to (address, port) get, errors by ICMP
    counted too."""
    def ask():
        count = 0
        with socket.socket(family_of(target[0]), socket.SOCK_DGRAM) as asking:
            asking.connect(target)
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
    return houses.inside(house, ask)


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

    def __init__(self, houses, house, port):
        self.socket = houses.inside(house, self._make)
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

    def __init__(self, houses, house, target, every=0.002):
        self.sent, self.back = {}, {}
        self.every = every
        self._stop = threading.Event()
        self._socket = houses.inside(house, lambda: socket.socket(
            family_of(target[0]), socket.SOCK_DGRAM))
        self._socket.connect(target)
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
