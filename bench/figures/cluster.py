"""A cluster that joins: how long from the start of its broker, which has the join
string and nothing else, until a process has its first secret; and how soon a
broker that is revoked is cut."""
import statistics
import time

from lab import peers
from lab.joined import Joined, StandIn, may_name_hosts
from lab.proxy import FaultProxy
from measure.machine import awake
from measure.processes import BenchError
from measure.rows import Bound

ROUND_TRIP = 0.08  # seconds
POD = ("team-a", "web")
SECRET = "secret/data/bench/one"
RUNS = "^it runs$"


class World:
    """A store and a bridge, and a cluster whose brokers have the network
    between them and the beacon."""

    def __init__(self, bench, cluster, network):
        lab = bench.lab
        try:
            lab.start_openbao(raft=True)
            self.store = "OpenBao on integrated storage in memory"
        except peers.NotHere:
            lab.start_devstore()
            self.store = "pharos-devstore"
        beacon = lab.start_beacon()
        network.target = ("127.0.0.1", beacon.port)
        self.joined = Joined(lab, bench.folder, cluster,
                             [f"127.0.0.1:{network.port}"])
        self.joined.register()
        self.joined.start_bridge(
            "--beacon-address", f"127.0.0.1:{beacon.port}").wait_for(
                "waiting at beacon", 20)
        self.joined.grant(*POD, "secret/bench/one")
        self.joined.write_secret("bench/one", value="x" * 32)

    def start_wrapper(self, broker):
        return self.joined.start_wrapper(
            broker, *POD, "--secret", SECRET, "--map", "value=VALUE",
            "--deliver", "env", "--", "/bin/echo", "it runs")

    @staticmethod
    def runs(wrapper):
        """When its command did."""
        when, _ = wrapper.wait_for(RUNS, 30)
        if wrapper.wait():
            raise BenchError(wrapper.text())
        return when

    def arrive(self, ready):
        """Seconds from a broker's start until a pod's command runs, whose
        wrapper starts once the broker is @ready, or else with it."""
        began = time.monotonic()
        broker = self.joined.start_broker("broker-1")
        if ready:
            broker.wait_for("tunnel up", 30)
        taken = self.runs(self.start_wrapper(broker)) - began
        broker.end()
        return taken

    def revoke(self, number):
        """Seconds from the return of the command until that broker's tunnel is
        cut, which may come first."""
        name = f"revoked-{number}"
        broker = self.joined.start_broker(name)
        broker.wait_for("tunnel up", 30)
        self.joined.source("revoke", self.joined.id, "--broker", name)
        returned = time.monotonic()
        cut, _ = broker.wait_for("tunnel gone", 30)
        broker.end()
        return max(0, cut - returned)


def measure_arrival(bench, world, network):
    rounds = bench.of(9, 3)
    world.arrive(True)  # makes the pods, and the first certificate
    network.delay = ROUND_TRIP / 2
    taken = {ready: [] for ready in (True, False)}
    for _ in range(rounds):
        for ready, seconds in taken.items():
            seconds.append(world.arrive(ready))
    network.delay = 0
    bench.rows.add(
        "start of a broker to a process with its first secret, 80 ms, median",
        statistics.median(taken[True]), "s",
        f"{rounds} times; the broker has the join string and asks a stand-in of "
        "the cluster; a proxy of ours in user space keeps each byte between it "
        "and the beacon for 40 ms; key, boot session, certificate of the "
        f"store's PKI ({world.store}), tunnel; a wrapper starts once the tunnel "
        "is up; its pod is reviewed, logs in and reads; until its command runs",
        "wrapper started with the broker, which has to try again",
        statistics.median(taken[False]), Bound("ours", 2, 0.8))


def measure_revocation(bench, world):
    seconds = [world.revoke(number) for number in range(bench.of(15, 3))]
    bench.rows.add(
        "return of `source revoke` to the cut of the tunnel, worst",
        max(seconds), "s", f"{len(seconds)} brokers, one after the other, each "
        "revoked by its name; 0 where the cut comes before the command "
        "returns", "median", statistics.median(seconds),
        Bound("ours", 1, 0.5))


@awake()
def measure(bench):
    if not may_name_hosts():
        print("no rows of a cluster that joins: this user may have no "
              "/etc/hosts of his own", flush=True)
        return
    with bench.lab, StandIn(bench.folder) as cluster, FaultProxy(
            ("127.0.0.1", 1)) as network:
        world = World(bench, cluster, network)
        measure_arrival(bench, world, network)
        measure_revocation(bench, world)
