"""A tether's files in a folder, and the verbs of `pharos tether` on them."""
import base64
import json
import subprocess

from lab.parts import program

KEY = base64.b64encode(bytes([9]) + bytes(30) + bytes([0x5a])).decode()
OTHER = base64.b64encode(bytes([10]) + bytes(30) + bytes([0x5a])).decode()


class Tether:
    """One tether's files, and the verbs on them."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.codex = folder / "etc" / "tether.yaml"
        self.state = folder / "state"

    def run(self, *words):
        return subprocess.run(
            [str(program("pharos")), "tether", *map(str, words),
             "--codex", str(self.codex), "--state", str(self.state)],
            text=True, capture_output=True, check=False, timeout=60,
            cwd=self.folder, start_new_session=True)

    def good(self, *words):
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def bad(self, status, *words):
        before = self.files()
        done = self.run(*words)
        assert done.returncode == status, (done.stdout, done.stderr)
        assert self.files() == before, "a refusal changed something"
        return done.stderr

    def files(self):
        return {str(path.relative_to(self.folder)): path.read_bytes()
                for path in sorted(self.folder.rglob("*"))
                if path.is_file() and path.name != "lock"}

    def peers(self):
        return {peer["name"]: peer
                for peer in json.loads(self.good("peer", "list", "-o",
                                                 "json"))}
