"""The programs of Pharos, started as an operator would start them.

Each start_* waits for the line by which the program says that it serves, so a
caller needs no sleep and no fixed port.
"""
import os
import pathlib
import subprocess

from .network import Loopback
from .openbao import OpenBao, OpenBaoRaft
from .process import LabError, Process
from .store import Cluster, Store

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("PHAROS_BUILD", ROOT / "build"))
# A release to test in place of what was built: those programs that it has.
DIST = pathlib.Path(os.environ.get("PHAROS_DIST", "/nonexistent"))


def program(name):
    if (DIST / name).exists():
        return DIST / name
    room = "cli" if name == "pharos" else name.removeprefix("pharos-")
    return BUILD / "src" / room / name


class Lab:
    """Certificates in a folder, a network, and the programs on it."""

    def __init__(self, folder, network=None):
        self.folder = pathlib.Path(folder)
        self.network = network or Loopback()
        self.running = []
        self.info_hash = None
        self.store = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            if process.child.poll() is None:
                process.kill()

    def start(self, name, *words, side=None, **more):
        namespace = self.network.public if side is None \
            else self.network.side(side)
        process = Process(name, [program(name), *words], namespace=namespace,
                          **more)
        self.running.append(process)
        return process

    def pharos(self, *words):
        done = subprocess.run(
            [str(program("pharos")), *map(str, words)], text=True,
            capture_output=True, check=False)
        if done.returncode:
            raise LabError(f"pharos {' '.join(map(str, words))}: "
                           f"{done.stderr.strip()}")
        return done.stdout

    # ---- certificates

    def make_certificates(self):
        """A bridge CA with bridge and broker, and those of the servers."""
        self.pki = self.folder / "pki"
        self.pharos("pki", "init", "--dir", self.pki)
        self.info_hash = self.pharos("pki", "info-hash",
                                     self.pki / "ca.crt").strip()
        self.make_server_certificates()

    def make_server_certificates(self):
        """For the beacon, the store and the broker's listener, from a CA of the
        lab."""
        self.lab_pki = self.folder / "servers"
        self.pharos("pki", "init", "--dir", self.lab_pki)
        hosts = sorted({"127.0.0.1", self.network.address("store"),
                        self.network.address("cluster")})
        host_words = [word for host in hosts for word in ("--host", host)]
        for name in ("beacon", "store", "listen"):
            self.pharos("pki", "issue", "--dir", self.lab_pki, "--role",
                        "server", "--name", name, *host_words)

    @property
    def server_ca(self):
        return self.lab_pki / "ca.crt"

    def tunnel_words(self, who):
        return ["--tls-cert", self.pki / f"{who}.crt",
                "--tls-key", self.pki / f"{who}.key",
                "--tls-ca", self.pki / "ca.crt"]

    def server_words(self, name, option="tls"):
        return [f"--{option}-cert", self.lab_pki / f"{name}.crt",
                f"--{option}-key", self.lab_pki / f"{name}.key"]

    # ---- programs

    @staticmethod
    def address_of(process, what):
        _, match = process.wait_for(
            rf'listening"?[ ,].*what(?:=|":"){what}"?[ ,].*'
            r'address(?:=|":")([^\s"]+)')
        return match.group(1)

    @staticmethod
    def port_of(process, what):
        return int(Lab.address_of(process, what).rpartition(":")[2])

    def start_beacon(self, port=0, *words, **more):
        beacon = self.start("pharos-beacon", "--addr", f":{port}",
                            "--health-addr", "127.0.0.1:0",
                            *self.server_words("beacon"), *words, **more)
        beacon.port = self.port_of(beacon, "legs")
        return beacon

    def start_devstore(self, *words):
        token_file = self.folder / "root-token"
        store = self.start("pharos-devstore", "--listen", "127.0.0.1:0",
                           "--root-token-file", token_file,
                           *self.server_words("store"), *words,
                           side="store")
        port = self.port_of(store, "api")
        self.store = Store(f"127.0.0.1:{port}", self.server_ca,
                           token_file.read_text().strip(),
                           self.network.side("store"))
        store.port = port
        return store

    def start_openbao(self, audit=None, raft=False):
        """In place of the development store; peers.NotHere if there is none."""
        words = [self.folder / "openbao", self.lab_pki / "store.crt",
                 self.lab_pki / "store.key"]
        bao = OpenBaoRaft(*words) if raft else OpenBao(
            *words, self.network.side("store"), audit)
        self.running.append(bao.process)
        self.store = Store(f"127.0.0.1:{bao.tls_port}", self.server_ca,
                           bao.token, self.network.side("store"))
        bao.process.port = bao.tls_port
        return bao.process

    def start_bridge(self, store_port, beacon_port, *words):
        bridge = self.start(
            "pharos-bridge", "--vault-addr", f"https://127.0.0.1:{store_port}",
            "--vault-ca", self.server_ca,
            "--beacon-address",
            f"{self.network.address('store')}:{beacon_port}",
            "--beacon-ca", self.server_ca,
            "--beacon-info-hash", self.info_hash,
            "--health-addr", "127.0.0.1:0",
            *self.tunnel_words("bridge"), *words, side="store")
        return bridge

    def start_broker(self, beacon_port, *words, **more):
        broker = self.start(
            "pharos-broker", "--beacon-address",
            f"{self.network.address('cluster')}:{beacon_port}",
            "--beacon-ca", self.server_ca,
            "--beacon-info-hash", self.info_hash,
            "--listen", "127.0.0.1:0", "--health-addr", "127.0.0.1:0",
            *self.server_words("listen", "listen"),
            *self.tunnel_words("broker"), *words, side="cluster", **more)
        broker.port = self.port_of(broker, "pods")
        return broker

    def start_wrapper(self, broker_port, *words, **more):
        return self.start(
            "pharos-wrapper", "--broker", f"https://127.0.0.1:{broker_port}",
            "--broker-ca", self.server_ca,
            "--bridge-ca", self.pki / "ca.crt", *words, side="cluster",
            **more)

    def make_cluster(self):
        return Cluster(self.folder)
