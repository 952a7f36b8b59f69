"""Pairs that come, talk and go for a while, and the beacon's memory meanwhile:
every byte is checked, and the line must be flat."""
import dataclasses
import json
import pathlib
import re
import subprocess

from . import parts

WARM_UP = 0.4  # of the time: until each kind of pair has been there
SLACK = 1.05


@dataclasses.dataclass
class Soak:
    report: dict
    resident: list  # KiB, every second

    def settled(self):
        """The highest resident memory after the warm-up, and at the end."""
        warm = self.resident[int(len(self.resident) * WARM_UP):]
        half = len(warm) // 2
        return max(warm[:half]), max(warm[half:])

    def is_flat(self):
        early, late = self.settled()
        return late <= early * SLACK


def resident(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+)", text, re.M).group(1))


def soak(beacon, lab, seconds, *words):
    """Run the load beside `beacon` (pid and port) for so long."""
    child = subprocess.Popen(
        [str(word) for word in
         (parts.BUILD / "bench" / "load-soak", "--port", beacon.port,
          "--relay-ca", lab.server_ca, "--first-source", 200000, "--sources",
          1500, "--broker-cert", lab.pki / "broker.crt",
          "--broker-key", lab.pki / "broker.key",
          "--bridge-cert", lab.pki / "bridge.crt",
          "--bridge-key", lab.pki / "bridge.key", "--ca", lab.pki / "ca.crt",
          "--length", f"{seconds}s", *words)],
        stdout=subprocess.PIPE, text=True)
    line = []
    while True:
        try:
            child.wait(1)
            break
        except subprocess.TimeoutExpired:
            line.append(resident(beacon.pid))
        if len(line) > seconds + 120:
            child.kill()
            raise parts.LabError("the soak does not end")
    return Soak(json.loads(child.stdout.read()), line)
