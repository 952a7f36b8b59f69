"""A cluster that joins from nothing: named by its fingerprint, registered in a
store, a bridge that has its credential, brokers that have the join string.

What signs the cluster's tokens is a stand-in (lab/cluster.py) or a real
kube-apiserver (lab/kubeserver.py); both are used by the same calls.
"""
import base64
import json
import os
import pathlib
import subprocess
import tempfile

from .cluster import KubeApi
from .kubeserver import ADMIN
from .network import inside
from .parts import program
from .process import LabError

NAMESPACE, ACCOUNT = "pharos-system", "pharos-broker"
HOST = f"{ACCOUNT}.{NAMESPACE}.svc"
USER = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"


def may_name_hosts():
    """Is this user allowed a /etc/hosts of his own?"""
    with tempfile.TemporaryDirectory() as folder:
        return not subprocess.run(
            [*under_hosts(pathlib.Path(folder), {}), "true"],
            capture_output=True, check=False).returncode


def under_hosts(folder, names):
    """Words that come before a command, for which those names (a mapping to
    addresses) are known."""
    path = folder / "hosts"
    path.write_text("127.0.0.1 localhost\n" + "".join(
        f"{address} {name}\n" for name, address in names.items()))
    return ["unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-c",
            f"mount --bind {path} /etc/hosts && exec \"$0\" \"$@\""]


class StandIn:
    """The cluster's API; who asks it is a pod with its token in a file."""

    def __init__(self, folder, namespace=None):
        self.server = inside(namespace, lambda: KubeApi(folder))
        self.state = self.server.state
        self.server.rights[USER] = {"namespaces", "discovery", "tokens",
                                    "reviews", "maps.get", "maps.patch"}

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *args):
        self.server.__exit__(*args)

    @property
    def url(self):
        return self.server.url

    @property
    def ca_pem(self):
        return self.server.ca

    def token(self, namespace, account, audience, pod=None):
        spec = {"audiences": [audience]}
        if pod:
            spec["boundObjectRef"] = {"name": pod[0], "uid": pod[1]}
        return self.state.request_token(namespace, account, {"spec": spec})[
            "status"]["token"]

    def add_pod(self, namespace, name, account):
        return self.state.add_pod(namespace, name, account)

    def own_audience(self):
        return self.state.issuer

    def admin(self):
        return {"token": "admin-token"}

    def bridge_map(self):
        """What stands in the ConfigMap that says which bridge to follow."""
        return self.state.maps.maps.get((NAMESPACE, "pharos-bridge"), {}).get(
            "data") or {}


