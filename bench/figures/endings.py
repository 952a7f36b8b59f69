"""How soon the other side of a pair learns that one has finished or reset."""
import contextlib
from functools import partial

from measure.joint import Joint
from measure.machine import awake
from measure.rounds import in_turn
from measure.rows import Bound
from measure.statistics import median, span
from peers import HAProxyTLS, Nginx, Strelay, Transit

WHAT = {"fin": "FIN", "rst": "RST"}
PATIENCE = 3


def seen(joint, end, pairs):
    report = joint.bench.load(
        "endings", *joint.words(max(4, pairs // 20)), "--end", end, "--pairs",
        pairs, "--patience", f"{PATIENCE}s")
    if report["unseen"]:
        return PATIENCE * 1000
    return report["seen_ms"]["p99"]


def of_strelay(bench, end):
    with Strelay(bench) as relay:
        listener, connector = relay.device(0), relay.device(1)
        control = relay.join(listener)
        asking, *keys = relay.keys(control, listener, connector)
        joint = Joint(bench, relay.process, relay.port, "strelay", keys=keys)
        with control, asking:
            return seen(joint, end, 1)


def joints(bench, stack):
    """{who: its joint}, all running; the absent with why."""
    found = {"ours": Joint.of_beacon(
        bench, stack.enter_context(bench.start_beacon()))}
    absent = {}
    for peer in (Transit, HAProxyTLS, Nginx):
        if peer.missing():
            absent[peer.name] = peer.missing()
        else:
            found[peer.name] = Joint.of_peer(
                bench, stack.enter_context(peer(bench)))
    return found, absent


@awake()
def measure(bench):
    pairs, rounds = bench.of(200, 40), bench.of(5, 3)
    for end, word in WHAT.items():
        with contextlib.ExitStack() as stack:
            found, absent = joints(bench, stack)
            taken, how = in_turn({name: partial(seen, joint, end, pairs)
                                  for name, joint in found.items()}, rounds)
        ours = taken.pop("ours")
        peers = {name: median(values) for name, values in taken.items()}
        peers[Strelay.name] = Strelay.missing() or of_strelay(bench, end)
        bench.rows.add_peers(
            f"{word} seen by the other side, p99", median(ours), "ms",
            f"{how}; {pairs} pairs one after the other, inner TLS up, one byte "
            f"sent; median, {span(ours)}; {PATIENCE * 1000} ms: not seen in "
            "that time; strelaysrv: 1 pair",
            {**peers, **absent}, Bound("ours", 10, 1))
