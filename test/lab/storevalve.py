"""A valve before a store: passes requests on, counts them, keeps the tokens that
they carry, and fails those that a test names, before the store has them or
after, or holds them back.

    with StoreValve(store) as valve:
        valve.fail("sign/broker", "after")   # it signs, and nobody hears of it
"""
import http.client
import http.server
import ssl
import threading

PASSED = ("X-Vault-Token", "X-Vault-Namespace", "X-Vault-Request",
          "Content-Type")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def pass_on(self, body):
        valve = self.server.valve
        to = http.client.HTTPSConnection(
            "127.0.0.1", valve.store_port, timeout=20,
            context=valve.trust)
        to.request(self.command, self.path, body, {
            name: self.headers[name] for name in PASSED
            if self.headers[name]})
        answer = to.getresponse()
        text = answer.read()
        to.close()
        valve.note_done(self.command, self.path)
        return answer.status, text

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        valve = self.server.valve
        how = valve.note(self.command, self.path,
                         self.headers["X-Vault-Token"])
        if how == "hold":
            valve.opened.wait(60)
        if how in ("before", "gone"):
            self.close_connection = True
            return
        status, text = (503, b'{"errors":["Vault is sealed"]}') \
            if how == "sealed" else self.pass_on(body)
        if how == "after":
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_LIST = do_DELETE = do_PUT = answer


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # whoever left


class StoreValve:
    """`address` is what a bridge is told."""

    def __init__(self, store):
        self.store_port = int(store.base.split("/")[2].rpartition(":")[2])
        self.trust = ssl.create_default_context(cafile=str(store.ca))
        self.lock = threading.Lock()
        self.change = threading.Condition(self.lock)
        self.seen, self.rules, self.tokens = [], {}, set()
        self.done = []
        self.held, self.opened = threading.Event(), threading.Event()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.valve = self
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def note(self, method, path, token):
        with self.lock:
            self.seen.append(f"{method} {path}")
            self.tokens |= {token} - {None}
            how = next((how for part, how in self.rules.items()
                        if part in f"{method} {path}"), None)
        if how == "hold":
            self.held.set()
        return how

    def note_done(self, method, path):
        with self.change:
            self.done.append(f"{method} {path}")
            self.change.notify_all()

    def wait_until_done(self, part, times=1, seconds=30):
        """Until the store has answered so many requests with `part` in them,
        whether or not whoever asked is still there. Return: whether it has."""
        with self.change:
            return self.change.wait_for(
                lambda: sum(part in request for request in self.done) >= times,
                seconds)

    def fail(self, part, how):
        """Requests with `part` in "METHOD /v1/path" fail from now on: `before`
        the store has them, `after` it has done them, or `sealed`; or they wait
        until open(): `hold`."""
        self.opened.clear()
        with self.lock:
            self.rules[part] = how

    def open(self):
        with self.lock:
            self.rules.clear()
        self.opened.set()
        self.held.clear()
