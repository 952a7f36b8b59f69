"""`pharos tether` on its codex: the verbs, and what they refuse."""
import base64
import json
import os
import re
import stat
import subprocess

import pytest

from lab.tether import KEY, OTHER, Tether

ZERO = base64.b64encode(bytes(32)).decode()
ONE = base64.b64encode(bytes([1]) + bytes(31)).decode()


@pytest.fixture(name="fresh")
def fresh_fixture(tmp_path):
    return Tether(tmp_path)


@pytest.fixture(name="tether")
def tether_fixture(fresh):
    fresh.good("init", "--endpoint", "home.example.org:51820",
               "--network", "10.188.0.0/16")
    fresh.good("zone", "add", "admin", "tcp/22@ssh", "tcp/443")
    return fresh


def test_five_minutes(tether):
    """What a newcomer types, one after the other."""
    tether.good("peer", "add", "phone", "--zones", "admin", "--expires",
                "30d", "--psk", "--conf", "phone.conf")
    conf = (tether.folder / "phone.conf").read_text()
    phone = tether.peers()["phone"]
    assert phone["addresses"][0] == "10.188.0.2"
    assert phone["zones"] == ["admin"]
    assert phone["state"] == "active"
    assert phone["expires"].endswith("Z")
    assert "Address = 10.188.0.2/32" in conf
    assert "Endpoint = home.example.org:51820" in conf
    assert "AllowedIPs = 10.188.0.1/32, " in conf
    assert conf.count("PresharedKey = ") == 1
    private = re.search(r"PrivateKey = (\S+)", conf)[1]
    for name, content in tether.files().items():
        if name != "phone.conf":
            assert private.encode() not in content, name
    shared = re.search(r"PresharedKey = (\S+)", conf)[1]
    assert shared not in tether.codex.read_text()


def test_modes(tether):
    tether.good("peer", "add", "phone", "--conf", "phone.conf", "--png",
                "phone.png", "--svg", "phone.svg")
    modes = {name: stat.S_IMODE((tether.folder / name).stat().st_mode)
             for name in tether.files()}
    assert modes == {
        "etc/tether.yaml": 0o644, "state/keyring": 0o600,
        "state/tombstones": 0o600, "state/generation": 0o600,
        "phone.conf": 0o600, "phone.png": 0o600, "phone.svg": 0o600}
    assert stat.S_IMODE(tether.state.stat().st_mode) == 0o700


def zbar(path):
    return subprocess.run(
        ["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable",
         str(path)], text=True, capture_output=True, check=True).stdout


def test_the_picture_holds_the_configuration(tether):
    tether.good("peer", "add", "phone", "--psk", "--conf", "phone.conf",
                "--png", "phone.png")
    conf = (tether.folder / "phone.conf").read_text()
    assert zbar(tether.folder / "phone.png").rstrip("\n") == \
        conf.rstrip("\n")


def modules_of(drawn):
    """What a terminal shows, as rows of black (True) and white."""
    rows = []
    for line in drawn.splitlines():
        match = re.fullmatch(
            "\x1b\\[38;5;16;48;5;231m([ \u2580\u2584\u2588]+)\x1b\\[0m", line)
        if match:
            rows.append([c in "\u2580\u2588" for c in match[1]])
            rows.append([c in "\u2584\u2588" for c in match[1]])
    return rows


@pytest.mark.parametrize("scale", [3, 8])
@pytest.mark.parametrize("ground", [0, 255], ids=["dark", "light"])
def test_the_terminal_holds_it_too(tether, scale, ground):
    """Drawn as a terminal would, on dark and on light ground."""
    rows = modules_of(tether.good("peer", "add", "phone"))
    width = len(rows[0])
    assert width > 30 and all(len(row) == width for row in rows)
    edge = 40
    side = width * scale + 2 * edge
    tall = len(rows) * scale + 2 * edge
    picture = [bytes([ground]) * side] * edge
    for row in rows:
        line = bytes([ground]) * edge + b"".join(
            bytes([0 if black else 255]) * scale for black in row) \
            + bytes([ground]) * edge
        picture += [line] * scale
    picture += [bytes([ground]) * side] * edge
    path = tether.folder / "shot.pgm"
    path.write_bytes(b"P5 %d %d 255\n" % (side, tall) + b"".join(picture))
    assert "[Interface]\nPrivateKey = " in zbar(path)


