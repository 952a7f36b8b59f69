"""A packet capture in a namespace, by tcpdump, and a search in it."""
import pathlib
import signal

from .process import Process


class Capture:
    def __init__(self, folder, namespace=None):
        self.file = pathlib.Path(folder) / "beacon.pcap"
        device = "any" if namespace else "lo"
        self.process = Process(
            "tcpdump", ["tcpdump", "-i", device, "-U", "-s", "0", "-n", "-Z",
                        "root", "-w", self.file, "tcp"], namespace=namespace)
        self.process.wait_for(r"listening on")

    def stop(self):
        """End the capture and read it whole."""
        self.process.signal(signal.SIGINT)
        self.process.wait()
        return self.file.read_bytes()
