"""Somebody in the place of the bridge, for a broker that knows no CA: he waits
where the two would meet, and says what he wants. Written from doc/wire/boot.md
and doc/wire/beacon.md; HTTP/2 is spoken by hand.

    with FalseBridge(port, outer_context(ca), meeting(f), Authority()) as false:
        words = false.make_words()
        token = false.hear()["token"]
        false.refuse("approval")
"""
import base64
import json
import os
import struct

from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL, crypto

from .beaconpeer import LISTEN, PAIRED, PING, PONG, WAIT, Peer, frame
from .bootbridge import DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, \
    SETTINGS, ACK, b64url
from .bootclient import commitment, words_of
from .innertls import InnerTLS


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class FalseBridge(InnerTLS):
    """@authority: bootbridge.Authority, whose bridge's certificate is shown."""

    def __init__(self, port, outer, info_hash, authority):
        self.authority = authority
        self.peer = Peer(port, outer, patience=60).hello(LISTEN, info_hash)
        self.pem = authority.cert.public_bytes(
            serialization.Encoding.PEM).decode()
        self.tls = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.peer.socket.close()

    # ---- the session

    def accept(self):
        """A broker has come."""
        while True:
            kind, body = self.peer.read_frame()
            if kind == PAIRED:
                break
            if kind == PING:
                self.peer.send(frame(PONG, body))
            else:
                assert kind == WAIT, (kind, body)
        context = SSL.Context(SSL.TLS_METHOD)
        context.use_certificate(crypto.X509.from_cryptography(
            self.authority.bridge))
        context.use_privatekey(crypto.PKey.from_cryptography_key(
            self.authority.bridge_key))
        context.set_alpn_select_callback(lambda *_: b"pharos-boot/1")
        self.tls = SSL.Connection(context, None)
        self.tls.set_accept_state()
        self.repeat(self.tls.do_handshake)
        assert self.read(len(PREFACE)) == PREFACE
        self._frame(SETTINGS, 0, 0)
        return self

    def _frame(self, kind, flags, stream, body=b""):
        self.send(struct.pack(">I", len(body))[1:] + bytes([kind, flags]) +
                  struct.pack(">I", stream) + body)

    # ---- requests, one after the other

    def hear(self):
        """The next one's body, an object."""
        body = b""
        while True:
            head = self.read(9)
            kind, flags = head[3], head[4]
            payload = self.read(int.from_bytes(head[:3], "big"))
            if kind == SETTINGS and not flags & ACK:
                self._frame(SETTINGS, ACK, 0)
            elif kind == DATA:
                body += payload
                if flags & END_STREAM:
                    self.stream = int.from_bytes(head[5:], "big")
                    return json.loads(body)

    def answer(self, status, **members):
        # RFC 7541, 6.2.2: a literal, not indexed; its name is :status (8)
        self._frame(HEADERS, END_HEADERS, self.stream,
                   b"\x08\x03" + str(status).encode())
        self._frame(DATA, END_STREAM, self.stream,
                   json.dumps(members).encode())

    def refuse(self, code, status=403):
        self.answer(status, code=code, text="no", remedy="ask", retry=0)

    # ---- six words

    @property
    def exporter(self):
        return self.tls.export_keying_material(
            b"EXPORTER-pharos-words-v1", 32, b"")

    def make_words(self, sends_back=False, changes_mind=False, ca=None):
        """What this session comes to; as an honest bridge does it, but for what
        is said otherwise."""
        self.accept()
        nonce, theirs = os.urandom(32), unb64(self.hear()["commitment"])
        ours = commitment("bridge", self.exporter, nonce)
        self.answer(200, commitment=b64url(theirs if sends_back else ours))
        if sends_back:
            return None
        of_broker = unb64(self.hear()["nonce"])
        assert theirs == commitment("broker", self.exporter, of_broker)
        shown = os.urandom(32) if changes_mind else nonce
        self.answer(200, nonce=b64url(shown), ca=ca or self.pem)
        return words_of(self.exporter, of_broker, nonce)
