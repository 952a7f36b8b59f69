"""A bridge for boot sessions, written from doc/wire/boot.md alone: what it and
the broker agree on stands there. It dials the broker, as in the reverse mode,
and answers what it is told to.

HTTP/2 is spoken by hand: one request a session, of which the body alone is
looked at.
"""
import base64
import datetime
import hashlib
import json
import socket
import struct

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL, crypto

DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def field(data):
    return struct.pack(">I", len(data)) + data


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class Authority:
    """The bridge CA, its bridge, and the brokers that it signs."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.cert = self._build("the bridge CA", self.key.public_key(), 3650, [
            (x509.BasicConstraints(True, 0), True)])
        self.der = self.cert.public_bytes(serialization.Encoding.DER)
        self.info_hash = hashlib.sha256(self.der).hexdigest()
        self.bridge_key = ec.generate_private_key(ec.SECP256R1())
        self.bridge = self.leaf("bridge", "b1", self.bridge_key.public_key(),
                                ["bridge.pharos"])

    def _build(self, name, public, days, extensions, seconds=0):
        now = datetime.datetime.utcnow()
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME,
                                                name)])
        issuer = self.cert.subject if hasattr(self, "cert") else subject
        builder = x509.CertificateBuilder(
            issuer, subject, public, x509.random_serial_number(),
            now - datetime.timedelta(minutes=5),
            now + datetime.timedelta(days=days, seconds=seconds))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())

    def leaf(self, role, name, public, hosts, seconds=86400):
        usage = x509.ExtendedKeyUsageOID
        return self._build(name, public, 0, [
            (x509.BasicConstraints(False, None), True),
            (x509.SubjectAlternativeName(
                [x509.UniformResourceIdentifier(
                    f"pharos://{self.info_hash}/{role}/{name}")] +
                [x509.DNSName(host) for host in hosts]), False),
            (x509.ExtendedKeyUsage([usage.SERVER_AUTH, usage.CLIENT_AUTH]),
             False)], seconds)

    def join_string(self, *beacons):
        body = bytes([len(beacons)]) + b"".join(
            struct.pack(">H", len(one)) + one.encode()
            for one in beacons) + struct.pack(">H", len(self.der)) + self.der
        prefix = "pharos-join-v1."
        check = hashlib.sha256(prefix.encode() + body).digest()[:4]
        return prefix + b64url(body + check)

    def write(self, folder):
        """bridge.crt, bridge.key, ca.crt, as pharos-bridge takes them."""
        pem = serialization.Encoding.PEM
        (folder / "bridge.crt").write_bytes(self.bridge.public_bytes(pem))
        (folder / "ca.crt").write_bytes(self.cert.public_bytes(pem))
        key = folder / "bridge.key"
        key.write_bytes(self.bridge_key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
        key.chmod(0o600)


class Session:
    """One boot session, from the connection to the broker's request."""

    def __init__(self, authority, port, patience=15):
        self.authority = authority
        context = SSL.Context(SSL.TLS_METHOD)
        context.use_certificate(crypto.X509.from_cryptography(
            authority.bridge))
        context.use_privatekey(crypto.PKey.from_cryptography_key(
            authority.bridge_key))
        context.set_alpn_select_callback(self._choose)
        self.socket = socket.create_connection(("127.0.0.1", port), patience)
        self.socket.setblocking(True)
        self.tls = SSL.Connection(context, self.socket)
        self.tls.set_accept_state()
        self.tls.do_handshake()
        self._read_request()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    @staticmethod
    def _choose(_, offered):
        return b"pharos-boot/1" if b"pharos-boot/1" in offered \
            else SSL.NO_OVERLAPPING_PROTOCOLS

    def _read(self, size):
        data = b""
        while len(data) < size:
            data += self.tls.recv(size - len(data))
        return data

    def _send_frame(self, kind, flags, stream, body=b""):
        self.tls.sendall(struct.pack(">I", len(body))[1:] +
                         bytes([kind, flags]) + struct.pack(">I", stream) +
                         body)

    def _read_request(self):
        assert self._read(len(PREFACE)) == PREFACE
        self._send_frame(SETTINGS, 0, 0)
        body = b""
        while True:
            head = self._read(9)
            size = int.from_bytes(head[:3], "big")
            kind, flags, stream = head[3], head[4], head[5:]
            payload = self._read(size)
            if kind == SETTINGS and not flags & ACK:
                self._send_frame(SETTINGS, ACK, 0)
            elif kind == DATA:
                body += payload
                if flags & END_STREAM:
                    self.stream = int.from_bytes(stream, "big")
                    break
        self.request = json.loads(body)
        self.csr = x509.load_pem_x509_csr(self.request["csr"].encode())

    def expected_audience(self):
        spki = self.csr.public_key().public_bytes(
            serialization.Encoding.DER,
            serialization.PublicFormat.SubjectPublicKeyInfo)
        exported = self.tls.export_keying_material(
            b"EXPORTER-pharos-boot-v1", 32, b"")
        return "pharos-boot:v1:" + b64url(
            hashlib.sha256(field(exported) + field(spki)).digest())

    def answer(self, status, body):
        data = json.dumps(body).encode()
        # RFC 7541, 6.2.2: a literal, not indexed; its name is :status (8)
        head = b"\x08\x03" + str(status).encode()
        self._send_frame(HEADERS, END_HEADERS, self.stream, head)
        self._send_frame(DATA, END_STREAM, self.stream, data)

    def sign(self, hosts, seconds=86400):
        name = claims_of(self.request["token"])["kubernetes.io"]["pod"]["name"]
        leaf = self.authority.leaf("broker", name, self.csr.public_key(),
                                   hosts, seconds)
        self.answer(200, {"code": "signed", "certificates": [
            leaf.public_bytes(serialization.Encoding.PEM).decode()]})
        return leaf

    def refuse(self, code, text="no", remedy="ask", retry=0, status=403):
        self.answer(status, {"code": code, "text": text, "remedy": remedy,
                             "retry": retry})
