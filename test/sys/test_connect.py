"""`pharos target connect --dir`: certificates in files, signed by the store's PKI
for a key that is made where the command runs; and that bridge and broker run with
them."""
import json
import os
import re
import shlex
import stat
import subprocess
import time

import pytest

from conftest import names_hosts
from lab.joined import HOST, Joined, StandIn
from lab.leavingstore import LeavingStore
from lab.parts import program

pytestmark = pytest.mark.skipif(
    "source" not in subprocess.run(
        [program("pharos"), "--help"], text=True, capture_output=True,
        check=False).stdout,
    reason="a release without libcurl")


class Side:
    """A cluster, and who connects it to the store."""

    def __init__(self, lab, folder):
        self.lab, self.folder = lab, folder
        self.beacon = lab.start_beacon()
        self.cluster = StandIn(folder)
        self.joined = Joined(lab, folder, self.cluster,
                             [f"127.0.0.1:{self.beacon.port}"])
        self.keys = folder / "keys"

    def __enter__(self):
        self.cluster.__enter__()
        return self

    def __exit__(self, *args):
        self.beacon.kill()
        self.cluster.__exit__(*args)

    def run(self, *words, token=None, address=None):
        env = {name: value for name, value in os.environ.items()
               if not name.startswith(("PHAROS_SECRET", "KUBE"))
               and not name.lower().endswith("_proxy")}
        if token != "":
            env["PHAROS_SECRETSTORE_TOKEN"] = token or self.lab.store.token
        return subprocess.run(
            [*map(str, [
                program("pharos"), "target", "connect", "--kubeconfig",
                self.joined.kubeconfig("admin", self.cluster.admin()),
                "--secretstore-address",
                address or self.lab.store.base.removesuffix("/v1/"),
                "--secretstore-ca", self.lab.server_ca,
                "--beacon-address", self.joined.beacons[0], *words])],
            text=True, capture_output=True, check=False, env=env, timeout=120)

    def good(self, *words):
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done

    def told(self, *words):
        answer = json.loads(self.good(*words, "-o", "json").stdout)
        self.joined.answer, self.joined.id = answer, answer["id"]
        self.joined.join = answer["join"]
        return answer

    def bad(self, *words, status=2, **more):
        done = self.run(*words, **more)
        assert done.returncode == status, (done.stdout, done.stderr)
        return " ".join(done.stderr.split())

    def home(self):
        """The namespace of this cluster in the store."""
        shown = self.joined.fingerprint()
        return "cloudtaser/" + shown.replace("-", "").lower()[:8]

    def is_gone(self):
        """The namespace; a real store answers first, and removes then."""
        until = time.monotonic() + 60
        while self.lab.store.call("GET", "cloudtaser/sys/namespaces/"
                                  + self.home().partition("/")[2])[0] != 404:
            assert time.monotonic() < until, "the namespace stays"
            time.sleep(0.05)

    def is_registered(self):
        return self.lab.store.call(
            "GET", f"{self.home()}/pharos/data/registration")[0] == 200


@pytest.fixture(scope="module")
def ground(any_store):
    return any_store


@pytest.fixture
def side(ground, tmp_path):
    with Side(ground, tmp_path) as one:
        yield one


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def openssl(*words, **more):
    return subprocess.run(["openssl", *map(str, words)], check=True, text=True,
                          capture_output=True, **more).stdout


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# ---- the files

def test_the_files(side):
    answer = side.told("--dir", side.keys)
    assert {path.name: mode(path) for path in side.keys.iterdir()} == {
        "ca.crt": 0o644, "broker.crt": 0o644, "broker.key": 0o600,
        "bridge.json": 0o600}
    assert mode(side.keys) == 0o700
    names = {name: str(side.keys / file) for name, file in (
        ("ca", "ca.crt"), ("certificate", "broker.crt"),
        ("key", "broker.key"))}
    assert answer["state"] == "active"
    assert answer["credential"] == str(side.keys / "bridge.json")
    assert {name: answer["files"][name] for name in names} == names
    text = openssl("x509", "-noout", "-text", "-in", side.keys / "broker.crt")
    assert f"URI:pharos://{answer['info_hash']}/broker/broker" in text
    assert f"DNS:{HOST}, DNS:{HOST}.cluster.local" in text
    openssl("verify", "-CAfile", side.keys / "ca.crt",
            side.keys / "broker.crt")
    assert openssl("x509", "-noout", "-pubkey", "-in",
                   side.keys / "broker.crt") == openssl(
        "pkey", "-pubout", "-in", side.keys / "broker.key")
    der = side.folder / "ca.der"
    openssl("x509", "-in", side.keys / "ca.crt", "-outform", "DER", "-out",
            der)
    assert answer["info_hash"] in openssl("dgst", "-sha256", der)


