"""The makers of images and bills of materials (tools/packaging), on the program
that every build links static: the wrapper. What a whole release must be is in
test/release."""
import json
import os
import pathlib
import subprocess
import sys
import tarfile

import pytest
from conftest import not_sanitized

from lab import parts
from lab.ociread import BadImage, Image

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools" / "packaging"))

import image  # noqa: E402
import sbom  # noqa: E402

NAME, EPOCH, COMMIT = "pharos-wrapper", 1_600_000_000, "c0ffee" * 6 + "c0de"


@pytest.fixture
def dist(tmp_path):
    folder = tmp_path / "dist"
    folder.mkdir()
    subprocess.run(["strip", "-o", folder / NAME, parts.program(NAME)],
                   check=True)
    bill = {"packages": [{"versionInfo": "1.2.3"}]}
    (folder / f"{NAME}.spdx.json").write_text(json.dumps(bill))
    return folder


@pytest.fixture
def made(dist):
    image.write(dist, NAME, EPOCH, COMMIT)
    return dist / f"{NAME}.oci.tar"


# ---- the build

def test_release_can_be_configured(tmp_path):
    """Programs alone, nothing shared: with its switches, the system's libraries."""
    done = subprocess.run(
        ["meson", "setup", tmp_path / "build", ROOT, "-Drelease=true",
         "-Db_staticpic=false", "-Dwerror=false"], text=True,
        capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


# ---- images

def test_image_is_the_same_bytes_each_time(dist, made):
    first = made.read_bytes()
    os.utime(dist / NAME)  # a later file of the same content
    image.write(dist, NAME, EPOCH, COMMIT)
    assert made.read_bytes() == first


def test_image_tells_of_another_commit_in_its_labels(dist, made):
    first = made.read_bytes()
    image.write(dist, NAME, EPOCH, "0" * 40)
    assert made.read_bytes() != first


def test_image_reads_back(dist, made):
    read = Image(made)
    assert read.config["Entrypoint"] == [f"/{NAME}"]
    assert read.config["User"] == "65532:65532"
    assert read.labels["org.opencontainers.image.version"] == "1.2.3"
    assert read.labels["org.opencontainers.image.revision"] == COMMIT
    assert read.labels["org.opencontainers.image.created"] == \
        "2020-09-13T12:26:40Z"
    assert set(read.files) == {NAME, "etc/ssl/cert.pem",
                               f"usr/share/sbom/{NAME}.spdx.json"}
    assert read.files[NAME] == ((dist / NAME).read_bytes(), 0o755)


@not_sanitized
@pytest.mark.skipif(os.geteuid() != 0, reason="chroot wants root")
def test_static_program_runs_from_its_image(made, tmp_path):
    Image(made).unpack(tmp_path / "root")
    done = subprocess.run(
        ["chroot", "--userspec=65532:65532", tmp_path / "root", f"/{NAME}",
         "--version"], text=True, capture_output=True, check=True)
    assert done.stdout.startswith(NAME)


def rewritten(path, change):
    """The image with `change(name, bytes)` done to each of its files."""
    other = path.with_name("other.tar")
    with tarfile.open(path) as old, tarfile.open(other, "w") as new:
        for info in old:
            data = old.extractfile(info).read() if info.isfile() else b""
            data = change(info.name, data)
            if data is None:
                continue
            (path.parent / "part").write_bytes(data)
            info.size = len(data)
            with (path.parent / "part").open("rb") as part:
                new.addfile(info, part)
    return other


def flip_largest(path):
    with tarfile.open(path) as tar:
        largest = max(tar, key=lambda info: info.size).name
    return lambda name, data: data[:-1] + bytes([data[-1] ^ 1]) \
        if name == largest else data


@pytest.mark.parametrize("harm", [
    pytest.param(flip_largest, id="one bit of a layer"),
    pytest.param(lambda _: lambda name, data: data.replace(b"amd64", b"amd46")
                 if name.startswith("blobs/") and len(data) < 9999 else data,
                 id="the config"),
    pytest.param(lambda _: lambda name, data: data.replace(b"1.0.0", b"9.0.0")
                 if name == "oci-layout" else data, id="the layout's version"),
])
def test_reader_refuses_an_image_that_was_changed(made, harm):
    Image(made)
    with pytest.raises(BadImage):
        Image(rewritten(made, harm(made)))


# ---- bills of materials

MAP = """Archive member included to satisfy reference by file (symbol)

Linker script and memory map

.text           0x0000000000001000     0x2000
 .text          0x0000000000001000       0x10 /x/prefix/lib/start.o
 .text.main     0x0000000000001010       0x40 src/wrapper/pharos.p/main.c.o
 .text          0x0000000000001050      0x100 /x/lib/libcrypto.a(x-lib-a.o)
 .text.long_name_of_a_function_that_has_a_line_of_its_own
                0x0000000000001150       0x20 /x/lib/libyaml.a(reader.c.o)
 .text.unused   0x0000000000001170        0x0 /x/lib/libcap.a(cap.o)
 .text          0x0000000000001170      0x100 src/wire/libllhttp.a.p/api.c.o
 .text          0x0000000000001270      0x100 /x/lib/libmimalloc.a(mimalloc.o)
 .text          0x0000000000001370      0x100 /usr/lib/musl/libc.a(puts.lo)
 .text          0x0000000000001470      0x100 /usr/lib/gcc/x/12/libgcc.a(_m.o)

.comment        0x0000000000000000       0x10
 .comment       0x0000000000000000       0x10 /x/lib/libsodium.a(core.o)
"""


def test_bill_lists_what_the_linker_took_and_no_more():
    text = sbom.normalise(MAP, "/x")
    assert [name for name, _, _ in sbom.parts(text)] == [
        "gcc-12", "libyaml", "mimalloc", "musl", "node-llhttp", "openssl",
        "uthash"]


def test_bill_is_the_same_wherever_it_was_linked():
    assert sbom.normalise(MAP, "/x") == \
        sbom.normalise(MAP.replace("/x/", "/another/place/"), "/another/place")


def test_bill_refuses_a_library_that_nobody_named():
    with pytest.raises(SystemExit, match="libsurprise.a"):
        sbom.parts(sbom.normalise(
            MAP.replace("libyaml.a", "libsurprise.a"), "/x"))
