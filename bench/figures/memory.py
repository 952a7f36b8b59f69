"""What a leg that waits, and a pair, cost in user memory."""
import contextlib
import time

from measure.held import Sink, held
from measure.joint import Joint
from measure.rows import Bound
from peers import HAProxyTLS, HAProxyWait, Nginx, NginxPlain, Strelay

PAIRS = 1000  # as many as the beacon carries
WARM = 100
SETTLED = 3  # seconds, until what was needed to get there is given back
METHOD = "proportional set size, less that of the process when it was empty"


def waiting(bench, process, port, words, legs):
    """KiB of the relay for each of so many legs that wait."""
    before = process.memory()
    with held(bench, "legs", "--port", port, *bench.relay_words(), *words,
              "--legs", legs, "--window", 100, "--hold",
              *bench.source_words(legs // 5)) as report:
        assert report["arrived"] == legs, report
        time.sleep(SETTLED)
        return (process.memory() - before) / legs


@contextlib.contextmanager
def pairs_held(joint, pairs, words=()):
    with held(joint.bench, "stream", *joint.words(max(8, pairs // 20)),
              "--pairs", pairs, *words):
        time.sleep(SETTLED)
        yield


def warmed(joint, words=()):
    """KiB of the relay once it has served a few pairs and is empty again: what
    the process costs, whoever comes."""
    with pairs_held(joint, WARM, words):
        pass
    time.sleep(SETTLED)
    return joint.process.memory()


def pairs_of(joint, pairs, words=(), before=None):
    """KiB of the relay for each leg of so many pairs, idle."""
    if before is None:
        before = warmed(joint, words)
    with pairs_held(joint, pairs, words):
        return (joint.process.memory() - before) / pairs / 2


def waiting_at_strelay(bench, legs):
    with Strelay(bench) as relay:
        before = relay.process.memory()
        controls = [relay.join(relay.device(number)) for number in range(legs)]
        cost = (relay.process.memory() - before) / legs
        for control in controls:
            control.close()
    return cost


def waiting_at_peers(bench, legs):
    yield HAProxyWait.name, HAProxyWait.missing() or of_haproxy(bench, legs)
    yield NginxPlain.name, NginxPlain.missing() or of_nginx(bench, legs)
    yield Strelay.name, Strelay.missing() or waiting_at_strelay(
        bench, legs // 5)


def of_haproxy(bench, legs):
    with HAProxyWait(bench) as relay:
        return waiting(bench, relay.process, relay.port, ["--way", "tls"],
                       legs)


def of_nginx(bench, legs):
    with NginxPlain(bench) as relay, Sink(relay.back_port):
        return waiting(bench, relay.process, relay.port, ["--way", "tls"],
                       legs)


def measure_waiting(bench):
    legs = bench.of(5000, 1000)
    with bench.start_beacon() as beacon:
        ours = waiting(bench, beacon, beacon.port, [], legs)
    bench.rows.add_peers(
        "memory of a waiting leg", ours, "KiB",
        f"{METHOD}; {legs} legs ({legs // 5} at strelaysrv)",
        dict(waiting_at_peers(bench, legs)), Bound("ours", 16, 13.8))


def pairs_at_peers(bench, pairs):
    for peer in (HAProxyTLS, Nginx):
        if peer.missing():
            yield peer.name, peer.missing()
            continue
        with peer(bench) as relay:
            yield peer.name, pairs_of(Joint.of_peer(bench, relay), pairs,
                                      ["--window", 1])


def measure_pairs(bench):
    pairs = bench.of(PAIRS, 500)
    peers = dict(pairs_at_peers(bench, pairs))
    with bench.start_beacon() as beacon:
        joint = Joint.of_beacon(bench, beacon)
        shed = pairs_of(joint, pairs)
    bench.rows.add_peers(
        "memory of a shed pair, each leg", shed, "KiB",
        f"{METHOD}, after a few pairs; {pairs} pairs, idle; peers: TLS on both "
        "sides", peers,
        Bound("ours", 1, 0.3))
    with bench.start_beacon() as beacon:
        joint = Joint.of_beacon(bench, beacon)
        before = warmed(joint)
        kept = pairs_of(joint, pairs, ["--no-shed"], before)
        after = pairs_of(joint, pairs, before=before)
    bench.rows.add_peers(
        "memory of a shed pair after a storm, each leg", after, "KiB",
        "the same, after as many pairs with TLS kept have come and gone",
        peers, Bound("ours", 1, 0.3))
    bench.rows.add_peers(
        "memory of a pair, outer TLS kept, each leg", kept, "KiB",
        f"{METHOD}; {pairs} pairs, idle", peers)


def measure(bench):
    measure_waiting(bench)
    measure_pairs(bench)
