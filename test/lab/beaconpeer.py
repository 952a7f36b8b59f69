"""A second client of beacon/1, written from doc/wire/beacon.md alone, on
pyOpenSSL: what it and the beacon agree on stands in the specification.

A Peer is one connection. It reads no byte beyond the frame that it is in, and
can be as rude as a test wants it.
"""
import collections
import hashlib
import select
import socket
import struct
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from OpenSSL import SSL

HELLO, WAIT, PING, PONG, PAIRED, ERROR, GOAWAY = range(1, 8)
LISTEN, CONNECT = 1, 2
SHED, REQUIRE_PROVEN, NAME, PROOF = range(1, 5)
CODES = {1: "rateLimit", 2: "badHello", 3: "version", 4: "feature",
         5: "sourceBusy", 6: "hashBusy", 7: "noPeer", 8: "draining",
         9: "unproven", 10: "timeout"}

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
Wait = collections.namedtuple("Wait", "instance ping position")
Refusal = collections.namedtuple("Refusal", "code retry text")


class Ended(Exception):
    """The other side ended its direction, after its last byte."""


class Reset(Exception):
    """The connection broke, or ended without close_notify."""


def frame(kind, body=b""):
    return struct.pack(">HB", 1 + len(body), kind) + body


def tlv(kind, value=b""):
    return struct.pack(">BH", kind, len(value)) + value


def hello(role, info_hash, *tlvs, version=1):
    return frame(HELLO, bytes([version, role]) + info_hash + b"".join(tlvs))


