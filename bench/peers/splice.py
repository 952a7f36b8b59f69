"""The least that a relay can do: load/splice.c."""
from lab import parts
from measure.bench import free_port

from .peer import Peer


class Splice(Peer):
    name = "bare splice pump"
    program = "load-splice"
    way = "tcp"

    @classmethod
    def missing(cls):
        return None

    def __init__(self, bench, pipe_bytes):
        super().__init__(bench)
        self.back_port = free_port()
        self.pipe_bytes = pipe_bytes

    def command(self):
        return [parts.BUILD / "bench" / self.program, self.port,
                self.back_port, self.pipe_bytes]
