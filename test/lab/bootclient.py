"""A second client of boot sessions, written from doc/wire/boot.md and
doc/wire/beacon.md alone, on pyOpenSSL: what it and the bridge agree on stands
in the specification. It can be as dishonest as a test wants it.

    with Session(port, beacon_context, info_hash, ca) as session:
        key = Key()
        answer = session.ask(token=cluster_token(session.audience(key)), csr=…)

Without a CA, at the meeting: session.six_words(), and then the same.
"""
import base64
import hashlib
import json
import os
import struct

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto

from .beaconpeer import CONNECT, PAIRED, PONG, WAIT, Ended, Peer, Reset
from .beaconpeer import PING as PING_FRAME
from .beaconpeer import frame as beacon_frame
from .cluster import b64url
from .innertls import InnerTLS

ALPN, PATH, WORDS_PATH = b"pharos-boot/1", "/v1/boot", "/v1/words"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, ACK, END_HEADERS = 1, 1, 4


def field(value):
    return struct.pack(">I", len(value)) + value


class Key:
    """A broker's key: P-256, in memory."""

    def __init__(self):
        self.private = ec.generate_private_key(ec.SECP256R1())

    @property
    def spki(self):
        return self.private.public_key().public_bytes(
            serialization.Encoding.DER,
            serialization.PublicFormat.SubjectPublicKeyInfo)

    def csr(self, name="anything"):
        request = x509.CertificateSigningRequestBuilder().subject_name(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        ).add_extension(  # of which the bridge takes nothing
            x509.SubjectAlternativeName([x509.DNSName("bridge.pharos")]),
            critical=False).sign(self.private, hashes.SHA256())
        return request.public_bytes(serialization.Encoding.PEM).decode()


def audience(exporter, spki):
    digest = hashlib.sha256(field(exporter) + field(spki)).digest()
    return f"pharos-boot:v1:{b64url(digest)}"


# ---- the six words

def meeting(fingerprint):
    """The info hash for the canonical form of a fingerprint."""
    digits = fingerprint.upper()
    raw = base64.b32decode(digits + "=" * (-len(digits) % 8))
    return hashlib.sha256(field(b"pharos-boot-v1") + field(raw)).digest()


def commitment(side, exporter, nonce):
    return hashlib.sha256(
        field(b"pharos-words-commitment-v1") + field(side.encode()) +
        field(exporter) + field(nonce)).digest()


def words_of(exporter, of_broker, of_bridge):
    bits = int.from_bytes(hashlib.sha256(
        field(b"pharos-words-v1") + field(exporter) + field(of_broker) +
        field(of_bridge)).digest()[:8], "big") >> 4
    syllables = [(bits >> shift) & 31 for shift in range(55, -1, -5)]
    text = ["bdfgklmn"[one >> 2] + "aeio"[one & 3] for one in syllables]
    return " ".join(a + b for a, b in zip(text[::2], text[1::2]))


def text_of(value):
    data = value.encode()
    assert len(data) < 127
    return bytes([len(data)]) + data  # HPACK, without Huffman


def frame(kind, flags, stream, body=b""):
    return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + \
        struct.pack(">I", stream) + body


def paired(port, outer, info_hash, source):
    """A bare leg, once the beacon has found it a bridge's."""
    peer = Peer(port, outer, source).hello(CONNECT, info_hash)
    while True:
        kind, body = peer.read_frame()
        if kind == PAIRED:
            return peer
        if kind == PING_FRAME:
            peer.send(beacon_frame(PONG, body))
        elif kind != WAIT:
            raise AssertionError(f"frame {kind} came: {body}")


