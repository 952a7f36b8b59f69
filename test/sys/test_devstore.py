"""The development store: it answers as OpenBao does, keeps its token to itself,
and serves a stock client.

The cases of test/interop are played on it and on the OpenBao that make peers has
built, or on the one of PHAROS_OPENBAO_ADDR and PHAROS_OPENBAO_TOKEN (root, of a
server that may be spoiled).
"""
import http.client
import stat
import subprocess
import textwrap

import pytest
from interop import store, stores
from interop.rows import Player
from lab import parts, peers, venv


@pytest.fixture(scope="module")
def devstore(tmp_path_factory):
    with parts.Lab(tmp_path_factory.mktemp("devstore")) as lab:
        lab.make_certificates()
        lab.devstore = lab.start_devstore()
        yield lab


@pytest.fixture(scope="module", params=["devstore", "openbao"])
def player(request, tmp_path_factory):
    if request.param == "devstore":
        lab = request.getfixturevalue("devstore")
        made = Player(f"https://127.0.0.1:{lab.devstore.port}",
                      lab.store.token, lab.server_ca)
        stores.prepare(made)
        yield made, True
        return
    with parts.Lab(tmp_path_factory.mktemp("openbao")) as lab:
        try:
            made = stores.openbao(lab)
        except peers.NotHere as why:
            pytest.skip(str(why))
        stores.prepare(made)
        yield made, False


@pytest.mark.parametrize("case", stores.CASES, ids=lambda case: case.name)
def test_contract(player, case, tmp_path):
    client, is_standin = player
    client.begin(case)
    left_out = client.play(case.made(tmp_path), is_standin)
    if left_out:
        pytest.skip(f"{len(left_out)} rows are not in the development store "
                    f"yet: {left_out[0]} ...")


# ---- hvac, the client that people use

HVAC_STORY = textwrap.dedent("""
    import sys
    import hvac
    address, ca, token, jwt, key = sys.argv[1:]
    root = hvac.Client(url=address, token=token, verify=ca)
    assert root.sys.is_initialized() and not root.sys.is_sealed()
    assert root.sys.read_health_status(method="GET")["initialized"]
    assert root.sys.read_health_status().status_code == 200
    assert root.is_authenticated()
    root.sys.enable_secrets_engine("kv", path="hv", options={"version": 2})
    assert "hv/" in root.sys.list_mounted_secrets_engines()["data"]
    kv = root.secrets.kv.v2
    made = kv.create_or_update_secret("team/db", {"password": "one"}, cas=0,
                                      mount_point="hv")
    assert made["data"]["version"] == 1
    try:
        kv.create_or_update_secret("team/db", {"password": "x"}, cas=0,
                                   mount_point="hv")
        raise SystemExit("a stale check-and-set was taken")
    except hvac.exceptions.InvalidRequest:
        pass
    kv.patch("team/db", {"user": "u"}, mount_point="hv")
    read = kv.read_secret_version("team/db", mount_point="hv",
                                  raise_on_deleted_version=True)
    assert read["data"]["data"] == {"password": "one", "user": "u"}
    assert kv.list_secrets("team", mount_point="hv")["data"]["keys"] == ["db"]
    kv.delete_latest_version_of_secret("team/db", mount_point="hv")
    kv.undelete_secret_versions("team/db", [2], mount_point="hv")
    assert kv.read_secret_metadata(
        "team/db", mount_point="hv")["data"]["current_version"] == 2
    root.sys.create_or_update_policy(
        "hv", 'path "hv/data/team/*" { capabilities = ["read"] }')
    root.sys.enable_auth_method("jwt", path="hv-jwt")
    root.auth.jwt.configure(
        jwt_validation_pubkeys=[open(key).read()], bound_issuer="https://k",
        jwt_supported_algs=["RS256"], path="hv-jwt")
    root.auth.jwt.create_role(
        "pod", user_claim="sub", allowed_redirect_uris=[], role_type="jwt",
        bound_audiences=["ct:fp01"], token_policies=["hv"], token_ttl=600,
        path="hv-jwt")
    pod = hvac.Client(url=address, verify=ca)
    pod.auth.jwt.jwt_login("pod", jwt, path="hv-jwt")
    assert pod.is_authenticated()
    assert pod.secrets.kv.v2.read_secret_version(
        "team/db", mount_point="hv", raise_on_deleted_version=True)[
            "data"]["metadata"]["version"] == 2
    try:
        pod.secrets.kv.v2.read_secret_version(
            "other", mount_point="hv", raise_on_deleted_version=True)
        raise SystemExit("another path was readable")
    except hvac.exceptions.Forbidden:
        pass
    pod.auth.token.renew_self()
    pod.auth.token.revoke_self()
    assert not pod.is_authenticated()
    root.sys.disable_auth_method("hv-jwt")
    root.sys.disable_secrets_engine("hv")
    print("hvac is content")
""")


