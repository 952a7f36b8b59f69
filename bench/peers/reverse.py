"""chisel and frp: a server to which a client beside the target dials, as our
bridge does; then the server opens a port of its own for what the client serves.
What is measured is the server. Both come from Go modules: make peers."""
from lab import peers
from measure.bench import free_port
from measure.processes import Measured, cores_of_load

from .peer import BuiltPeer, accepts


class Reverse(BuiltPeer):
    way = "tcp"

    def __init__(self, bench):
        super().__init__(bench)
        self.back_port = free_port()
        self.control = free_port()
        self.client = None

    def command(self):
        return [peers.find(self.program), "server", self.control]

    def client_words(self):
        raise NotImplementedError

    def __enter__(self):
        self.prepare()
        self.process = Measured(self.folder, self.program, self.command(),
                                self.cores)
        self.process.wait_until(
            "listener", lambda: accepts(self.control))
        self.client = Measured(
            self.folder, f"{self.program}-client",
            [peers.find(self.program), "client", self.control,
             *self.client_words()], cores_of_load())
        self.client.wait_until("way to the server", self._accepts)
        return self

    def __exit__(self, *_):
        self.client.end()
        self.process.end()


class Chisel(Reverse):
    name = "chisel, TCP in SSH"
    program = "chisel"

    def client_words(self):
        return [f"R:127.0.0.1:{self.port}:127.0.0.1:{self.back_port}"]


class Frp(Reverse):
    name = "frp, TCP"
    program = "frp"

    def client_words(self):
        return [self.port, self.back_port]
