"""What bad input gets at start: one clear error that names the file or the hop
and says what to do, exit status 2 or 1, and nothing half done."""
import subprocess

import pytest

from lab import parts


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Two realms, and the files that go wrong."""
    folder = tmp_path_factory.mktemp("pki")
    with parts.Lab(folder) as lab:
        lab.make_certificates()
        other = folder / "other"
        lab.pharos("pki", "init", "--dir", other)
        lab.other = other
        lab.bad = folder / "bad"
        lab.bad.mkdir()
        key = (lab.pki / "bridge.key").read_text()
        for name, text, mode in (("empty.key", "", 0o600),
                                 ("garbage.key", "no key at all\n", 0o600),
                                 ("readable.key", key, 0o644)):
            path = lab.bad / name
            path.write_text(text)
            path.chmod(mode)
        yield lab


def bridge_words(lab, **changed):
    words = {"tls-cert": lab.pki / "bridge.crt",
             "tls-key": lab.pki / "bridge.key",
             "tls-ca": lab.pki / "ca.crt",
             "vault-addr": "https://127.0.0.1:8200",
             "beacon-address": "127.0.0.1:9",
             "beacon-info-hash": lab.info_hash,
             "health-addr": "127.0.0.1:0", **changed}
    return [str(word) for name, value in words.items() if value is not None
            for word in (f"--{name}", value)]


CASES = [
    ("key is missing", {"tls-key": "{bad}/none.key"}, ["none.key"]),
    ("key is empty", {"tls-key": "{bad}/empty.key"}, ["empty.key", "empty"]),
    ("key is garbage", {"tls-key": "{bad}/garbage.key"}, ["garbage.key"]),
    ("key is readable by others", {"tls-key": "{bad}/readable.key"},
     ["readable.key", "chmod"]),
    ("key of another certificate", {"tls-key": "{pki}/broker.key"},
     ["broker.key"]),
    ("certificate of another role", {"tls-cert": "{pki}/broker.crt",
                                     "tls-key": "{pki}/broker.key"},
     ["bridge", "broker"]),
    ("CA of another realm", {"tls-ca": "{other}/ca.crt"}, ["ca.crt"]),
    ("another info hash", {"beacon-info-hash": "0" * 64},
     ["info-hash", "pharos pki info-hash"]),
    ("info hash that is none", {"beacon-info-hash": "zz"},
     ["info-hash", "64"]),
    ("no beacon", {"beacon-address": None}, ["beacon-address"]),
    ("beacon without a port", {"beacon-address": "beacon.example"},
     ["--beacon-address: ", "beacon.example"]),
    ("beacon named twice", {"beacon-address": "127.0.0.1:9,127.0.0.1:9"},
     ["--beacon-address: 127.0.0.1:9", "twice"]),
    ("health pages nowhere", {"health-addr": "nowhere"},
     ["--health-addr: ", "nowhere"]),
    ("unknown option", {"beacon-adress": "127.0.0.1:9"},
     ["beacon-adress", "beacon-address"]),
    ("store by plain HTTP", {"vault-addr": "ftp://127.0.0.1"},
     ["vault-addr"]),
]


@pytest.mark.parametrize("label,changed,said", CASES,
                         ids=[case[0] for case in CASES])
def test_bridge_refuses_to_start(sets, label, changed, said):
    places = {"bad": sets.bad, "pki": sets.pki, "other": sets.other}
    filled = {name: value.format(**places) if value else None
              for name, value in changed.items()}
    done = subprocess.run(
        [parts.program("pharos-bridge"), *bridge_words(sets, **filled)],
        capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode in (1, 2), label
    for words in said:
        assert words in done.stderr, f"{label}: {done.stderr}"
    assert done.stderr.startswith("pharos-bridge: ")
    assert key_body(sets.pki / "bridge.key") not in done.stderr


def key_body(path):
    """The first line of base64 in a PEM file."""
    return path.read_text().splitlines()[1]


PROGRAMS = ["pharos-beacon", "pharos-bridge", "pharos-broker",
            "pharos-devstore", "pharos-wrapper"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_fits_a_screen(program):
    done = subprocess.run([parts.program(program), "--help"],
                          capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert len(lines) <= 40, f"{len(lines)} lines"
    assert all(len(line) <= 80 for line in lines)


@pytest.mark.parametrize("program", PROGRAMS)
def test_version(program):
    done = subprocess.run([parts.program(program), "--version"],
                          capture_output=True, text=True, check=False)
    assert done.stdout.startswith(program)


def test_a_start_that_fails_is_no_success(tmp_path):
    token = tmp_path / "root-token"
    token.touch(0o600)
    done = subprocess.run(
        [parts.program("pharos-devstore"), "--root-token-file", token,
         "--listen", "127.0.0.1:0", "--health-addr", "127.0.0.1:0"],
        capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert "is empty" in done.stderr
