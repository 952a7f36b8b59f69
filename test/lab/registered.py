"""What `pharos source register` makes in a store (doc/wire/store.md), made here
by the API's own calls, so that a test may change each part of it."""
import base64
import hashlib
import json
import subprocess
import time

POLICY = """
path "pharos/data/registration" { capabilities = ["read", "update"] }
path "pharos-pki/sign/bridge" { capabilities = ["update"] }
path "pharos-pki/sign/broker" { capabilities = ["update"] }
path "pharos-pki/cert/ca" { capabilities = ["read"] }
path "auth/jwt/config" { capabilities = ["update"] }
path "auth/token/renew-self" { capabilities = ["update"] }
"""
ROLE = {"use_csr_common_name": False, "use_csr_sans": False,
        "key_type": "any", "allow_any_name": False, "allow_ip_sans": False,
        "allow_localhost": False, "cn_validations": "disabled",
        "allow_bare_domains": True, "allow_glob_domains": True,
        "server_flag": True, "client_flag": True, "max_ttl": "24h"}


class Registered:
    """One cluster in @store: namespace, PKI, mounts, AppRole, record."""

    def __init__(self, store, digits, cluster, **change):
        self.store, self.cluster = store, cluster
        self.fingerprint = (digits + "a" * 52)[:51] + "a"
        self.namespace = f"cloudtaser/{digits}"
        self.at = f"{self.namespace}/"
        self.change = {"role": {}, "token": {}} | change
        self._spaces(digits)
        self._mounts()
        self._pki()
        self._approle()

    def must(self, method, path, body=None):
        return self.store.must(method, self.at + path, body)

    def settles(self, method, path, body=None):
        """A new mount may not answer at once."""
        until = time.monotonic() + 20
        while True:
            status, answer = self.store.call(method, self.at + path, body)
            if status < 300:
                return answer
            assert time.monotonic() < until, answer
            time.sleep(0.05)

    def _spaces(self, digits):
        self.store.call("POST", "sys/namespaces/cloudtaser", {})
        self.store.must("POST", f"cloudtaser/sys/namespaces/{digits}", {})

    def _mounts(self):
        for name in ("pharos", "secret"):
            self.settles("POST", f"sys/mounts/{name}",
                         {"type": "kv", "options": {"version": "2"}})
        self.must("POST", "sys/mounts/pharos-pki", {
            "type": "pki", "config": {"max_lease_ttl": "87600h"}})
        self.must("POST", "sys/auth/jwt", {"type": "jwt"})
        self.must("POST", "sys/auth/pharos-approle", {"type": "approle"})

    def _pki(self):
        answer = self.settles("POST", "pharos-pki/root/generate/internal", {
            "common_name": "Pharos bridge CA", "ttl": "87600h",
            "key_type": "ec", "key_bits": 256, "exclude_cn_from_sans": True})
        self.ca = answer["data"]["certificate"]
        der = base64.b64decode("".join(self.ca.split("\n")[1:-1])
                               .partition("-----")[0])
        self.realm = hashlib.sha256(der).hexdigest()
        for name, hosts in (("bridge", "bridge.pharos"),
                            ("broker", "pharos-broker.pharos.svc,"
                             "pharos-broker.pharos.svc.cluster.local")):
            self.must("POST", f"pharos-pki/roles/{name}", ROLE | {
                "allowed_domains": hosts,
                "allowed_uri_sans": f"pharos://{self.realm}/{name}/*"}
                | self.change["role"])

    def _approle(self):
        self.must("POST", "sys/policies/acl/pharos-bridge",
                  {"policy": POLICY})
        self.must("POST", "auth/pharos-approle/role/bridge", {
            "token_policies": ["pharos-bridge"], "token_ttl": "1h",
            "token_no_default_policy": True} | self.change["token"])
        self.role_id = self.must(
            "GET", "auth/pharos-approle/role/bridge/role-id")["data"][
                "role_id"]

    def secret_id(self):
        return self.must("POST", "auth/pharos-approle/role/bridge/secret-id",
                         {})["data"]["secret_id"]

    # ---- the record

    def record(self, state="active", **members):
        now = int(time.time())
        record = {
            "version": 1, "state": state, "id": self.fingerprint,
            "fingerprint": self.fingerprint, "namespace": self.namespace,
            "subject": "system:serviceaccount:pharos:pharos-broker",
            "opened": now, "closes": now + 3600, "require_approval": False,
            "approved": False, "shut_out": []}
        if state != "pending":
            record["cluster"] = {"uid": "u-1", "issuer": self.cluster.issuer,
                                 "jwks": self.cluster.jwks()}
        return record | members

    def write(self, version, state="active", **members):
        """Check-and-set on @version; the new version."""
        return self.settles("POST", "pharos/data/registration", {
            "options": {"cas": version},
            "data": self.record(state, **members)})["data"]["version"]

    # ---- what a bridge and a broker are given

    def write_credential(self, path, store_port, beacons, secret_id=None):
        fresh = path.with_suffix(".fresh")
        fresh.touch(0o600)
        fresh.write_text(json.dumps({
            "version": 1, "address": f"https://127.0.0.1:{store_port}",
            "namespace": self.namespace, "prefix": "",
            "role_id": self.role_id,
            "secret_id": secret_id or self.secret_id(),
            "beacons": beacons}))
        return fresh.rename(path)

    def sign_broker(self, folder, name):
        """Key and certificate as files: the words for pharos-broker."""
        key, csr = folder / f"{name}.key", folder / f"{name}.csr"
        subprocess.run(
            ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", csr,
             "-subj", f"/CN={name}"], check=True, capture_output=True)
        key.chmod(0o600)
        answer = self.must("POST", "pharos-pki/sign/broker", {
            "csr": csr.read_text(), "common_name": name,
            "exclude_cn_from_sans": True, "ttl": "1h",
            "uri_sans": f"pharos://{self.realm}/broker/{name}"})
        (folder / f"{name}.crt").write_text(answer["data"]["certificate"])
        (folder / "bridge-ca.crt").write_text(self.ca)
        return ["--tls-cert", folder / f"{name}.crt", "--tls-key", key,
                "--tls-ca", folder / "bridge-ca.crt"]

    def grant(self, namespace, account, path):
        """As `pharos source grant`."""
        name = f"{namespace}.{account}"
        self.must("POST", f"sys/policies/acl/{name}", {"policy": "".join(
            f'path "secret/{kind}/{path}" {{ capabilities = ["read"] }}\n'
            for kind in ("data", "metadata"))})
        self.must("POST", f"auth/jwt/role/{name}", {
            "role_type": "jwt", "user_claim": "sub",
            "bound_audiences": [f"pharos:{self.realm}"],
            "bound_subject": f"system:serviceaccount:{namespace}:{account}",
            "token_policies": [name], "token_ttl": "10m",
            "token_no_default_policy": True})
