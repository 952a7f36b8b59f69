"""`pharos pki` as an operator types it, read by OpenSSL's command line."""
import hashlib
import json
import os
import re
import resource
import shlex
import signal
import ssl
import stat
import subprocess

import pytest

from lab.parts import program

ALL = ["bridge.crt", "bridge.key", "broker.crt", "broker.key", "ca.crt",
       "ca.key"]


def pharos(*words, **more):
    return subprocess.run(
        [str(program("pharos")), "pki", *map(str, words)], text=True,
        capture_output=True, check=False, timeout=30, **more)


def good(*words, **more):
    done = pharos(*words, **more)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def bad(status, *words, **more):
    done = pharos(*words, **more)
    assert done.returncode == status, (done.stdout, done.stderr)
    assert done.stdout == ""
    return done.stderr


def openssl(*words):
    return subprocess.run(
        ["openssl", *map(str, words)], text=True, capture_output=True,
        check=True).stdout


def extension(cert, name):
    return openssl("x509", "-in", cert, "-noout", "-ext", name)


def public_key_of_cert(cert):
    return openssl("x509", "-in", cert, "-noout", "-pubkey")


def names(folder):
    return sorted(os.listdir(folder))


@pytest.fixture
def realm(tmp_path):
    folder = tmp_path / "pki"
    good("init", "--dir", folder)
    return folder


# ---- init

def test_init_makes_a_realm(realm):
    assert names(realm) == ALL
    for name in ALL:
        mode = stat.S_IMODE((realm / name).stat().st_mode)
        assert mode == (0o600 if name.endswith(".key") else 0o644)
    assert stat.S_IMODE(realm.stat().st_mode) == 0o700


def test_modes_do_not_depend_on_the_umask(tmp_path):
    good("init", "--dir", tmp_path / "pki", preexec_fn=lambda: os.umask(0))
    for name in ALL:
        mode = stat.S_IMODE((tmp_path / "pki" / name).stat().st_mode)
        assert mode == (0o600 if name.endswith(".key") else 0o644)


@pytest.mark.parametrize("who, purpose", [
    ("bridge", "sslserver"), ("broker", "sslclient")])
def test_openssl_accepts_the_chain(realm, who, purpose):
    openssl("verify", "-x509_strict", "-purpose", purpose, "-CAfile",
            realm / "ca.crt", realm / f"{who}.crt")
    assert public_key_of_cert(realm / f"{who}.crt") == \
        openssl("pkey", "-in", realm / f"{who}.key", "-pubout")


def test_names_say_realm_and_role(realm):
    der = ssl.PEM_cert_to_DER_cert((realm / "ca.crt").read_text())
    info_hash = hashlib.sha256(der).hexdigest()
    assert good("info-hash", realm / "ca.crt") == info_hash + "\n"
    bridge = extension(realm / "bridge.crt", "subjectAltName")
    broker = extension(realm / "broker.crt", "subjectAltName")
    assert f"URI:pharos://{info_hash}/bridge/main" in bridge
    assert "DNS:bridge.pharos" in bridge
    assert f"URI:pharos://{info_hash}/broker/main" in broker
    assert "DNS:" not in broker


def test_the_ca_can_sign_leaves_only(realm):
    basic = extension(realm / "ca.crt", "basicConstraints,keyUsage")
    assert "CA:TRUE, pathlen:0" in basic
    assert "Certificate Sign" in basic
    assert "CA:FALSE" in extension(realm / "bridge.crt", "basicConstraints")


