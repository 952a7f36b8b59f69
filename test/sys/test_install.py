"""What `meson install` puts where."""
import re
import shutil
import subprocess

import pytest

from lab.parts import BUILD


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    if not shutil.which("meson"):
        pytest.skip("meson is not there")
    root = tmp_path_factory.mktemp("root")
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild",
                    "--destdir", root], check=True, capture_output=True)
    return root


def files(root, pattern):
    return {path.name: path for path in root.rglob(pattern)}


def test_units_start_what_is_installed(installed):
    units = files(installed, "*.service")
    assert len(units) == 7
    for name, unit in units.items():
        program = re.search(r"^ExecStart=(\S+)", unit.read_text(), re.M)[1]
        assert (installed / program[1:]).stat().st_mode & 0o111, name


def test_every_unit_has_its_manual(installed):
    pages = set(files(installed, "*.[18]"))
    for unit in installed.rglob("lib/systemd/system/*"):
        page = re.search(r"^Documentation=man:(\S+)\((\d)\)",
                         unit.read_text(), re.M)
        assert f"{page[1]}.{page[2]}" in pages


def test_a_socket_is_of_its_service(installed):
    for name, unit in files(installed, "*.socket").items():
        service = unit.with_suffix(".service").read_text()
        assert "Type=notify" in service, name
        program = name.removeprefix("pharos-").removesuffix(".socket")
        called = {"beacon": "legs", "broker": "pods"}[program]
        assert f"FileDescriptorName={called}\n" in unit.read_text()
