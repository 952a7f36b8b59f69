"""A cluster's public issuer: HTTPS on port 443, in a network namespace of its
own, in which a name of the internet leads to an address of the internet.

    with Street() as street:                # Lab(folder, street)
        street.name("oidc.cloud.example", PUBLIC)
"""
import http.server
import json
import os
import pathlib
import shutil
import ssl
import sys

from .network import run

PUBLIC, PRIVATE = "11.0.0.1", "10.0.0.1"  # nowhere but on its loopback


class Street:
    """One namespace for all sides, with files of its own in /etc."""

    def __init__(self):
        self.public = f"pharos-street-{os.getpid()}"
        self.etc = pathlib.Path("/etc/netns") / self.public

    def side(self, _):
        return self.public

    def address(self, _):
        return "127.0.0.1"

    def inside(self, *command):
        return ["ip", "netns", "exec", self.public, *map(str, command)]

    def __enter__(self):
        run("ip", "netns", "add", self.public)
        self.etc.mkdir(parents=True)
        (self.etc / "hosts").write_text("127.0.0.1 localhost\n")
        run(*self.inside("ip", "link", "set", "lo", "up"))
        for address in (PUBLIC, PRIVATE):
            run(*self.inside("ip", "address", "add", address, "dev", "lo"))
        return self

    def __exit__(self, *_):
        run("ip", "netns", "del", self.public, check=False)
        shutil.rmtree(self.etc, ignore_errors=True)

    def name(self, host, address):
        with (self.etc / "hosts").open("a") as hosts:
            hosts.write(f"{address} {host}\n")

    def trust(self, ca_file):
        """The only CA that programs in there take for the system's."""
        folder = self.etc / "ssl" / "certs"
        folder.mkdir(parents=True)
        shutil.copy(ca_file, folder / "ca-certificates.crt")


def serve(cert, key, answers):
    """The program of an issuer: path to document."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = answers.get(self.path)
            self.send_response(200 if body else 404)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

    server = http.server.ThreadingHTTPServer(("0.0.0.0", 443), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print("serving", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2],
          json.loads(pathlib.Path(sys.argv[3]).read_text()))
