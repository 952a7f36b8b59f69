"""`pharos tether import` of wg-easy's file, and into a tether that is there."""
import base64
import json

import pytest

from lab.tether import KEY, OTHER, Tether


def key_of(number):
    return base64.b64encode(
        bytes([number]) + bytes(30) + bytes([0x5a])).decode()


PRIVATE = base64.b64encode(bytes([8]) + bytes(30) + bytes([64])).decode()


def client(name, number, **more):
    return {"id": name, "name": name, "address": f"10.189.0.{number}",
            "privateKey": PRIVATE, "publicKey": key_of(number),
            "preSharedKey": OTHER, "createdAt": "2024-05-01T10:00:00.000Z",
            "updatedAt": "2024-05-01T10:00:00.000Z", "enabled": True, **more}


def wg_easy(*clients):
    return json.dumps({
        "server": {"privateKey": PRIVATE, "publicKey": key_of(3),
                   "address": "10.189.0.1"},
        "clients": {one["id"]: one for one in clients}}, indent=2)


def put(tether, text, name="wg0.json"):
    path = tether.folder / name
    path.write_text(text)
    return path


@pytest.fixture(name="fresh")
def fresh_fixture(tmp_path):
    return Tether(tmp_path)


@pytest.fixture(name="tether")
def tether_fixture(fresh):
    fresh.good("init", "--endpoint", "home.example.org:51820",
               "--network", "10.189.0.0/16")
    fresh.good("peer", "add", "car", "--public-key", key_of(40))
    return fresh


def test_wg_easy(fresh):
    said = fresh.good(
        "import", "--endpoint", "home.example.org:51820",
        put(fresh, wg_easy(
            client("Ann's phone", 2),
            client("tab", 3, enabled=False),
            client("guest", 4, expiredAt="2001-01-31T23:59:59.000Z"))))
    assert "their devices need no change" in said
    peers = fresh.peers()
    assert {name: (peer["addresses"][0], peer["state"])
            for name, peer in peers.items()} == {
                "Ann-s-phone": ("10.189.0.2", "active"),
                "tab": ("10.189.0.3", "disabled"),
                "guest": ("10.189.0.4", "expired")}
    conf = fresh.good("peer", "export", "Ann-s-phone")
    assert f"PresharedKey = {OTHER}" in conf
    text = fresh.codex.read_text()
    assert "v4: 10.189.0.0/24" in text or "10.189.0.0/24" in text
    for content in fresh.files().items():
        if content[0] == "state/keyring":
            assert PRIVATE.encode() in content[1]
        elif content[0] != "wg0.json":
            assert PRIVATE.encode() not in content[1], content[0]


@pytest.mark.parametrize("text,says", [
    (wg_easy(client("a", 2, publicKey="x")), "client a: publicKey"),
    (wg_easy(client("a", 2), client("b", 2)), "that of peer a"),
    (wg_easy(client("a", 2), client("A", 3)), "same name as"),
    (wg_easy(client("a", 2, address="10.190.0.2")), "outside"),
    ("{", "not one JSON object"),
], ids=["a key of nonsense", "a key twice", "a name twice",
        "an address elsewhere", "half a file"])
def test_wg_easy_refused(fresh, text, says):
    said = fresh.bad(1, "import", put(fresh, text))
    assert says in said and len(said.splitlines()) <= 2
    assert PRIVATE not in said
    assert not fresh.codex.exists()


# ---- into a tether that is there


def test_peers_come_to_the_tether(tether):
    said = tether.good("import", put(tether, wg_easy(
        client("phone", 2), client("tab", 3))))
    assert "2 peers came" in said and "another key" in said
    peers = tether.peers()
    assert list(peers) == ["car", "phone", "tab"]
    # car has 10.189.0.2, so the phone gets another; 3 was free
    assert peers["car"]["addresses"][0] == "10.189.0.2"
    assert peers["tab"]["addresses"][0] == "10.189.0.3"
    assert peers["phone"]["addresses"][0] == "10.189.0.4"
    conf = tether.good("peer", "export", "phone")
    assert f"PresharedKey = {OTHER}" in conf
    assert "Endpoint = home.example.org:51820" in conf


def test_the_revoked_stay_dead_and_the_known_as_they_are(tether):
    tether.good("peer", "add", "tab", "--public-key", key_of(3))
    tether.good("peer", "add", "lost", "--public-key", key_of(2))
    tether.good("peer", "revoke", "lost")
    before = tether.peers()
    path = put(tether, wg_easy(client("phone", 2), client("pad", 3)))
    said = tether.good("import", path)
    assert "0 peers came" in said
    assert "1 were peers already" in said and "1 are revoked" in said
    assert tether.peers() == before


def test_an_address_of_the_dead_is_not_given(tether):
    tether.good("peer", "revoke", "car")
    tether.good("import", put(tether, wg_easy(client("phone", 2))))
    assert tether.peers()["phone"]["addresses"][0] == "10.189.0.3"


def test_the_same_host_once_more(fresh):
    """A second import brings who came since, and no device needs a change."""
    fresh.good("import", put(fresh, wg_easy(client("phone", 2))))
    said = fresh.good("import", put(fresh, wg_easy(
        client("phone", 2), client("tab", 3))))
    assert "1 peers came" in said and "1 were peers already" in said
    assert "configuration" not in said
    assert fresh.peers()["tab"]["addresses"][0] == "10.189.0.3"


@pytest.mark.parametrize("status,words,clients,says", [
    (1, [], [client("car", 2)], "same name as"),
    (1, [], [client("a", 2), client("b", 2)], "that of peer a"),
    (1, [], [client("a", 2, publicKey=KEY), client("b", 3, address="x")],
     "client b: address"),
    (2, ["--network", "10.9.0.0/16"], [client("a", 2)], "a tether already"),
    (2, ["--peer-to-peer"], [client("a", 2)], "a tether already"),
], ids=["a name that is taken", "a key twice", "the last is nonsense",
        "a network", "another option"])
def test_refused(tether, status, words, clients, says):
    path = put(tether, wg_easy(*clients))
    said = tether.bad(status, "import", path, *words)
    assert says in said
    assert list(tether.peers()) == ["car"]
