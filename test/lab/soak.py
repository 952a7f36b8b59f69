"""Pairs that come, talk and go for a while, and the beacon's memory meanwhile:
every byte is checked, and the line must be flat."""
import dataclasses
import json
import pathlib
import re
import subprocess
import time

from . import parts
from .beaconpeer import metric_becomes

ROUNDS = 4  # the first warms up
SLACK = 1.05


@dataclasses.dataclass
class Soak:
    reports: list  # of the load, a round each
    resident: list  # KiB at rest, after each round

    def total(self, name):
        return sum(report[name] for report in self.reports)

    def first_fault(self):
        return " ".join(report["first_fault"] for report in self.reports)

    def is_flat(self):
        """What is in use while pairs are there depends on how many are; what
        stays once they have gone must not grow."""
        return self.resident[-1] <= max(self.resident[1:-1]) * SLACK


def resident(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+)", text, re.M).group(1))


def at_rest(beacon, health):
    """The least that is resident in the seconds after the last pair has gone:
    memory is given back a moment later."""
    metric_becomes(health, "pharos_beacon_pairs", 0)
    seen = []
    for _ in range(12):
        seen.append(resident(beacon.pid))
        time.sleep(0.25)
    return min(seen)


def load(beacon, lab, seconds):
    done = subprocess.run(
        [str(word) for word in
         (parts.BUILD / "bench" / "load-soak", "--port", beacon.port,
          "--relay-ca", lab.server_ca, "--first-source", 200000, "--sources",
          1500, "--broker-cert", lab.pki / "broker.crt",
          "--broker-key", lab.pki / "broker.key",
          "--bridge-cert", lab.pki / "bridge.crt",
          "--bridge-key", lab.pki / "bridge.key", "--ca", lab.pki / "ca.crt",
          "--length", f"{seconds}s")],
        stdout=subprocess.PIPE, text=True, timeout=seconds + 120, check=True)
    return json.loads(done.stdout)


def soak(beacon, lab, seconds):
    """Run the load beside `beacon` for so long, in rounds."""
    health = lab.address_of(beacon, "health")
    ran = Soak([], [])
    for _ in range(ROUNDS):
        ran.reports.append(load(beacon, lab, seconds // ROUNDS))
        ran.resident.append(at_rest(beacon, health))
    return ran