def test_hvac(devstore, tmp_path):
    python, why = venv.interpreter(venv.HVAC)
    if not python:
        pytest.skip(f"hvac cannot be had from PyPI: {why}")
    signer = store.Signer(tmp_path)
    key = tmp_path / "issuer.pub"
    key.write_text(signer.public)
    done = subprocess.run(
        [python, "-c", HVAC_STORY, f"https://127.0.0.1:{devstore.devstore.port}",
         devstore.server_ca, devstore.store.token, signer.sign(), key],
        text=True, capture_output=True, check=False)
    assert done.stdout == "hvac is content\n", done.stderr


# ---- the program

def test_root_token_file(devstore):
    path = devstore.folder / "root-token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    devstore.devstore.wait_for("for development only")
    assert devstore.store.token not in devstore.devstore.text()


def start(lab, *words):
    return lab.start("pharos-devstore", "--listen", "127.0.0.1:0", *words)


def test_root_token_is_kept(tmp_path):
    file = tmp_path / "token"
    file.write_text("my-own-token\n")
    file.chmod(0o600)
    with parts.Lab(tmp_path) as lab:
        store = start(lab, "--root-token-file", file)
        port = lab.port_of(store, "api")
        client = Player(f"http://127.0.0.1:{port}", "my-own-token")
        status, answer = client.call("root", "GET", "auth/token/lookup-self")
        assert status == 200 and answer["data"]["policies"] == ["root"]


REFUSALS = [
    ("others may read it", "token\n", 0o644, "chmod 600"),
    ("empty", "\n", 0o600, "is empty"),
    ("two words", "a b\n", 0o600, "not a token"),
]


@pytest.mark.parametrize("label,text,mode,want", REFUSALS,
                         ids=[row[0] for row in REFUSALS])
def test_root_token_refused(tmp_path, label, text, mode, want):
    file = tmp_path / "token"
    file.write_text(text)
    file.chmod(mode)
    done = subprocess.run(
        [parts.program("pharos-devstore"), "--listen", "127.0.0.1:0",
         "--root-token-file", file], text=True, capture_output=True,
        check=False, timeout=10)
    assert done.returncode == 1, label
    assert want in done.stderr and str(file) in done.stderr


def test_plain_http_on_a_network(tmp_path):
    done = subprocess.run(
        [parts.program("pharos-devstore"), "--listen", "0.0.0.0:0",
         "--root-token-file", tmp_path / "token"], text=True,
        capture_output=True, check=False, timeout=10)
    assert done.returncode == 1
    assert "plain HTTP is for loopback only" in done.stderr


def test_stops_in_order(tmp_path):
    with parts.Lab(tmp_path) as lab:
        store = start(lab, "--root-token-file", tmp_path / "token",
                      "--health-addr", "127.0.0.1:0")
        health = lab.port_of(store, "health")
        lab.port_of(store, "api")
        pages = http.client.HTTPConnection("127.0.0.1", health, timeout=10)
        pages.request("GET", "/metrics")
        assert b"pharos_devstore_tokens 1" in pages.getresponse().read()
        store.child.terminate()
        assert store.child.wait(10) == 0
