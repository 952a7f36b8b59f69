"""What the system tests share: a laboratory per test, on loopback, and one
running secret delivery per module that asks for it."""
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from lab import parts, peers  # noqa: E402
from lab.joined import may_name_hosts  # noqa: E402
from lab.storevalve import StoreValve  # noqa: E402


# For what looks at a program's file or memory: under a sanitizer it is linked
# otherwise, keeps what it has freed, and has terabytes of address space.
not_sanitized = pytest.mark.skipif(
    "__asan_init" in subprocess.run(
        ["nm", parts.program("pharos")], text=True, check=False,
        capture_output=True).stdout,
    reason="a sanitizer changes the program's file and memory")

names_hosts = pytest.mark.skipif(
    not may_name_hosts(), reason="this user may have no /etc/hosts of his own")


@pytest.fixture
def lab(tmp_path):
    with parts.Lab(tmp_path) as laboratory:
        laboratory.make_certificates()
        yield laboratory


@pytest.fixture
def beacon(lab):
    process = lab.start_beacon()
    process.health = lab.address_of(process, "health")
    yield process
    assert process.end() == 0
    assert "ERROR" not in process.text()


@pytest.fixture(scope="module")
def module_lab(tmp_path_factory):
    with parts.Lab(tmp_path_factory.mktemp("lab")) as laboratory:
        laboratory.make_certificates()
        yield laboratory


@pytest.fixture(scope="module", params=["devstore", "openbao"])
def any_store(request, tmp_path_factory):
    """A laboratory with a store, of each kind in turn."""
    with parts.Lab(tmp_path_factory.mktemp("store")) as laboratory:
        laboratory.make_certificates()
        try:
            laboratory.store_process = laboratory.start_openbao() \
                if request.param == "openbao" else laboratory.start_devstore()
        except peers.NotHere as why:
            pytest.skip(str(why))
        yield laboratory


class Delivery:
    """beacon, store, bridge and broker, up and joined; with @valved, a valve
    before the store."""

    def __init__(self, lab, broker_words=(), bridge_words=(),
                 beacon_words=(), real_store=False, valved=False):
        self.lab = lab
        self.beacon = lab.start_beacon(0, *beacon_words)
        self.store = lab.start_openbao() if real_store \
            else lab.start_devstore()
        if valved:
            self.valve = StoreValve(lab.store)
            bridge_words = ("--vault-addr", self.valve.address, *bridge_words)
        self.bridge = lab.start_bridge(self.store.port, self.beacon.port,
                                       *bridge_words)
        self.broker = lab.start_broker(self.beacon.port, *broker_words)
        self.broker.wait_for("tunnel up", 15)
        self.cluster = lab.make_cluster()
        self.audience = f"pharos:{lab.info_hash}"

    def pod_token(self, name="pod-token", **claims):
        audience = claims.pop("audience", self.audience)
        path = self.lab.folder / name
        path.write_text(self.cluster.token(audience, **claims))
        path.chmod(0o600)
        return path


@pytest.fixture(scope="module")
def delivery(tmp_path_factory):
    with parts.Lab(tmp_path_factory.mktemp("delivery")) as laboratory:
        laboratory.make_certificates()
        yield Delivery(laboratory, ["--pass-through"])
