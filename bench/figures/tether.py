"""A door into one host: what a peer more costs beside the ways of wg, PiVPN and
wg-quick, with few peers and with many; how soon it serves, and what it holds.

Both stand on a wireguard-go of their own, in namespaces. The interface of the
others is up and has the same peers.
"""
import base64
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from lab.process import Process
from lab.tethered import Tethered, interface_name, missing
from measure.rows import Bound
from measure.statistics import median, span

FEW, SOME, MANY = 10, 1000, 10000
MIB = 1024
NETWORK = "10.188"


def new_key():
    key = bytearray(os.urandom(32))
    key[31] &= 127
    return base64.b64encode(key).decode()


def addresses(number):
    return (f"{NETWORK}.{number >> 8}.{number & 255}", f"fd88:1::{number:x}")


def ms_since(began):
    return (time.perf_counter() - began) * 1000


def timed(command, **more):
    began = time.perf_counter()
    subprocess.run([str(word) for word in command], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **more)
    return ms_since(began)


class Ours:
    """A host whose codex has so many peers, and its daemon."""

    def __init__(self, folder, count):
        self.town = Tethered(folder)
        self.town.init()
        self.town.good("zone", "add", "admin", "tcp/8443")
        codex = self.town.codex.read_text()
        assert codex.endswith("peers: []\n"), codex
        self.town.codex.write_text(codex.replace("peers: []", "peers:") +
                                   "".join(map(self.block, range(2, count + 2))))
        self.count = count

    @staticmethod
    def block(number):
        v4, v6 = addresses(number)
        return (f'- name: "peer-{number}"\n  key: {new_key()}\n'
                f'  addresses: ["{v4}", "{v6}"]\n  zones: ["admin"]\n'
                "  created: 2026-11-22T00:00:00Z\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.town.close()

    def start(self):
        """Milliseconds from exec until it serves."""
        began = time.perf_counter()
        self.daemon = self.town.start(wait="serving interface")
        return ms_since(began)

    def add(self, name):
        began = time.perf_counter()
        self.town.good("peer", "add", name, "--public-key", new_key(),
                       "--zones", "admin")
        return ms_since(began)

    def apply_one(self, number):
        """One peer of the file gets another key by hand, then apply."""
        codex = self.town.codex.read_text()
        begin = codex.index(f'- name: "peer-{number}"')
        line = codex.index("  key: ", begin)
        end = codex.index("\n", line)
        self.town.codex.write_text(
            f"{codex[:line]}  key: {new_key()}{codex[end:]}")
        began = time.perf_counter()
        self.town.good("apply")
        return ms_since(began)

    def resident(self):
        pid = self.daemon.pid
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / MIB


class Stock:
    """wireguard-go, wg and a configuration file, as PiVPN keeps them."""

    def __init__(self, folder, count):
        self.name = interface_name("s")
        self.conf = pathlib.Path(folder) / f"{self.name}.conf"
        private = base64.b64encode(os.urandom(32)).decode()
        self.conf.touch(mode=0o600)
        self.conf.write_text(
            f"[Interface]\nPrivateKey = {private}\nListenPort = 51900\n" +
            "".join(self.peer(number) for number in range(2, count + 2)))
        began = time.perf_counter()
        self.process = Process(self.name, ["wireguard-go", "-f", self.name],
                               env={"LOG_LEVEL": "verbose"})
        self.process.wait_for("UAPI listener started", 30)
        timed(["wg", "setconf", self.name, self.conf])
        timed(["ip", "link", "set", self.name, "up"])
        self.started = ms_since(began)

    @staticmethod
    def peer(number):
        v4, v6 = addresses(number)
        return (f"[Peer]\nPublicKey = {new_key()}\n"
                f"AllowedIPs = {v4}/32, {v6}/128\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.end()

    def add(self, number):
        """The least that there is: nothing is kept."""
        return timed(["wg", "set", self.name, "peer", new_key(),
                      "allowed-ips", f"{addresses(number)[0]}/32"])

    def add_and_sync(self, number):
        """As PiVPN does: a line more in the file, and the whole told again."""
        began = time.perf_counter()
        with open(self.conf, "a", encoding="utf-8") as conf:
            conf.write(self.peer(number))
        timed(["bash", "-c", f"wg syncconf {self.name} "
               f"<(wg-quick strip {self.conf})"])
        return ms_since(began)


def measure_adding(bench, ours, stock, count):
    rounds = bench.of(15, 5)
    taken = {"ours": [], "wg set": [], "wg syncconf": []}
    for turn in range(rounds):
        number = count + 10 + 2 * turn
        taken["ours"].append(ours.add(f"more-{turn}"))
        taken["wg set"].append(stock.add(number))
        taken["wg syncconf"].append(stock.add_and_sync(number + 1))
    own = taken.pop("ours")
    bench.rows.add_peers(
        f"tether: a peer more beside {count}, to in force", median(own), "ms",
        f"the whole verb, its file written and synced to disk; {span(own)}, in "
        "turn; wg set keeps nothing, wg syncconf is PiVPN's way",
        {name: median(values) for name, values in taken.items()},
        Bound("ours", 50, 5) if count == FEW else None)


def measure_many(bench, ours, started, stock):
    bench.rows.add(
        f"tether: start with {MANY} peers, to serving", started, "ms",
        "exec of pharos-tether to the line by which it serves; beside it "
        "wireguard-go and wg setconf", "wg setconf", stock.started,
        Bound("ours", 2000, 1500))
    taken = [ours.apply_one(number)
             for number in range(5, 5 + bench.of(10, 3))]
    bench.rows.add(
        f"tether: apply of one change among {MANY} peers", median(taken), "ms",
        f"`pharos tether apply` after one key was changed in the file, "
        f"{span(taken)}", bound=Bound("ours", 100, 50))
    bench.rows.add(
        f"tether: resident memory of the daemon, {MANY} peers",
        ours.resident(), "MiB", "VmRSS, without wireguard-go, after those "
        "changes", bound=Bound("ours", 16, 8))


def measure(bench):
    reason = missing() or (None if shutil.which("wg") else "no wg")
    if reason:
        bench.rows.add("tether", None, "ms", f"not measured: {reason}")
        return
    for count in (FEW, SOME, MANY):
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(
                prefix="pharos-tether-"))
            ours = stack.enter_context(Ours(folder, count))
            stock = stack.enter_context(Stock(folder, count))
            started = ours.start()
            measure_adding(bench, ours, stock, count)
            if count == MANY:
                measure_many(bench, ours, started, stock)
