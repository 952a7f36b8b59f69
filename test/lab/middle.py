"""A man in the middle of the TCP connections to a beacon, who knows records of
TLS, and sees as anybody on the way can where outer TLS ends: at a record of 24
bytes, its close_notify.

What he does is an Act: once, in one direction of the first connection that
comes to its place. Everything else he passes on as it is.
"""
import contextlib
import socket
import struct
import threading

UP, DOWN = "up", "down"  # to the beacon, from the beacon
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
PATIENCE = 30
HEADER, CLOSE_NOTIFY = 5, 24
DATA = 23


class Act:
    """`do(way, record)` returns what goes on in place of the record at `place`:
    0 is the close_notify of outer TLS, 1 the first record behind it. It may
    set `way.end` to end there, and `way.then` to be asked once more."""

    def __init__(self, place, do):
        self.place, self.do = place, do
        self.begun = threading.Event()

    def __call__(self, way, record):
        if way.place != self.place or self.begun.is_set():
            return record
        self.begun.set()
        return self.do(way, record)


class Way:
    """One direction of one connection, a thread."""

    def __init__(self, line, source, sink, act, chop):
        self.line, self.source, self.sink = line, source, sink
        self.act, self.chop = act, chop
        self.place = None  # of the record at hand, once outer TLS has ended
        self.past = []  # the records before
        self.then = None
        self.end = None  # "FIN" or "RST": nothing goes on
        self._came = self._out = b""

    def run(self):
        try:
            while self.end != "RST" and (data := self.source.recv(65536)):
                if not self.end:
                    self._came += data
                    self._pass_on()
            if not self.end:
                self._out += self._came
                self.flush()
                self.sink.shutdown(socket.SHUT_WR)
        except OSError:
            self.end = "RST"
        if self.end == "RST":
            self.line.reset()

    def _pass_on(self):
        for record in self._records():
            instead = self._instead(record)
            self._out += instead
            self.past.append(record)
        self.flush()
        if self.end == "FIN":
            self.sink.shutdown(socket.SHUT_WR)

    def _records(self):
        while not self.end and len(self._came) >= HEADER:
            kind, major, size = struct.unpack(">BBxH", self._came[:HEADER])
            # another man may have been here: what is no record passes as it is
            size = HEADER + size if major == 3 else len(self._came)
            if len(self._came) < size:
                return
            record, self._came = self._came[:size], self._came[size:]
            if self.place is not None:
                self.place += 1
            elif (kind, size) == (DATA, CLOSE_NOTIFY):
                self.place = 0
            yield record

    def _instead(self, record):
        if self.then:
            then, self.then = self.then, None
            return then(record)
        return self.act(self, record) if self.act else record

    def flush(self):
        while self._out:
            n = self.chop(self) if self.chop else len(self._out)
            self.sink.sendall(self._out[:n])
            self._out = self._out[n:]


class _Line:
    """One connection: two ways and their ends."""

    def __init__(self, near, far, acts, chop):
        self.ends = near, far
        for end in self.ends:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ways = (Way(self, near, far, acts.get(UP), chop),
                Way(self, far, near, acts.get(DOWN), chop))
        self.threads = [threading.Thread(target=way.run, daemon=True)
                        for way in ways]

    def run(self):
        for thread in self.threads:
            thread.start()
        for thread in self.threads:
            thread.join()
        for end in self.ends:
            end.close()

    def reset(self):
        """Both ends see a reset, as soon as both ways have stopped."""
        for end in self.ends:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               RESET_ON_CLOSE)
                end.shutdown(socket.SHUT_RD)


class Middle:
    """Listens, and leads to `target`; what he sends comes from `source`.

    acts   {UP: Act, DOWN: Act}
    chop   function of a Way: how many bytes to send at once
    """

    def __init__(self, target, source, acts=None, chop=None):
        self.target, self.source = target, source
        self.acts, self.chop = acts or {}, chop
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(
                    self.target, PATIENCE, source_address=(self.source, 0))
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            line = _Line(near, far, self.acts, self.chop)
            threading.Thread(target=line.run, daemon=True).start()


# ---- what he can do to a record: each returns what goes on in its place

def drop(way, record):
    return b""


def change(way, record):
    """One bit of what is authenticated."""
    return record[:-1] + bytes([record[-1] ^ 1])


def shorten(way, record):
    return record[:-3]


def repeat(way, record):
    return record + record


def replay_before(way, record):
    return way.past[-1] + record


def replay_after(way, record):
    return record + way.past[-1]


FORGED = struct.pack(">BHH", DATA, 0x0303, 40) + bytes(range(40))


def forge_before(way, record):
    return FORGED + record


def forge_after(way, record):
    return record + FORGED


def inject_before(way, record):
    """Bytes that are no record."""
    return b"seven b" + record


def inject_after(way, record):
    return record + b"seven b"


def hold_one(way, record):
    """Changes nothing: the next one comes in the same portion."""
    way.then = lambda following: record + following
    return b""


def exchange(way, record):
    way.then = lambda following: following + record
    return b""


def _ending(how, size):
    def end(way, record):
        way.end = how
        return record[:size(record)]
    return end


SIZES = {"before": lambda record: 0, "within": lambda record: len(record) // 2,
         "after": len}
FIN = {where: _ending("FIN", size) for where, size in SIZES.items()}
RST = {where: _ending("RST", size) for where, size in SIZES.items()}


class Stall:
    """Holds the record, and all behind it, until he is told to go on."""

    def __init__(self):
        self.holds, self.go_on = threading.Event(), threading.Event()

    def __call__(self, way, record):
        way.flush()
        self.holds.set()
        assert self.go_on.wait(PATIENCE)
        return record


class Crossing:
    """For two ways: once both have come to their place, what comes on one goes
    on on the other."""

    def __init__(self):
        self._lock, self._ways = threading.Lock(), []

    def __call__(self, way, record):
        way.flush()
        with self._lock:
            self._ways.append(way)
            if len(self._ways) == 2:
                one, other = self._ways
                one.sink, other.sink = other.sink, one.sink
        return record
