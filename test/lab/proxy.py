"""A TCP proxy in user space that does to connections what networks do: delay,
stall, swallow, reset, cut at a byte, refuse, lose one end.

Each direction of each connection is a _Way. The faults are the proxy's: they
act on all its connections, those that come later too.
"""
import collections
import contextlib
import selectors
import socket
import struct
import threading
import time

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
HELD_MOST = 4 << 20  # bytes that a direction keeps for later


def _close(end, reset):
    with contextlib.suppress(OSError):
        if reset:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        end.close()


class _Way:
    """From one socket to another: what has been read and is not yet due."""

    def __init__(self, source, sink):
        self.source, self.sink = source, sink
        self.held = collections.deque()  # (due, bytes); b"" is the end
        self.held_bytes = 0
        self.read_end = False

    def hold(self, data, due):
        self.held.append((due, data))
        self.held_bytes += len(data)
        self.read_end = self.read_end or not data

    def shorten(self, most):
        """Keep `most` bytes of the next chunk; whoever asks cuts then."""
        due, data = self.held[0]
        self.held_bytes -= max(0, len(data) - max(0, most))
        self.held[0] = (due, data[:max(0, most)])

    def let_go(self, now):
        """Deliver what is due; return how many bytes that was."""
        moved = 0
        while self.held and self.held[0][0] <= now:
            _, data = self.held.popleft()
            if data:
                self.sink.sendall(data)
            else:
                self.sink.shutdown(socket.SHUT_WR)
            self.held_bytes -= len(data)
            moved += len(data)
        return moved


class _Pair:
    def __init__(self, near, far):
        self.ends = [near, far]
        self.ways = {near: _Way(near, far), far: _Way(far, near)}
        self.moved = 0
        self.halved = False  # one end is lost, the other does not know


class FaultProxy:
    """Forwards to `target`.

    delay       seconds that every byte takes, each way
    cut_after   reset a connection once so many bytes have passed (None: never)
    refusing    reset whoever connects
    """

    def __init__(self, target, delay=0):
        self.target = target
        self.delay = delay
        self.cut_after = None
        self.refusing = False
        self.accepted = 0
        self._stalled = self._swallowing = False
        self._pairs = []
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._wake_in, self._wake_out = socket.socketpair()
        self._jobs = []
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        self._running = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._do(self._stop)
        self._thread.join(5)

    # ---- what a test says; done on the proxy's own thread

    def reset_all(self):
        self._do(self._reset_all)

    def stall(self, on=True):
        """Hold every byte back, lose none."""
        self._do(lambda: self._set("_stalled", on))

    def blackhole(self, on=True):
        """Swallow every byte; who connects is heard by nobody."""
        self._do(lambda: self._set("_swallowing", on))

    def lose(self, end):
        """All connections become half-open: the "near" (who dialled us) or the
        "far" end is gone, and the other does not hear of it."""
        self._do(lambda: self._lose(("near", "far").index(end)))

    def connections(self):
        return len(self._pairs)

    def _do(self, job):
        done = threading.Event()
        self._jobs.append((job, done))
        self._wake_in.send(b"x")
        assert done.wait(10), "the proxy's thread hangs"

    # ---- the thread

    def _run(self):
        while self._running:
            for key, _ in self._selector.select(self._patience()):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._wake_out:
                    self._work()
                elif key.data in self._pairs:
                    self._read(key.data, key.fileobj)
            if self._running and not self._stalled:
                self._let_go()

    def _patience(self):
        dues = [way.held[0][0] for pair in self._pairs
                for way in pair.ways.values() if way.held]
        if not dues or self._stalled:
            return 1
        return max(0, min(dues) - time.monotonic())

    def _work(self):
        self._wake_out.recv(64)
        while self._jobs:
            job, done = self._jobs.pop(0)
            job()
            done.set()

    def _accept(self):
        near, _ = self._listener.accept()
        self.accepted += 1
        if self.refusing:
            _close(near, True)
            return
        try:
            far = socket.create_connection(self.target, timeout=5)
        except OSError:
            near.close()
            return
        pair = _Pair(near, far)
        self._pairs.append(pair)
        for end in pair.ends:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            end.settimeout(5)
            self._follow(pair, end)

    def _follow(self, pair, end):
        """Read from it, unless there is a reason not to."""
        way = pair.ways[end]
        wanted = end.fileno() >= 0 and not self._stalled and \
            not way.read_end and way.held_bytes < HELD_MOST
        known = end.fileno() >= 0 and end in self._selector.get_map()
        if wanted and not known:
            self._selector.register(end, selectors.EVENT_READ, pair)
        elif known and not wanted:
            self._selector.unregister(end)

    def _read(self, pair, end):
        try:
            data = end.recv(65536)
        except OSError:
            self._ended(pair, end)
            return
        if pair.halved and not data:
            self._ended(pair, end)
        elif not self._swallowing and not pair.halved:
            pair.ways[end].hold(data, time.monotonic() + self.delay)
            self._follow(pair, end)
        elif not data:
            self._selector.unregister(end)

    def _ended(self, pair, end):
        if self._swallowing:
            self._selector.unregister(end)
        else:
            self._drop(pair, True)

    def _let_go(self):
        now = time.monotonic()
        for pair in list(self._pairs):
            for end, way in pair.ways.items():
                if pair in self._pairs and way.held:
                    self._let_way_go(pair, end, now)

    def _let_way_go(self, pair, end, now):
        way = pair.ways[end]
        try:
            if self.cut_after is not None:
                way.shorten(self.cut_after - pair.moved)
            if way.held[0][1] or way.read_end:
                pair.moved += way.let_go(now)
        except OSError:
            self._drop(pair, True)
            return
        if self.cut_after is not None and pair.moved >= self.cut_after:
            self._drop(pair, True)
            return
        self._follow(pair, end)

    def _drop(self, pair, reset):
        for end in pair.ends:
            if end.fileno() >= 0 and end in self._selector.get_map():
                self._selector.unregister(end)
            _close(end, reset)
        self._pairs.remove(pair)

    def _reset_all(self):
        for pair in list(self._pairs):
            self._drop(pair, True)

    def _set(self, fault, on):
        setattr(self, fault, on)
        for pair in self._pairs:
            for end in pair.ends:
                self._follow(pair, end)

    def _lose(self, index):
        for pair in self._pairs:
            lost = pair.ends[index]
            if lost.fileno() >= 0 and lost in self._selector.get_map():
                self._selector.unregister(lost)
            _close(lost, True)
            pair.halved = True

    def _stop(self):
        self._running = False
        self._reset_all()
        self._listener.close()
