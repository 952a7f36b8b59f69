"""What is true of the files in dist/ (tools/release): how they are made, what
their papers say, and that they run where there is nothing else.

    PHAROS_DIST=$PWD/dist python3 -m pytest test/release
"""
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "test"))
sys.path.insert(0, str(ROOT / "tools" / "packaging"))

import sbom  # noqa: E402
from lab import parts  # noqa: E402
from lab.cluster import State  # noqa: E402
from lab.joining import Place  # noqa: E402
from lab.ociread import Image  # noqa: E402

DIST = pathlib.Path(os.environ.get("PHAROS_DIST", ROOT / "dist"))
PROGRAMS = sorted(path.name.removesuffix(".spdx.json")
                  for path in DIST.glob("*.spdx.json"))
LARGEST = {"pharos-beacon": 3_500_000}  # the promise; what it is: README
pytestmark = pytest.mark.skipif(not PROGRAMS, reason="no dist/: make release")
each_program = pytest.mark.parametrize("name", PROGRAMS)


def readelf(*words):
    return subprocess.run(["readelf", "-W", *map(str, words)], check=True,
                          text=True, errors="replace",
                          capture_output=True).stdout


# ---- the files

@each_program
def test_program_needs_no_library_and_no_interpreter(name):
    shown = readelf("-l", "-d", DIST / name)
    assert "INTERP" not in shown and "NEEDED" not in shown


@each_program
def test_program_may_be_loaded_anywhere(name):
    assert re.search(r"Type: +DYN", readelf("-h", DIST / name))
    assert re.search(r"FLAGS_1.*PIE", readelf("-d", DIST / name))


@each_program
def test_no_memory_is_both_writable_and_executable(name):
    parts_of = re.findall(r"(?m)^ +(LOAD|GNU_STACK) .* ([R ][W ][E ]) 0x",
                          readelf("-l", DIST / name))
    assert [part for part, _ in parts_of].count("GNU_STACK") == 1
    assert all("WE" not in rights for _, rights in parts_of)


@each_program
def test_program_has_no_text_relocations(name):
    assert "TEXTREL" not in readelf("-d", DIST / name)


@each_program
def test_program_is_stripped_and_its_symbols_are_beside_it(name):
    assert ".symtab" not in readelf("-S", DIST / name)
    assert ".debug" not in readelf("-S", DIST / name)
    assert f"{name}.debug" in readelf("--string-dump=.gnu_debuglink",
                                      DIST / name)
    symbols = subprocess.run(["nm", DIST / "debug" / f"{name}.debug"], text=True,
                             check=True, capture_output=True).stdout
    assert re.search(r"(?m) T main$", symbols)


@each_program
def test_program_names_no_folder_of_the_machine_that_built_it(name):
    data = (DIST / name).read_bytes()
    for folder in (str(pathlib.Path.home()), "/tmp/pharos-release",
                   str(ROOT)):
        assert folder == "/" or folder.encode() not in data


@pytest.mark.parametrize("name", sorted(LARGEST))
def test_program_is_no_larger_than_promised(name):
    assert (DIST / name).stat().st_size <= LARGEST[name]


def test_sums_are_those_of_the_files():
    listed = dict(reversed(line.split("  ")) for line in
                  (DIST / "SHA256SUMS").read_text().splitlines())
    there = {path.name for path in DIST.iterdir() if path.is_file()}
    assert set(listed) == there - {"SHA256SUMS"}
    for name, digest in listed.items():
        assert hashlib.sha256((DIST / name).read_bytes()).hexdigest() == digest


# ---- the bill of materials

@each_program
def test_bill_has_the_form_of_spdx(name):
    bill = json.loads((DIST / f"{name}.spdx.json").read_text())
    assert bill["spdxVersion"] == "SPDX-2.3"
    assert bill["dataLicense"] == "CC0-1.0"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
                        bill["creationInfo"]["created"])
    ids = [package["SPDXID"] for package in bill["packages"]]
    assert len(ids) == len(set(ids))
    for package in bill["packages"]:
        assert re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", package["SPDXID"])
        assert package["versionInfo"] not in ("", "unknown")
        assert package["licenseDeclared"] and package["downloadLocation"]
    for relation in bill["relationships"]:
        assert relation["relatedSpdxElement"] in ids
    assert {relation["relatedSpdxElement"] for relation in bill["relationships"]
            } == set(ids)


@each_program
def test_bill_is_of_this_file(name):
    program = sbom.read(DIST, name)["packages"][0]
    (sum_,) = program["checksums"]
    assert sum_["checksumValue"] == \
        hashlib.sha256((DIST / name).read_bytes()).hexdigest()


# Strings that a package leaves in whatever contains it.
TRACES = {"openssl": b"CRYPTOGAMS", "nghttp2": b"nghttp2", "curl": b"Could not resolve host",
          "libyaml": b"did not find expected", "mimalloc": b"mimalloc"}


@each_program
def test_bill_agrees_with_the_map_and_with_the_file(name):
    """The map tells which libraries there are; the bytes confirm it, in both
    directions, where a library leaves words of its own."""
    listed = {package["name"] for package in sbom.read(DIST, name)["packages"]}
    text = (DIST / "debug" / f"{name}.map").read_text()
    archives = set(re.findall(r"(?m)^(?:\S*/)?(lib[\w.+-]+\.a)\(", text)) - \
        {"libllhttp.a"}
    unused = {archive for archive in archives
              if archive not in sbom.linked(text)}
    for archive in archives - unused:
        package, _, _ = sbom.package_of(archive, sbom.linked(text))
        assert package in listed, archive
    data = (DIST / name).read_bytes()
    for package, trace in TRACES.items():
        assert (package in listed) == (trace in data), package


