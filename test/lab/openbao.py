"""A real OpenBao for tests: in memory, unsealed, with a root token that is known
and KV version 2 at secret/. Loopback only; never anything but a target."""
import secrets

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


class OpenBao:
    """@url is plain HTTP; @tls_url is there when a certificate is given, which
    has to be good for 127.0.0.1. Its log is @folder/bao.log; with a certificate,
    its audit log is @audit."""

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
            self.process.wait_for("Development mode should NOT be used", 60)
            return True
        except LabError:
            self.process.kill()
            if "address already in use" in self.process.text():
                return False
            raise

    def end(self):
        return self.process.end(30)
