"""Python packages that a test drives and that Debian does not have."""
import fcntl
import subprocess
import sys

from .parts import BUILD

HVAC = "hvac==2.3.0"


def interpreter(*packages):
    """A Python that has these packages, made once under the build folder.
    Return (path, None), or (None, why it could not be made)."""
    folder = BUILD / "venv" / "-".join(sorted(packages)).replace("==", "_")
    folder.parent.mkdir(exist_ok=True)
    with open(f"{folder}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run beside each other
        return _make(folder, packages)


def _make(folder, packages):
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python, None
    steps = [[sys.executable, "-m", "venv", "--clear", folder],
             [python, "-m", "pip", "install", "--quiet",
              "--disable-pip-version-check", "--retries", "1",
              "--timeout", "10", *packages]]
    for step in steps:
        done = subprocess.run([str(word) for word in step], text=True,
                              capture_output=True, check=False)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            return None, lines[-1] if lines else f"{step[2]} failed"
    (folder / "complete").touch()
    return python, None