def test_a_key_of_the_device_carries_no_secret(tether):
    out = tether.good("peer", "add", "laptop", "--public-key", KEY,
                      "--conf", "laptop.conf")
    conf = (tether.folder / "laptop.conf").read_text()
    assert "PrivateKey =" not in conf and "not kept" not in out
    tether.good("peer", "qr", "laptop", "--png", "laptop.png")
    assert zbar(tether.folder / "laptop.png").strip() == conf.strip()
    assert tether.good("peer", "export", "laptop") == conf


def test_a_key_made_here_is_shown_once(tether):
    tether.good("peer", "add", "phone")
    said = tether.bad(1, "peer", "qr", "phone")
    assert "shown once and not kept" in said and "rotate" in said
    assert "PrivateKey =" not in tether.good("peer", "export", "phone")


def test_rotation(tether):
    tether.good("peer", "add", "phone", "--psk", "--public-key", KEY)
    tether.good("peer", "rotate", "phone", "--conf", "new.conf")
    waiting = tether.peers()["phone"]
    assert waiting["key"] == KEY and waiting["next"]["key"] != KEY
    tether.good("peer", "rotate", "phone", "--overlap", "0", "--public-key",
                OTHER)
    after = tether.peers()["phone"]
    assert after["key"] == OTHER and after["next"] is None
    assert after["addresses"] == waiting["addresses"]
    for dead in KEY, waiting["next"]["key"]:
        assert "never comes back" in tether.bad(
            1, "peer", "add", "again", "--public-key", dead)


def test_while_a_key_waits_its_configuration_is_the_new_one(tether):
    tether.good("peer", "add", "phone", "--psk", "--public-key", KEY,
                "--conf", "old.conf")
    tether.good("peer", "rotate", "phone", "--public-key", OTHER,
                "--conf", "new.conf")
    old, new = ((tether.folder / name).read_text()
                for name in ("old.conf", "new.conf"))
    assert old != new
    assert tether.good("peer", "export", "phone") == new


def test_the_revoked_stay_dead(tether):
    tether.good("peer", "add", "phone", "--public-key", KEY)
    before = tether.codex.read_text()
    tether.good("peer", "revoke", "PHONE")
    assert tether.peers() == {}
    assert "never comes back" in tether.bad(
        1, "peer", "add", "phone", "--public-key", KEY)
    tether.codex.write_text(before)
    done = tether.run("peer", "list", "-o", "json")
    assert json.loads(done.stdout) == []
    assert "was edited" in done.stderr
    tether.good("peer", "add", "phone", "--public-key", OTHER)
    assert tether.peers()["phone"]["addresses"][0] == "10.188.0.3"
    assert "never given again" in tether.bad(
        1, "peer", "add", "tab", "--address", "10.188.0.2")


def test_disable_enable_expire(tether):
    tether.good("peer", "add", "phone")
    tether.good("peer", "disable", "phone")
    assert tether.peers()["phone"]["state"] == "disabled"
    tether.good("peer", "enable", "phone")
    tether.good("peer", "expire", "phone", "2w")
    assert tether.peers()["phone"]["state"] == "active"
    tether.good("peer", "expire", "phone", "never")
    assert tether.peers()["phone"]["expires"] is None
    text = tether.codex.read_text()
    tether.codex.write_text(text + "  expires: 2001-01-01T00:00:00Z\n")
    assert tether.peers()["phone"]["state"] == "expired"
    assert "is up" in tether.bad(1, "peer", "enable", "phone")


def test_a_zone_goes_from_all(tether):
    tether.good("zone", "add", "audio", "udp/5000-5100@echo")
    tether.good("peer", "add", "phone", "--zones", "admin,audio")
    tether.good("zone", "remove", "admin")
    assert tether.peers()["phone"]["zones"] == ["audio"]
    assert json.loads(tether.good("zone", "list", "-o", "json")) == [
        {"name": "audio", "services": ["udp/5000-5100@echo"], "peers": 1}]