def test_nothing_is_overwritten(side):
    side.told("--dir", side.keys)
    before = content(side.keys)
    said = side.bad("--dir", side.keys)
    assert "is there already" in said and "name another --dir" in said
    for name in ("ca.crt", "broker.crt", "broker.key", "bridge.json"):
        other = side.folder / f"with-{name}"
        other.mkdir()
        (other / name).write_text("mine")
        assert f"{name}: is there already" in side.bad("--dir", other)
        assert content(other) == {name: b"mine"}
    assert content(side.keys) == before


def test_a_second_broker_has_a_name_of_its_own(side):
    first = side.told("--dir", side.keys)
    second = side.told("--dir", side.folder / "more", "--broker-name", "b-2",
                       "--days", "1")
    assert second["info_hash"] == first["info_hash"]
    assert second["files"]["ends"] < first["files"]["ends"] - 80 * 86400
    text = openssl("x509", "-noout", "-text", "-in",
                   side.folder / "more" / "b-2.crt")
    assert f"URI:pharos://{first['info_hash']}/broker/b-2" in text
    assert mode(side.folder / "more" / "b-2.key") == 0o600


def test_a_dry_run_makes_nothing(side):
    done = side.run("--dir", side.keys, "--dry-run", "-o", "json", token="")
    assert done.returncode == 0, done.stderr
    calls = {call["url"].rpartition("/v1/")[2]: call
             for call in json.loads(done.stdout) if call["method"] == "POST"}
    request = calls["pharos-pki/sign/broker-file"]["body"]
    assert request["csr"] == "<certificate request>"
    assert request["uri_sans"] == "pharos://<info hash>/broker/broker"
    assert calls["pharos-pki/roles/broker-file"]["body"]["max_ttl"] == \
        90 * 86400
    assert not side.keys.exists() and not side.is_registered()


# ---- a key that is elsewhere

def request_of(folder, kind):
    """A certificate request with such a key."""
    key, csr = folder / f"{kind[0]}.key", folder / f"{kind[0]}.csr"
    openssl("genpkey", *kind[1:], "-out", key)
    openssl("req", "-new", "-key", key, "-subj", "/CN=evil.test", "-addext",
            "subjectAltName=DNS:evil.test", "-out", csr)
    return csr


def test_a_request_of_its_owner(side):
    csr = request_of(side.folder, ("p256", "-algorithm", "EC", "-pkeyopt",
                                   "ec_paramgen_curve:P-256"))
    answer = side.told("--dir", side.keys, "--csr", csr)
    assert {path.name for path in side.keys.iterdir()} == {
        "ca.crt", "broker.crt", "bridge.json"}
    assert "key" not in answer["files"]
    certificate = side.keys / "broker.crt"
    assert openssl("x509", "-noout", "-pubkey", "-in", certificate) == \
        openssl("req", "-noout", "-pubkey", "-in", csr)
    assert "evil" not in openssl("x509", "-noout", "-text", "-in", certificate)


