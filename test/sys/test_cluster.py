"""The stand-in for a cluster's API says what the real one says, and `pharos
target` works on either.

The cases of test/interop are played on the stand-in here, on a real
kube-apiserver in test_peers.py, and on both side by side by make interop.
"""
import base64
import json
import os
import subprocess

import pytest

from interop import clusters
from lab import peers
from lab.kubeserver import ADMIN, KubeServer
from lab.parts import program


@pytest.mark.parametrize("case", clusters.CASES, ids=lambda case: case.name)
def test_the_stand_in(case, tmp_path):
    api, player = clusters.standin(tmp_path)
    with api:
        assert player.play(case.made(tmp_path), standin=True) == []


def test_tokens_of_a_key_that_was_taken_away(tmp_path):
    api, player = clusters.standin(tmp_path)

    def is_good(token):
        return "authenticated" in player.call(
            "root", "POST", clusters.REVIEW,
            clusters.review(token, "pharos:one"))[1]["status"]

    def take():
        return player.call("root", "POST", clusters.TOKEN, clusters.request(
            ["pharos:one"]))[1]["status"]["token"]

    with api:
        first = take()
        api.state.rotate("RS256")
        second = take()
        assert is_good(first) and is_good(second)
        api.state.rotate(keep_old=False)
        assert not is_good(first) and not is_good(second)
        assert is_good(take())


def test_a_service_account_asks_with_a_token_of_its_own(tmp_path):
    api, player = clusters.standin(tmp_path)
    with api:
        name = "system:serviceaccount:pharos:operator"
        api.rights[name] = {"reviews"}
        own = player.call("root", "POST", clusters.TOKEN, clusters.request(
            [api.state.issuer]))[1]["status"]["token"]
        review = clusters.review(own, api.state.issuer)
        status, answer = player.call(own, "POST", clusters.REVIEW, review)
        assert status == 201
        assert answer["status"]["user"]["username"] == name
        assert player.call(own, "POST", clusters.TOKEN,
                           clusters.request(["x"]))[0] == 403


# ---- the real one

@pytest.fixture(scope="module")
def server(tmp_path_factory):
    try:
        made = KubeServer(tmp_path_factory.mktemp("kube") / "server")
    except peers.NotHere as why:
        pytest.skip(str(why))
    with made:
        yield made


def fingerprint(*words):
    env = {name: value for name, value in os.environ.items()
           if not name.startswith("KUBE")}
    done = subprocess.run(
        [program("pharos"), "target", "fingerprint", "-o", "json",
         *map(str, words)], text=True, capture_output=True, check=False,
        timeout=60, env=env)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    answer.pop("server", None)
    return answer


def config(path, server, user):
    path.write_text(json.dumps({
        "current-context": "lab",
        "contexts": [{"name": "lab", "context": {
            "cluster": "one", "user": "me"}}],
        "clusters": [{"name": "one", "cluster": {
            "server": server.url, "certificate-authority": str(server.ca)}}],
        "users": [{"name": "me", "user": user}]}))
    return path


def test_a_real_cluster_has_one_fingerprint_whoever_asks(server, tmp_path):
    data = {f"client-{name}-data": base64.b64encode(
        (server.folder / f"admin.{end}").read_bytes()).decode()
        for name, end in (("certificate", "crt"), ("key", "key"))}
    by_token = fingerprint("--kubeconfig", config(
        tmp_path / "token", server, {"token": ADMIN}))
    by_certificate = fingerprint("--kubeconfig", config(
        tmp_path / "certificate", server, data))
    for name, path in (("jwks", "/openid/v1/jwks"),
                       ("discovery", "/.well-known/openid-configuration")):
        answer = server.must("GET", path)
        (tmp_path / name).write_text(answer if isinstance(answer, str)
                                     else json.dumps(answer))
    uid = server.must("GET", "/api/v1/namespaces/kube-system")
    by_files = fingerprint(
        "--uid", uid["metadata"]["uid"], "--jwks", tmp_path / "jwks",
        "--discovery", tmp_path / "discovery")
    assert by_token == by_certificate == by_files
    assert by_files["issuer"] == server.url