REFUSED = [
    ("a key that is not canonical", 2,
     ["peer", "add", "a", "--public-key", KEY[:-2] + "B="], "canonical"),
    ("a key of zeros", 2, ["peer", "add", "a", "--public-key", ZERO],
     "all zeros"),
    ("a key of low order", 2, ["peer", "add", "a", "--public-key", ONE],
     "low order"),
    ("the same key twice", 1, ["peer", "add", "a", "--public-key", KEY],
     "that of peer taken"),
    ("the same name twice", 1, ["peer", "add", "TAKEN"], "already"),
    ("a name with a line's end", 2, ["peer", "add", "a\nPostUp = id"],
     "expected a letter"),
    ("a name with a slash", 2, ["peer", "add", "../a"], "expected a letter"),
    ("no name", 2, ["peer", "add"], "NAME is missing"),
    ("two names", 2, ["peer", "add", "a", "b"], "one NAME"),
    ("a default route", 2, ["peer", "add", "a", "--address", "0.0.0.0/0"],
     "expected an address"),
    ("an address elsewhere", 1, ["peer", "add", "a", "--address",
                                 "10.1.1.1"], "outside"),
    ("the host's address", 1, ["peer", "add", "a", "--address",
                               "10.188.0.1"], "host itself"),
    ("a taken address", 1, ["peer", "add", "a", "--address", "10.188.0.2"],
     "IPv4 address as taken"),
    ("no such zone", 1, ["peer", "add", "a", "--zones", "cellar"],
     "no zone 'cellar'"),
    ("an end that has been", 2, ["peer", "add", "a", "--expires",
                                 "2001-01-01T00:00:00Z"], "not to come"),
    ("an end of nonsense", 2, ["peer", "add", "a", "--expires", "soon"],
     "expected a time"),
    ("a file that is there", 1, ["peer", "add", "a", "--conf",
                                 "etc/tether.yaml"], "File exists"),
    ("a folder that is not", 1, ["peer", "add", "a", "--png", "no/a.png"],
     "No such file"),
    ("a peer mistyped", 1, ["peer", "revoke", "takne"], "mean taken?"),
    ("two keys for ever", 2, ["peer", "rotate", "taken", "--overlap",
                              "never"], "for ever"),
    ("a zone's name in capitals", 2, ["zone", "add", "Admin", "tcp/1"],
     "small letter"),
    ("a zone twice", 1, ["zone", "add", "admin", "tcp/1"], "already"),
    ("a zone of nothing", 2, ["zone", "add", "b"], "1 to 64 services"),
    ("a service that is none", 2, ["zone", "add", "b", "tcp/0"],
     "expected a service"),
    ("no zone to remove", 1, ["zone", "remove", "cellar"], "no zone"),
    ("a second tether", 1, ["init"], "already"),
]


@pytest.fixture(name="taken", scope="module")
def taken_fixture(tmp_path_factory):
    tether = Tether(tmp_path_factory.mktemp("taken"))
    tether.good("init", "--endpoint", "home.example.org:51820",
                "--network", "10.188.0.0/16")
    tether.good("zone", "add", "admin", "tcp/22")
    tether.good("peer", "add", "taken", "--public-key", KEY)
    return tether


@pytest.mark.parametrize("status,words,says",
                         [row[1:] for row in REFUSED],
                         ids=[row[0] for row in REFUSED])
def test_refused(taken, status, words, says):
    said = taken.bad(status, *words)
    assert says in said
    assert len(said.splitlines()) <= 2


EDITS = [
    ("a port of nonsense", "port: 51820", "port: x", "tether.yaml:6:7: "),
    ("an unknown name", "port: 51820", "prot: 51820",
     "tether.yaml:6:1: 'prot' is not known"),
    ("a key twice", "key: KEY", "key: HOST", "host's own"),
    ("a default route", "10.188.0.2", "0.0.0.0/0",
     "expected an address of IPv4"),
    ("no YAML", "peers:", "peers: [", "not YAML"),
    ("half a file", "peers:", "peers:\n- name: x\n", "'key' is missing"),
]


@pytest.mark.parametrize("old,new,says", [row[1:] for row in EDITS],
                         ids=[row[0] for row in EDITS])
