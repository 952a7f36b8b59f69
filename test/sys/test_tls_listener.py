"""The beacon's TLS as a scanner meets it: TLS 1.3 only, no renegotiation, no
compression, no early data, and one answer to each kind of nonsense."""
import re
import subprocess

import pytest

from lab import clienthello, venv
from lab.beaconpeer import Fleet, hello
from lab.clienthello import (EARLY_DATA, HANDSHAKE, PRE_SHARED_KEY, PSK_MODES,
                             RENEGOTIATION_INFO, SERVER_NAME, TLS_1_2, TLS_1_3,
                             alpn, ask, client_hello, extension, key_share,
                             record, usual, vector, versions)

TLSLITE = "tlslite-ng==0.8.2"


@pytest.fixture(scope="module")
def beacon(module_lab):
    process = module_lab.start_beacon()
    yield process
    assert process.end() == 0
    assert "ERROR" not in process.text()


def bogus_psk():
    """An offer to resume with a ticket that nobody has given out: identity,
    age, and a binder of the right size. It has to stand last."""
    return extension(PRE_SHARED_KEY, vector(2, vector(2, b"t" * 32) + bytes(4))
                     + vector(2, vector(1, b"b" * 32)))


def server_name(size):
    return extension(SERVER_NAME, vector(2, b"\0" + vector(2, b"n" * size)))


def in_records_of(size, message):
    return b"".join(record(HANDSHAKE, message[at:at + size])
                    for at in range(0, len(message), size))


GOOD = client_hello()
CASES = [
    ("a good one", record(HANDSHAKE, GOOD), "hello 0304"),
    ("any server name", record(HANDSHAKE, client_hello(
        usual(name=server_name(200)))), "hello 0304"),
    ("in records of one byte", in_records_of(1, GOOD), "hello 0304"),
    ("1.3 beside older versions", record(HANDSHAKE, client_hello(
        usual(versions=versions(TLS_1_3, TLS_1_2, 0x0302)))), "hello 0304"),
    ("no key for the groups offered", record(HANDSHAKE, client_hello(
        usual(share=extension(clienthello.KEY_SHARE, vector(2, b""))))),
     "retry"),
    ("1.2 alone", record(HANDSHAKE, client_hello(
        usual(versions=versions(TLS_1_2)))), "protocol_version"),
    ("1.2 in the old way", record(HANDSHAKE, client_hello(
        usual(versions=None), suites=(0xc02b, 0xc02f))), "protocol_version"),
    ("1.1", record(HANDSHAKE, client_hello(
        usual(versions=None), version=0x0302)), "protocol_version"),
    ("1.0", record(HANDSHAKE, client_hello(
        usual(versions=None), version=0x0301)), "protocol_version"),
    ("SSL 3, which knows no ALPN", record(HANDSHAKE, client_hello(
        b"", version=0x0300), 0x0300), "no_application_protocol"),
    ("compression", record(HANDSHAKE, client_hello(compressions=b"\1\0")),
     "illegal_parameter"),
    ("compression alone", record(HANDSHAKE, client_hello(compressions=b"\1")),
     "decode_error"),
    ("suites of 1.2 only", record(HANDSHAKE, client_hello(
        suites=(0xc02b, 0xc030))), "handshake_failure"),
    ("no ALPN", record(HANDSHAKE, client_hello(usual(alpn=None))),
     "no_application_protocol"),
    ("another ALPN", record(HANDSHAKE, client_hello(
        usual(alpn=alpn(b"h2", b"http/1.1")))), "no_application_protocol"),
    ("no groups", record(HANDSHAKE, client_hello(usual(groups=None))),
     "missing_extension"),
    ("no signature algorithms", record(HANDSHAKE, client_hello(
        usual(signatures=None))), "missing_extension"),
    ("renegotiation of nothing", record(HANDSHAKE, client_hello(
        usual(again=extension(RENEGOTIATION_INFO, vector(1, b"x" * 12))))),
     "hello 0304"),
    ("early data for a ticket nobody gave", record(HANDSHAKE, client_hello(
        usual(modes=extension(PSK_MODES, vector(1, b"\1")),
              early=extension(EARLY_DATA), psk=bogus_psk()))), "hello 0304"),
    ("early data without a ticket", record(HANDSHAKE, client_hello(
        usual(early=extension(EARLY_DATA)))), "hello 0304"),
    ("a record that is too long", bytes([22, 3, 1, 0xff, 0xff]) + bytes(20000),
     "record_overflow"),
    ("a message of 16 MB", record(HANDSHAKE, b"\1\xff\xff\xff" + bytes(16000)),
     "closed"),
    ("application data first", record(23, b"hello"), "unexpected_message"),
    ("a type that is none", record(99, b"hello"), "unexpected_message"),
    ("Finished first", record(HANDSHAKE, b"\x14" + vector(3, bytes(32))),
     "unexpected_message"),
    ("an extension cut short", record(HANDSHAKE, client_hello(
        usual() + b"\0\x2b\0\xff")), "decode_error"),
    ("the same extension twice", record(HANDSHAKE, client_hello(
        usual(twice=versions(TLS_1_3)))), "illegal_parameter"),
    ("two shares of one group", record(HANDSHAKE, client_hello(
        usual(share=None) + extension(clienthello.KEY_SHARE, vector(
            2, 2 * key_share()[6:])))), "hello 0304"),
]


