"""What a GiB costs the relay: the same load for all, an inner TLS session from
end to end, as bridge and broker have it."""
import contextlib

from measure.joint import Joint
from measure.machine import awake
from measure.processes import BenchError
from measure.rounds import in_turn
from measure.rows import Bound
from measure.statistics import median, span
from peers import (Chisel, Derper, Frp, HAProxyTCP, HAProxyTLS, Nginx, Splice,
                   Strelay, Transit)

GIB = 1 << 30
PIPE = 1 << 20  # bytes of a pipe, ours and the bare pump's
WARM = 4 << 20


def per_gib(joint, size):
    """CPU seconds of the relay per GiB, once."""
    bench = joint.bench
    child = bench.start(joint.stream_command(WARM, size))
    if not child.stdout.readline():
        bench.finish_load(child)
    before = joint.process.cpu()
    child.stdin.write("\n")
    child.stdin.flush()
    line = child.stdout.readline()
    spent = joint.process.cpu() - before
    _, err = child.communicate(timeout=30)
    if child.returncode or not line:
        raise BenchError(f"a stream by way of {joint.way}: {err.strip()}")
    return spent * GIB / size


@contextlib.contextmanager
def strelay_joint(bench, relay, listener, connector):
    control = relay.join(listener)
    asking, *keys = relay.keys(control, listener, connector)
    with control, asking:
        yield Joint(bench, relay.process, relay.port, "strelay", keys=keys)


def runner_of_strelay(bench, relay, size):
    devices = relay.device(0), relay.device(1)

    def once():
        with strelay_joint(bench, relay, *devices) as joint:
            return per_gib(joint, size)
    return once


def runner_of_beacon(bench, beacon, size, sheds):
    joint = Joint.of_beacon(bench, beacon)

    def once():
        before = bench.metric(beacon, "pharos_beacon_shed_pairs_total")
        spent = per_gib(joint, size)
        after = bench.metric(beacon, "pharos_beacon_shed_pairs_total")
        if (after > before) != sheds:
            raise BenchError(f"shed: {after > before}, not {sheds}")
        return spent
    return once


def runners(bench, stack, size):
    """{who: what measures it once}, all running; the absent with why."""
    found, absent = {}, {}
    for name, words in (("shed", []), ("kept", ["--no-shed"])):
        beacon = stack.enter_context(bench.start_beacon(*words))
        found[name] = runner_of_beacon(bench, beacon, size, name == "shed")
    splice = stack.enter_context(Splice(bench, PIPE))
    joints = {Splice.name: Joint.of_peer(bench, splice)}
    for peer in (HAProxyTLS, HAProxyTCP, Nginx, Transit, Chisel, Frp):
        if peer.missing():
            absent[peer.name] = peer.missing()
        else:
            joints[peer.name] = Joint.of_peer(
                bench, stack.enter_context(peer(bench)))
    if Derper.missing():
        absent[Derper.name] = Derper.missing()
    else:
        joints[Derper.name] = stack.enter_context(Derper(bench))
    for name, joint in joints.items():
        found[name] = lambda joint=joint: per_gib(joint, size)
    if Strelay.missing():
        absent[Strelay.name] = Strelay.missing()
    else:
        found[Strelay.name] = runner_of_strelay(
            bench, stack.enter_context(Strelay(bench)), size)
    return found, absent


def measure(bench):
    size, rounds = bench.of(GIB // 2, GIB // 4), bench.of(9, 3)
    with contextlib.ExitStack() as stack:
        found, absent = runners(bench, stack, size)
        stack.enter_context(awake())
        taken, how = in_turn(found, rounds)
    shed, kept = taken.pop("shed"), taken.pop("kept")
    peers = {name: median(values) for name, values in taken.items()}
    peers.update(absent)
    method = (f"{how}; {size >> 20} MiB, one way, of bytes made beforehand "
              "after an inner TLS 1.3 session from end to end in all, but for "
              "derper, which passes packets of 64 KiB, random, 16 at once on "
              "their way; the relay's process clock; median, "
              f"{span(shed)}")
    bounds = {Splice.name: Bound("ratio", 1.2, 1),
              HAProxyTLS.name: Bound("ratio", 1 / 8, 1 / 11)}
    for name, value in peers.items():
        bench.rows.add_peers("CPU per GiB, shed", median(shed), "s", method,
                             {name: value}, bounds.get(name))
    bounds = {HAProxyTLS.name: Bound("ratio", 1, 0.8)}
    for name in (HAProxyTLS.name, Nginx.name, Derper.name):
        bench.rows.add_peers(
            "CPU per GiB, outer TLS kept", median(kept), "s",
            f"as above, --no-shed; {span(kept)}", {name: peers[name]},
            bounds.get(name))
