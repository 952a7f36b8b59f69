"""Boots a kernel in an emulated machine, runs commands there, and reads what
they said. No hardware of this machine is used or needed.
"""
import os
import re
import signal
import subprocess
import tempfile
import time

from . import image

MEMORY_MIB = 1536
LAST_LINES = 30


class Machine:
    """@seconds: for all of it; then the machine is stopped."""

    def __init__(self, kernel, root, seconds):
        self.kernel, self.root, self.seconds = kernel, root, seconds
        self.console = ""       # what the kernel said, and standard error
        self.took = 0.0

    def run(self, commands):
        """Return: for each that was begun, (command, output, status); the last
        one has the status None if it did not end."""
        self.root.add_text("/tests", "".join(f"{each}\n" for each in commands))
        with tempfile.TemporaryDirectory(prefix="pharos-kernel-") as folder:
            self.root.write(f"{folder}/root")
            began = time.monotonic()
            self._boot(folder)
            self.took = time.monotonic() - began
            with open(f"{folder}/console", errors="replace",
                      encoding="utf-8") as said:
                self.console = said.read()
            with open(f"{folder}/results", errors="replace",
                      encoding="utf-8") as said:
                return read_results(said.read())

    def _boot(self, folder):
        words = [image.program("qemu-system-x86_64"), "-accel", "tcg",
                 "-cpu", "max", "-smp", "2", "-m", MEMORY_MIB, "-no-reboot",
                 "-nodefaults", "-display", "none", "-kernel", self.kernel.file,
                 "-initrd", f"{folder}/root", "-append",
                 "console=ttyS0 quiet panic=-1",
                 "-serial", f"file:{folder}/console",
                 "-serial", f"file:{folder}/results"]
        with subprocess.Popen([str(word) for word in words],
                              stdin=subprocess.DEVNULL) as child:
            try:
                child.wait(self.seconds)
            except subprocess.TimeoutExpired:
                child.kill()
            except BaseException:
                os.kill(child.pid, signal.SIGKILL)
                raise

    def last_lines(self):
        return "\n".join(self.console.splitlines()[-LAST_LINES:])


def read_results(text):
    rows = []
    for line in text.replace("\r\n", "\n").splitlines():
        ended = re.fullmatch(r"== (\d+)", line)
        if ended and rows:
            rows[-1][2] = int(ended[1])
        elif line.startswith("== "):
            rows.append([line[3:], "", None])
        elif rows:
            rows[-1][1] += line + "\n"
    return [tuple(row) for row in rows]