def test_init_prints_lines_to_paste(tmp_path):
    folder = tmp_path / "it's here"
    printed = good("init", "--dir", folder, "--name", "eu-1",
                   "--beacon-address", "b1.example:443,b2.example:443",
                   "--broker-host", "broker.secrets.svc")
    info_hash = good("info-hash", folder / "ca.crt").strip()
    assert f"info hash: {info_hash}\n" in printed
    lines = re.findall(r"^  (pharos-(?:.*\\\n)*.*)", printed, re.M)
    pasted = [subprocess.run(
        ["bash", "-c", f"printf '%s\\n' {line}"], text=True, check=True,
        capture_output=True).stdout.splitlines() for line in lines]
    tunnel = ["--beacon-address", "b1.example:443", "--beacon-address",
              "b2.example:443", "--beacon-info-hash", info_hash]
    assert pasted == [
        ["pharos-bridge", "--vault-addr", "https://STORE:8200", *tunnel,
         "--tls-cert", f"{folder}/bridge.crt",
         "--tls-key", f"{folder}/bridge.key", "--tls-ca", f"{folder}/ca.crt"],
        ["pharos-broker", "--listen", ":8199", *tunnel,
         "--tls-cert", f"{folder}/broker.crt",
         "--tls-key", f"{folder}/broker.key", "--tls-ca", f"{folder}/ca.crt",
         "--listen-cert", f"{folder}/listen.crt",
         "--listen-key", f"{folder}/listen.key"]]


def test_without_a_broker_host_the_remedy_works(tmp_path):
    """What the output leaves open it says how to fill."""
    folder = tmp_path / "my pki"
    text = good("init", "--dir", folder)
    assert "--listen-cert LISTEN-CERT-FILE" in text
    _, _, command = text.partition("  pharos pki ")
    command = shlex.split(command.splitlines()[0].replace("HOST", "broker.x"))
    good(*command)
    assert {"listen.crt", "listen.key"} <= {p.name for p in folder.iterdir()}
    assert "LISTEN" not in good("init", "--dir", tmp_path / "b",
                                "--broker-host", "broker.x")


def test_broker_host_makes_the_listener_a_certificate(tmp_path):
    good("init", "--dir", tmp_path / "pki", "--broker-host",
         "broker.secrets.svc,10.0.0.7,2001:db8::7")
    listen = tmp_path / "pki" / "listen.crt"
    openssl("verify", "-x509_strict", "-purpose", "sslserver",
            "-verify_hostname", "broker.secrets.svc", "-CAfile",
            listen.parent / "ca.crt", listen)
    openssl("verify", "-verify_ip", "2001:db8::7", "-CAfile",
            listen.parent / "ca.crt", listen)
    assert "URI:" not in extension(listen, "subjectAltName")
    assert "Client" not in extension(listen, "extendedKeyUsage")


def test_init_with_the_brokers_request(tmp_path):
    good("request", "--dir", tmp_path / "there", "--name", "broker")
    csr = tmp_path / "there" / "broker.csr"
    good("init", "--dir", tmp_path / "pki", "--csr", csr)
    assert names(tmp_path / "pki") == [n for n in ALL if n != "broker.key"]
    assert public_key_of_cert(tmp_path / "pki" / "broker.crt") == \
        openssl("pkey", "-in", tmp_path / "there" / "broker.key", "-pubout")


def test_lives(tmp_path):
    good("init", "--dir", tmp_path, "--days", 2, "--ca-days", 5)
    for name, days in (("ca", 5), ("bridge", 2), ("broker", 2)):
        for late, status in ((-60, 0), (60, 1)):
            seconds = days * 86400 + late
            assert subprocess.run(
                ["openssl", "x509", "-in", tmp_path / f"{name}.crt",
                 "-checkend", str(seconds)], check=False,
                stdout=subprocess.DEVNULL).returncode == status


# ---- nothing is overwritten, nothing is left half done

@pytest.mark.parametrize("taken", ALL)
def test_init_overwrites_nothing(tmp_path, taken):
    (tmp_path / taken).write_text("mine")
    said = bad(1, "init", "--dir", tmp_path)
    assert f"{taken}: exists already" in said
    assert names(tmp_path) == [taken]
    assert (tmp_path / taken).read_text() == "mine"


def test_init_twice(realm):
    before = {name: (realm / name).read_bytes() for name in ALL}
    assert "Nothing was written" in bad(1, "init", "--dir", realm)
    assert {name: (realm / name).read_bytes() for name in names(realm)} == \
        before


