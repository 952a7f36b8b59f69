"""A real OpenBao for tests: in memory, unsealed, with a root token that is known
and KV version 2 at secret/. Loopback only; never anything but a target."""
import contextlib
import json
import secrets
import tempfile
import time
import urllib.error
import urllib.request

from . import peers, ports
from .process import LabError, Process

LISTENERS = """
disable_mlock = true
listener "tcp" {{
  address = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster}"
  tls_cert_file = "{certificate}"
  tls_key_file = "{key}"
}}
"""


AUDIT = """
audit "file" "kept" {{
  options {{ file_path = "{path}" }}
}}
"""


STORAGE = """
listener "tcp" {{
  address = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster}"
  tls_disable = true
}}
storage "raft" {{
  path = "{path}"
  node_id = "one"
}}
api_addr = "{api}"
cluster_addr = "https://127.0.0.1:{cluster}"
"""


class OpenBao:
    """@url is plain HTTP; @tls_url is there when a certificate is given, which
    has to be good for 127.0.0.1. Its log is @folder/bao.log; with a certificate,
    its audit log is @audit."""

    LAST_WORD = "Development mode should NOT be used"

    def __init__(self, folder, certificate=None, key=None, namespace=None,
                 audit=None):
        program = peers.find("openbao")
        self.folder = folder
        self.folder.mkdir(exist_ok=True)
        self.audit = audit
        self.token = secrets.token_hex(16)
        for _ in range(5):
            # each listener takes the next one for its cluster
            self.port = ports.free(4)
            self.process = Process(
                "bao", [program, *self._words(certificate, key)],
                namespace=namespace, env={"HOME": str(folder)},
                log=folder / "bao.log")
            if self._is_up():
                return
        raise LabError(f"bao does not start:\n{self.process.text()}")

    def _words(self, certificate, key):
        words = ["server", "-dev", f"-dev-root-token-id={self.token}",
                 "-dev-no-store-token",
                 f"-dev-listen-address=127.0.0.1:{self.port}"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.tls_url = None
        if certificate:
            config = self.folder / "listener.hcl"
            self.tls_port = self.port + 2
            self.tls_url = f"https://127.0.0.1:{self.tls_port}"
            config.write_text(LISTENERS.format(
                port=self.tls_port, cluster=self.tls_port + 1,
                certificate=certificate, key=key) + (
                    AUDIT.format(path=self.audit) if self.audit else ""))
            words.append(f"-config={config}")
        return words

    def _is_up(self):
        """Its last word at a good start; False if somebody had the port."""
        try:
            self.process.wait_for(self.LAST_WORD, 60)
            return True
        except LabError:
            self.process.kill()
            if "address already in use" in self.process.text():
                return False
            raise

    def end(self):
        return self.process.end(30)


class OpenBaoRaft(OpenBao):
    """As it runs in earnest: sealed at first, and on integrated storage, here in
    files of memory, or the machine's disk would be what is measured. The
    development server's memory is copied whole for each read of KV version 2,
    so what a read costs there grows with what the store holds."""

    LAST_WORD = "OpenBao server started!"

    def __init__(self, folder, certificate, key):
        self.raft = tempfile.TemporaryDirectory(dir="/dev/shm",
                                                prefix="pharos-raft-")
        super().__init__(folder, certificate, key)
        made = self._call("sys/init", {"secret_shares": 1,
                                       "secret_threshold": 1})
        self.token = made["root_token"]
        self._call("sys/unseal", {"key": made["keys"][0]})
        self._wait_until_active()
        self._call("sys/mounts/secret",
                   {"type": "kv", "options": {"version": "2"}})

    def _words(self, certificate, key):
        super()._words(certificate, key)
        config = self.folder / "server.hcl"
        config.write_text(
            (self.folder / "listener.hcl").read_text() +
            STORAGE.format(path=self.raft.name, port=self.port,
                           cluster=self.port + 1, api=self.tls_url))
        return ["server", f"-config={config}"]

    def _call(self, path, body):
        request = urllib.request.Request(
            f"{self.url}/v1/{path}", json.dumps(body).encode(),
            {"X-Vault-Token": self.token})
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def _wait_until_active(self):
        """It says so by its health page, which is 200 only then."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(urllib.error.HTTPError):
                with urllib.request.urlopen(f"{self.url}/v1/sys/health",
                                            timeout=5):
                    return
            time.sleep(0.05)
        raise LabError("bao is not active 30 s after it was unsealed")
