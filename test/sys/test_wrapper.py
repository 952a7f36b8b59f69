"""pharos-wrapper by itself: what it is, what it says when it cannot begin, and
what its process that stays does not do."""
import pathlib
import re
import signal
import socket
import subprocess

import pytest

from conftest import not_sanitized
from lab import parts
from lab.process import children, memory_holds

WRAPPER = parts.program("pharos-wrapper")


@pytest.fixture
def silent():
    """A listener that accepts and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def files(lab, tmp_path):
    (tmp_path / "jwt").write_text("e30.e30.c2ln")
    (tmp_path / "token").write_text("s.token")
    (tmp_path / "token").chmod(0o600)
    return tmp_path


def words(files, port, **changed):
    options = {"broker": f"https://127.0.0.1:{port}",
               "bridge-ca": files / "pki" / "ca.crt",
               "jwt-file": files / "jwt", "secret": "secret/a",
               "map": "password=PASSWORD", **changed}
    return [word for name, value in options.items() if value is not None
            for word in (f"--{name}", str(value))]


def run(*arguments, **more):
    return subprocess.run([WRAPPER, *arguments], text=True, check=False,
                          capture_output=True, timeout=30, **more)


def symbols():
    beside = WRAPPER.parent / "debug" / f"{WRAPPER.name}.debug"  # a release's
    done = subprocess.run(["nm", beside if beside.exists() else WRAPPER],
                          text=True, capture_output=True, check=False)
    return {name: int(at, 16) for at, name in re.findall(
        r"^([0-9a-f]{16}) \S (\S+)$", done.stdout, re.M)}


@not_sanitized
def test_it_is_static():
    done = subprocess.run(["ldd", WRAPPER], text=True, capture_output=True,
                          check=False)
    assert re.search("statically linked|not a dynamic", done.stdout + done.stderr)


def number_at(pid, name):
    """The int of that name in a running wrapper."""
    base = min(int(line.split("-")[0], 16) for line in
               pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
               if str(WRAPPER.resolve()) in line)
    with open(f"/proc/{pid}/mem", "rb") as memory:
        memory.seek(base + symbols()[name])
        return int.from_bytes(memory.read(4), "little")


@not_sanitized
def test_only_the_fetching_process_loads_tls(lab, files, silent):
    """OpenSSL's own mark of having begun: set in the child, never in the
    process that stays."""
    wrapper = lab.start("pharos-wrapper", *words(
        files, silent.getsockname()[1]), "--", "/bin/true")
    connection, _ = silent.accept()
    assert connection.recv(1) == b"\x16"  # TLS has begun
    fetcher, = children(wrapper.pid)
    assert number_at(fetcher, "base_inited") == 1
    assert number_at(wrapper.pid, "base_inited") == 0
    wrapper.signal(signal.SIGTERM)
    assert wrapper.wait() == 128 + signal.SIGTERM
    connection.close()


@not_sanitized
def test_the_process_that_stays_is_small(lab, files, silent):
    wrapper = lab.start("pharos-wrapper", *words(
        files, silent.getsockname()[1]), "--", "/bin/true")
    connection, _ = silent.accept()
    status = pathlib.Path(f"/proc/{wrapper.pid}/status").read_text()
    anonymous = int(re.search(r"RssAnon:\s+(\d+)", status).group(1))
    assert anonymous < 1024, f"{anonymous} kB"
    wrapper.end()
    connection.close()


@not_sanitized
def test_what_it_was_given_in_the_environment_is_wiped(lab, files, silent):
    wrapper = lab.start(
        "pharos-wrapper", *words(files, silent.getsockname()[1], broker=None),
        "--", "/bin/true", env={
            "PHAROS_BROKER": f"https://127.0.0.1:{silent.getsockname()[1]}",
            "PHAROS_LOG_LEVEL": "debug", "VAULT_TOKEN": "hvs.planted-marker",
            "OTHER": "stays-here"})
    connection, _ = silent.accept()
    seen = pathlib.Path(f"/proc/{wrapper.pid}/environ").read_bytes()
    assert b"stays-here" in seen
    assert b"PHAROS_" not in seen and b"planted-marker" not in seen
    assert not memory_holds(wrapper.pid, b"hvs.planted-marker")
    wrapper.end()
    connection.close()


def test_it_cannot_be_traced_or_dumped(lab, files, silent):
    wrapper = lab.start("pharos-wrapper", *words(
        files, silent.getsockname()[1]), "--", "/bin/true")
    connection, _ = silent.accept()
    for pid in [wrapper.pid, *children(wrapper.pid)]:
        # a process that is not dumpable belongs to root in /proc, and a
        # core limit of 0 holds for all that it starts
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"Max core file size\s+0 ", limits)
    wrapper.end()
    connection.close()


def test_the_fetching_process_has_given_up_its_rights(lab, files, silent):
    wrapper = lab.start("pharos-wrapper", *words(
        files, silent.getsockname()[1]), "--", "/bin/true")
    connection, _ = silent.accept()
    fetcher, = children(wrapper.pid)
    status = pathlib.Path(f"/proc/{fetcher}/status").read_text()
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.M)
    assert re.search(r"^CapEff:\s+0+$", status, re.M)
    assert pathlib.Path(f"/proc/{fetcher}/environ").read_bytes() == b""
    wrapper.end()
    connection.close()


# ---- what it says

REFUSED = [
    ("no command", {}, [], "no command to start"),
    ("no way to a token", {"jwt-file": None}, ["--", "true"], "exactly one way"),
    ("two ways", {"token-file": "/x"}, ["--", "true"], "exactly one way"),
    ("no map", {"map": None}, ["--", "true"], "--map"),
    ("a pair that cannot work", {"on-rotate": "signal:HUP"}, ["--", "true"],
     "--deliver env does not go with --on-rotate signal:HUP"),
    ("no folder", {"deliver": "file"}, ["--", "true"], "needs --dir"),
    ("a folder on disk", {"deliver": "file", "dir": "."}, ["--", "true"],
     "not in memory"),
    *((f"a broker that is {what}", {"broker": url}, ["--", "true"],
       f"--broker '{url}' is not the address of a broker")
      for what, url in (("no URL", "broker:8199"),
                        ("without TLS", "http://127.0.0.1:8199"),
                        ("without a port", "https://127.0.0.1"),
                        ("port 0", "https://127.0.0.1:0"),
                        ("no host", "https://:8199"),
                        ("a path", "https://127.0.0.1:8199/v1"))),
    ("another delivery", {"deliver": "pipe"}, ["--", "true"], "env, file"),
    ("a mistyped option", {"auth-muont": "x"}, ["--", "true"],
     "--auth-mount"),
]


@pytest.mark.parametrize("changed,rest,said",
                         [row[1:] for row in REFUSED],
                         ids=[row[0] for row in REFUSED])
def test_wrong_usage(files, changed, rest, said):
    done = run(*words(files, 1, **changed), *rest, cwd=pathlib.Path.home())
    assert done.returncode == 2
    assert said in done.stderr


def test_broker_that_is_not_there(files):
    done = run(*words(files, 1), "--deadline", "2s", "--", "true")
    assert done.returncode == 121
    assert "broker leg" in done.stderr and "127.0.0.1:1" in done.stderr


def test_broker_that_says_nothing(files, silent):
    done = run(*words(files, silent.getsockname()[1]), "--deadline", "300ms",
               "--", "true")
    assert done.returncode == 121
    assert "broker leg" in done.stderr and "no answer in" in done.stderr


def test_broker_that_is_none(files):
    """It speaks, but not TLS."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        wrapper = subprocess.Popen(
            [WRAPPER, *words(files, server.getsockname()[1]), "--", "true"],
            stderr=subprocess.PIPE, text=True)
        connection, _ = server.accept()
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        _, said = wrapper.communicate(timeout=20)
        connection.close()
    assert wrapper.returncode == 122
    assert "broker leg" in said and "hint" in said


FILES = [
    ("no such JWT", {"jwt-file": "/no/such/file"}, "/no/such/file"),
    ("an empty JWT", {"jwt-file": "empty"}, "empty"),
    ("no such bridge CA", {"bridge-ca": "/no/such/file"}, "/no/such/file"),
    ("a bridge CA that is none", {"bridge-ca": "jwt"}, "jwt"),
    ("a token that others can read",
     {"jwt-file": None, "token-file": "open"}, "chmod"),
]


@pytest.mark.parametrize("changed,said", [row[1:] for row in FILES],
                         ids=[row[0] for row in FILES])
def test_files_that_are_not_right(files, changed, said):
    (files / "empty").write_text("")
    (files / "open").write_text("s.token")
    (files / "open").chmod(0o644)
    done = run(*words(files, 1, **changed), "--", "true", cwd=files)
    assert done.returncode == 122
    assert "this machine" in done.stderr and said in done.stderr


def test_the_internal_word_is_refused():
    done = run("fetch-process", stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert "own use" in done.stderr
