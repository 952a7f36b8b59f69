"""The cluster that the cases are played on: it has a ServiceAccount
pharos/operator, a pod p1 of it, and a token of a pod that is gone."""
from lab.cluster import KubeApi
from lab.kubeserver import ADMIN, KubeServer

from .cluster import CASES, REVIEW, TOKEN, request, review  # noqa: F401
from .rows import Player

BEARER = ("Authorization", "Bearer ")


def player(url, ca):
    return Player(url, ADMIN, ca, base="/", bearer=BEARER)


def take_token(made):
    status, answer = made.call("root", "POST", TOKEN, request(
        ["pharos:one"], pod="p2", uid="${gone_uid}"))
    assert status == 201, answer
    made.kept["gone"] = answer["status"]["token"]


def pod(name):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"serviceAccountName": "operator", "containers": [
                {"name": "c", "image": "none"}]}}


def standin(folder):
    """(what ends it, its player)."""
    api = KubeApi(folder)
    made = player(api.url, folder / "api.ca")
    for keep, name in (("pod_uid", "p1"), ("gone_uid", "p2")):
        made.kept[keep] = api.state.add_pod("pharos", name, "operator")
    take_token(made)
    api.state.delete_pod("pharos", "p2")
    return api, made


def real(folder):
    """(what ends it, its player), or peers.NotHere."""
    server = KubeServer(folder / "kube")
    server.must("POST", "/api/v1/namespaces", {
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "pharos"}})
    inside = "/api/v1/namespaces/pharos"
    server.must("POST", f"{inside}/serviceaccounts", {
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "operator"}})
    made = player(server.url, server.ca)
    for keep, name in (("pod_uid", "p1"), ("gone_uid", "p2")):
        created = server.must("POST", f"{inside}/pods", pod(name))
        made.kept[keep] = created["metadata"]["uid"]
    take_token(made)
    server.must("DELETE", f"{inside}/pods/p2", {"gracePeriodSeconds": 0})
    return server, made
