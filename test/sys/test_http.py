"""Stock clients against our HTTP ends: curl with both versions, nghttp."""
import hashlib
import socket
import subprocess

import pytest

from lab.parts import BUILD, Lab
from lab.process import Process

SERVER = BUILD / "test" / "sys" / "http-server"


class Server:
    """http-server with the addresses that it said, and a CA for curl."""

    def __init__(self, lab):
        self.ca = lab.server_ca
        self.process = Process("http-server", [
            SERVER, lab.lab_pki / "store.crt", lab.lab_pki / "store.key"])
        self.plain = Lab.address_of(self.process, "plain")
        self.tls = Lab.address_of(self.process, "tls")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Lab(tmp_path_factory.mktemp("http")) as lab:
        lab.make_certificates()
        started = Server(lab)
        yield started
        # and it ends in order, with everything given back
        assert started.process.end() == 0


def run(*words, data=None, seconds=60):
    return subprocess.run([str(word) for word in words], input=data,
                          capture_output=True, timeout=seconds, check=False)


def curl(server, *words, data=None):
    return run("curl", "--silent", "--show-error", "--max-time", 50,
               "--cacert", server.ca, *words, data=data)


VERSIONS = ["--http1.1", "--http2"]


def status_and_version(server, *words):
    done = curl(server, "-o", "/dev/null", "-w", "%{http_code} "
                "%{http_version}", *words)
    return done.stdout.decode()


@pytest.mark.parametrize("version, said", [
    ("--no-alpn", "200 1.1"), ("--http1.1", "200 1.1"), ("--http2", "200 2")])
def test_curl_gets(server, version, said):
    assert status_and_version(
        server, version, f"https://{server.tls}/hello") == said
    done = curl(server, version, f"https://{server.tls}/hello")
    assert done.stdout == b"hello\n"


def test_curl_gets_without_tls(server):
    assert status_and_version(
        server, f"http://{server.plain}/hello") == "200 1.1"
    # an upgrade to h2c is offered, and not taken up
    assert status_and_version(
        server, "--http2", f"http://{server.plain}/hello") == "200 1.1"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path, method, status", [
    ("/hello", "HEAD", "200"), ("/nothing", "GET", "404"),
    ("/hello", "DELETE", "405"), ("/hello?a=b", "GET", "200")])
def test_statuses(server, version, path, method, status):
    words = ["--head"] if method == "HEAD" else ["-X", method]
    assert status_and_version(
        server, version, *words, f"https://{server.tls}{path}").startswith(
            status)


def pattern(size):
    block = bytes(range(251))
    return (block * (size // 251 + 1))[:size]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 1 << 20, 50_000_000])
def test_large_answers(server, version, size):
    done = curl(server, version, f"https://{server.tls}/bytes/{size}")
    assert len(done.stdout) == size
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(
        pattern(size)).digest()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("size", [1, 70000, 5_000_000])
def test_bodies_there_and_back(server, version, size):
    """Past 1 MiB curl waits for 100 Continue before it sends."""
    body = pattern(size)
    for more in ([], ["-H", "Transfer-Encoding: chunked"]):
        if more and version == "--http2":
            continue
        done = curl(server, version, "--data-binary", "@-", *more,
                    "--expect100-timeout", "30",
                    f"https://{server.tls}/echo", data=body)
        assert done.stdout == body, done.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_a_body_over_the_limit_is_answered(server, version):
    done = curl(server, version, "--data-binary", "@-", "-w",
                "%{http_code}", f"https://{server.tls}/echo",
                data=pattern(9_000_000))
    assert b"413" in done.stdout, done.stderr


def test_many_requests_on_one_connection(server):
    for version in VERSIONS:
        url = f"https://{server.tls}/bytes/[1000-1099]"
        done = curl(server, version, "-w", "\n%{num_connects}\n", "-o",
                    "/dev/null", url)
        connects = sum(int(line) for line in done.stdout.split() if line)
        assert connects == 1, done.stderr


def test_curl_in_parallel(server):
    done = curl(server, "--http2", "--parallel", "--parallel-max", "50",
                "-o", "/dev/null", "-w", "%{http_code}\n",
                f"https://{server.tls}/bytes/[200000-200079]")
    assert done.stdout.split() == [b"200"] * 80, done.stderr


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_curl_through_connect(server, scheme):
    proxy = f"{scheme}://" + (
        server.plain if scheme == "http" else server.tls)
    done = curl(server, "--proxy", proxy, "--proxytunnel", "--proxy-cacert",
                server.ca, "http://inner:80/bytes/300000")
    assert done.stdout == pattern(300_000), done.stderr


def test_refused_connect(server):
    done = curl(server, "--proxy", f"http://{server.plain}", "--proxytunnel",
                "-w", "%{http_connect}", "http://outer:80/hello")
    assert done.returncode == 56
    assert done.stdout == b"403"


def test_a_client_that_gives_up_is_noticed(server):
    for version in VERSIONS:
        mark = server.process.mark()
        done = curl(server, version, "--max-time", "0.5",
                    f"https://{server.tls}/hang")
        assert done.returncode == 28
        server.process.wait_for("hanging", 10, mark)
        if version == "--http2":
            server.process.wait_for("given up by the peer", 10, mark)


def test_nghttp(server):
    done = run("nghttp", "-n", "-v", "-m", "20",
               f"https://{server.tls}/bytes/100000")
    text = done.stdout.decode()
    assert done.returncode == 0
    assert text.count(":status: 200") == 20
    assert "error_code=NO_ERROR" in text
    assert "PROTOCOL_ERROR" not in text


def test_nghttp_with_small_windows(server):
    done = run("nghttp", "-n", "-v", "-w", "10", "-W", "12", "-m", "5",
               f"https://{server.tls}/bytes/200000")
    assert done.stdout.decode().count(":status: 200") == 5


def test_nghttp_posts_with_trailers(server, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(pattern(100_000))
    done = run("nghttp", "-d", body, "--trailer", "a: b",
               f"https://{server.tls}/echo")
    assert done.stdout == pattern(100_000)


@pytest.mark.parametrize("sent, answer", ids=[
    "no-host", "tls", "version", "target", "field"], argvalues=[
    (b"GET / HTTP/1.1\r\n\r\n", b"400"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"400"),
    (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", b"505"),
    (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", b"414"),
    (b"GET / HTTP/1.1\r\nHost: h\r\nA: " + b"a" * 20000 + b"\r\n\r\n",
     b"431")])
def test_nonsense_is_answered_and_closed(server, sent, answer):
    host, _, port = server.plain.rpartition(":")
    with socket.create_connection((host, int(port)), 10) as client:
        client.sendall(sent)
        said = b""
        while part := client.recv(4096):
            said += part
    assert said.startswith(b"HTTP/1.1 " + answer)


def test_old_version(server):
    """curl then offers ALPN http/1.0, which is not served."""
    assert curl(server, "--http1.0", "--no-alpn",
                f"https://{server.tls}/hello").stdout == b"hello\n"
    assert curl(server, "--http1.0",
                f"https://{server.tls}/hello").returncode == 35