BAD_REQUESTS = (
    ("P-384", ("p384", "-algorithm", "EC", "-pkeyopt",
               "ec_paramgen_curve:P-384"), "signs P-256 keys alone"),
    ("Ed25519", ("ed", "-algorithm", "ED25519"), "signs P-256 keys alone"),
    ("RSA", ("rsa", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
     "signs P-256 keys alone"),
    ("no request", None, "BEGIN CERTIFICATE REQUEST"),
)


@pytest.mark.parametrize("label, kind, says", BAD_REQUESTS,
                         ids=[row[0] for row in BAD_REQUESTS])
def test_a_request_that_cannot_be_signed(side, label, kind, says):
    csr = request_of(side.folder, kind) if kind else side.folder / "text"
    if not kind:
        csr.write_text("hello")
    for more in ((), ("--dry-run",)):
        said = side.bad("--dir", side.keys, "--csr", csr, *more)
        assert says in said and str(csr) in said, label
        assert "pharos pki request" in said
    assert not side.keys.exists() and not side.is_registered()


@pytest.mark.parametrize("words, says", (
    (("--csr", "x.csr"), "--csr goes with --dir"),
    (("--dir", "x", "--credential", "y"), "leave --credential out"),
    (("--dir", "x", "--csr", "none.csr"), "none.csr"),
    (("--dir", "x", "--broker-name", "ca"), "and not 'ca'"),
    (("--dir", "x", "--broker-name", "../up"), "--broker-name: expected"),
    (("--dir", "x", "--days", "91"), "--days"),
))
def test_words_that_cannot_be(side, words, says):
    assert says in side.bad(*words)


# ---- what a failure leaves

def weak(side):
    """A token with all rights but that of signing for files."""
    side.lab.store.must("POST", "sys/policies/acl/all-but-files", {
        "policy": 'path "*" { capabilities = ["create", "read", "update", '
                  '"delete", "list", "sudo"] }\n'
                  'path "+/+/pharos-pki/sign/broker-file" '
                  '{ capabilities = ["deny"] }'})
    return side.lab.store.must("POST", "auth/token/create", {
        "policies": ["all-but-files"]})["auth"]["client_token"]


def test_what_the_store_does_not_sign_leaves_nothing(side):
    said = side.bad("--dir", side.keys, status=1, token=weak(side))
    assert "The token needs create, update on pharos-pki/sign/broker-file" \
        in said
    assert "undone: PKI role broker-file is as it was before" in said
    assert "left behind" not in said
    assert not side.keys.exists()
    side.told("--dir", side.keys)


def test_each_call_that_is_refused_leaves_nothing(side):
    """Whichever write fails: what was made is gone, or said to be there."""
    way = LeavingStore(side.lab.store.base.removesuffix("/v1/"),
                       side.lab.server_ca)
    seen = set()
    try:
        while True:
            way.posts, way.refuses = 0, way.refuses + 1
            done = side.run("--dir", side.keys, address=way.address)
            if done.returncode == 0:
                break
            said = " ".join(done.stderr.split())
            assert "400 bad request: refused" in said
            assert "left behind" not in said, said
            assert not side.keys.exists()
            side.is_gone()
            seen.add(re.search(r"pharos target connect: (\S+ \S+):", said)[1])
    finally:
        way.close()
    assert {"POST pharos-pki/sign/broker-file",
            "POST pharos/data/registration",
            "POST pharos-pki/root/generate/internal"} <= seen
    assert len(seen) > 14, "there are more of them"
    assert (side.keys / "broker.key").exists() and side.is_registered()


def test_a_folder_that_cannot_be_written_leaves_nothing(side):
    (side.folder / "file").write_text("")
    said = side.bad("--dir", side.folder / "file" / "keys", status=1)
    assert "file/keys" in said and "undone: " in said
    side.told("--dir", side.keys)


# ---- bridge and broker with them

def pasted(text, command):
    """The words of a command line that was printed."""
    line = text.replace("\\\n", " ").partition(command)[2].splitlines()[0]
    return shlex.split(line)


@names_hosts
def test_what_is_printed_runs_and_a_secret_arrives(side):
    joined = side.joined
    done = side.good("--dir", side.keys)
    joined.join = done.stdout.strip()
    assert joined.join.startswith("pharos-join-v1.")
    bridge_words = pasted(done.stderr, "pharos-bridge ")
    broker_words = pasted(done.stderr, "pharos-broker --listen :8199")
    info_hash = broker_words[broker_words.index("--beacon-info-hash") + 1]
    assert f"Info hash:         {info_hash}\n" in done.stderr
    joined.answer = {"info_hash": info_hash, "namespace": side.home()}
    joined.id = joined.fingerprint()
    bridge = side.lab.start(
        "pharos-bridge", *bridge_words, "--beacon-ca", side.lab.server_ca,
        side="store")
    try:
        bridge.wait_for("waiting at beacon", 20)
        broker = side.lab.start(
            "pharos-broker", *broker_words, "--beacon-ca", side.lab.server_ca,
            "--listen", "127.0.0.1:0", side="cluster")
        broker.wait_for("tunnel up", 20)
        joined.write_secret("team-a/web", password="by-hand")
        joined.grant("team-a", "web", "secret/team-a/web")
        wrapper = joined.start_wrapper(
            broker, "team-a", "web", "--secret", "secret/data/team-a/web",
            "--map", "password=PASSWORD", "--deliver", "env", "--deadline",
            "20s", "--", "/bin/sh", "-c", "echo got $PASSWORD")
        wrapper.wait_for("got by-hand$", 25)
        assert wrapper.wait() == 0
        joined.source("revoke", joined.id, "--broker", "broker")
        broker.wait_for("tunnel (lost|down)|refused", 20)
        broker.kill()
    finally:
        bridge.kill()
