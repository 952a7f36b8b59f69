"""How long a connector with a finished TLS session waits until it and a
listener that was there are paired, at 100 new pairs a second."""
import time

from measure.rows import Bound
from measure.statistics import percentile
from peers import Strelay, Transit

RATE = 100
MUST = {"p50": None, "p99": Bound("ours", 2, 0.5), "p999": None}


def words(bench, pairs):
    return ["--pairs", pairs, "--rate", RATE,
            *bench.source_words(max(4, pairs // 20))]


def ours(bench, pairs):
    with bench.start_beacon() as beacon:
        return bench.load("pairs", "--port", beacon.port, *bench.relay_words(),
                          *words(bench, pairs))


def transit(bench, pairs):
    with Transit(bench) as relay:
        return bench.load("pairs", "--port", relay.port, "--way", "transit",
                          *words(bench, pairs))["greeted_ms"]


def strelay(bench, pairs):
    """One after the other, each begun when it is due, if the one before is
    done."""
    taken = []
    with Strelay(bench) as relay:
        listener, connector = relay.device(0), relay.device(1)
        control = relay.join(listener)
        began = time.perf_counter()
        for number in range(pairs):
            time.sleep(max(0, began + number / RATE - time.perf_counter()))
            after_tls, _, sides = relay.pair(control, listener, connector)
            taken.append(after_tls * 1000)
            for side in sides:
                side.close()
        control.close()
    return {name: percentile(taken, share) for name, share in
            (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))}


def measure(bench):
    pairs = bench.of(2000, 300)
    report = ours(bench, pairs)
    peers = {}
    for peer, run in ((Strelay, strelay), (Transit, transit)):
        peers[peer.name] = peer.missing() or run(bench, bench.of(1000, 200))
    for name, bound in MUST.items():
        bench.rows.add_peers(
            f"connect to paired, after TLS, {name}",
            report["greeted_ms"][name], "ms",
            f"{pairs} pairs at {RATE}/s, {report['lost']} lost; from the "
            "connector's HELLO to PAIRED at both; strelaysrv by a client in "
            "Python, transit relay on plain TCP",
            {peer: value if isinstance(value, str) else value[name]
             for peer, value in peers.items()}, bound)