# ---- the images

@pytest.fixture
def root(tmp_path):
    if os.geteuid():
        pytest.skip("chroot wants root")
    return tmp_path / "root"




@each_program
def test_image_holds_the_program_its_bill_and_nothing_else(name):
    image = Image(DIST / f"{name}.oci.tar")
    roots = set() if name == "pharos-beacon" else {"etc/ssl/cert.pem"}
    assert set(image.files) == {name, f"usr/share/sbom/{name}.spdx.json"} | roots
    assert image.files[name] == ((DIST / name).read_bytes(), 0o755)
    assert image.files[f"usr/share/sbom/{name}.spdx.json"][0] == \
        (DIST / f"{name}.spdx.json").read_bytes()


@each_program
def test_image_runs_the_program_as_nobody_in_particular(name):
    image = Image(DIST / f"{name}.oci.tar")
    assert image.platform == ("linux", "amd64")
    assert image.config["Entrypoint"] == [f"/{name}"]
    user, _, group = image.config["User"].partition(":")
    assert int(user) > 0 and int(group) > 0
    prefix = "org.opencontainers.image."
    assert image.labels[prefix + "title"] == name
    assert re.fullmatch("[0-9a-f]{40}", image.labels[prefix + "revision"])


def test_image_of_the_beacon_says_which_port_it_serves():
    image = Image(DIST / "pharos-beacon.oci.tar")
    assert list(image.config["ExposedPorts"]) == ["443/tcp"]


@each_program
def test_program_runs_in_its_image_alone(name, root):
    Image(DIST / f"{name}.oci.tar").unpack(root)
    done = subprocess.run(["chroot", "--userspec=65532:65532", root, f"/{name}",
                           "--version"], text=True, capture_output=True,
                          check=True)
    assert done.stdout.startswith(f"{name} ")


def test_roots_of_the_image_are_certificates():
    image = Image(DIST / "pharos-broker.oci.tar")
    text = image.files["etc/ssl/cert.pem"][0]
    done = subprocess.run(["openssl", "storeutl", "-noout", "-certs",
                           "/dev/stdin"], input=text, capture_output=True,
                          check=True)
    found = int(re.search(rb"Total found: (\d+)", done.stdout).group(1))
    assert found == text.count(b"BEGIN CERTIFICATE") > 50


@pytest.fixture
def beacon(root, tmp_path):
    """The beacon in its image, with the sandbox on, serving."""
    Image(DIST / "pharos-beacon.oci.tar").unpack(root)
    keys = tmp_path / "keys"
    for words in (["init"], ["issue", "--role", "server", "--name", "beacon",
                             "--host", "127.0.0.1"]):
        subprocess.run([DIST / "pharos", "pki", words[0], "--dir", keys,
                        *words[1:]], check=True, stdout=subprocess.DEVNULL)
    for name in ("beacon.crt", "beacon.key"):
        (root / name).write_bytes((keys / name).read_bytes())
        (root / name).chmod(0o600)
        os.chown(root / name, 65532, 65532)
    with parts.Lab(tmp_path) as lab:
        process = parts.Process("pharos-beacon", [
            "chroot", "--userspec=65532:65532", root, "/pharos-beacon", "--addr",
            "127.0.0.1:0", "--health-addr", "127.0.0.1:0", "--tls-cert",
            "/beacon.crt", "--tls-key", "/beacon.key"])
        lab.running.append(process)
        lab.port_of(process, "legs")
        yield process


def test_beacon_serves_from_its_image(beacon):
    address = parts.Lab.address_of(beacon, "health")
    with urllib.request.urlopen(f"http://{address}/healthz", timeout=10) as page:
        assert page.status == 200


@pytest.mark.skipif("pharos-bridge" not in PROGRAMS or
                    not parts.program("pharos-devstore").exists(),
                    reason="no bridge, or no development store beside it")
@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_bridge_checks_what_a_cluster_signs(tmp_path, monkeypatch, algorithm):
    """libjose's algorithms register themselves, so one that the linker left out
    is missed only here."""
    monkeypatch.setattr(parts, "DIST", DIST)
    with parts.Lab(tmp_path) as lab:
        lab.make_certificates()
        lab.devstore = lab.start_devstore()
        with Place(lab, tmp_path, cluster=State(algorithms=(algorithm,))) as place:
            assert place.honest()[0]["code"] == "signed"


def test_what_is_written_once_is_read_only_when_the_program_runs(beacon):
    """RELRO is a request to whoever starts the program; start.c carries it out."""
    shown = readelf("-l", DIST / "pharos-beacon")
    start, size = (int(word, 16) for word in re.search(
        r"GNU_RELRO +\S+ +(0x\w+) +\S+ +\S+ +(0x\w+)", shown).groups())
    lines = pathlib.Path(f"/proc/{beacon.pid}/maps").read_text().splitlines()
    base = min(int(line.split("-")[0], 16) for line in lines
               if line.endswith("/pharos-beacon"))
    for line in lines:
        low, high = (int(word, 16) for word in line.split()[0].split("-"))
        if low >= base + (start & -4096) and high <= base + ((start + size)
                                                             & -4096):
            assert line.split()[1] == "r--p"
            break
    else:
        pytest.fail("no page of the program is where RELRO is")
