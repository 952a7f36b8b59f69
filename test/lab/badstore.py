"""A store that answers what it should not: by path, over plain HTTP."""
import http.server
import json
import socket
import threading

LARGE = 3 * 1024 * 1024


def _json(status, body, **fields):
    return status, "application/json", json.dumps(body).encode(), fields


ANSWERS = {
    "good": _json(200, {"data": {"data": {"k": "v"},
                                 "metadata": {"version": 1,
                                              "created_time": "x"}}}),
    "403": _json(403, {"errors": ["1 error occurred:\n\t* permission denied"
                                  "\n\n"]}),
    "404": _json(404, {"errors": []}),
    "429": _json(429, {"errors": ["slow down"]}, **{"Retry-After": "7"}),
    "500": _json(500, {"errors": ["internal error"]}),
    "503": _json(503, {"errors": ["Vault is sealed"]}),
    "html": (200, "text/html", b"<html>hello</html>", {}),
    "html-403": (403, "text/html", b"<h1>Forbidden</h1>", {}),
    "html-502": (502, "text/html", b"<h1>Bad Gateway</h1>", {}),
    "empty": (200, "application/json", b"", {}),
    "empty-500": (500, "application/json", b"", {}),
    "cut-json": (200, "application/json", b'{"data":', {}),
    "array": _json(200, [1, 2]),
    "redirect": (307, "text/html", b"<a>", {"Location": "http://127.0.0.1:1/"}),
    "large": (200, "application/json", b" " * LARGE, {}),
    "cookie": _json(200, {"data": {}}, **{"Set-Cookie": "a=b"}),
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self):
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        name = self.path.partition("?")[0].rpartition("/")[2]
        misdeed = getattr(self, "do_" + name.replace("-", "_"), None)
        if misdeed:
            self.close_connection = True
            misdeed()
            return
        status, kind, body, fields = ANSWERS.get(name, ANSWERS["good"])
        self.send_response(status)
        for field, value in fields.items():
            self.send_header(field, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_LIST = do_HEAD = answer

    # misdeeds, by the last part of the path

    def do_nothing(self):
        pass

    def do_reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                   b"\1\0\0\0\0\0\0\0")

    def do_half_head(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-")

    def do_half_body(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json"
                         b"\r\nContent-Length: 100\r\n\r\n{")

    def do_garbage(self):
        self.wfile.write(bytes(range(256)) * 4)

    def do_gate(self):
        """A good answer, once the gate is open."""
        self.server.waiting.set()
        self.server.gate.wait(60)
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json"
                         b"\r\nContent-Length: 11\r\n\r\n{\"data\":{}}")

    def do_hang(self):
        while not self.server.ending.wait(0.05):
            pass

    def do_drip(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not self.server.ending.wait(0.05):
            self.wfile.write(b" ")


class BadStore(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen = []
        self.ending = threading.Event()
        self.gate, self.waiting = threading.Event(), threading.Event()
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.shutdown()
        self.server_close()
