"""New keys of a cluster, read by a real bridge at a public issuer: HTTPS by the
system's CAs, on a street of its own where addresses of the internet are."""
import json
import pathlib
import subprocess
import sys

import pytest

from lab import network
from lab.cluster import State
from lab.issuer import PRIVATE, PUBLIC, Street
from lab.parts import Lab, program
from lab.process import Process

HOST = "oidc.cloud.example"
NOT_PERMITTED = network.permitted()
pytestmark = pytest.mark.skipif(
    NOT_PERMITTED is not None, reason=f"namespaces: {NOT_PERMITTED}")


class StreetLab(Lab):
    def pharos(self, *words):
        done = subprocess.run(
            self.network.inside(program("pharos"), *words), text=True,
            capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def ground(tmp_path):
    with Street() as street, StreetLab(tmp_path, street) as lab:
        lab.make_certificates()
        lab.pharos("pki", "issue", "--dir", lab.lab_pki, "--role", "server",
                   "--name", "issuer", "--host", HOST)
        street.trust(lab.server_ca)
        lab.beacon = lab.start_beacon()
        lab.devstore = lab.start_devstore()
        yield lab


def serve(ground, cluster):
    """The cluster's issuer."""
    answers = ground.folder / "answers"
    answers.write_text(json.dumps({
        "/id/1/.well-known/openid-configuration": cluster.discovery(),
        "/id/1/openid/v1/jwks": cluster.jwks()}))
    tests = pathlib.Path(__file__).resolve().parent.parent
    process = Process(
        "issuer", [sys.executable, "-m", "lab.issuer",
                   ground.lab_pki / "issuer.crt",
                   ground.lab_pki / "issuer.key", answers],
        namespace=ground.network.public, cwd=tests)
    ground.running.append(process)
    process.wait_for("serving")


def fingerprint_of(ground, cluster):
    jwks, discovery = (ground.folder / name for name in ("jwks", "discovery"))
    jwks.write_text(json.dumps(cluster.jwks()))
    discovery.write_text(json.dumps(cluster.discovery()))
    return ground.pharos(
        "target", "fingerprint", "--uid", cluster.uid, "--jwks", jwks,
        "--discovery", discovery).split()[0]


def register(ground, cluster):
    """And active, as if its broker had come. Return where its record is."""
    credential = ground.folder / "credential.json"
    ground.pharos(
        "source", "register", "--fingerprint", fingerprint_of(ground, cluster),
        "--beacon-address", f"127.0.0.1:{ground.beacon.port}",
        "--credential", credential, "--secretstore-address",
        f"https://127.0.0.1:{ground.devstore.port}",
        "--secretstore-ca", ground.server_ca,
        "--secretstore-token-file", ground.folder / "root-token")
    space = json.loads(credential.read_text())["namespace"]
    path = f"{space}/pharos/data/registration"
    record = ground.store.must("GET", path)["data"]["data"]
    ground.store.must("POST", path, {
        "options": {"cas": 1}, "data": record | {
            "state": "active", "cluster": {
                "uid": cluster.uid, "issuer": cluster.issuer,
                "jwks": cluster.jwks()}}})
    return path


def start_bridge(ground):
    return ground.start(
        "pharos-bridge", "--credential", ground.folder / "credential.json",
        "--vault-ca", ground.server_ca, "--beacon-ca", ground.server_ca,
        "--health-addr", "127.0.0.1:0", side="store")


def keys_in(ground, path):
    return ground.store.must("GET", path)["data"]["data"]["cluster"]["jwks"]


def test_new_keys_are_read_at_a_public_issuer(ground):
    cluster = State(issuer=f"https://{HOST}/id/1")
    path = register(ground, cluster)
    old = cluster.jwks()
    ground.network.name(HOST, PUBLIC)
    cluster.rotate(keep_old=False)
    serve(ground, cluster)
    bridge = start_bridge(ground)
    bridge.wait_for("cluster has other keys", 20)
    assert keys_in(ground, path) == cluster.jwks() != old


@pytest.mark.parametrize("address", [PRIVATE, "127.0.0.1"])
def test_an_issuer_in_our_own_network_is_not_asked(ground, address):
    cluster = State(issuer=f"https://{HOST}/id/1")
    path = register(ground, cluster)
    old = cluster.jwks()
    ground.network.name(HOST, address)
    cluster.rotate()
    serve(ground, cluster)
    bridge = start_bridge(ground)
    bridge.wait_for("not of the internet", 20)
    assert keys_in(ground, path) == old
