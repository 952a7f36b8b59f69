"""What the way through the relay costs a reader of secrets, against the
straight way to the same store."""
import http.client
import ssl
import statistics
import time

from measure.machine import awake
from measure.statistics import percentile

SOURCES = 10  # the broker's limits stay as shipped, so load has many sources
SECRET = "bench/one"


class Client:
    """One HTTPS connection, kept."""

    def __init__(self, port, ca, token, source="127.0.0.1"):
        context = ssl.create_default_context(cafile=str(ca))
        self.connection = http.client.HTTPSConnection(
            "127.0.0.1", port, context=context, timeout=10,
            source_address=(source, 0))
        self.token = token

    def read(self):
        """Read the secret; return milliseconds."""
        began = time.perf_counter()
        self.connection.request("GET", f"/v1/secret/data/{SECRET}",
                                headers={"X-Vault-Token": self.token})
        answer = self.connection.getresponse()
        body = answer.read()
        taken = (time.perf_counter() - began) * 1000
        if answer.status != 200 or b"value" not in body:
            raise SystemExit(f"bench: read answered {answer.status}")
        return taken


def measure_reads(bench, store, broker):
    """The two ways in turn, so that a drift of the machine meets both."""
    taken = {"straight": [], "relayed": []}
    rounds = bench.of(40, 10)
    lab = bench.lab
    for number in range(SOURCES):
        source = f"127.0.0.{number + 2}"
        straight, relayed = (
            Client(port, lab.server_ca, lab.store.token, source)
            for port in (store.port, broker.port))
        straight.read()
        relayed.read()
        for _ in range(rounds):
            taken["straight"].append(straight.read())
            taken["relayed"].append(relayed.read())
    method = (f"{SOURCES * rounds} KV reads each, in turn, on kept HTTPS "
              "connections; "
              "broker, beacon, bridge and store on loopback, on cores that do "
              "not sleep")
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        bench.rows.add(f"one secret read, {name}",
                       percentile(taken["relayed"], share), "ms", method,
                       "straight to the store",
                       percentile(taken["straight"], share))


def measure_first_secret(bench, store, broker):
    """A process that starts with its secret, against one without any."""
    lab = bench.lab
    token = lab.folder / "token"
    token.write_text(lab.store.token)
    token.chmod(0o600)
    wrapped, bare = [], []
    rounds = bench.of(20, 5)
    for _ in range(rounds):
        began = time.perf_counter()
        wrapper = lab.start_wrapper(
            broker.port, "--token-file", token, "--secret",
            f"secret/data/{SECRET}", "--map", "value=VALUE", "--deliver",
            "env", "--", "/bin/true")
        wrapper.wait()
        wrapped.append((time.perf_counter() - began) * 1000)
        began = time.perf_counter()
        direct = Client(store.port, lab.server_ca, lab.store.token)
        direct.read()
        bare.append((time.perf_counter() - began) * 1000)
    bench.rows.add("process start with its secret, median",
                   statistics.median(wrapped), "ms",
                   f"{rounds} times in turn; wrapper, CONNECT, sealed session, "
                   "read, exec", "one new HTTPS connection and read, straight",
                   statistics.median(bare))


@awake()
def measure(bench):
    lab = bench.lab
    with lab:
        beacon, store = lab.start_beacon(), lab.start_devstore()
        lab.store.write_secret(SECRET, {"value": "x" * 32})
        lab.start_bridge(store.port, beacon.port)
        broker = lab.start_broker(beacon.port, "--pass-through")
        broker.wait_for("tunnel up", 20)
        measure_reads(bench, store, broker)
        measure_first_secret(bench, store, broker)
