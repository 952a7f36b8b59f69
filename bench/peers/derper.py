"""derper, Tailscale's relay: packets between TLS clients that name each other by
their keys, no streams. Its clients are beside its pin, in Go: make peers."""
import shutil

from lab import peers

from .peer import BuiltPeer


class Derper(BuiltPeer):
    name = "derper, packets"
    program = way = "derper"

    def command(self):
        """Over TLS by the lab's certificate, and nothing but that."""
        for kind in ("crt", "key"):
            shutil.copy(self.bench.lab.lab_pki / f"beacon.{kind}",
                        self.folder / f"127.0.0.1.{kind}")
        return [peers.find(self.program), "-a", f"127.0.0.1:{self.port}",
                "-c", self.folder / "node.key", "-certmode", "manual",
                "-certdir", self.folder, "-hostname", "127.0.0.1",
                "-http-port", "-1", "-stun=false"]

    def stream_command(self, warm, size):
        return self._load_command("stream", warm, size)

    def pairs_command(self, pairs, rate):
        return self._load_command("pairs", pairs, rate)

    def _load_command(self, what, *words):
        return [peers.find(self.program, "derp-load"), what, self.port,
                self.bench.lab.server_ca, *words]
