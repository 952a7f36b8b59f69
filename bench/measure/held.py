"""Load that stands: it is there inside the block, and gone after it."""
import contextlib
import json
import socket
import threading


@contextlib.contextmanager
def held(bench, name, *words):
    """A generator that says in a line that all is there, and then stays until
    its standard input ends. Gives that line."""
    child = bench.start_load(name, *words)
    line = child.stdout.readline()
    if not line:
        bench.finish_load(child)
    try:
        yield json.loads(line)
    finally:
        child.communicate(timeout=60)


class Sink:
    """Takes connections and keeps them."""

    def __init__(self, port):
        self.door = socket.create_server(("127.0.0.1", port), backlog=4096)
        self.kept = []
        threading.Thread(target=self._run, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.door.close()
        for sock in self.kept:
            sock.close()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                self.kept.append(self.door.accept()[0])
