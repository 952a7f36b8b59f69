"""What a device is handed: profiles, and QR codes that a reader reads."""
import base64
import plistlib
import re
import stat
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from lab.tether import KEY, Tether

# A private key and its public half (RFC 7748, section 6.1, Alice's).
PRIVATE = base64.b64encode(bytes.fromhex(
    "77076d0a7318a57d3c16c17251b26645"
    "4c6a92ddf2b9ef5d2a9d5a0b0d7e9d2a")).decode()
SVG = "{http://www.w3.org/2000/svg}"


def zbar(path):
    return subprocess.run(
        ["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable",
         str(path)], text=True, capture_output=True, check=True).stdout


@pytest.fixture(name="tether")
def tether_fixture(tmp_path):
    tether = Tether(tmp_path)
    tether.good("init", "--endpoint", "home.example.org:51820",
                "--network", "10.188.0.0/16")
    return tether


def modules_of_svg(path):
    """The picture as rows of black (True), from its shapes."""
    root = ElementTree.parse(path).getroot()
    side = int(root.get("viewBox").split()[2])
    ground, shapes = list(root)
    assert (ground.tag, ground.get("fill")) == (SVG + "rect", "#fff")
    assert (ground.get("width"), ground.get("height")) == ("100%", "100%")
    assert shapes.tag == SVG + "path" and shapes.get("fill") is None
    path_of = shapes.get("d")
    squares = re.findall(r"M(\d+) (\d+)h1v1h-1z", path_of)
    assert "".join(f"M{x} {y}h1v1h-1z" for x, y in squares) == path_of
    rows = [[False] * side for _ in range(side)]
    for x, y in squares:
        rows[int(y)][int(x)] = True
    return rows


@pytest.mark.parametrize("scale", [2, 3, 8])
@pytest.mark.parametrize("ground", [0, 255], ids=["dark", "light"])
@pytest.mark.parametrize("words", [["--psk"], ["--public-key", KEY]],
                         ids=["made here", "made on the device"])
def test_an_svg_holds_the_configuration(tether, words, ground, scale):
    tether.good("peer", "add", "phone", "--conf", "phone.conf", "--svg",
                "phone.svg", *words)
    rows = modules_of_svg(tether.folder / "phone.svg")
    edge = 20
    side = len(rows) * scale + 2 * edge
    picture = [bytes([ground]) * side] * edge
    for row in rows:
        line = bytes([ground]) * edge + b"".join(
            bytes([0 if black else 255]) * scale for black in row) \
            + bytes([ground]) * edge
        picture += [line] * scale
    picture += [bytes([ground]) * side] * edge
    shot = tether.folder / "shot.pgm"
    shot.write_bytes(b"P5 %d %d 255\n" % (side, side) + b"".join(picture))
    conf = (tether.folder / "phone.conf").read_text()
    assert zbar(shot).rstrip("\n") == conf.rstrip("\n")


def check_profile(content, conf, system):
    profile = plistlib.loads(content)
    assert profile["PayloadType"] == "Configuration"
    [vpn] = profile["PayloadContent"]
    assert vpn["PayloadType"] == "com.apple.vpn.managed"
    assert (vpn["VPNType"], vpn["VPNSubType"]) == \
        ("VPN", f"com.wireguard.{system}")
    assert vpn["VPN"] == {"RemoteAddress": "home.example.org:51820",
                          "AuthenticationMethod": "Password"}
    assert vpn["VendorConfig"]["WgQuickConfig"] == conf
    assert vpn["PayloadUUID"] != profile["PayloadUUID"]


def test_profiles(tether):
    tether.good("peer", "add", "phone", "--psk", "--conf", "phone.conf",
                "--mobileconfig", "ios", "--mobileconfig-macos", "macos")
    conf = (tether.folder / "phone.conf").read_text()
    for system in "ios", "macos":
        path = tether.folder / system
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        check_profile(path.read_bytes(), conf, system)
    tether.good("peer", "rotate", "phone", "--mobileconfig", "again",
                "--conf", "again.conf")
    check_profile((tether.folder / "again").read_bytes(),
                  (tether.folder / "again.conf").read_text(), "ios")


def test_no_profile_of_a_key_that_is_not_here(tether):
    assert "private key of phone" in tether.bad(
        1, "peer", "add", "phone", "--public-key", KEY, "--mobileconfig",
        "ios", "--conf", "phone.conf")
    tether.good("peer", "add", "phone")
    assert "private key of phone" in tether.bad(
        1, "peer", "export", "phone", "--format", "mobileconfig")


def test_who_has_the_key_may_put_it_in(tether):
    tether.good("peer", "add", "made", "--conf", "made.conf")
    private = re.search(r"PrivateKey = (\S+)",
                        (tether.folder / "made.conf").read_text())[1]
    for name, key in (("key", private), ("other", PRIVATE), ("bad", "x")):
        path = tether.folder / name
        path.write_text(key + "\n")
        path.chmod(0o600)
    conf = tether.good("peer", "export", "made", "--private-key-file", "key")
    assert conf == (tether.folder / "made.conf").read_text()
    for system, form in (("ios", "mobileconfig"),
                         ("macos", "mobileconfig-macos")):
        check_profile(tether.good(
            "peer", "export", "made", "--format", form,
            "--private-key-file", "key").encode(), conf, system)
    assert "not the private key of made" in tether.bad(
        2, "peer", "export", "made", "--private-key-file", "other")
    assert "the key is" in tether.bad(
        2, "peer", "export", "made", "--private-key-file", "bad")
    (tether.folder / "key").chmod(0o644)
    assert "by others" in tether.bad(
        2, "peer", "export", "made", "--private-key-file", "key")