class Session(InnerTLS):
    """The way through a beacon, bare, and TLS with the bridge inside of it.
    Without a CA any certificate is taken.
    identity=(certificate, key) is shown if it is asked for."""

    def __init__(self, port, outer, info_hash, ca_pem=None, alpn=ALPN,
                 identity=None, source=None):
        self.peer = paired(port, outer, info_hash, source)
        self.requests = 0
        context = SSL.Context(SSL.TLS_METHOD)
        if ca_pem:
            context.get_cert_store().add_cert(
                crypto.load_certificate(crypto.FILETYPE_PEM, ca_pem))
            context.set_verify(SSL.VERIFY_PEER, lambda *args: bool(args[4]))
        context.set_alpn_protos([alpn])
        if identity:
            context.use_certificate(crypto.X509.from_cryptography(identity[0]))
            context.use_privatekey(
                crypto.PKey.from_cryptography_key(identity[1]))
        self.tls = SSL.Connection(context, None)
        self.tls.set_connect_state()
        self.repeat(self.tls.do_handshake)
        assert self.tls.get_protocol_version_name() == "TLSv1.3"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.peer.socket.close()

    # ---- what is signed

    @property
    def bridge(self):
        """The certificate that the bridge has shown."""
        return self.tls.get_peer_certificate().to_cryptography()

    @property
    def exporter(self):
        return self.tls.export_keying_material(
            b"EXPORTER-pharos-boot-v1", 32, b"")

    @property
    def words_exporter(self):
        return self.tls.export_keying_material(
            b"EXPORTER-pharos-words-v1", 32, b"")

    def audience(self, key):
        return audience(self.exporter, key.spki)

    # ---- HTTP/2, as little of it as requests one after the other take

    def _read_frame(self):
        head = self.read(9)
        size = int.from_bytes(head[:3], "big")
        return head[3], head[4], self.read(size)

    def post(self, body, path=PATH, method="POST"):
        """The answer's body."""
        fields = [(":method", method), (":scheme", "https"), (":path", path),
                  (":authority", "bridge.pharos"),
                  ("content-type", "application/json")]
        head = b"".join(b"\0" + text_of(name) + text_of(value)
                        for name, value in fields)
        if not self.requests:
            self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
                      frame(SETTINGS, 0, 0))
        stream = 2 * self.requests + 1
        self.requests += 1
        self.send(frame(HEADERS, END_HEADERS, stream, head))
        for at in range(0, len(body), 16384):
            self.send(frame(DATA, 0, stream, body[at:at + 16384]))
        self.send(frame(DATA, END_STREAM, stream))
        return self._answer()

    def _answer(self):
        text = b""
        while True:
            kind, flags, body = self._read_frame()
            if kind == SETTINGS and not flags & ACK:
                self.send(frame(SETTINGS, ACK, 0))
            elif kind == PING and not flags & ACK:
                self.send(frame(PING, ACK, 0, body))
            elif kind == RST_STREAM:
                raise Reset("the stream was reset")
            elif kind == DATA:
                text += body
            if kind in (DATA, HEADERS) and flags & END_STREAM:
                return text

    def ask(self, **members):
        """What the bridge answers to a request of these members."""
        return json.loads(self.post(json.dumps(members).encode()))

    # ---- the six words

    def say(self, **members):
        """One message of them, and what the bridge says to it."""
        return json.loads(self.post(
            json.dumps({name: b64url(value) for name, value in members.items()}
                       ).encode(), WORDS_PATH))

    def six_words(self):
        """The words, and the CA that came with them, which is the one of the
        certificate that the bridge has shown."""
        nonce, exporter = os.urandom(32), self.words_exporter
        ours = commitment("broker", exporter, nonce)
        theirs = self.say(commitment=ours)["commitment"]
        answer = self.say(nonce=nonce)
        bridge = base64.urlsafe_b64decode(answer["nonce"] + "=")
        assert theirs == b64url(commitment("bridge", exporter, bridge))
        ca = x509.load_pem_x509_certificate(answer["ca"].encode())
        ca.public_key().verify(
            self.bridge.signature, self.bridge.tbs_certificate_bytes,
            ec.ECDSA(self.bridge.signature_hash_algorithm))
        return words_of(exporter, nonce, bridge), answer["ca"]


def leaf_of(answer):
    return x509.load_pem_x509_certificate(answer["certificates"][0].encode())


def uris_of(certificate):
    names = certificate.extensions.get_extension_for_class(
        x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.UniformResourceIdentifier)
