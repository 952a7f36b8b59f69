"""How large the released beacon is, and how soon it serves."""
import socket
import time

from lab import parts
from measure.bench import NO_RELEASE, ROOT, free_port, released
from measure.processes import Measured
from measure.rows import Bound
from measure.statistics import median, span
from peers import HAProxyWait, Nginx, Strelay

MB = 10 ** 6


def until_it_serves(bench, command, port):
    """Milliseconds from exec to the first connection that is taken."""
    began = time.perf_counter()
    with Measured(bench.folder, "start", command):
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return (time.perf_counter() - began) * 1000
            time.sleep(0.0005)


def of_beacon(bench, program):
    port = free_port()
    return until_it_serves(
        bench, [program, "--addr", f"127.0.0.1:{port}", "--health-addr",
                "127.0.0.1:0", *bench.lab.server_words("beacon")], port)


def of_peer(bench, peer):
    relay = peer(bench)
    relay.prepare()
    return until_it_serves(bench, relay.command(), relay.port)


def measure(bench):
    binary = released("pharos-beacon")
    bench.rows.add(
        "release binary of the beacon",
        binary.stat().st_size / MB if binary else None, "MB",
        f"{binary.relative_to(ROOT)}, static, stripped" if binary else
        NO_RELEASE, bound=Bound("ours", 3.5, 2))
    rounds = bench.of(20, 5)
    program = binary or parts.program("pharos-beacon")
    peers = [peer for peer in (HAProxyWait, Nginx, Strelay)]
    absent = {peer.name: peer.missing() for peer in peers if peer.missing()}
    taken = {"ours": []}
    taken.update((peer.name, []) for peer in peers if peer.name not in absent)
    for _ in range(rounds):
        taken["ours"].append(of_beacon(bench, program))
        for peer in peers:
            if peer.name in taken:
                taken[peer.name].append(of_peer(bench, peer))
    ours = taken.pop("ours")
    bench.rows.add_peers(
        "start, to the first connection taken", median(ours), "ms",
        f"median of {span(ours)}, in turn",
        {**{name: median(values) for name, values in taken.items()}, **absent})
