"""Two legs that say HELLO at the same moment: is a join ever lost? And what
does the beacon keep of many short pairs?"""
import time

from measure.processes import CORES
from measure.rows import Bound
from peers import Strelay

EARLY = 1000  # pairs after which memory is compared
WINDOW = 100  # on their way at once
FORGOTTEN = 61  # seconds, after which the limits remember no source
SETTLED = 3  # seconds, until the last ones are closed on both sides


def storm(bench, beacon, pairs, window=WINDOW):
    report = bench.load(
        "pairs", "--port", beacon.port, *bench.relay_words(), "--together",
        "--pairs", pairs, "--window", window,
        *bench.source_words(max(50, pairs // 40)), seconds=3600)
    time.sleep(SETTLED)
    return report


def strelay_lost(bench, pairs):
    """Of the joins of sessions whose two ends come together, those refused. It
    has all cores: with one, its threads hardly ever meet."""
    lost = 0
    with Strelay(bench, CORES) as relay:
        listener, connector = relay.device(0), relay.device(1)
        control = relay.join(listener)
        for _ in range(pairs):
            asking, *keys = relay.keys(control, listener, connector)
            sides = [relay.dial() for _ in keys]
            for side, key in zip(sides, keys):
                side.sendall(relay.session_request(key))
            lost += sum(not joined(side) for side in sides)
            asking.close()
        control.close()
    return lost


def joined(side):
    from peers.strelay import read_response
    try:
        read_response(side)
        return True
    except (ConnectionError, OSError):
        return False
    finally:
        side.close()


def measure(bench):
    pairs = bench.of(100000, 4000)
    with bench.start_beacon() as beacon:
        first = storm(bench, beacon, EARLY, 2 * WINDOW)
        early = beacon.resident()
        rest = storm(bench, beacon, pairs - 2 * EARLY)
        time.sleep(FORGOTTEN)
        last = storm(bench, beacon, EARLY)
        late = beacon.resident()
    storms = (first, rest, last)
    lost = sum(one["lost"] for one in storms)
    why = [one["first_fault"] for one in storms if one["lost"]]
    asked = bench.of(400, 100)
    missing = Strelay.missing()
    theirs = missing or 1000 * strelay_lost(bench, asked // 2) / asked
    method = (f"{2 * pairs} joins, both HELLOs of a pair in one turn of the "
              f"loop, {WINDOW} pairs on their way at once, {rest['seconds']:.0f} s"
              f"; {lost} lost{': ' if why else ''}{', '.join(why)}; "
              f"strelaysrv: {asked} joins, on all cores")
    bench.rows.add_peers("joins lost, of 1,000", 1000 * lost / (2 * pairs),
                         "joins", method, {Strelay.name: theirs},
                         Bound("ours", 0, 0))
    bench.rows.add(
        f"resident memory after {pairs} short pairs", late, "KiB",
        f"VmRSS, against after {EARLY} pairs, of which twice as many were on "
        "their way at once, so that a crowd cannot be what grew; the last "
        f"{EARLY} come a minute after the others, when the limits remember no "
        "source of those",
        f"after {EARLY}", early, Bound("ratio", 1.05, 1.01))