class Identity:
    """Leaf, its key, and the CA: what a leg proves itself with."""

    def __init__(self, cert_file, key_file, ca_file):
        self.leaf = self._der(cert_file)
        self.ca = self._der(ca_file)
        self.key = serialization.load_pem_private_key(
            key_file.read_bytes(), None)
        self.info_hash = hashlib.sha256(self.ca).digest()

    @staticmethod
    def _der(path):
        return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(
            serialization.Encoding.DER)

    def sign(self, data):
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(data)
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PSS(
                padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        digest = hashes.SHA384() if self.key.curve.key_size == 384 \
            else hashes.SHA256()
        return self.key.sign(data, ec.ECDSA(digest))

    def proof(self, exporter, role, info_hash=None):
        signed = b"pharos-proof-v1\0" + exporter + \
            (info_hash or self.info_hash) + bytes([role])
        return tlv(PROOF, struct.pack(">H", len(self.leaf)) + self.leaf +
                   struct.pack(">H", len(self.ca)) + self.ca +
                   self.sign(signed))


def outer_context(server_ca, alpn=(b"beacon/1",)):
    context = SSL.Context(SSL.TLS_METHOD)
    context.load_verify_locations(str(server_ca))
    context.set_verify(SSL.VERIFY_PEER, lambda *args: bool(args[4]))
    if alpn:
        context.set_alpn_protos(list(alpn))
    return context


class Peer:
    """One connection to a beacon; every wait ends after `patience` s."""

    def __init__(self, port, context=None, source=None, patience=15):
        self.patience = patience
        self.socket = socket.create_connection(
            ("127.0.0.1", port), patience,
            source_address=(source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tls = None
        self.raw_out = self.raw_in = False  # outer TLS was shed
        self._ahead = b""  # read from the socket, not given to TLS
        self._eof = False
        if context:
            self.handshake(context)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    # ---- TLS over the socket, by hand, so that the socket is ours

    def handshake(self, context):
        self.tls = SSL.Connection(context, None)
        self.tls.set_connect_state()
        self._repeat(self.tls.do_handshake)
        assert self.tls.get_alpn_proto_negotiated() == b"beacon/1"
        assert self.tls.get_protocol_version_name() == "TLSv1.3"

    def _flush(self):
        try:
            while True:
                self.socket.sendall(self.tls.bio_read(65536))
        except SSL.WantReadError:
            return

    def _fill(self):
        """One record for TLS: it must not get what follows its last one."""
        while not self._eof and not self._record():
            self._receive()
        size = self._record() or len(self._ahead)
        if size:
            self.tls.bio_write(self._ahead[:size])
            self._ahead = self._ahead[size:]
        else:
            self.tls.bio_shutdown()

    def _record(self):
        """The size of the record that begins what was read, if it is whole."""
        if len(self._ahead) < 5:
            return 0
        size = 5 + struct.unpack(">H", self._ahead[3:5])[0]
        return size if len(self._ahead) >= size else 0

    def _receive(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            raise Reset("reset") from None
        except TimeoutError:
            raise AssertionError(
                f"nothing came for {self.patience} s") from None
        self._ahead += data
        self._eof = not data

    def _repeat(self, action):
        while True:
            try:
                result = action()
                self._flush()
                return result
            except SSL.WantReadError:
                self._flush()
                if self._eof and not self._ahead:
                    raise Reset("ended without close_notify") from None
                self._fill()
            except SSL.ZeroReturnError:
                raise Ended from None
            except SSL.SysCallError as error:
                raise Reset(str(error)) from None

    def export(self, label):
        return self.tls.export_keying_material(label, 32, b"")

    # ---- bytes

    def send(self, data):
        try:
            if self.raw_out:
                self.socket.sendall(data)
                return
            self.tls.sendall(data)
            self._flush()
        except (ConnectionResetError, BrokenPipeError):
            raise Reset("reset while sending") from None

    def read_some(self, most=65536):
        if not self.raw_in:
            return self._repeat(lambda: self.tls.recv(most))
        if not self._ahead and not self._eof:
            self._receive()
        if not self._ahead:
            raise Ended
        data, self._ahead = self._ahead[:most], self._ahead[most:]
        return data

    def read(self, size):
        data = b""
        while len(data) < size:
            data += self.read_some(size - len(data))
        return data

    def read_to_end(self):
        data = b""
        try:
            while True:
                data += self.read_some()
        except Ended:
            return data

    def finish(self):
        """The end of our direction: close_notify, FIN."""
        if not self.raw_out:
            self.tls.shutdown()
            self._flush()
        self.socket.shutdown(socket.SHUT_WR)

    def shed_out(self):
        """Outer TLS ends in our direction; what is sent from now on is raw."""
        self.tls.shutdown()
        self._flush()
        self.raw_out = True

    def shed_in(self):
        """What comes inside outer TLS up to its end; then it comes raw."""
        data = self.read_to_end()
        self.raw_in = True
        return data

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               RESET_ON_CLOSE)
        self.socket.close()

    def raw_end(self):
        """(No TLS) what comes until the connection is closed or reset."""
        data = b""
        try:
            while chunk := self.socket.recv(65536):
                data += chunk
        except ConnectionResetError:
            pass
        return data

    def quiet(self, seconds=0.05):
        """Has nothing come, for as long as a loopback needs?"""
        poll = select.poll()  # not select(): descriptors may be above 1,024
        poll.register(self.socket, select.POLLIN)
        return not self._ahead and not self.tls.pending() and \
            not poll.poll(1000 * seconds)

    # ---- frames

    def read_frame(self):
        length = struct.unpack(">H", self.read(2))[0]
        body = self.read(length)
        return body[0], body[1:]

    def expect(self, kind):
        got, body = self.read_frame()
        if got == ERROR and kind != ERROR:
            raise AssertionError(f"refused: {self._refusal(body)}")
        assert got == kind, f"frame {got} came, not {kind}"
        return body

    @staticmethod
    def _refusal(body):
        code, retry = struct.unpack(">HI", body[:6])
        return Refusal(CODES.get(code, code), retry, body[6:].decode())

    def refused(self):
        """ERROR, then the orderly end."""
        refusal = self._refusal(self.expect(ERROR))
        assert self.read_to_end() == b""
        return refusal

    def sent_away(self):
        """GOAWAY, then the orderly end; when to come back, in ms."""
        body = self.expect(GOAWAY)
        assert self.read_to_end() == b""
        return struct.unpack(">I", body[:4])[0]

    def hello(self, role, info_hash, *tlvs):
        self.send(hello(role, info_hash, *tlvs))
        return self

    def proven_hello(self, role, identity, *tlvs):
        exporter = self.export(b"EXPORTER-pharos-proof-v1")
        return self.hello(role, identity.info_hash,
                          identity.proof(exporter, role), *tlvs)

    def waits(self):
        body = self.expect(WAIT)
        return Wait(body[:16], *struct.unpack(">HI", body[16:22]))

    def paired(self, flags=0):
        body = self.expect(PAIRED)
        assert struct.unpack(">I", body[16:20])[0] == flags
        return body[:16]

    def shed_tlv(self):
        return tlv(SHED, self.export(b"EXPORTER-pharos-shed"))


class Fleet:
    """Peers at one beacon, closed together."""

    def __init__(self, port, server_ca):
        self.port = port
        self.context = outer_context(server_ca)
        self.peers = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for peer in self.peers:
            peer.socket.close()

    def dial(self, source=None, tls=True):
        peer = Peer(self.port, self.context if tls else None, source)
        self.peers.append(peer)
        return peer

    def listen(self, info_hash, *tlvs, source=None):
        return self.dial(source).hello(LISTEN, info_hash, *tlvs)

    def connect(self, info_hash, *tlvs, source=None):
        return self.dial(source).hello(CONNECT, info_hash, *tlvs)

    def pair(self, info_hash, sources=(None, None)):
        listener = self.listen(info_hash, source=sources[0])
        listener.waits()
        connector = self.connect(info_hash, source=sources[1])
        assert listener.paired() == connector.paired()
        return listener, connector


def ask(address, request):
    """One request to a health listener: the head's first line, and the body."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), 10) as sock:
        sock.sendall(f"{request} HTTP/1.1\r\nHost: x\r\nContent-Length: 0"
                     "\r\nConnection: close\r\n\r\n".encode())
        data = b""
        while chunk := sock.recv(65536):
            data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    return head.splitlines()[0].decode(), body.decode()


def metrics(address):
    """/metrics as {"name{labels}": value}."""
    line, body = ask(address, "GET /metrics")
    assert " 200 " in line, line
    lines = [line for line in body.splitlines()
             if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in
            (line.rpartition(" ") for line in lines)}


def metric_reaches(address, name, value, seconds=10):
    """Wait until a counter has come so far."""
    deadline = time.monotonic() + seconds
    while (seen := metrics(address)[name]) < value:
        assert time.monotonic() < deadline, f"{name} is {seen}, not {value}"


def metric_becomes(address, name, value, seconds=10):
    """Wait until a metric has that value: what a test cannot see by itself."""
    deadline = time.monotonic() + seconds
    while (seen := metrics(address).get(name)) != value:
        assert time.monotonic() < deadline, f"{name} is {seen}, not {value}"
