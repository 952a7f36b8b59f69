"""What one leg costs the relay until it waits: TCP, a full TLS 1.3 handshake,
and being let in."""
import contextlib

from measure.machine import awake
from measure.rounds import in_turn
from measure.rows import Bound
from measure.statistics import median, span
from peers import HAProxyWait, Strelay

WINDOW = 8


def proven_words(bench):
    pki = bench.lab.pki
    return ["--way", "beacon", "--cert", pki / "bridge.crt",
            "--key", pki / "bridge.key", "--ca", pki / "ca.crt"]


def of_load(bench, process, port, words, legs):
    """CPU milliseconds a leg."""
    before = process.cpu()
    report = bench.load("legs", "--port", port, *bench.relay_words(), *words,
                        "--legs", legs, "--window", WINDOW,
                        *bench.source_words(max(20, legs // 50)))
    assert report["arrived"] == legs, report
    return (process.cpu() - before) * 1000 / legs


def of_strelay(relay, devices, legs):
    before = relay.process.cpu()
    for number in range(legs):
        relay.join(devices[number % len(devices)]).close()
    return (relay.process.cpu() - before) * 1000 / legs


def runners(bench, stack, legs):
    """{who: what measures it once}, all running; the absent with why."""
    beacon = stack.enter_context(bench.start_beacon())
    found = {"ours": lambda: of_load(bench, beacon, beacon.port,
                                     proven_words(bench), legs),
             "bare": lambda: of_load(bench, beacon, beacon.port, [], legs)}
    absent = {peer.name: peer.missing() for peer in (HAProxyWait, Strelay)
              if peer.missing()}
    if HAProxyWait.name not in absent:
        haproxy = stack.enter_context(HAProxyWait(bench))
        found[HAProxyWait.name] = lambda: of_load(
            bench, haproxy.process, haproxy.port, ["--way", "tls"], legs)
    if Strelay.name not in absent:
        relay = stack.enter_context(Strelay(bench))
        devices = [relay.device(number) for number in range(legs // 4)]
        found[Strelay.name] = lambda: of_strelay(relay, devices, legs // 4)
    return found, absent


def measure(bench):
    legs, rounds = bench.of(2000, 500), bench.of(5, 3)
    with contextlib.ExitStack() as stack:
        found, absent = runners(bench, stack, legs)
        stack.enter_context(awake())
        taken, how = in_turn(found, rounds)
    ours, bare = taken.pop("ours"), taken.pop("bare")
    method = (f"{how}; {legs} legs, {WINDOW} at once; TLS 1.3 full handshake, P-256, HELLO, proof checked, "
              f"WAIT, closed; {span(ours)}; strelaysrv: client certificate, "
              "join")
    bench.rows.add_peers(
        "CPU per accepted leg, proven", median(ours), "ms", method,
        {**{name: median(values) for name, values in taken.items()}, **absent},
        Bound("ours", 0.5, 0.3))
    bench.rows.add("CPU per accepted leg, bare", median(bare), "ms",
                   f"the same without a proof; {span(bare)}")
