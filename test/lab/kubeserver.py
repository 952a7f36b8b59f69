"""A real kube-apiserver with etcd inside, for tests: namespaces, ServiceAccounts,
TokenRequest, TokenReview, keys and discovery. There is no controller, scheduler
or kubelet: what they would make, a test makes. Loopback only."""
import http.client
import json
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import time

from . import peers, ports
from .network import inside
from .process import LabError, Process

ADMIN = "admin-token"


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True,
                   capture_output=True)


class KubeServer:
    """@url, @ca, and ADMIN as a token that may all; admin.crt and admin.key in
    @folder are the same as a certificate. Its log is @folder/kube.log."""

    def __init__(self, folder, namespace=None):
        self._program = peers.find("kube-apiserver")
        self._namespace = namespace
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.ca = self.folder / "ca.crt"
        self._make_keys()
        for _ in range(5):
            if self._start():
                return
        raise LabError(f"no kube-apiserver:\n{self.process.text()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()  # its state is thrown away
        shutil.rmtree(self._state, ignore_errors=True)

    # ---- keys

    def _make_keys(self):
        self._key("ca")
        openssl("req", "-x509", "-new", "-key", self.folder / "ca.key", "-out",
                self.ca, "-days", "2", "-subj", "/CN=kube-test-ca")
        self._issue("server", "/CN=kube-apiserver",
                    "subjectAltName=IP:127.0.0.1")
        self._issue("admin", "/O=system:masters/CN=admin",
                    "extendedKeyUsage=clientAuth")
        self._key("sa")
        openssl("pkey", "-in", self.folder / "sa.key", "-pubout", "-out",
                self.folder / "sa.pub")
        (self.folder / "tokens.csv").write_text(
            f'{ADMIN},admin,1,"system:masters"\n')

    def _key(self, name):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-out", self.folder / f"{name}.key")

    def _issue(self, name, subject, extension):
        self._key(name)
        path = self.folder / name
        openssl("req", "-new", "-key", f"{path}.key", "-subj", subject,
                "-out", f"{path}.csr")
        pathlib.Path(f"{path}.ext").write_text(extension)
        openssl("x509", "-req", "-in", f"{path}.csr", "-CA", self.ca,
                "-CAkey", self.folder / "ca.key", "-CAcreateserial", "-days",
                "2", "-extfile", f"{path}.ext", "-out", f"{path}.crt")

    # ---- the server

    def _start(self):
        """False if somebody had the port."""
        # etcd's socket is in there, and a socket's path is short
        self._state = tempfile.mkdtemp(prefix="pharos-kube-")
        self.port = inside(self._namespace, lambda: ports.free(1))
        self.url = f"https://127.0.0.1:{self.port}"
        self.process = Process("kube-apiserver", [
            self._program, self._state, *self._words()],
            namespace=self._namespace, log=self.folder / "kube.log")
        try:
            self._wait_until_ready()
            return True
        except LabError:
            self.__exit__()
            if "address already in use" in self.process.text():
                return False
            raise

    def _words(self):
        folder = self.folder
        return [
            "--bind-address=127.0.0.1", f"--secure-port={self.port}",
            "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
            f"--tls-cert-file={folder}/server.crt",
            f"--tls-private-key-file={folder}/server.key",
            f"--client-ca-file={self.ca}",
            f"--token-auth-file={folder}/tokens.csv",
            "--authorization-mode=Node,RBAC",
            f"--service-account-issuer={self.url}",
            f"--service-account-jwks-uri={self.url}/openid/v1/jwks",
            f"--service-account-signing-key-file={folder}/sa.key",
            f"--service-account-key-file={folder}/sa.pub",
            f"--api-audiences={self.url}",
            "--service-cluster-ip-range=127.96.0.0/24"]

    def _wait_until_ready(self):
        until = time.monotonic() + 90
        while time.monotonic() < until:
            if self.process.child.poll() is not None:
                raise LabError("kube-apiserver ended:\n"
                               f"{self.process.text()[-2000:]}")
            try:
                if self.call("GET", "/readyz")[0] == 200:
                    return
            except OSError:
                pass
            self.process.wait_for_news(0.1)
        raise LabError("kube-apiserver was not ready in 90 s; it said\n"
                       f"{self.process.text()[-2000:]}")

    # ---- a client

    def call(self, method, path, body=None, token=ADMIN):
        """Return (status, JSON, or text where it is none)."""
        return inside(self._namespace,
                      lambda: self._call(method, path, body, token))

    def _call(self, method, path, body, token):
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=30,
            context=ssl.create_default_context(cafile=self.ca))
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection.request(method, path, json.dumps(body) if body else None,
                           headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        is_json = "json" in (answer.getheader("Content-Type") or "")
        return answer.status, json.loads(text) if is_json else text

    def must(self, method, path, body=None):
        status, answer = self.call(method, path, body)
        if status >= 300:
            raise LabError(f"kube: {method} {path}: {status} {answer}")
        return answer
