"""What a leg that waits, and a pair, cost in user memory."""
from measure.held import Sink, held
from measure.joint import Joint
from measure.rows import Bound
from peers import HAProxyTLS, HAProxyWait, Nginx, NginxPlain, Strelay

PAIRS = 1000  # as many as the beacon carries
METHOD = "proportional set size, less that of the process before"


def waiting(bench, process, port, words, legs):
    """KiB of the relay for each of so many legs that wait."""
    before = process.memory()
    with held(bench, "legs", "--port", port, *bench.relay_words(), *words,
              "--legs", legs, "--window", 100, "--hold",
              *bench.source_words(legs // 5)) as report:
        assert report["arrived"] == legs, report
        return (process.memory() - before) / legs


def pairs_of(joint, pairs, words=(), before=None):
    """KiB of the relay for each of so many pairs, idle."""
    if before is None:
        before = joint.process.memory()
    with held(joint.bench, "stream", *joint.words(max(8, pairs // 20)),
              "--pairs", pairs, *words):
        return (joint.process.memory() - before) / pairs


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
    pairs = bench.of(PAIRS, 300)
    peers = dict(pairs_at_peers(bench, pairs))
    with bench.start_beacon() as beacon:
        joint = Joint.of_beacon(bench, beacon)
        shed = pairs_of(joint, pairs)
    bench.rows.add_peers(
        "memory of a shed pair", shed, "KiB",
        f"{METHOD}; {pairs} pairs, idle; peers: TLS on both sides", peers,
        Bound("ours", 1, 0.3))
    with bench.start_beacon() as beacon:
        joint = Joint.of_beacon(bench, beacon)
        before = beacon.memory()
        kept = pairs_of(joint, pairs)
        after = pairs_of(joint, pairs, before=before)
    bench.rows.add_peers(
        "memory of a shed pair, after a storm", after, "KiB",
        "the same, after as many pairs with TLS kept have come and gone",
        peers, Bound("ours", 1, 0.3))
    bench.rows.add_peers(
        "memory of a pair, outer TLS kept", kept, "KiB",
        f"{METHOD}; {pairs} pairs, idle", peers)


def measure(bench):
    measure_waiting(bench)
    measure_pairs(bench)
