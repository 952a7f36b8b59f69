"""One cluster that was registered in a store, its bridge, and its brokers as
they boot: a stand-in for the cluster signs their tokens."""
import hashlib
import json
import re
import time

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from .beaconpeer import outer_context
from .bootclient import Key, Session, meeting
from .cluster import State
from .storevalve import StoreValve

NAMESPACE, ACCOUNT = "pharos-system", "pharos-broker"
STATES = ("pending", "active", "stale", "revoked")


class Place:
    """ground: a Lab with certificates and `devstore`."""

    def __init__(self, ground, folder, *words, cluster=None):
        self.ground, self.folder = ground, folder
        # its own: a beacon counts what comes from one source
        self.beacon = ground.start_beacon()
        self.cluster = cluster or State()
        self.fingerprint = self._fingerprint(self.cluster)
        self.valve = StoreValve(ground.store)
        self.space = self._register(words)
        self.ca = self._ca()
        self.info_hash = hashlib.sha256(x509.load_pem_x509_certificate(
            self.ca).public_bytes(serialization.Encoding.DER)).digest()
        self.bridge = self._start_bridge()
        self.bridge.wait_for("waiting at beacon", 15)

    def _register(self, words):
        credential = self.folder / "credential.json"
        said = self.ground.pharos(
            "source", "register", "--fingerprint", self.fingerprint,
            "--beacon-address", f"127.0.0.1:{self.beacon.port}",
            "--credential", credential, "--secretstore-address",
            f"https://127.0.0.1:{self.ground.devstore.port}",
            "--secretstore-ca", self.ground.server_ca,
            "--secretstore-token-file", self.ground.folder / "root-token",
            *words)
        self.join = re.search(r"pharos-join-v1\.\S+", said).group()
        return json.loads(credential.read_text())["namespace"]

    def _start_bridge(self):
        return self.ground.start(
            "pharos-bridge", "--credential", self.folder / "credential.json",
            "--vault-addr", self.valve.address,
            "--beacon-ca", self.ground.server_ca,
            "--health-addr", "127.0.0.1:0")

    def _fingerprint(self, cluster):
        jwks, discovery = (self.folder / name for name in ("jwks", "discovery"))
        jwks.write_text(json.dumps(cluster.jwks()))
        discovery.write_text(json.dumps(cluster.discovery()))
        return self.ground.pharos(
            "target", "fingerprint", "--uid", cluster.uid, "--jwks", jwks,
            "--discovery", discovery).split()[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bridge.end()
        self.beacon.end()
        self.valve.__exit__()

    # ---- the store, by its root token

    def _ca(self):
        answer = self.ground.store.must(
            "GET", f"{self.space}/pharos-pki/cert/ca")
        return answer["data"]["certificate"].encode()

    def record(self):
        answer = self.ground.store.must(
            "GET", f"{self.space}/pharos/data/registration")["data"]
        return answer["data"], answer["metadata"]["version"]

    @property
    def state(self):
        state = self.record()[0]["state"]
        assert state in STATES
        return state

    def change(self, **members):
        """As a person does; and until the bridge has seen it."""
        record, version = self.record()
        mark = len(self.valve.seen)
        self.ground.store.must(
            "POST", f"{self.space}/pharos/data/registration",
            {"data": record | members, "options": {"cas": version}})
        until = time.monotonic() + 10
        while sum("registration" in line
                  for line in self.valve.seen[mark:]) < 3:
            assert time.monotonic() < until, "the bridge reads it no more"
            time.sleep(0.02)

    # ---- sessions

    def session(self, **more):
        return Session(self.beacon.port,
                       outer_context(self.ground.server_ca), self.info_hash,
                       self.ca, **more)

    def meet(self, source=None):
        """Without a join string: by the beacon's address alone."""
        return Session(self.beacon.port,
                       outer_context(self.ground.server_ca),
                       meeting(self.record()[0]["fingerprint"]),
                       source=source)

    def token(self, wanted, pod="broker-1", account=ACCOUNT,
              namespace=NAMESPACE, cluster=None, bound=True, **claims):
        cluster = cluster or self.cluster
        cluster.accounts.setdefault((namespace, account), "account-uid")
        if (namespace, pod) not in cluster.pods:
            cluster.add_pod(namespace, pod, account)
        wish = {"audiences": [wanted], "expirationSeconds": 600}
        if bound:
            wish["boundObjectRef"] = {"kind": "Pod", "apiVersion": "v1",
                                      "name": pod}
        return cluster.request_token(namespace, account, {"spec": wish})[
            "status"]["token"]

    def members(self, key, token, cluster=None):
        cluster = cluster or self.cluster
        return {"token": token, "csr": key.csr(), "uid": cluster.uid,
                "jwks": cluster.jwks(), "discovery": cluster.discovery()}

    def honest(self, pod="broker-1"):
        with self.session() as session:
            key = Key()
            token = self.token(session.audience(key), pod)
            return session.ask(**self.members(key, token)), key
