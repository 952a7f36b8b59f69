"""A ClientHello made by hand, and what a server says to it: for the questions
that no TLS library lets a client ask; and what two ends that were overheard
have said in the clear. RFC 8446, sections 4.1, 4.2, 5.1 and 6."""
import os
import socket
import struct

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import x25519

ALERT, HANDSHAKE, APPLICATION_DATA = 21, 22, 23
CLIENT_HELLO, SERVER_HELLO = 1, 2
TLS_1_3, TLS_1_2 = 0x0304, 0x0303
RETRY = bytes.fromhex(  # the random of a HelloRetryRequest
    "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")

# extensions
SERVER_NAME, GROUPS, SIGNATURES, ALPN = 0, 10, 13, 16
PRE_SHARED_KEY, EARLY_DATA, VERSIONS, PSK_MODES, KEY_SHARE = 41, 42, 43, 45, 51
RENEGOTIATION_INFO = 0xff01
X25519, P256 = 29, 23

ALERTS = {10: "unexpected_message", 20: "bad_record_mac",
          22: "record_overflow", 40: "handshake_failure",
          47: "illegal_parameter", 50: "decode_error",
          70: "protocol_version", 109: "missing_extension",
          112: "unrecognized_name", 120: "no_application_protocol"}


def vector(size, body):
    """`body` behind its length in `size` bytes."""
    return len(body).to_bytes(size, "big") + body


def extension(kind, body=b""):
    return struct.pack(">H", kind) + vector(2, body)


def key_share(group=X25519):
    public = x25519.X25519PrivateKey.generate().public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return extension(KEY_SHARE,
                     vector(2, struct.pack(">H", group) + vector(2, public)))


def alpn(*names):
    return extension(ALPN, vector(2, b"".join(vector(1, n) for n in names)))


def versions(*numbers):
    return extension(VERSIONS, vector(1, struct.pack(f">{len(numbers)}H",
                                                     *numbers)))


def usual(**changed):
    """The extensions of a good ClientHello, by name; None leaves one out."""
    parts = {"groups": extension(GROUPS,
                                 vector(2, struct.pack(">HH", X25519, P256))),
             "signatures": extension(SIGNATURES, vector(
                 2, struct.pack(">HH", 0x0403, 0x0804))),
             "versions": versions(TLS_1_3), "share": key_share(),
             "alpn": alpn(b"beacon/1"), **changed}
    return b"".join(part for part in parts.values() if part is not None)


def client_hello(extensions=None, *, version=TLS_1_2, suites=(0x1301, 0x1302),
                 compressions=b"\0", session=b""):
    """The handshake message."""
    body = struct.pack(">H", version) + os.urandom(32) + vector(1, session) + \
        vector(2, struct.pack(f">{len(suites)}H", *suites)) + \
        vector(1, compressions) + \
        vector(2, usual() if extensions is None else extensions)
    return bytes([CLIENT_HELLO]) + vector(3, body)


def record(kind, body, version=0x0301):
    return struct.pack(">BH", kind, version) + vector(2, body)


def _extensions_of(data):
    """{type: body}"""
    found = {}
    while data:
        kind, size = struct.unpack(">HH", data[:4])
        found[kind] = data[4:4 + size]
        data = data[4 + size:]
    return found


def first_message(data):
    """(kind, body) of the handshake message that begins these records."""
    message = b""
    while data[:1] == bytes([HANDSHAKE]):
        size = int.from_bytes(data[3:5], "big")
        message += data[5:5 + size]
        data = data[5 + size:]
    size = int.from_bytes(message[1:4], "big")
    assert len(message) >= 4 + size, "the message is not whole"
    return message[0], message[4:4 + size]


def client_hello_of(data):
    """The extensions of the ClientHello that begins it: {type: body}."""
    kind, body = first_message(data)
    assert kind == CLIENT_HELLO, kind
    at = 34 + 1 + body[34]  # version, random, session
    at += 2 + int.from_bytes(body[at:at + 2], "big")  # suites
    at += 1 + body[at]  # compressions
    return _extensions_of(body[at + 2:])


def server_hello_of(data):
    """The same of a ServerHello."""
    kind, body = first_message(data)
    assert kind == SERVER_HELLO and body[2:34] != RETRY
    at = 34 + 1 + body[34] + 3  # session, suite, compression
    return _extensions_of(body[at + 2:])


def _answer_of(data):
    if not data:
        return "closed"
    kind, body = data[0], data[5:]
    if kind == ALERT:
        return ALERTS.get(body[1], f"alert {body[1]}")
    assert kind == HANDSHAKE and body[0] == SERVER_HELLO, data[:16]
    if body[6:38] == RETRY:
        return "retry"
    said = server_hello_of(data)
    assert PRE_SHARED_KEY not in said, "a key that nobody has was accepted"
    version = said.get(VERSIONS) or body[4:6]
    return f"hello {int.from_bytes(version, 'big'):04x}"


def ask(port, words, patience=15):
    """Send `words`; say in a word what came: an alert's name, "hello VERSION",
    "retry", or "closed"."""
    with socket.create_connection(("127.0.0.1", port), patience) as sock:
        sock.sendall(words)
        try:
            head = _read(sock, 5)
            return _answer_of(head + _read(
                sock, int.from_bytes(head[3:5], "big")) if head else b"")
        except ConnectionResetError:
            return "closed"


def _read(sock, size):
    data = b""
    while len(data) < size and (chunk := sock.recv(size - len(data))):
        data += chunk
    return data