class Real:
    """The same of a kube-apiserver."""

    RULES = [{"resources": ["namespaces"], "verbs": ["get"]},
             {"resources": ["serviceaccounts/token"], "verbs": ["create"]},
             {"resources": ["configmaps"], "resourceNames": ["pharos-bridge"],
              "verbs": ["get", "patch"]}]

    def __init__(self, server):
        self.server, self.made = server, set()
        self._namespace(NAMESPACE)
        self._account(NAMESPACE, ACCOUNT)
        rbac = "/apis/rbac.authorization.k8s.io/v1"
        server.must("POST", f"{rbac}/clusterroles", {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole", "metadata": {"name": "pharos-broker"},
            "rules": [{"apiGroups": [""], **rule} for rule in self.RULES]})
        for role in ("pharos-broker",
                     "system:service-account-issuer-discovery",
                     "system:auth-delegator"):
            server.must("POST", f"{rbac}/clusterrolebindings", {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": f"broker-{role.rpartition(':')[2]}"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io",
                            "kind": "ClusterRole", "name": role},
                "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT,
                              "namespace": NAMESPACE}]})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    @property
    def url(self):
        return self.server.url

    @property
    def ca_pem(self):
        return self.server.ca.read_text()

    def _namespace(self, name):
        if name not in self.made:
            self.made.add(name)
            self.server.must("POST", "/api/v1/namespaces", {
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": name}})

    def _account(self, namespace, name):
        if (namespace, name) not in self.made:
            self.made.add((namespace, name))
            self.server.must(
                "POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {
                    "apiVersion": "v1", "kind": "ServiceAccount",
                    "metadata": {"name": name}})

    def add_pod(self, namespace, name, account):
        self._namespace(namespace)
        self._account(namespace, account)
        return self.server.must("POST", f"/api/v1/namespaces/{namespace}/pods", {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"serviceAccountName": account, "containers": [
                {"name": "c", "image": "none"}]}})["metadata"]["uid"]

    def token(self, namespace, account, audience, pod=None):
        spec = {"audiences": [audience]}
        if pod:
            spec["boundObjectRef"] = {"kind": "Pod", "apiVersion": "v1",
                                      "name": pod[0], "uid": pod[1]}
        return self.server.must(
            "POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/"
            f"{account}/token", {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest", "spec": spec})["status"]["token"]

    def own_audience(self):
        return self.server.url

    def admin(self):
        return {"token": ADMIN}

    def bridge_map(self):
        return self.server.call(
            "GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps/pharos-bridge"
        )[1].get("data") or {}


class Joined:
    """@lab: with certificates (of its servers), store and beacons running."""

    def __init__(self, lab, folder, cluster, beacons):
        self.lab, self.folder, self.cluster = lab, folder, cluster
        self.beacons = beacons
        self.pods = {}
        self.id = None
        self.credential = folder / "credential.json"

    def kubeconfig(self, name, user):
        path = self.folder / name
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "lab",
            "contexts": [{"name": "lab", "context": {
                "cluster": "one", "user": "me"}}],
            "clusters": [{"name": "one", "cluster": {
                "server": self.cluster.url,
                "certificate-authority-data": base64.b64encode(
                    self.cluster.ca_pem.encode()).decode()}}],
            "users": [{"name": "me", "user": user}]}))
        return path

    # ---- what a person does

    def fingerprint(self):
        """As it is shown, in groups."""
        self.id = self.pharos(
            "cluster", "target", "fingerprint", "--kubeconfig",
            self.kubeconfig("admin", self.cluster.admin())).split()[0]
        return self.id

    def pharos(self, side, *words):
        """The command on one side; what it printed."""
        namespace = self.lab.network.side(side)
        prefix = ["ip", "netns", "exec", namespace] if namespace else []
        env = {name: value for name, value in os.environ.items()
               if not name.startswith(("PHAROS_SECRET", "KUBE"))
               and not name.lower().endswith("_proxy")}
        done = subprocess.run(
            [*prefix, *map(str, [program("pharos"), *words])], text=True,
            capture_output=True, check=False, env=env)
        if done.returncode:
            raise LabError(f"pharos {' '.join(map(str, words))}: "
                           f"{done.stderr.strip()}")
        return done.stdout

    def store_words(self):
        return ["--secretstore-address",
                self.lab.store.base.removesuffix("/v1/"),
                "--secretstore-ca", self.lab.server_ca,
                "--secretstore-token-file", self.token_file()]

    def token_file(self):
        path = self.folder / "store-token"
        if not path.exists():
            path.touch(0o600)
            path.write_text(self.lab.store.token)
        return path

    def source(self, verb, *words):
        return json.loads(self.pharos(
            "store", "source", verb, *words, *self.store_words(), "-o",
            "json"))

    def register(self, *words):
        self.answer = self.source(
            "register", "--fingerprint", self.id or self.fingerprint(), "--credential",
            self.credential, *words,
            *(word for beacon in self.beacons
              for word in ("--beacon-address", beacon)))
        self.join = self.answer["join"]
        return self.answer

    def write_secret(self, path, **fields):
        """In the cluster's own namespace of the store."""
        return self.lab.store.must(
            "POST", f"{self.answer['namespace']}/secret/data/{path}",
            {"data": fields})["data"]["version"]

    def record(self):
        return self.lab.store.must(
            "GET", f"{self.answer['namespace']}/pharos/data/registration")[
                "data"]["data"]

    def grant(self, namespace, account, path):
        self.source("grant", "--fingerprint", self.id, "--namespace",
                    namespace, "--serviceaccount", account, "--path", path)

    # ---- programs

    def beacon_ca(self, words):
        return [] if "reverse" in words else [
            "--beacon-ca", self.lab.server_ca]

    def start_bridge(self, *words):
        bridge = self.lab.start(
            "pharos-bridge", "--credential", self.credential,
            "--vault-ca", self.lab.server_ca, *self.beacon_ca(words),
            "--health-addr", "127.0.0.1:0", *words, side="store")
        bridge.health = self.lab.address_of(bridge, "health")
        return bridge

    def start_broker(self, pod, *words, **more):
        """In a pod of that name, which is made if it is not there; with the
        join string, unless beacons are named."""
        token = self.folder / f"token-{pod}"
        if not token.exists():
            uid = self.cluster.add_pod(NAMESPACE, pod, ACCOUNT)
            token.write_text(self.cluster.token(
                NAMESPACE, ACCOUNT, self.cluster.own_audience(), (pod, uid)))
        broker = self.lab.start(
            "pharos-broker",
            *([] if "--beacon-address" in words else ["--join", self.join]),
            *self.beacon_ca(words), "--kubeconfig",
            self.kubeconfig(f"config-{pod}", {"tokenFile": str(token)}),
            "--listen", "127.0.0.1:0", "--health-addr", "127.0.0.1:0", *words,
            side="cluster", **more)
        broker.health = self.lab.address_of(broker, "health")
        return broker

    def ca_file(self):
        """Of the bridge, as the join string has it."""
        path = self.folder / "bridge-ca.crt"
        if not path.exists():
            path.write_text(self.ca_pem())
        return path

    def ca_pem(self):
        text = self.join.rpartition(".")[2]
        body = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        at = 1
        for _ in range(body[0]):
            at += 2 + int.from_bytes(body[at:at + 2], "big")
        der = body[at + 2:at + 2 + int.from_bytes(body[at:at + 2], "big")]
        lines = base64.encodebytes(der).decode()
        return f"-----BEGIN CERTIFICATE-----\n{lines}" \
            "-----END CERTIFICATE-----\n"

    def pod_token(self, namespace, account, audience=None):
        """A file with the token of a pod of that ServiceAccount: for the store,
        or for another audience."""
        path = self.folder / f"pod-{namespace}-{account}{audience or ''}"
        if not path.exists():
            name = f"{account}-1"
            if (namespace, name) not in self.pods:
                self.pods[namespace, name] = self.cluster.add_pod(
                    namespace, name, account)
            path.touch(0o600)
            path.write_text(self.cluster.token(
                namespace, account,
                audience or f"pharos:{self.answer['info_hash']}",
                (name, self.pods[namespace, name])))
        return path

    def start_wrapper(self, broker, namespace, account, *words):
        """In that pod, for which the broker has its name."""
        port = self.lab.port_of(broker, "pods")
        return self.lab.start(
            "pharos-wrapper", "--broker", f"https://{HOST}:{port}",
            "--broker-ca", self.ca_file(), "--bridge-ca", self.ca_file(),
            "--jwt-file", self.pod_token(namespace, account),
            "--broker-token-file",
            self.pod_token(namespace, account, "pharos-broker"),
            "--role", f"{namespace}.{account}", *words,
            side="cluster",
            under=under_hosts(self.folder, {HOST: "127.0.0.1"}))
