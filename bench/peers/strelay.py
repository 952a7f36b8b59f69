"""syncthing's strelaysrv: pairs TLS clients by device, then relays plain TCP.

Its client is here, in Python: blocking sockets, one step after the other, so
what it adds to a pairing is the interpreter's time, some tens of microseconds.
A listener keeps a control connection on which invitations come; a connector
asks for it on another; both then dial a session each with the key they got.
"""
import datetime
import hashlib
import socket
import ssl
import struct
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .peer import Peer

MAGIC = 0x9E79BC40
JOIN_RELAY, JOIN_SESSION, RESPONSE, CONNECT, INVITATION = 2, 3, 4, 5, 6


def opaque(data):
    return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)


def message(kind, body=b""):
    return struct.pack(">III", MAGIC, kind, len(body)) + body


def read_exactly(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise ConnectionError("closed by the relay")
        data += more
    return data


def read_message(sock):
    _, kind, length = struct.unpack(">III", read_exactly(sock, 12))
    return kind, read_exactly(sock, length)


def read_response(sock):
    kind, body = read_message(sock)
    code, = struct.unpack(">i", body[:4])
    if kind != RESPONSE or code:
        raise ConnectionError(body[8:].decode(errors="replace"))


class Device:
    """A key and a certificate of its own; their hash is its name."""

    def __init__(self, folder, number):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME,
                                             f"device {number}")])
        now = datetime.datetime.utcnow()
        cert = x509.CertificateBuilder().subject_name(name).issuer_name(name) \
            .public_key(key.public_key()).serial_number(number + 1) \
            .not_valid_before(now - datetime.timedelta(hours=1)) \
            .not_valid_after(now + datetime.timedelta(days=1)) \
            .sign(key, hashes.SHA256())
        self.id = hashlib.sha256(
            cert.public_bytes(serialization.Encoding.DER)).digest()
        path = folder / f"device-{number}.pem"
        path.touch(mode=0o600)
        path.write_bytes(
            cert.public_bytes(serialization.Encoding.PEM) +
            key.private_bytes(serialization.Encoding.PEM,
                              serialization.PrivateFormat.PKCS8,
                              serialization.NoEncryption()))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.context.set_alpn_protocols(["bep-relay"])
        self.context.load_cert_chain(path)


class Strelay(Peer):
    name = "strelaysrv"
    program = "strelaysrv"
    package = "syncthing-relaysrv"

    def command(self):
        # without -pools "" it would announce itself to the public
        return ["strelaysrv", "-listen", f"127.0.0.1:{self.port}",
                "-status-srv", "", "-pools", "", "-keys", self.folder]

    def device(self, number):
        return Device(self.folder, number)

    def dial(self):
        sock = socket.create_connection(("127.0.0.1", self.port), 20)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def dial_tls(self, device):
        return device.context.wrap_socket(self.dial())

    def join(self, device):
        """A listener's control connection, registered."""
        control = self.dial_tls(device)
        control.sendall(message(JOIN_RELAY))
        read_response(control)
        return control

    @staticmethod
    def invitation(sock):
        """The key of a session."""
        while True:
            kind, body = read_message(sock)
            if kind == RESPONSE:
                raise ConnectionError(body[8:].decode(errors="replace"))
            if kind == INVITATION:
                break
        at = 4 + struct.unpack(">I", body[:4])[0]
        size, = struct.unpack(">I", body[at:at + 4])
        return body[at + 4:at + 4 + size]

    @staticmethod
    def session_request(key):
        return message(JOIN_SESSION, opaque(key))

    def keys(self, control, listener, connector):
        """Ask for a session; return (connector's socket, both keys)."""
        asking = self.dial_tls(connector)
        asking.sendall(message(CONNECT, opaque(listener.id)))
        return asking, self.invitation(asking), self.invitation(control)

    def pair(self, control, listener, connector):
        """Seconds from the connector's question, after TLS, to both sessions
        joined; from the beginning of its connection; and the two sockets."""
        began = time.perf_counter()
        asking = self.dial_tls(connector)
        secured = time.perf_counter()
        asking.sendall(message(CONNECT, opaque(listener.id)))
        keys = self.invitation(asking), self.invitation(control)
        sides = [self.dial() for _ in keys]
        for side, key in zip(sides, keys):
            side.sendall(self.session_request(key))
        for side in sides:
            read_response(side)
        ended = time.perf_counter()
        asking.close()
        return ended - secured, ended - began, sides
