"""What load-stream and load-endings are told about the relay in between."""


class Joint:
    """A relay as those generators see it."""

    def __init__(self, bench, process, port, way, back_port=0, keys=()):
        self.bench = bench
        self.process = process
        self.port, self.way, self.back_port = port, way, back_port
        self.keys = keys

    @classmethod
    def of_beacon(cls, bench, beacon):
        return cls(bench, beacon, beacon.port, "beacon")

    @classmethod
    def of_peer(cls, bench, peer):
        return cls(bench, peer.process, peer.port, peer.way,
                   getattr(peer, "back_port", 0))

    def stream_command(self, warm, size):
        """load-stream with bytes made beforehand."""
        return self.bench.load_command(
            "stream", *self.words(), "--warm", warm, "--bytes", size,
            "--prepared")

    def words(self, sources=4):
        lab = self.bench.lab
        words = ["--port", self.port, "--way", self.way,
                 "--back-port", self.back_port, *self.bench.relay_words(),
                 "--broker-cert", lab.pki / "broker.crt",
                 "--broker-key", lab.pki / "broker.key",
                 "--bridge-cert", lab.pki / "bridge.crt",
                 "--bridge-key", lab.pki / "bridge.key",
                 "--ca", lab.pki / "ca.crt",
                 "--server-cert", lab.lab_pki / "beacon.crt",
                 "--server-key", lab.lab_pki / "beacon.key",
                 *self.bench.source_words(sources)]
        for number, key in enumerate(self.keys):
            words += [f"--session-{number}", key.hex()]
        return words
