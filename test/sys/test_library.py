"""libpharos-leg as a program meets it: installed, found by pkg-config, linked
either way, and run over a real beacon."""
import concurrent.futures
import os
import re
import shutil
import subprocess

import pytest

from conftest import not_sanitized
from lab import parts, services
from lab.parts import BUILD, ROOT

EXAMPLE = ROOT / "doc/example/pharos-send.c"
HEADER = ROOT / "include/pharos/leg.h"
LINKS = ["shared", "static"]

pytestmark = not_sanitized


def run(*words, **more):
    return subprocess.run([str(word) for word in words], text=True, check=True,
                          capture_output=True, **more).stdout


class Installed:
    def __init__(self, root):
        self.root = root
        run("meson", "install", "-C", BUILD, "--destdir", root, "--no-rebuild",
            "--quiet")
        self.folder = next(root.rglob("pharos-leg.pc")).parent.parent

    def config(self, *words):
        return run("pkg-config", *words, "pharos-leg",
                   env={**os.environ, "PKG_CONFIG_SYSROOT_DIR": str(self.root),
                        "PKG_CONFIG_PATH": str(self.folder / "pkgconfig")}
                   ).split()

    def build(self, source, link, target, *words):
        """As the page says; the static library is asked for by its name."""
        libraries = self.config("--libs", *(["--static"] * (link == "static")))
        if link == "static":
            libraries = [str(self.folder / "libpharos-leg.a")
                         if word == "-lpharos-leg" else word
                         for word in libraries]
        run("cc", "-Wall", "-Wextra", "-Werror", *words,
            *self.config("--cflags"), source, *libraries, "-o", target)

    @property
    def environment(self):
        return {**os.environ, "LD_LIBRARY_PATH": str(self.folder)}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return Installed(tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="module", params=LINKS)
def example(request, installed):
    program = installed.root / f"pharos-send-{request.param}"
    installed.build(EXAMPLE, request.param, program)
    return program


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with parts.Lab(tmp_path_factory.mktemp("library")) as laboratory:
        laboratory.make_certificates()
        laboratory.beacon = laboratory.start_beacon()
        yield laboratory


@pytest.fixture
def realm(lab, tmp_path):
    lab.pharos("pki", "init", "--dir", tmp_path / "pki", "--pipe",
               "home,laptop")
    return tmp_path / "pki"


def command(program, side, lab, realm, name):
    return [program, side, f"127.0.0.1:{lab.beacon.port}", lab.server_ca,
            realm / f"{name}.crt", realm / f"{name}.key", realm / "ca.crt"]


def pipe_words(lab, realm, name):
    return ["--tls-cert", realm / f"{name}.crt",
            "--tls-key", realm / f"{name}.key", "--tls-ca", realm / "ca.crt",
            "--beacon-address", f"127.0.0.1:{lab.beacon.port}",
            "--beacon-ca", lab.server_ca]


def finish(process, data=None):
    output, errors = process.communicate(data, timeout=60)
    return process.returncode, output, errors


def start(words, environment):
    return subprocess.Popen([str(word) for word in words],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=environment)


# ---- the example

def test_it_has_at_most_sixty_lines():
    assert len(EXAMPLE.read_text().splitlines()) <= 60


def test_a_file_crosses_the_beacon(lab, realm, installed, example):
    data = os.urandom(5_000_000)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        receiver = pool.submit(finish, start(
            command(example, "receive", lab, realm, "home"),
            installed.environment))
        sender = start(command(example, "send", lab, realm, "laptop"),
                       installed.environment)
        assert finish(sender, data) == (0, b"", b"")
        assert receiver.result() == (0, data, b"")


def test_its_other_side_may_be_pharos_pipe(lab, realm, installed, example):
    data = os.urandom(10_000)
    with services.Service(services.echo) as service:
        expose = lab.start("pharos", "pipe", "expose",
                           *pipe_words(lab, realm, "home"),
                           "--to", service.address)
        sender = start(command(example, "send", lab, realm, "laptop"),
                       installed.environment)
        assert finish(sender, data) == (0, data, b"")
        expose.end()
    receiver = start(command(example, "receive", lab, realm, "home"),
                     installed.environment)
    connect = start([parts.program("pharos"), "pipe", "connect", "--stdio",
                     *pipe_words(lab, realm, "laptop")], None)
    assert finish(connect, data) == (0, b"", b"")
    assert finish(receiver) == (0, data, b"")


def test_what_fails_is_told_with_its_remedy(lab, realm, installed, example):
    words = command(example, "send", lab, realm, "laptop")
    words[-2] = realm / "home.key"
    status, _, errors = finish(start(words, installed.environment))
    assert status == 1
    assert b"home.key" in errors and len(errors.splitlines()) == 2


# ---- what is installed

def declared():
    return set(re.findall(r"\b(pharos_\w+)\(", re.sub(
        r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)))


def shown(*words):
    return {line.split()[-1].partition("@")[0]
            for line in run("nm", "--defined-only", *words).splitlines()
            if re.search(r" [A-Z] [a-z_]\w*(@|$)", line)}


def test_only_the_names_of_the_header_are_shown(installed):
    assert len(declared()) > 20
    assert shown("-D", installed.folder / "libpharos-leg.so") == declared()
    assert shown("-g", installed.folder / "libpharos-leg.a") == declared()


def test_the_soname(installed):
    dynamic = run("readelf", "-d", installed.folder / "libpharos-leg.so")
    assert "Library soname: [libpharos-leg.so.0]" in dynamic


def test_a_program_may_use_the_names_that_are_inside(installed, tmp_path):
    inside = run("nm", "--defined-only", installed.folder / "libpharos-leg.a")
    names = [name for name in ("loop_new", "leg_close", "log_to")
             if f" {name}\n" in inside]
    assert len(names) == 3
    source = tmp_path / "names.c"
    source.write_text("#include <pharos/leg.h>\n" + "".join(
        f"int {name}(void);\nint {name}(void) {{ return 1; }}\n"
        for name in names) + """
int main(void)
{
        struct pharos_route_config config = { .size = sizeof(config) };
        struct pharos_route *route;

        return pharos_route_open(&route, &config, NULL) ==
            -22 * loop_new() * leg_close() * log_to() ? 0 : 1;
}
""")
    for link in LINKS:
        installed.build(source, link, tmp_path / link)
        run(tmp_path / link, env=installed.environment)


@pytest.mark.parametrize("compiler", [
    ["cc", "-std=c99", "-x", "c"], ["c++", "-std=c++11", "-x", "c++"]])
def test_the_header_stands_alone(installed, tmp_path, compiler):
    if not shutil.which(compiler[0]):
        pytest.skip(f"{compiler[0]} is not installed")
    source = tmp_path / "alone"
    source.write_text("#include <pharos/leg.h>\n#include <pharos/leg.h>\n")
    run(*compiler, "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only",
        *installed.config("--cflags"), source)
