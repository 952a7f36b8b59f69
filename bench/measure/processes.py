"""Processes whose time and memory are measured."""
import ctypes
import os
import pathlib
import re
import signal
import subprocess
import time


class BenchError(Exception):
    """The run cannot go on; the text says why."""


CORES = sorted(os.sched_getaffinity(0))
LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


def cores_of_relays():
    """The last core for what is measured, the others for the load: a load that
    takes the relay's time measures itself."""
    return {CORES[-1]} if len(CORES) > 1 else set(CORES)


def cores_of_load():
    return set(CORES[:-1]) if len(CORES) > 1 else set(CORES)


def keep_to(cores):
    """In a child, before its program: its cores; and it ends with us, even if
    we are killed."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.sched_setaffinity(0, cores)


class Measured:
    """A relay under measurement. Its output goes to a file: nobody spends time
    on reading it."""

    def __init__(self, folder, name, command, cores=None):
        self.log = pathlib.Path(folder) / f"{name}-{time.monotonic_ns()}.log"
        self.name = name
        with open(self.log, "w", encoding="utf-8") as log:
            self.child = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, cwd=folder,
                preexec_fn=lambda: keep_to(cores or cores_of_relays()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    @property
    def pid(self):
        return self.child.pid

    def text(self):
        return self.log.read_text(errors="replace")

    def wait_until(self, what, check, seconds=15):
        """Until check() gives something, which is returned."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                raise BenchError(f"{self.name} ended: {self.text()[-500:]}")
            got = check()
            if got:
                return got
            time.sleep(0.02)
        raise BenchError(f"{self.name}: no {what} in {seconds} s")

    def wait_for(self, pattern, seconds=15):
        return self.wait_until(
            f"/{pattern}/", lambda: re.search(pattern, self.text()), seconds)

    def end(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(3)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait(5)

    def cpu(self):
        """Seconds, user and system, of all its threads, to the nanosecond: the
        process's own clock."""
        clock = (~self.pid) << 3 | 2
        return time.clock_gettime(clock)

    def memory(self):
        """KiB: the proportional share of what it has mapped, where the kernel
        lets us see it, else what it alone has resident."""
        proc = pathlib.Path(f"/proc/{self.pid}")
        try:
            text = (proc / "smaps_rollup").read_text()
            return int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1))
        except PermissionError:
            text = (proc / "status").read_text()
            return int(re.search(r"^RssAnon:\s+(\d+)", text, re.M).group(1))

    def resident(self):
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+)", text, re.M).group(1))
