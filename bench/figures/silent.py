"""Ten thousand connections that say nothing: do others still get through?"""
from measure.held import held
from measure.machine import awake
from measure.rows import Bound
from peers import Strelay

RATE = 100
SILENT = 10000
STRELAY_SILENT = 5


def healthy_words(bench, beacon, pairs):
    return ["--port", beacon.port, *bench.relay_words(), "--pairs", pairs,
            "--rate", RATE, *bench.source_words(max(4, pairs // 20))]


def silent_words(bench, beacon):
    return ["--port", beacon.port, "--way", "tcp", "--legs", SILENT,
            "--window", 500, "--hold", *bench.source_words(SILENT // 40)]


def of_strelay(bench):
    """Milliseconds that one new pair waits longer."""
    with Strelay(bench) as relay:
        listener, connector = relay.device(0), relay.device(1)
        control = relay.join(listener)
        _, usual, sides = relay.pair(control, listener, connector)
        silent = [relay.dial() for _ in range(STRELAY_SILENT)]
        _, slow, more = relay.pair(control, listener, connector)
        for sock in (*sides, *more, *silent, control):
            sock.close()
    return (slow - usual) * 1000


def measure(bench):
    pairs = bench.of(600, 300)
    with bench.start_beacon() as beacon, awake():
        usual = bench.load("pairs", *healthy_words(bench, beacon, pairs))
        with held(bench, "legs", *silent_words(bench, beacon)):
            under = bench.load("pairs", *healthy_words(bench, beacon, pairs))
    method = (f"{pairs} pairs at {RATE}/s, from connect() with TLS to PAIRED, "
              f"while {SILENT} connections that say nothing stand or have "
              "been put out (the beacon keeps 2,000), less the same without them; "
              f"{under['lost']} lost; strelaysrv: one pair, {STRELAY_SILENT} "
              "silent connections")
    theirs = Strelay.missing() or of_strelay(bench)
    for name, bound in (("p50", None), ("p99", Bound("ours", 50, 5))):
        added = under["connected_ms"][name] - usual["connected_ms"][name]
        bench.rows.add_peers(
            f"delay added by silent connections, {name}", max(0, added), "ms",
            method, {Strelay.name: theirs}, bound)
