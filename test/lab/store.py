"""The developer's side of a store: a client by curl, and a cluster's tokens."""
import base64
import json
import pathlib
import subprocess
import tempfile
import time

from .process import LabError


class Store:
    """An HTTP API of OpenBao's kind, reached with a stock client from inside
    the namespace in which it listens."""

    def __init__(self, address, ca, token, namespace=None):
        self.base = f"https://{address}/v1/"
        self.ca, self.token, self.namespace = ca, token, namespace

    def call(self, method, path, body=None, token=None):
        """Return (status, decoded JSON or None)."""
        prefix = ["ip", "netns", "exec", self.namespace] \
            if self.namespace else []
        command = prefix + [
            "curl", "-sS", "--max-time", "10", "--cacert", str(self.ca),
            "-X", method, "-H", "@-", "-w", "\n%{http_code}"]
        with tempfile.NamedTemporaryFile("w") as sent:  # it may be large
            if body is not None:
                json.dump(body, sent)
                sent.flush()
                command += ["--data-binary", f"@{sent.name}"]
            done = subprocess.run(
                command + [self.base + path], text=True, capture_output=True,
                input=f"X-Vault-Token: {token or self.token}\n", check=False)
        if done.returncode:
            raise LabError(f"curl {method} {path}: {done.stderr.strip()}")
        text, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(text) if text.strip() else None

    def must(self, method, path, body=None):
        status, answer = self.call(method, path, body)
        if status >= 300:
            raise LabError(f"store: {method} {path}: {status} {answer}")
        return answer

    def write_secret(self, path, fields):
        """Return the new version."""
        answer = self.must("POST", f"secret/data/{path}", {"data": fields})
        return answer["data"]["version"]

    def trust_cluster(self, cluster, audience, policy_path):
        """JWT login for one ServiceAccount, with one policy: read one path, and
        look after the token; as `pharos source grant` makes it."""
        rights = [(f"secret/{kind}/{policy_path}", "read")
                  for kind in ("data", "metadata")]
        rights += [(f"auth/token/{verb}-self", "update")
                   for verb in ("renew", "revoke")]
        self.must("POST", "sys/policies/acl/lab", {"policy": "".join(
            f'path "{path}" {{ capabilities = ["{right}"] }}\n'
            for path, right in rights)})
        self.must("POST", "sys/auth/jwt", {"type": "jwt"})
        self.must("POST", "auth/jwt/config", {
            "jwt_validation_pubkeys": [cluster.public_key],
            "bound_issuer": cluster.issuer,
            "jwt_supported_algs": ["RS256"]})
        self.must("POST", "auth/jwt/role/team-a.web", {
            "role_type": "jwt", "user_claim": "sub",
            "bound_audiences": [audience],
            "bound_subject": "system:serviceaccount:team-a:web",
            "token_policies": ["lab"], "token_ttl": "60s",
            "token_no_default_policy": True})


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Cluster:
    """Signs ServiceAccount tokens as a cluster's API server does."""
    issuer = "https://kubernetes.default.svc"

    def __init__(self, folder):
        self.key = pathlib.Path(folder) / "cluster.key"
        self._openssl("genpkey", "-algorithm", "RSA", "-pkeyopt",
                      "rsa_keygen_bits:2048", "-out", self.key)
        self.public_key = self._openssl("pkey", "-in", self.key,
                                        "-pubout").decode()

    @staticmethod
    def _openssl(*words, data=None):
        return subprocess.run(["openssl", *map(str, words)], input=data,
                              check=True, capture_output=True).stdout

    def token(self, audience, subject="system:serviceaccount:team-a:web",
              seconds=600):
        now = int(time.time())
        head = {"alg": "RS256", "typ": "JWT"}
        claims = {"iss": self.issuer, "sub": subject, "aud": [audience],
                  "iat": now, "nbf": now, "exp": now + seconds}
        signed = ".".join(b64url(json.dumps(part).encode())
                          for part in (head, claims))
        signature = self._openssl("dgst", "-sha256", "-sign", self.key,
                                  data=signed.encode())
        return f"{signed}.{b64url(signature)}"
