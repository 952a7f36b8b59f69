"""The tether's units, as far as they can be checked without running them."""
import configparser
import re
import subprocess

from lab.parts import BUILD, ROOT

QUADLET = ROOT / "deploy/quadlet/pharos-tether.container"
# of podman-systemd.unit(5), version 4.4; what is not known is refused there
KNOWN = {"Image", "Exec", "Network", "DropCapability", "AddCapability",
         "AddDevice", "NoNewPrivileges", "ReadOnly", "Notify", "Volume",
         "Tmpfs"}


class Several(dict):
    """Of a key that is there more than once, all values, a line each."""

    def __setitem__(self, key, value):
        if key in self and isinstance(value, list):
            value = self[key] + value
        super().__setitem__(key, value)


def read(path):
    parser = configparser.RawConfigParser(
        strict=False, dict_type=Several, interpolation=None)
    parser.optionxform = str
    parser.read_string(path.read_text())
    return parser


def test_quadlet_has_what_podman_knows_and_one_capability():
    unit = read(QUADLET)
    container = dict(unit["Container"])
    assert set(container) <= KNOWN
    assert container["DropCapability"] == "all"
    assert container["AddCapability"] == "CAP_NET_ADMIN"
    for place in ("/etc/pharos", "/var/lib/pharos/tether",
                  "/run/pharos-tether"):
        assert f"{place}:{place}" in container["Volume"].splitlines()


def test_both_come_before_the_network_and_behind_the_rules_of_others():
    for path in (QUADLET, ROOT / "deploy/systemd/pharos-tether.service"):
        unit = read(path)["Unit"]
        assert "network-pre.target" in unit["Before"].split()
        assert "nftables.service" in unit["After"].split()
        assert unit["ConditionPathExists"] == "/etc/pharos/tether.yaml"


def test_systemd_takes_the_unit():
    path = BUILD / "deploy/systemd/pharos-tether.service"
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", path], text=True,
        capture_output=True, check=False)
    # what is not installed here is no fault of the unit
    faults = [line for line in done.stderr.splitlines()
              if "pharos-tether" in line and
              not re.search("is not executable|Failed to (open|create)", line)]
    assert not faults