def test_an_edit_into_nonsense(tether, old, new, says):
    tether.good("peer", "add", "phone", "--public-key", KEY)
    text = tether.codex.read_text()
    host = re.search(r"^key: (\S+)$", text, re.M)[1]
    old, new = (word.replace("KEY", KEY).replace("HOST", host)
                for word in (old, new))
    assert old in text
    tether.codex.write_text(text.replace(old, new, 1))
    for words in (["peer", "list"], ["peer", "add", "b"]):
        said = tether.bad(1, *words)
        assert says in said and "tether.yaml:" in said


def test_without_a_tether(fresh):
    assert "tether init" in fresh.bad(1, "peer", "list")
    assert "tether init" in fresh.bad(1, "peer", "add", "phone")


INITS = [
    ("an interface with a slash", 2, ["--if", "a/b"], "--if: expected"),
    ("the loopback", 2, ["--if", "lo"], "--if: expected"),
    ("no endpoint's port", 2, ["--endpoint", "a.org"], "--endpoint"),
    ("bits behind the length", 2, ["--network", "10.188.0.1/16"],
     "--network: expected"),
    ("a network of one", 2, ["--network", "10.188.0.0/32"], "--network"),
    ("IPv6 for IPv4", 2, ["--network", "fd00::/64"], "--network"),
    ("an MTU below IPv6's", 2, ["--mtu", "1000"], "--mtu: expected"),
    ("a reserve of nonsense", 2, ["--reserve", "x"], "--reserve"),
]


@pytest.mark.parametrize("status,words,says", [row[1:] for row in INITS],
                         ids=[row[0] for row in INITS])
def test_init_refuses(fresh, status, words, says):
    assert says in fresh.bad(status, "init", *words)
    assert fresh.files() == {}


def test_a_lost_codex_keeps_key_and_tombstones(tether):
    tether.good("peer", "add", "phone", "--public-key", KEY)
    tether.good("peer", "revoke", "phone")
    key = re.search(r"^key: (\S+)$", tether.codex.read_text(), re.M)[1]
    os.unlink(tether.codex)
    tether.good("init", "--network", "10.188.0.0/16")
    assert f"key: {key}" in tether.codex.read_text()
    assert "never comes back" in tether.bad(
        1, "peer", "add", "phone", "--public-key", KEY)


PIVPN = f"""[Interface]
PrivateKey = {base64.b64encode(bytes([8]) + bytes(30) + bytes([64])).decode()}
Address = 10.189.0.1/24
MTU = 1420
ListenPort = 51833
### begin phone ###
[Peer]
PublicKey = {KEY}
PresharedKey = {OTHER}
AllowedIPs = 10.189.0.2/32
### end phone ###
### begin tab ###
#[disabled] [Peer]
#[disabled] PublicKey = {OTHER}
#[disabled] AllowedIPs = 10.189.0.3/32
### end tab ###
"""


def test_import(fresh):
    path = fresh.folder / "wg0.conf"
    path.write_text(PIVPN)
    fresh.good("import", path, "--endpoint", "home.example.org:51833")
    peers = fresh.peers()
    assert peers["phone"]["addresses"][0] == "10.189.0.2"
    assert peers["phone"]["pre_shared"] is True
    assert peers["tab"]["state"] == "disabled"
    assert "port: 51833" in fresh.codex.read_text()
    conf = fresh.good("peer", "export", "phone")
    assert f"PresharedKey = {OTHER}" in conf
    assert "MTU = 1420" in conf


IMPORTS = [
    ("a command", "MTU = 1420", "PostUp = iptables -F",
     "wg0.conf:4: a command"),
    ("a default route", "10.189.0.2/32", "0.0.0.0/0",
     "wg0.conf:10: AllowedIPs"),
    ("the host not first", "10.189.0.1/24", "10.189.0.9/24",
     "expected 10.189.0.1"),
    ("a name twice", "begin tab", "begin phone", "same name as phone"),
    ("an address twice", "10.189.0.3", "10.189.0.2", "same IPv4 address"),
    ("a key twice", f"PublicKey = {OTHER}", f"PublicKey = {KEY}",
     "that of peer phone"),
]


@pytest.mark.parametrize("old,new,says", [row[1:] for row in IMPORTS],
                         ids=[row[0] for row in IMPORTS])
def test_import_refuses(fresh, old, new, says):
    path = fresh.folder / "wg0.conf"
    path.write_text(PIVPN.replace(old, new))
    assert says in fresh.bad(1, "import", path)
    assert not fresh.codex.exists()