def test_issue_overwrites_nothing(realm):
    said = bad(1, "issue", "--dir", realm, "--role", "broker", "--name",
               "broker")
    assert "broker.crt: exists already" in said
    (realm / "x.key").write_text("mine")
    bad(1, "issue", "--dir", realm, "--role", "broker", "--name", "x")
    assert names(realm) == sorted(ALL + ["x.key"])
    assert (realm / "x.key").read_text() == "mine"


def test_a_dangling_link_is_not_followed(realm):
    (realm / "x.key").symlink_to(realm / "elsewhere")
    bad(1, "issue", "--dir", realm, "--role", "broker", "--name", "x")
    assert not (realm / "elsewhere").exists()


def test_no_folder_stays_after_a_failure(tmp_path):
    bad(1, "init", "--dir", tmp_path / "a" / "b", "--broker-host", "a:443")
    assert names(tmp_path) == []


def test_a_full_disk_leaves_nothing(tmp_path):
    def no_space():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        # without this the kernel's signal comes in place of the error
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    said = bad(1, "init", "--dir", tmp_path / "pki", preexec_fn=no_space)
    assert "File too large" in said
    assert names(tmp_path) == []


def test_a_folder_that_takes_no_files(tmp_path):
    said = bad(1, "init", "--dir", "/proc/self")
    assert said.startswith("pharos pki init: /proc/self/.ca.crt.")


# ---- issue

def test_issue_a_second_broker(realm):
    printed = good("issue", "--dir", realm, "--role", "broker", "--name",
                   "broker-2", "--host", "broker-2.example")
    assert printed == f"made {realm}/broker-2.crt and {realm}/broker-2.key\n"
    openssl("verify", "-x509_strict", "-purpose", "sslclient",
            "-verify_hostname", "broker-2.example", "-CAfile",
            realm / "ca.crt", realm / "broker-2.crt")
    assert "/broker/broker-2" in extension(
        realm / "broker-2.crt", "subjectAltName")
    assert stat.S_IMODE((realm / "broker-2.key").stat().st_mode) == 0o600


def test_issue_for_a_request_takes_nothing_but_the_key(realm, tmp_path):
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-384", "-nodes", "-keyout", tmp_path / "k",
            "-out", tmp_path / "csr", "-subj", "/CN=evil", "-addext",
            "subjectAltName=URI:pharos://00/bridge/evil,DNS:evil.example",
            "-addext", "basicConstraints=CA:TRUE")
    printed = good("issue", "--dir", realm, "--role", "pipe", "--name", "p",
                   "--csr", tmp_path / "csr")
    assert printed == f"made {realm}/p.crt\n"
    assert not (realm / "p.key").exists()
    assert public_key_of_cert(realm / "p.crt") == \
        openssl("pkey", "-in", tmp_path / "k", "-pubout")
    text = openssl("x509", "-in", realm / "p.crt", "-noout", "-text")
    assert "evil" not in text
    assert "CA:FALSE" in text
    assert "/pipe/p" in text


@pytest.mark.parametrize("host, address", [
    ("beacon.example", False), ("192.0.2.9", True), ("2001:db8::9", True)])
def test_issue_a_server(realm, host, address):
    good("issue", "--dir", realm, "--role", "server", "--name", "beacon",
         "--host", host)
    openssl("verify", "-x509_strict", "-purpose", "sslserver",
            "-verify_ip" if address else "-verify_hostname", host,
            "-CAfile", realm / "ca.crt", realm / "beacon.crt")


@pytest.mark.parametrize("words, says", [
    (["--role", "server", "--name", "x"], "needs a host name"),
    (["--role", "broker", "--name", "x", "--host", "a:443"], '"a:443"'),
    (["--role", "broker", "--name", "x", "--csr", "/no/file"], "/no/file"),
    (["--role", "broker", "--name", "x", "--csr", "/dev/zero"], "/dev/zero"),
    (["--role", "broker", "--name", "x", "--csr", "CA"],
     "BEGIN CERTIFICATE REQUEST"),
])
def test_issue_refuses(realm, words, says):
    words = [realm / "ca.crt" if word == "CA" else word for word in words]
    assert says in bad(1, "issue", "--dir", realm, *words)
    assert names(realm) == ALL


