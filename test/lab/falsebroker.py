"""A broker that was taken over: it takes pods as a broker does, and ends their
sealed sessions itself, with whatever certificate it has.

HTTP/2 is spoken by hand. Of a request only this is looked at: does it end at
once (then it asks for /v1/status), or does it go on (then it is a CONNECT)? Who
has HTTP/1.1 only asks for /v1/status.
"""
import contextlib
import json
import socket
import ssl
import struct
import threading

from .falseend import FalseEnd

DATA, HEADERS, SETTINGS, PING = 0, 1, 4, 6
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
STATUS_200 = b"\x88"  # of HPACK's static table
STATUS = {"sealed": True, "tunnels": [{"peer": "bridge-1"}]}
SEALED = b"pharos-sealed/1"


def frame(kind, flags, stream, body=b""):
    return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + \
        struct.pack(">I", stream) + body


class Pod:
    """One connection of a pod."""

    def __init__(self, broker, connection):
        self.broker, self.tls = broker, connection
        self.end, self.stream = None, 0

    def _read(self, size):
        data = b""
        while len(data) < size:
            chunk = self.tls.recv(size - len(data))
            if not chunk:
                raise ConnectionResetError
            data += chunk
        self.broker.outer += data
        return data

    def _send(self, kind, flags, stream, body=b""):
        self.tls.sendall(frame(kind, flags, stream, body))

    def _frame(self):
        head = self._read(9)
        body = self._read(int.from_bytes(head[:3], "big"))
        kind, flags = head[3], head[4]
        if kind == SETTINGS and not flags & ACK:
            self._send(SETTINGS, ACK, 0)
        elif kind == PING and not flags & ACK:
            self._send(PING, ACK, 0, body)
        return kind, flags, int.from_bytes(head[5:], "big"), body

    def serve(self):
        if self.tls.selected_alpn_protocol() == "h2":
            self._serve_2()
        elif self.tls.recv(65536):
            body = json.dumps(STATUS).encode()
            self.tls.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
                             b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def _serve_2(self):
        assert self._read(len(PREFACE)) == PREFACE
        self._send(SETTINGS, 0, 0)
        while not self.stream:
            kind, flags, stream, _ = self._frame()
            if kind != HEADERS:
                continue
            self._send(HEADERS, END_HEADERS, stream, STATUS_200)
            if flags & END_STREAM:
                self._send(DATA, END_STREAM, stream,
                           json.dumps(STATUS).encode())
            else:
                self.stream = stream
        self.broker.seal(self._carried, lambda data: self._send(
            DATA, 0, self.stream, data))

    def _carried(self):
        """What comes on the stream of the CONNECT."""
        while True:
            kind, flags, stream, body = self._frame()
            if stream == self.stream and kind == DATA and body:
                return body
            if stream == self.stream and flags & END_STREAM:
                return b""


class FalseBroker:
    """@listener: its HTTPS certificate; @shown: what it shows as the bridge.

    outer  all that pods sent it over HTTPS
    ends   a FalseEnd for each sealed session
    """

    def __init__(self, listener, shown):
        self.shown, self.outer, self.ends = shown, b"", []
        self.news = threading.Condition()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(listener.cert, listener.key)
        self.context.set_alpn_protocols(["h2", "http/1.1"])
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, daemon=True,
                                 args=(self.server.accept()[0],)).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError, AssertionError):
            connection.settimeout(20)
            with self.context.wrap_socket(connection, server_side=True) as tls:
                Pod(self, tls).serve()

    def seal(self, read, write):
        # a server's first words of HTTP/2, so that a client can go on
        end = FalseEnd(self.shown, SEALED, says=frame(SETTINGS, 0, 0))
        with self.news:
            self.ends.append(end)
            self.news.notify_all()
        end.serve(read, write)

    def wait_for_end(self, seconds=20):
        """The first sealed session, once it is over."""
        with self.news:
            assert self.news.wait_for(lambda: self.ends, seconds), \
                "nobody opened a sealed session"
        return self.ends[0].wait_until(lambda end: end.over, "it goes on")
