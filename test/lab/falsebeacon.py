"""A beacon that was seized: it has its genuine certificate, and does with the
legs that come what a test wants. It keeps all that passes.

    def alike(beacon, leg):        # for each leg that has said HELLO
        for other in beacon.waiting:
            if other.role == leg.role:
                return beacon.pair(other, leg)
        return beacon.keep(leg)

Written from doc/wire/beacon.md; it never sheds, since it wants to see.
"""
import contextlib
import os
import select
import socket
import ssl
import struct
import threading

from .beaconpeer import HELLO, PAIRED, WAIT, frame
from .falseend import FalseEnd

PATIENCE = 20


class Leg:
    """One client's connection. @heard: what it has sent since it was paired."""

    def __init__(self, connection):
        self.tls = connection
        length = struct.unpack(">H", self._read(2))[0]
        body = self._read(length)
        assert body[0] == HELLO and body[1] == 1, body[:2]
        self.role, self.info_hash = body[2], body[3:35]
        self.heard = b""

    def _read(self, size):
        data = b""
        while len(data) < size:
            chunk = self.tls.recv(size - len(data))
            if not chunk:
                raise ConnectionResetError
            data += chunk
        return data

    def send(self, data):
        self.tls.sendall(data)

    def read(self):
        data = self.tls.recv(65536)
        self.heard += data
        return data

    def has_left(self):
        """Who waits says nothing, but for its end."""
        try:
            return bool(select.select([self.tls], [], [], 0)[0])
        except (OSError, ValueError):  # closed by us
            return True

    def close(self):
        with contextlib.suppress(OSError):
            self.tls.shutdown(socket.SHUT_RDWR)
        self.tls.close()


class Pair:
    """Two legs that this beacon has joined."""

    def __init__(self, *legs):
        self.legs = legs

    def carry(self):
        sockets = {leg.tls: other for leg, other in
                   zip(self.legs, reversed(self.legs))}
        sources = dict(zip((leg.tls for leg in self.legs), self.legs))
        try:
            while True:
                ready = [one for one in sockets if one.pending()] or \
                    select.select(list(sockets), [], [])[0]
                for one in ready:
                    data = sources[one].read()
                    if not data:
                        return
                    sockets[one].send(data)
        except (OSError, ValueError):
            pass  # either has gone
        finally:
            for leg in self.legs:
                leg.close()


def honest(beacon, leg):
    """What a beacon is there for."""
    for other in beacon.waiting:
        if other.role != leg.role and other.info_hash == leg.info_hash:
            return beacon.pair(other, leg)
    return beacon.keep(leg)


class FalseBeacon:
    """@shown: its certificate; @decide: as above, called under a lock.

    waiting  legs that decide() has kept
    pairs    each Pair there was
    ends     each FalseEnd that answered in place of a bridge
    """

    def __init__(self, shown, decide):
        self.decide = decide
        self.waiting, self.pairs, self.ends, self.legs = [], [], [], []
        self.replayed = 0
        self.lock = threading.Condition(threading.RLock())
        self.instance = os.urandom(16)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(shown.cert, shown.key)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.set_alpn_protocols(["beacon/1"])
        self.server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.server.getsockname()[1]
        self._run(self._accept)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.close()
        with self.lock:
            legs, self.decide = self.legs, lambda beacon, leg: leg.close()
        for leg in legs:
            leg.close()

    @staticmethod
    def _run(function, *words):
        threading.Thread(target=function, args=words, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                self._run(self._meet, self.server.accept()[0])

    def _meet(self, connection):
        connection.settimeout(PATIENCE)
        with contextlib.suppress(OSError, AssertionError):
            leg = Leg(self.context.wrap_socket(connection, server_side=True))
            leg.tls.settimeout(None)
            with self.lock:
                self.legs.append(leg)
                self._forget_who_left()
                self.decide(self, leg)
                self.lock.notify_all()

    def _forget_who_left(self):
        self.waiting = [leg for leg in self.waiting if not leg.has_left()]

    # ---- what decide() may do

    def keep(self, leg):
        """It waits."""
        leg.send(frame(WAIT, self.instance + struct.pack(">HI", 3600, 0)))
        self.waiting.append(leg)

    def _tell(self, *legs):
        """They are a pair."""
        which = os.urandom(16)
        for leg in legs:
            if leg in self.waiting:
                self.waiting.remove(leg)
            with contextlib.suppress(OSError):  # gone meanwhile
                leg.send(frame(PAIRED, which + bytes(4)))

    def pair(self, one, other):
        made = Pair(one, other)
        self._tell(one, other)
        self.pairs.append(made)
        self._run(made.carry)

    def answer(self, leg, shown, *alpns):
        """In place of the bridge."""
        end = FalseEnd(shown, *alpns)
        self._tell(leg)
        self.ends.append(end)
        self._run(self._serve, end, leg)

    def _serve(self, end, leg):
        end.serve(leg.read, leg.send)
        leg.close()

    def take(self, role):
        """One who waits is paired with us: what it says is read by whoever
        asked."""
        self.wait_until(lambda one: one.count(role), "nobody waits")
        with self.lock:
            leg = next(one for one in self.waiting if one.role == role)
            self._tell(leg)
            return leg

    def replay(self, leg, said):
        """As if its peer had said one thing of @said, each in turn."""
        self._tell(leg)
        leg.send(said[self.replayed % len(said)])
        self.replayed += 1

    def start_anew(self, decide):
        """From now on; all that is open is cut."""
        with self.lock:
            self.decide = decide
            legs, self.legs, self.waiting = self.legs, [], []
        for leg in legs:
            leg.close()

    # ---- what a test waits for

    def count(self, role):
        """How many of them wait."""
        self._forget_who_left()
        return sum(leg.role == role for leg in self.waiting)

    def wait_until(self, true, what, seconds=PATIENCE):
        with self.lock:
            assert self.lock.wait_for(lambda: true(self), seconds), what