@pytest.mark.parametrize("words, says", [
    (["--name", "x"], "missing: --role"),
    (["--role", "admin", "--name", "x"],
     "expected bridge, broker, pipe or server, got 'admin'"),
    (["--role", "broker", "--name", "../x"], "--name: expected"),
    (["--role", "broker", "--name", "X"], "--name: expected"),
    (["--role", "broker", "--name", "x", "--days", "91"],
     "expected a number from 1 to 90"),
    (["--role", "broker", "--nmae", "x"], "Did you mean --name?"),
])
def test_issue_is_misused(realm, words, says):
    assert says in bad(2, "issue", "--dir", realm, *words)
    assert names(realm) == ALL


def test_issue_without_a_ca(tmp_path):
    said = bad(1, "issue", "--dir", tmp_path, "--role", "broker", "--name",
               "x")
    assert "ca.crt: there is no CA here" in said
    assert "pharos pki init" in said


def test_issue_with_a_key_that_others_may_read(realm):
    (realm / "ca.key").chmod(0o644)
    said = bad(1, "issue", "--dir", realm, "--role", "broker", "--name", "x")
    assert "ca.key" in said and "chmod 600" in said
    assert names(realm) == ALL


def test_issue_with_another_cas_key(realm, tmp_path):
    good("init", "--dir", tmp_path / "other")
    (realm / "ca.key").write_bytes((tmp_path / "other/ca.key").read_bytes())
    said = bad(1, "issue", "--dir", realm, "--role", "broker", "--name", "x")
    assert "key does not belong" in said


def test_issue_never_outlives_the_ca(tmp_path):
    good("init", "--dir", tmp_path, "--ca-days", 5, "--days", 4)
    assert "outlive its CA" in bad(
        1, "issue", "--dir", tmp_path, "--role", "broker", "--name", "x",
        "--days", 6)
    assert "--days 5 is not shorter than --ca-days 5" in bad(
        2, "init", "--dir", tmp_path / "x", "--ca-days", 5, "--days", 5)


# ---- request

def test_request_is_one_that_openssl_reads(tmp_path):
    good("request", "--dir", tmp_path / "new", "--name", "broker-3")
    csr = tmp_path / "new" / "broker-3.csr"
    key = tmp_path / "new" / "broker-3.key"
    openssl("req", "-in", csr, "-verify", "-noout")
    assert openssl("req", "-in", csr, "-pubkey", "-noout") == \
        openssl("pkey", "-in", key, "-pubout")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "exists already" in bad(
        1, "request", "--dir", tmp_path / "new", "--name", "broker-3")


# ---- show, info-hash

def test_show_json(realm):
    printed = good("show", realm / "ca.crt", "-o", "json",
                   realm / "bridge.crt")
    ca, bridge = json.loads(printed)
    assert ca["kind"] == "ca"
    assert ca["info_hash"] == ca["sha256"]
    assert bridge["kind"] == "peer"
    assert (bridge["role"], bridge["name"]) == ("bridge", "main")
    assert bridge["realm"] == ca["info_hash"]
    assert bridge["file"] == str(realm / "bridge.crt")
    assert bridge["key"] == "P-256"
    assert bridge["usage"] == ["server", "client"]
    assert "DNS:bridge.pharos" in bridge["names"]
    assert 89 * 86400 < bridge["expires_in_seconds"] <= 90 * 86400
    serial = openssl("x509", "-in", realm / "bridge.crt", "-noout", "-serial")
    assert serial.strip().lower() == f"serial={bridge['serial']}"
    ends = openssl("x509", "-in", realm / "bridge.crt", "-noout",
                   "-enddate", "-dateopt", "iso_8601")
    assert ends.strip() == "notAfter=" + \
        bridge["not_after"].replace("T", " ")


def test_show_text(realm):
    printed = good("show", realm / "broker.crt")
    assert re.search(r"^role +broker$", printed, re.M)
    assert re.search(r"^expires +in (89|90) days$", printed, re.M)
    assert re.search(r"^info hash +[0-9a-f]{64}$",
                     good("show", realm / "ca.crt"), re.M)