@pytest.mark.parametrize("label,words,answer", CASES,
                         ids=[case[0] for case in CASES])
def test_first_words(beacon, label, words, answer):
    assert ask(beacon.port, words) == answer, label


def openssl(beacon, lab, *words, given=""):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{beacon.port}",
         "-CAfile", str(lab.server_ca), "-alpn", "beacon/1",
         *map(str, words)], input=given, capture_output=True, text=True,
        timeout=20, check=False)
    return done.stdout + done.stderr


def test_no_session_is_given_out(beacon, module_lab):
    """So there is nothing to resume, and nothing to send early data with."""
    kept = module_lab.folder / "session"
    said = openssl(beacon, module_lab, "-sess_out", kept)
    assert "TLSv1.3" in said and "Early data was not sent" in said
    assert not kept.exists() and "New, TLSv1.3" in said
    assert "Compression: NONE" in said


def test_ciphers_are_those_of_tls_1_3(beacon, module_lab):
    for suite in ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                  "TLS_CHACHA20_POLY1305_SHA256"):
        assert suite in openssl(beacon, module_lab, "-ciphersuites", suite)
    said = openssl(beacon, module_lab, "-ciphersuites", "TLS_AES_128_CCM_SHA256")
    assert "handshake failure" in said


PREFERENCES = [
    ("AES-256 first", ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"],
     "TLS_AES_128_GCM_SHA256"),
    ("ChaCha20 first",
     ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"],
     "TLS_CHACHA20_POLY1305_SHA256"),
    ("AES-256 only", ["TLS_AES_256_GCM_SHA384"], "TLS_AES_256_GCM_SHA384"),
]


@pytest.mark.parametrize("label,offered,chosen", PREFERENCES,
                         ids=[case[0] for case in PREFERENCES])
def test_the_cheapest_cipher_is_chosen(beacon, module_lab, label, offered,
                                       chosen):
    said = openssl(beacon, module_lab, "-ciphersuites", ":".join(offered))
    assert f"Cipher is {chosen}" in said, label


AFTER_HANDSHAKE = """
import socket, sys
from tlslite.api import TLSConnection, HandshakeSettings
from tlslite.messages import ClientHello, ApplicationData
from tlslite.constants import CipherSuite
sock = socket.create_connection(("127.0.0.1", {port}), 20)
tls = TLSConnection(sock)
settings = HandshakeSettings()
settings.minVersion = settings.maxVersion = (3, 4)
tls.handshakeClientCert(settings=settings, alpn=[bytearray(b"beacon/1")])
tls.closeSocket = True
{words}
try:
    while tls.read(1, 4096):
        pass
    print("ended in order")
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("label,words,answer", [
    ("a second ClientHello", """
again = ClientHello().create((3, 3), bytearray(32), bytearray(),
    [CipherSuite.TLS_AES_128_GCM_SHA256])
for _ in tls._sendMsg(again): pass
""", "unexpected_message"),
    ("key updates are answered", """
for _ in range(8):
    for _ in tls.send_keyupdate_request(1): pass
tls.write(bytearray({bad_hello!r}))
""", "ended in order"),
    ("a thousand empty records", """
for _ in range(1000):
    for _ in tls._sendMsg(ApplicationData().create(bytearray())): pass
""", "ended in order|unexpected_message"),
])
def test_after_the_handshake(beacon, module_lab, label, words, answer):
    python, why = venv.interpreter(TLSLITE)
    if not python:
        pytest.skip(f"tlslite-ng cannot be had from PyPI: {why}")
    words = words.format(bad_hello=hello(9, bytes(32)))
    done = subprocess.run(
        [python, "-c", AFTER_HANDSHAKE.format(port=beacon.port, words=words)],
        capture_output=True, text=True, timeout=60, check=False)
    assert re.search(answer, done.stdout), \
        f"{label}: {done.stdout}{done.stderr}"


def test_the_others_go_on(beacon, module_lab):
    """After all of the above."""
    with Fleet(beacon.port, module_lab.server_ca) as fleet:
        peer = fleet.listen(bytes(32), source="127.0.0.9")
        assert peer.waits().position == 0
