"""How long a connector with a finished TLS session waits until it and a
listener that was there are paired, at 100 new pairs a second."""
import contextlib
import time

from measure.machine import awake
from measure.processes import BenchError
from measure.rounds import in_turn
from measure.rows import Bound
from measure.statistics import median, percentile, span
from peers import Derper, Strelay, Transit

RATE = 100
MUST = {"p50": None, "p99": Bound("ours", 2, 0.5)}


def words(bench, pairs):
    return ["--pairs", pairs, "--rate", RATE,
            *bench.source_words(max(4, pairs // 20))]


def ours(bench, beacon, pairs):
    report = bench.load("pairs", "--port", beacon.port, *bench.relay_words(),
                        *words(bench, pairs))
    if report["lost"]:
        raise BenchError(f"{report['lost']} pairs lost: "
                         f"{report['first_fault']}")
    return report["greeted_ms"]


def transit(bench, relay, pairs):
    return bench.load("pairs", "--port", relay.port, "--way", "transit",
                      *words(bench, pairs))["greeted_ms"]


def strelay(relay, control, devices, pairs):
    """One after the other, each begun when it is due, if the one before is
    done."""
    taken = []
    began = time.perf_counter()
    for number in range(pairs):
        time.sleep(max(0, began + number / RATE - time.perf_counter()))
        after_tls, _, sides = relay.pair(control, *devices)
        taken.append(after_tls * 1000)
        for side in sides:
            side.close()
    return {name: percentile(taken, share) for name, share in
            (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))}


def derper(bench, relay, pairs):
    return bench.finish_load(bench.start(relay.pairs_command(pairs, RATE)))[
        "greeted_ms"]


def runners(bench, stack, pairs):
    """{who: what measures it once}, all running; the absent with why."""
    beacon = stack.enter_context(bench.start_beacon())
    found, absent = {"ours": lambda: ours(bench, beacon, pairs)}, {}
    for peer in (Strelay, Transit, Derper):
        if peer.missing():
            absent[peer.name] = peer.missing()
    if Strelay.name not in absent:
        relay = stack.enter_context(Strelay(bench))
        devices = relay.device(0), relay.device(1)
        control = stack.enter_context(relay.join(devices[0]))
        found[Strelay.name] = lambda: strelay(relay, control, devices, pairs)
    if Transit.name not in absent:
        plain = stack.enter_context(Transit(bench))
        found[Transit.name] = lambda: transit(bench, plain, pairs)
    if Derper.name not in absent:
        packets = stack.enter_context(Derper(bench))
        found[Derper.name] = lambda: derper(bench, packets, pairs)
    return found, absent


def measure(bench):
    pairs, rounds = 200, bench.of(9, 3)
    with contextlib.ExitStack() as stack:
        found, absent = runners(bench, stack, pairs)
        stack.enter_context(awake())
        taken, how = in_turn(found, rounds)
    for name, bound in MUST.items():
        values = {who: [run[name] for run in runs]
                  for who, runs in taken.items()}
        own = values.pop("ours")
        bench.rows.add_peers(
            f"connect to paired, after TLS, {name}", median(own), "ms",
            f"{how}; {pairs} pairs at {RATE}/s; median, {span(own)}; from "
            "the connector's HELLO to PAIRED at both; strelaysrv by a client "
            "in Python, transit relay on plain TCP, derper from a client's "
            "request until another has its first packet",
            {**{who: median(runs) for who, runs in values.items()}, **absent},
            bound)
