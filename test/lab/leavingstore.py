"""A way to a store on which the store goes away: plain HTTP in front of it, and
from one request on nothing is answered until it comes back."""
import http.client
import http.server
import json
import ssl
import threading
import urllib.parse

KEPT = ("Content-Type", "X-Vault-Token", "X-Vault-Namespace",
        "X-Vault-Request")
CALLS_MOST = 100  # of a command


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self):
        way = self.server.way
        way.asked += 1
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        last = way.asked == way.last and way.does_it
        if way.asked < way.last or last:
            status, answer = self.forward(body)
        if way.asked >= way.last:
            self.close_connection = True
            return
        self.send_response(status)
        if status == 307:
            self.send_header("Location", "https://active.test:8200/v1/x")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def forward(self, body):
        way = self.server.way
        path = self.path.removeprefix(way.below)
        way.beside += not self.path.startswith(way.below + "/v1/")
        way.posts += self.command == "POST"
        if self.command == "POST" and way.posts == way.refuses:
            return 400, b'{"errors":["refused"]}'
        if said := way.says.get(f"{self.command} {path}", way.says.get("*")):
            return said[0], b"" if said[1] is None else json.dumps(
                said[1]).encode()
        url = urllib.parse.urlsplit(self.server.way.target)
        there = http.client.HTTPSConnection(
            url.hostname, url.port, timeout=30,
            context=ssl.create_default_context(cafile=self.server.way.ca))
        there.request(self.command, path, body or None, {
            name: self.headers[name] for name in KEPT if self.headers[name]})
        answer = there.getresponse()
        text = answer.read()
        there.close()
        if path == "/v1/sys/seal-status" and self.server.way.version:
            text = json.dumps({**json.loads(text),
                               "version": self.server.way.version}).encode()
        return answer.status, text

    do_GET = do_POST = do_LIST = do_DELETE = answer


class LeavingStore:
    """@version: what the store says that it is.
    @below: a path that is before all of the store's; beside counts the
    requests that are not below it.
    @refuses: which POST is not done, counted from 1 by posts.
    @says: what is answered in its place, to {"GET /v1/…": (status, object)} or,
    with "*", to all else.
    @last: the request from which on there is no answer; with @does_it the
    store has still done what that one asked for."""

    def __init__(self, target, ca, version=None, below="", says=None):
        self.target, self.ca, self.version = target, str(ca), version
        self.below, self.says = below, says or {}
        self.posts, self.refuses, self.beside = 0, 0, 0
        self.asked, self.last, self.does_it = 0, 1 << 30, False
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      Handler)
        self.server.way = self
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}" \
            + below
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()

    def leaves(self, last, does_it):
        self.asked, self.last, self.does_it = 0, last, does_it

    def comes_back(self):
        self.leaves(1 << 30, False)

    def at_each_call(self, run, both=True):
        """@run a command, again and again: the store leaves at its first
        request, its second, and so on, before it has done it and after (if not
        @both, in turn). Yield what came of it, until a command needs less
        requests."""
        for number in range(CALLS_MOST):
            self.leaves(1 + (number // 2 if both else number),
                        number % 2 == 1)
            done = run()
            self.comes_back()
            if done.returncode == 0:
                return
            yield done
        raise AssertionError(f"it has made {CALLS_MOST} calls")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
