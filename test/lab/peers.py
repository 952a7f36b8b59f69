"""The real programs that tests run against: built from the pinned Go modules of
test/peers, once, into a cache outside the tree.

A build is kept under the digest of what it was made from, so it is never an
older one that a test finds. tools/peers builds; a test only looks.
"""
import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

MODULES = pathlib.Path(__file__).resolve().parent.parent / "peers"
GO_AT_LEAST = (1, 26)


class NotHere(Exception):
    """A peer cannot be had; the text is the reason that a skip gives."""


class Peer:
    """@programs: {file: Go package}, the one that is meant without saying so
    first. @stamps: what the program says of itself. Without them kube-apiserver
    has no version that a client understands."""

    def __init__(self, name, programs, version, stamps):
        self.name, self.programs, self.version = name, programs, version
        self.flags = " ".join(["-s -w", *(f"-X {where}={value}" for
                                          where, value in stamps.items())])
        self.module = MODULES / name

    def digest(self):
        made_of = hashlib.sha256(self.flags.encode())
        for name in ("go.mod", "go.sum", "main.go"):
            made_of.update((self.module / name).read_bytes())
        return made_of.hexdigest()[:12]

    def folder(self):
        return cache() / self.name

    def path(self, program=None):
        return self.folder() / f"{self.version}-{self.digest()}" / \
            (program or next(iter(self.programs)))

    def failure(self):
        """Why the last build failed; there is none after one that did not."""
        return self.folder() / f"{self.path().parent.name}.failed"


PEERS = {peer.name: peer for peer in (
    Peer("openbao", {"bao": "."}, "2.4.0", {
        "github.com/openbao/openbao/version.fullVersion": "2.4.0"}),
    Peer("kube-apiserver", {"kube-apiserver": "."}, "1.37.1", {
        "k8s.io/component-base/version.gitVersion": "v1.37.1",
        "k8s.io/component-base/version.gitMajor": "1",
        "k8s.io/component-base/version.gitMinor": "37",
        "k8s.io/component-base/version.gitTreeState": "clean",
        "k8s.io/component-base/version.gitCommit": "test"}),
    Peer("chisel", {"chisel": "."}, "1.10.1", {}),
    Peer("frp", {"frp": "."}, "0.61.1", {}),
    Peer("derper", {"derper": "tailscale.com/cmd/derper", "derp-load": "."},
         "1.102.5", {}),
    Peer("amneziawg-go", {"amneziawg-go":
                          "github.com/amnezia-vpn/amneziawg-go"}, "0.2.19", {}),
)}


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or \
        pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "pharos-peers"


def find(name, program=None):
    """The path of one of its programs, or NotHere."""
    peer = PEERS[name]
    if peer.path().exists():
        return peer.path(program)
    try:
        raise NotHere(f"{name}: {peer.failure().read_text().strip()}")
    except FileNotFoundError:
        raise NotHere(f"{name} is not built: make peers") from None


# ---- building

def go_places():
    return [shutil.which("go"), "/usr/local/go/bin/go"]


def go_program():
    """A Go that is new enough, or NotHere. Debian 12 has none."""
    needed = ".".join(map(str, GO_AT_LEAST))
    seen = []
    for path in go_places():
        if not path or not os.access(path, os.X_OK):
            continue
        said = subprocess.run([path, "env", "GOVERSION"], text=True,
                              capture_output=True, check=False,
                              env=go_environment()).stdout.strip()
        match = re.match(r"go(\d+)\.(\d+)", said)
        if match and tuple(map(int, match.groups())) >= GO_AT_LEAST:
            return path
        seen.append(f"{path} is {said or 'no Go'}")
    raise NotHere(f"needs Go {needed} or newer; "
                  f"{', '.join(seen) if seen else 'there is no go'}")


def go_environment():
    """Only what is pinned, with the Go that is here."""
    return {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local",
            "GOWORK": "off", "GOFLAGS": "-mod=readonly -buildvcs=false"}


class Build:
    """One build of one peer, told about while it goes on."""

    def __init__(self, peer, deadline, tell):
        self.peer, self.deadline = peer, deadline
        self.tell = lambda text: tell(f"{peer.name}: {text}")
        self.fetched = self.compiled = 0
        self.last_lines = []

    def run(self):
        folder = self.peer.folder()
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "lock", "w", encoding="ascii") as lock:
            self._take(lock)
            if self.peer.path().exists():
                return
            self._build(go_program(), folder)

    def _take(self, lock):
        """Two builders: the second waits for the first one's work."""
        said = False
        while True:
            with contextlib.suppress(BlockingIOError):
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not said:
                self.tell("somebody else builds it; waiting")
                said = True
            if time.monotonic() > self.deadline:
                raise NotHere("somebody else is still building it")
            time.sleep(0.5)

    def _build(self, go, folder):
        began = time.monotonic()
        self.tell(f"{self.peer.version}: fetching sources")
        with tempfile.TemporaryDirectory(dir=folder) as new:
            with self._progress(began):
                total = len(self._go(go, "list", "-deps",
                                     *self.peer.programs.values()).splitlines())
                self.tell(f"compiling at most {total} packages")
                for program, package in self.peer.programs.items():
                    self._go(go, "build", "-v", "-trimpath", "-ldflags",
                             self.peer.flags, "-o", f"{new}/{program}", package)
            target = self.peer.path()
            os.chmod(new, 0o755)
            target.parent.mkdir(exist_ok=True)
            # the one that find() looks for comes last
            for program in reversed(self.peer.programs):
                os.replace(f"{new}/{program}", self.peer.path(program))
        self.peer.failure().unlink(missing_ok=True)
        self.tell(f"built in {time.monotonic() - began:.0f} s: {target}")

    @contextlib.contextmanager
    def _progress(self, began):
        over = threading.Event()

        def follow():
            while not over.wait(20):
                self.tell(f"{self.fetched} modules fetched, "
                          f"{self.compiled} packages compiled, "
                          f"{time.monotonic() - began:.0f} s")

        thread = threading.Thread(target=follow)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _go(self, go, *words):
        """Run it at the lowest priority, until the deadline; return what it
        said on standard output."""
        child = subprocess.Popen(
            ["nice", "-n", "19", go, *words], cwd=self.peer.module, text=True,
            env=go_environment(), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
            start_new_session=True)
        reader = threading.Thread(target=self._read, args=[child.stderr])
        reader.start()
        over = threading.Timer(max(0, self.deadline - time.monotonic()),
                               os.killpg, [child.pid, signal.SIGKILL])
        over.start()
        try:
            output = child.stdout.read()
            status = child.wait()
        finally:
            over.cancel()
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
            reader.join()
        if status == -signal.SIGKILL and time.monotonic() >= self.deadline:
            raise NotHere("not built within the time given; what is compiled "
                          "stays, the next try goes on from there")
        if status:
            raise NotHere(f"go {words[0]} failed: "
                          f"{' / '.join(self.last_lines) or status}")
        return output

    def _read(self, lines):
        for line in lines:
            line = line.strip()
            self.fetched += line.startswith("go: downloading ")
            self.compiled += re.fullmatch(r"[^\s:]+", line) is not None
            self.last_lines = [*self.last_lines[-2:], line]


def build(name, deadline, tell):
    """Return the program's path; NotHere says why there is none."""
    peer = PEERS[name]
    if peer.path().exists():
        return peer.path()
    try:
        Build(peer, deadline, tell).run()
    except NotHere as why:
        peer.failure().write_text(f"{why}\n")
        raise
    return peer.path()
