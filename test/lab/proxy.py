"""A TCP proxy in user space that does to a connection what networks do: stall,
swallow, reset, cut at a byte, refuse."""
import selectors
import socket
import struct
import threading

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class _Pair:
    def __init__(self, near, far):
        self.ends = (near, far)
        self.other = {near: far, far: near}
        self.moved = 0

    def close(self, reset=False):
        for end in self.ends:
            if reset:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               RESET_ON_CLOSE)
            end.close()


class FaultProxy:
    """Forwards to `target`; the faults act on all its connections.

    cut_after   reset a connection once so many bytes have passed (None: never)
    stalled     hold every byte back, lose none
    refusing    reset whoever connects
    """

    def __init__(self, target):
        self.target = target
        self.cut_after = None
        self.refusing = False
        self.accepted = 0
        self._stalled = False
        self._pairs = []
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0))
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

    def _do(self, job):
        done = threading.Event()
        self._jobs.append((job, done))
        self._wake_in.send(b"x")
        done.wait(5)

    def reset_all(self):
        self._do(self._reset_all)

    def stall(self, on=True):
        self._do(lambda: self._set_stalled(on))

    # ---- the thread

    def _run(self):
        while self._running:
            for key, _ in self._selector.select(1):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._wake_out:
                    self._work()
                elif key.data in self._pairs and not self._stalled:
                    self._move(key.data, key.fileobj)

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
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            RESET_ON_CLOSE)
            near.close()
            return
        try:
            far = socket.create_connection(self.target, timeout=5)
        except OSError:
            near.close()
            return
        pair = _Pair(near, far)
        self._pairs.append(pair)
        for end in pair.ends:
            end.settimeout(5)
            if not self._stalled:
                self._selector.register(end, selectors.EVENT_READ, pair)

    def _move(self, pair, end):
        try:
            data = end.recv(65536)
            if not data:
                self._selector.unregister(end)
                pair.other[end].shutdown(socket.SHUT_WR)
                return
            if self.cut_after is not None:
                data = data[:max(0, self.cut_after - pair.moved)]
            pair.other[end].sendall(data)
            pair.moved += len(data)
        except OSError:
            self._drop(pair, True)
            return
        if self.cut_after is not None and pair.moved >= self.cut_after:
            self._drop(pair, True)

    def _drop(self, pair, reset):
        for end in pair.ends:
            if end.fileno() >= 0 and end in self._selector.get_map():
                self._selector.unregister(end)
        pair.close(reset)
        self._pairs.remove(pair)

    def _reset_all(self):
        for pair in list(self._pairs):
            self._drop(pair, True)

    def _set_stalled(self, on):
        self._stalled = on
        for pair in self._pairs:
            for end in pair.ends:
                known = end in self._selector.get_map()
                if on and known:
                    self._selector.unregister(end)
                elif not on and not known:
                    self._selector.register(end, selectors.EVENT_READ, pair)

    def _stop(self):
        self._running = False
        self._reset_all()
        self._listener.close()
