"""How soon the other side of a pair learns that one has finished or reset."""
from measure.joint import Joint
from measure.machine import awake
from measure.rows import Bound
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


def of_peer(bench, peer, end, pairs):
    with peer(bench) as relay:
        return seen(Joint.of_peer(bench, relay), end, pairs)


def of_strelay(bench, end):
    with Strelay(bench) as relay:
        listener, connector = relay.device(0), relay.device(1)
        control = relay.join(listener)
        asking, *keys = relay.keys(control, listener, connector)
        joint = Joint(bench, relay.process, relay.port, "strelay", keys=keys)
        with control, asking:
            return seen(joint, end, 1)


def of_peers(bench, end, pairs):
    for peer in (Transit, HAProxyTLS, Nginx):
        yield peer.name, peer.missing() or of_peer(bench, peer, end, pairs)
    yield Strelay.name, Strelay.missing() or of_strelay(bench, end)


@awake()
def measure(bench):
    pairs = bench.of(200, 40)
    for end, word in WHAT.items():
        with bench.start_beacon() as beacon:
            ours = seen(Joint.of_beacon(bench, beacon), end, pairs)
        bench.rows.add_peers(
            f"{word} seen by the other side, p99", ours, "ms",
            f"{pairs} pairs one after the other, inner TLS up, one byte sent; "
            f"{PATIENCE * 1000} ms: not seen in that time; strelaysrv: 1 pair",
            dict(of_peers(bench, end, pairs)), Bound("ours", 10, 1))
