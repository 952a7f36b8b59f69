"""One run: a folder, certificates, the sources that load comes from, rows."""
import http.client
import json
import pathlib
import re
import socket
import subprocess

from lab import parts

from .processes import BenchError, Measured, cores_of_load, keep_to
from .rows import Rows

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

FIRST_SOURCE = 0x10001  # 127.1.0.1


# What a release is made of and by.
SHIPPED = ("src", "include", "meson.build", "meson_options.txt",
           "tools/packaging", "tools/release")
NO_RELEASE = "no release of this commit: make release"


def of_this_commit(folder):
    """Whether the release in there was made of these sources."""
    try:
        word, commit = (folder / "dist" / "BUILDINFO").read_text().split()[:2]
    except (FileNotFoundError, ValueError):
        return False
    return word == "commit" and subprocess.run(
        ["git", "-C", folder, "diff", "--quiet", "--end-of-options", commit,
         "HEAD", "--", *SHIPPED], check=False,
        stderr=subprocess.DEVNULL).returncode == 0


def released(name, folder=ROOT):
    """What `make release` has built of this program and this commit, or
    None."""
    binary = folder / "dist" / name
    return binary if binary.exists() and of_this_commit(folder) else None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Bench:
    def __init__(self, folder, quick):
        self.folder = pathlib.Path(folder)
        self.quick = quick
        self.rows = Rows()
        self.lab = parts.Lab(self.folder)
        self.lab.make_certificates()
        self._next_source = FIRST_SOURCE

    def of(self, full, quick):
        """How much: in a whole run, in a quick one."""
        return quick if self.quick else full

    def source_words(self, count):
        """Sources that this run has not used: the beacon remembers each for a
        minute."""
        first = self._next_source
        self._next_source += count
        return ["--first-source", first, "--sources", count]

    def relay_words(self):
        return ["--relay-ca", self.lab.server_ca]

    @property
    def server_pem(self):
        """Certificate and key in one file, as HAProxy reads them."""
        path = self.folder / "server.pem"
        if not path.exists():
            pki = self.lab.lab_pki
            path.touch(mode=0o600)
            path.write_text((pki / "beacon.crt").read_text() +
                            (pki / "beacon.key").read_text())
        return path

    def start_beacon(self, *words):
        beacon = Measured(
            self.folder, "pharos-beacon",
            [parts.program("pharos-beacon"), "--addr", ":0", "--health-addr",
             "127.0.0.1:0", *self.lab.server_words("beacon"), *words])
        for what, name in (("legs", "port"), ("health", "health")):
            found = beacon.wait_for(
                rf"listening .*what={what} address=\S*:(\d+)")
            setattr(beacon, name, int(found.group(1)))
        return beacon

    @staticmethod
    def metric(beacon, name):
        """A number of its /metrics."""
        page = http.client.HTTPConnection("127.0.0.1", beacon.health,
                                          timeout=10)
        page.request("GET", "/metrics")
        text = page.getresponse().read().decode()
        page.close()
        found = re.search(rf"^{re.escape(name)} (\d+)$", text, re.M)
        if not found:
            raise BenchError(f"the beacon has no metric {name}")
        return int(found.group(1))

    @staticmethod
    def load_command(name, *words):
        return [parts.BUILD / "bench" / f"load-{name}", *words]

    def start_load(self, name, *words):
        return self.start(self.load_command(name, *words))

    @staticmethod
    def start(command):
        """A generator that runs beside us; finish_load() it."""
        return subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: keep_to(cores_of_load()))

    @staticmethod
    def finish_load(child, seconds=300):
        """What it reports, once it has ended."""
        try:
            out, err = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            raise BenchError(f"{child.args[0]}: not done in {seconds} s") \
                from None
        if child.returncode:
            raise BenchError(f"{' '.join(child.args)}: {err.strip()}")
        return json.loads(out.splitlines()[-1])

    def load(self, name, *words, seconds=300):
        return self.finish_load(self.start_load(name, *words), seconds)
