"""One process: started with its output followed, awaited by what it says."""
import os
import pathlib
import re
import signal
import subprocess
import threading
import time


class LabError(Exception):
    """Something did not come to pass; the text names what and shows the log."""


# A listening socket, as a service manager passes it (sd_listen_fds(3)).
PASS = 'exec 3<&"$0"; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"'


class Process:
    """A child whose standard output and error are read line by line.

    Lines are kept with the monotonic time at which they came; @log, a path,
    keeps them for who looks after a failure.
    """

    def __init__(self, name, command, namespace=None, env=None, stdin=None,
                 cwd=None, pass_fds=(), passed=None, under=(), log=None):
        self.name = name
        self.lines = []
        self._news = threading.Condition()
        prefix = ["ip", "netns", "exec", namespace] if namespace else []
        if passed is not None:
            prefix += ["bash", "-c", PASS, str(passed.fileno())]
            pass_fds = (*pass_fds, passed.fileno())
        self.child = subprocess.Popen(
            prefix + [str(word) for word in [*under, *command]],
            stdin=stdin if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", cwd=cwd, pass_fds=pass_fds,
            env={**os.environ, **env} if env else None)
        self._log = open(log, "w", encoding="utf-8") if log else None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self):
        return self.child.pid

    def _read(self):
        for line in self.child.stdout:
            with self._news:
                self.lines.append((time.monotonic(), line.rstrip("\n")))
                self._news.notify_all()
            if self._log:
                self._log.write(line)
                self._log.flush()
        with self._news:
            self.lines.append((time.monotonic(), None))
            self._news.notify_all()

    def text(self):
        with self._news:
            return "\n".join(line for _, line in self.lines if line is not None)

    def mark(self):
        """A place in the output; wait_for(..., since=mark) looks after it."""
        with self._news:
            return len(self.lines)

    def wait_for(self, pattern, seconds=10, since=0):
        """Wait until a line matches; return (when it came, the match)."""
        deadline = time.monotonic() + seconds
        with self._news:
            at = since
            while True:
                while at < len(self.lines):
                    when, line = self.lines[at]
                    at += 1
                    if line is None:
                        self._fail(f"ended before it said /{pattern}/")
                    match = re.search(pattern, line)
                    if match:
                        return when, match
                left = deadline - time.monotonic()
                if left <= 0:
                    self._fail(f"did not say /{pattern}/ in {seconds} s")
                self._news.wait(left)

    def wait_for_news(self, seconds):
        """Wait until it says anything, at most so long."""
        with self._news:
            self._news.wait(seconds)

    def _fail(self, what):
        tail = "\n".join(f"    {line}" for _, line in self.lines[-25:]
                         if line is not None)
        raise LabError(f"{self.name} {what}; its last lines:\n{tail}")

    def wait(self, seconds=10):
        """Wait for its end; return the exit status."""
        try:
            status = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            with self._news:
                self._fail(f"did not end in {seconds} s")
        self._reader.join(5)
        return status

    def signal(self, number):
        if self.child.poll() is None:
            self.child.send_signal(number)

    def end(self, seconds=10):
        """SIGTERM, then SIGKILL; return the exit status."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(seconds)
        except LabError:
            self.kill()
            raise

    def kill(self):
        self.signal(signal.SIGKILL)
        self.child.wait(10)
        self._reader.join(5)


def children(pid):
    """Of a wrapper: all but the process that starts them."""
    proc = pathlib.Path("/proc")
    every = (proc / f"{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in every
            if (proc / child / "comm").read_text() != "pharos-starter\n"]


def may_read_memory(pid):
    """Our programs are undumpable: their memory is root's to read."""
    try:
        with open(f"/proc/{pid}/mem", "rb"):
            return True
    except PermissionError:
        return False


def memory_of(pid):
    """Every readable byte of a process, as chunks (needs CAP_SYS_PTRACE)."""
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps.splitlines():
            span, mode = line.split()[:2]
            if "r" not in mode or line.endswith(("[vvar]", "[vsyscall]")):
                continue
            start, end = (int(word, 16) for word in span.split("-"))
            try:
                memory.seek(start)
                yield memory.read(end - start) or b""
            except OSError:
                continue


def memory_holds(pid, needle):
    return any(needle in chunk for chunk in memory_of(pid))


def memory_finds(pid, needles):
    """The names of those that it holds, of a mapping of names to bytes."""
    found = set()
    for chunk in memory_of(pid):
        found |= {name for name, needle in needles.items() if needle in chunk}
    return found
