"""A packet capture in a namespace, by tcpdump, and a search in it."""
import pathlib
import signal
import time

from .process import LabError, Process


class NotPermitted(Exception):
    """This user may not capture packets here."""


class Capture:
    def __init__(self, folder, namespace=None):
        self.file = pathlib.Path(folder) / "beacon.pcap"
        device = "any" if namespace else "lo"
        self.process = Process(
            "tcpdump", ["tcpdump", "-i", device, "-U", "--immediate-mode", "-s", "0", "-n", "-Z",
                        "root", "-w", self.file, "tcp"], namespace=namespace)
        try:
            self.process.wait_for(r"listening on")
        except LabError as error:
            raise NotPermitted(str(error)) from error

    def stop(self, last):
        """End the capture once it holds the bytes `last`, and read it whole.
        Return None if they do not come."""
        deadline = time.monotonic() + 10
        while last not in self.file.read_bytes():
            if time.monotonic() > deadline:
                self.process.kill()
                return None
            self.process.wait_for_news(0.1)
        self.process.signal(signal.SIGINT)
        self.process.wait()
        return self.file.read_bytes()