def make_foreign(tmp_path, *words):
    cert = tmp_path / "foreign.crt"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
            tmp_path / "foreign.key", "-out", cert, *words)
    return cert


def test_show_what_others_made(tmp_path):
    cert = make_foreign(
        tmp_path, "-utf8", "-subj", "/CN=a\x1b[31mb/O=Zoë", "-days", "1",
        "-addext", "subjectAltName=IP:192.0.2.1,IP:2001:db8::1,"
        "email:a@b.example,RID:1.2.3,URI:https://x.example/")
    shown, = json.loads(good("show", "-o", "json", cert))
    assert shown["key"] == "RSA 2048"
    assert shown["names"] == ["IP:192.0.2.1", "IP:2001:db8::1",
                              "email:a@b.example", "of another kind",
                              "URI:https://x.example/"]
    assert "\x1b" not in good("show", cert)


def test_show_an_expired_one(tmp_path):
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=old",
            "-keyout", tmp_path / "key", "-out", tmp_path / "csr")
    openssl("x509", "-req", "-in", tmp_path / "csr", "-signkey",
            tmp_path / "key", "-days", "-1", "-out", tmp_path / "old.crt")
    assert re.search(r"^EXPIRED +1 day ago$",
                     good("show", tmp_path / "old.crt"), re.M)


def test_show_a_bundle(realm, tmp_path):
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("".join((realm / f"{who}.crt").read_text()
                              for who in ("ca", "bridge", "broker")))
    shown = json.loads(good("show", "-o", "json", bundle))
    assert [cert["kind"] for cert in shown] == ["ca", "peer", "peer"]


@pytest.mark.parametrize("name, says", [
    ("bridge.key", "bridge.key"), ("missing", "No such file"),
    ("empty", "is empty")])
def test_show_refuses(realm, name, says):
    (realm / "empty").touch()
    assert says in bad(1, "show", realm / name)


def test_show_nothing(realm):
    assert "no file is named" in bad(2, "show")
    assert "expected one file" in bad(2, "info-hash")
    assert "expected one file" in bad(
        2, "info-hash", realm / "ca.crt", realm / "ca.crt")


def test_info_hash_of_a_leaf(realm):
    said = bad(1, "info-hash", realm / "bridge.crt")
    assert "expected the certificate of a CA" in said


def test_no_key_is_ever_printed(tmp_path):
    printed = good("init", "--dir", tmp_path, "--broker-host", "b")
    printed += good("show", *tmp_path.glob("*.crt"))
    for key in tmp_path.glob("*.key"):
        body = key.read_text().splitlines()[1]
        assert body not in printed


# ---- the options of verbs

def test_options_from_file_and_environment(tmp_path):
    (tmp_path / "c.yaml").write_text(f"dir: {tmp_path}/pki\nca-days: 8\n")
    good("init", "--config", tmp_path / "c.yaml",
         env={**os.environ, "PHAROS_DAYS": "7"})
    shown, = json.loads(good("show", "-ojson", tmp_path / "pki/bridge.crt"))
    assert 6 * 86400 < shown["expires_in_seconds"] <= 7 * 86400


@pytest.mark.parametrize("words", [
    ["--help"], ["pki", "--help"], ["pki", "init", "--help"],
    ["pki", "issue", "--help"], ["pki", "request", "--help"],
    ["pki", "show", "--help"], ["pki", "info-hash", "--help"]])
def test_help_fits_a_screen(words):
    lines = subprocess.run(
        [program("pharos"), *words], text=True, capture_output=True,
        check=True).stdout.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("words, expected", [
    ("pk", "pki"), ("pki i", "init issue info-hash"),
    ("pki issue --role s", "server"), ("pki show -o j", "json"),
    ("pki init --broker", "--broker-host")])
def test_completion(words, expected):
    script = f"""
eval "$({program('pharos')} --print-completion)"
COMP_WORDS=(pharos {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_pharos; echo "${{COMPREPLY[*]}}"
"""
    done = subprocess.run(["bash", "-c", script], text=True,
                          capture_output=True, check=True)
    assert done.stdout.strip() == expected
