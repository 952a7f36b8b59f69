"""Many pods that start at once and want one secret each through one broker; and
one pod whose broker is far from the bridge."""
import statistics
import time
import urllib.request

from lab import peers
from lab.proxy import FaultProxy
from measure.machine import awake
from measure.processes import BenchError
from measure.rows import Bound

SECRET = "bench/one"
ROLE = "team-a.web"  # as Store.trust_cluster() makes it
ROUND_TRIP = 0.08  # seconds
ROTATES = ["--on-rotate", "restart"]
CALLS = "pharos_bridge_store_calls_total"


class Chain:
    """A store, a bridge, a beacon, a broker, and a pod's token for that store."""

    def __init__(self, bench):
        lab = bench.lab
        self.bench, self.lab = bench, lab
        try:
            self.store, self.name = lab.start_openbao(raft=True), \
                "OpenBao on integrated storage in memory"
        except peers.NotHere:
            self.store, self.name = lab.start_devstore(), "pharos-devstore"
        lab.store.write_secret(SECRET, {"value": "x" * 32})
        self.beacon = lab.start_beacon()
        self.bridge = lab.start_bridge(self.store.port, self.beacon.port)
        self.health = lab.address_of(self.bridge, "health")
        self.broker = self.start_broker(self.beacon.port)
        cluster = lab.make_cluster()
        audience = f"pharos:{lab.info_hash}"
        lab.store.trust_cluster(cluster, audience, SECRET)
        self.jwt = lab.folder / "pod-jwt"
        self.jwt.write_text(cluster.token(audience, seconds=3600))
        self.jwt.chmod(0o600)

    def start_broker(self, beacon_port):
        broker = self.lab.start_broker(beacon_port)
        broker.wait_for("tunnel up", 20)
        return broker

    def calls(self):
        """That the bridge has made to the store."""
        with urllib.request.urlopen(f"http://{self.health}/metrics",
                                    timeout=10) as page:
            lines = page.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines
                   if line.startswith(CALLS))

    def pods(self, count, way, port):
        report = self.bench.load(
            "pods", "--port", port, "--relay-ca", self.lab.server_ca,
            "--bridge-ca", self.lab.pki / "ca.crt", "--jwt-file", self.jwt,
            "--role", ROLE, "--path", f"secret/data/{SECRET}", "--way", way,
            "--pods", count, *self.bench.source_words(count))
        if report["lost"]:
            raise BenchError(f"{report['lost']} of {count} pods, {way}, were "
                             f"not served: {report['first_fault']}")
        return report

    def first_secret(self, broker, *words):
        """Seconds from a wrapper's start until its command runs."""
        began = time.monotonic()
        wrapper = self.lab.start_wrapper(
            broker.port, "--jwt-file", self.jwt, "--secret",
            f"secret/data/{SECRET}", "--map", "value=VALUE", "--deliver",
            "env", *words, "--", "/bin/echo", "it runs")
        runs, _ = wrapper.wait_for("^it runs$", 30)
        if wrapper.wait():
            raise BenchError(wrapper.text())
        return runs - began


def measure_crowd(bench, chain):
    count = bench.of(1000, 200)
    chain.pods(1, "relayed", chain.broker.port)
    before = chain.calls()
    relayed = chain.pods(count, "relayed", chain.broker.port)
    calls = (chain.calls() - before) / count
    straight = chain.pods(count, "straight", chain.store.port)
    method = (
        f"one process plays {count} pods, each from an address of its own, by "
        "the wrapper's code: TLS with the broker, CONNECT, TLS with the bridge, "
        "login, read; all start in one turn of the loop, and whoever is told to "
        "come again does, on the same clock. Straight: TLS with the store, login, "
        f"read. The store is {chain.name}")
    for share, bound in (("p50", None), ("p99", Bound("ours", 10, 3))):
        bench.rows.add(
            f"{count} pods at once, until served, {share}",
            relayed["served_ms"][share] / 1000, "s",
            f"{method}; told to come again: {relayed['again']}",
            "straight to the store", straight["served_ms"][share] / 1000, bound)
    bench.rows.add("requests to the store for a login and a read", calls,
                   "requests", "the bridge's counter, over those pods",
                   bound=Bound("ours", 2, 2))


def measure_wrapper(bench, chain):
    made = []
    for words in ((), ROTATES):
        before = chain.calls()
        chain.first_secret(chain.broker, *words)
        made.append(chain.calls() - before)
    bench.rows.add(
        "requests to the store of a wrapper without rotation", made[0],
        "requests", "login and read; its token lives a minute and is "
        "forgotten, as the role that `source grant` makes has it",
        "with rotation: renewed for longer, and given up at the end", made[1],
        Bound("ours", 2, 2))


def measure_far(bench, chain):
    """By the least of some rounds: what comes on top is the machine's."""
    rounds = bench.of(9, 3)
    ways = {"stays": ROTATES, "ends": []}
    taken = {}
    with FaultProxy(("127.0.0.1", chain.beacon.port),
                    delay=ROUND_TRIP / 2) as network:
        brokers = {"near": chain.broker, "far": chain.start_broker(network.port)}
        for _ in range(rounds):
            for way, words in ways.items():
                for place, broker in brokers.items():
                    taken.setdefault((way, place), []).append(
                        chain.first_secret(broker, *words))
        brokers["far"].end()
    trips = {way: round((min(taken[way, "far"]) - min(taken[way, "near"])) /
                        ROUND_TRIP) for way in ways}
    bench.rows.add(
        "process start with its secret, 80 ms to the bridge, median",
        statistics.median(taken["stays", "far"]), "s",
        f"{rounds} times in turn; a proxy of ours in user space keeps each byte "
        "between broker and beacon for 40 ms; the tunnel is up before; from the "
        "start of a wrapper that rotates until its command runs",
        "without the 80 ms", statistics.median(taken["stays", "near"]),
        Bound("ours", 2, 0.8))
    bench.rows.add(
        "round trips to the bridge until the command starts", trips["stays"],
        "round trips", "how much longer the same took at least, in 80 ms: "
        "CONNECT and TLS together, login, read", "wrapper without rotation",
        trips["ends"],
        Bound("ours", 5, 3))


@awake()
def measure(bench):
    with bench.lab:
        chain = Chain(bench)
        measure_crowd(bench, chain)
        measure_wrapper(bench, chain)
        measure_far(bench, chain)
