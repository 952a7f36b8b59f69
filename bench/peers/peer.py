"""What all peers do alike."""
import pathlib
import shutil
import socket

from lab import peers
from measure.bench import free_port
from measure.processes import Measured, cores_of_relays


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Peer:
    """A context manager: it runs inside the block."""
    name = program = package = None

    @classmethod
    def missing(cls):
        """Why it cannot run here, or None."""
        if shutil.which(cls.program):
            return None
        return f"skipped, {cls.program} is not installed (package " \
               f"{cls.package})"

    def __init__(self, bench, cores=None):
        self.bench = bench
        self.cores = cores or cores_of_relays()
        self.port = free_port()
        self.process = None

    def command(self):
        raise NotImplementedError

    def prepare(self):
        """A folder for its files."""
        self.folder = pathlib.Path(self.bench.folder) / \
            f"{self.program}-{self.port}"
        self.folder.mkdir(exist_ok=True)

    def __enter__(self):
        self.prepare()
        self.process = Measured(self.folder, self.program, self.command(),
                                self.cores)
        self.process.wait_until("listener", self._accepts)
        return self

    def __exit__(self, *_):
        self.process.end()

    def _accepts(self):
        return accepts(self.port)

    @property
    def pid(self):
        return self.process.pid


class BuiltPeer(Peer):
    """One that `make peers` builds from Go modules."""

    @classmethod
    def missing(cls):
        try:
            peers.find(cls.program)
            return None
        except peers.NotHere as why:
            return f"skipped, {why}"
