"""Real processes: our wrapper beside the agent of OpenBao, which does the same
job straight at the store; and as many wrappers at once as there are pods."""
import contextlib
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import threading
import time

from lab import peers
from lab.parts import program
from measure.bench import NO_RELEASE, released
from measure.machine import awake, have_memory
from measure.processes import CORES, BenchError
from measure.rows import Bound
from measure.statistics import percentile

from .pods import ROLE, SECRET, Chain

MARK = b"it runs\n"  # what each command says, in one write
# It is there until its input ends, and starts no other program for that: the
# next pod would wait for it.
COMMAND = ["/bin/sh", "-c", "echo it runs; read -r _"]
STREAMS_A_SOURCE = 8  # of the broker's limits, which stay as shipped
MEMORY = 3 << 20  # bytes, more than a pod and its command take of the machine
PATIENCE = 120  # seconds


class Pods:
    """Processes that fetch and then run a command; all share a pipe, into which
    each command says a word."""

    def __init__(self, commands):
        self.times, self.children = [], []
        self.spent_before = self._spent()
        ours, theirs = os.pipe()
        self.ours = open(ours, "rb", buffering=0)
        standing, self.until_closed = os.pipe()  # input without an end
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.began = time.monotonic()
        with open(os.devnull, "wb") as null:
            for command in commands:
                self.children.append(subprocess.Popen(
                    [str(word) for word in command], stdin=standing,
                    stdout=theirs, stderr=null, start_new_session=True))
        self.started = time.monotonic() - self.began
        os.close(theirs)
        os.close(standing)

    def _read(self):
        while chunk := self.ours.read(65536):
            now = time.monotonic()
            self.times += [now - self.began] * chunk.count(MARK)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid, _ in list(self.of_all()):  # before a parent's end hides it
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for child in self.children:
            child.wait()
        os.close(self.until_closed)
        self.reader.join(10)

    def wait(self):
        """Until every command has run. Return: seconds from the beginning."""
        deadline = time.monotonic() + PATIENCE
        while len(self.times) < len(self.children):
            if time.monotonic() > deadline:
                raise BenchError(f"{len(self.times)} of {len(self.children)} "
                                 f"commands ran in {PATIENCE} s")
            time.sleep(0.01)
        return sorted(self.times)

    def of_all(self):
        """Each of their processes, and whether it is a command."""
        waiting = [child.pid for child in self.children]
        while waiting:
            pid = waiting.pop()
            tasks = pathlib.Path(f"/proc/{pid}/task")
            with contextlib.suppress(OSError):
                for task in tasks.iterdir():  # any thread may have started it
                    waiting += map(int,
                                   (task / "children").read_text().split())
                name = (tasks.parent / "comm").read_text().strip()
                yield pid, name == "sh"

    @staticmethod
    def _spent():
        """By children that have ended, and by theirs for which they waited."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def cpu(self):
        """Seconds that all of them took; once they have ended."""
        return self._spent() - self.spent_before

    def memory(self):
        """KiB that each has, its share of what is shared."""
        total = 0
        for pid, is_command in self.of_all():
            if is_command:
                continue
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1))
        return total / len(self.children)


class Agent:
    """`bao agent`, which logs in with the pod's token, renders a variable and
    starts the command with it."""

    CONFIG = """
vault {{
  address = "https://127.0.0.1:{port}"
  ca_cert = "{ca}"
}}
auto_auth {{
  method "jwt" {{
    mount_path = "auth/jwt"
    config = {{
      path = "{jwt}"
      role = "{role}"
      remove_jwt_after_reading = false
    }}
  }}
}}
template_config {{ exit_on_retry_failure = true }}
env_template "VALUE" {{
  contents = "{{{{ with secret \\"secret/data/{secret}\\" }}}}{{{{ .Data.data.value }}}}{{{{ end }}}}"
  error_on_missing_key = true
}}
exec {{
  command = {command}
  restart_on_secret_changes = "never"
}}
"""

    def __init__(self, chain, program_path):
        self.program = program_path
        self.config = chain.lab.folder / "agent.hcl"
        self.config.write_text(self.CONFIG.format(
            port=chain.store.port, ca=chain.lab.server_ca, jwt=chain.jwt,
            role=ROLE, secret=SECRET, command=json.dumps(COMMAND)))

    def command(self):
        return [self.program, "agent", f"-config={self.config}"]


class Wrappers:
    """Our wrappers, each at an address of its own, since the broker limits what
    comes from one: a route of loopback gives what goes to that address the same
    one as its source. Where there is a release of this commit it is the wrapper of
    that, since that is what stands in an image."""

    def __init__(self, chain, count):
        binary = released("pharos-wrapper")
        self.program = binary or program("pharos-wrapper")
        self.name = "the release's pharos-wrapper" if binary else \
            f"the build's pharos-wrapper, {NO_RELEASE}"
        self.chain, self.count = chain, count
        self.sources = (count - 1) // STREAMS_A_SOURCE + 1
        self.hosts = [f"127.77.{number // 250}.{number % 250 + 1}"
                      for number in range(self.sources)]
        subprocess.run(["ip", "-batch", "-"], check=True, text=True,
                       input="".join(
                           f"route replace local {host}/32 dev lo src {host}\n"
                           for host in self.hosts))
        lab = chain.lab
        self.certify(lab.lab_pki, f"pods-{count}")
        self.broker = lab.start(
            "pharos-broker", "--beacon-address",
            f"127.0.0.1:{chain.beacon.port}", "--beacon-ca", lab.server_ca,
            "--beacon-info-hash", lab.info_hash, "--listen", "0.0.0.0:0",
            "--health-addr", "127.0.0.1:0",
            *lab.server_words(f"pods-{count}", "listen"),
            *lab.tunnel_words("broker"), side="cluster")
        self.port = lab.port_of(self.broker, "pods")
        self.broker.wait_for("tunnel up", 20)

    def certify(self, pki, name):
        """A listener's certificate for more addresses than `pharos pki` gives
        one."""
        extensions = pki / f"{name}.ext"
        extensions.write_text(
            "basicConstraints=CA:false\nkeyUsage=digitalSignature\n"
            "extendedKeyUsage=serverAuth\nsubjectAltName=" +
            ",".join(f"IP:{host}" for host in self.hosts))
        request = pki / f"{name}.csr"
        for words in (
                ["req", "-new", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                 pki / f"{name}.key", "-subj", f"/CN={name}", "-out",
                 request],
                ["x509", "-req", "-in", request, "-CA", pki / "ca.crt",
                 "-CAkey", pki / "ca.key", "-days", "2", "-extfile",
                 extensions, "-out", pki / f"{name}.crt"]):
            subprocess.run(["openssl", *map(str, words)], check=True,
                           capture_output=True)
        (pki / f"{name}.key").chmod(0o600)

    def commands(self, words=()):
        lab = self.chain.lab
        for number in range(self.count):
            host = self.hosts[number % self.sources]
            yield [self.program, "--broker",
                   f"https://{host}:{self.port}", "--broker-ca",
                   lab.server_ca, "--bridge-ca", lab.pki / "ca.crt",
                   "--jwt-file", self.chain.jwt, "--secret",
                   f"secret/data/{SECRET}", "--map", "value=VALUE",
                   "--deliver", "env", "--deadline", f"{PATIENCE}s", *words,
                   "--", *COMMAND]

    def end(self):
        self.broker.end()


def least(rounds, commands):
    """The least of some rounds, one process each."""
    taken = []
    for _ in range(rounds):
        with Pods(commands()) as pods:
            taken += pods.wait()
    return min(taken)


def measure_agent(bench, chain):
    """Beside each other, in one run."""
    try:
        agent = Agent(chain, peers.find("openbao"))
    except peers.NotHere as why:
        print(f"no rows of bao agent: {why}", flush=True)
        return
    rounds, count = bench.of(9, 3), bench.of(50, 8)
    one = Wrappers(chain, 1)
    job = ("login with the pod's JWT, one KV read, a variable, the command; "
           "the agent straight at the store, ours by broker, beacon and bridge, "
           f"all on loopback and on this machine; ours is {one.name}; the store "
           f"is {chain.name}")
    bench.rows.add(
        "a process that starts with its secret, least",
        least(rounds, one.commands), "s", f"{rounds} times each; {job}",
        "bao agent", least(rounds, lambda: [agent.command()]))
    one.end()
    many = Wrappers(chain, count)
    with Pods(many.commands()) as pods:
        ours, our_memory = pods.wait(), pods.memory()
    many.end()
    with Pods([agent.command()] * count) as pods:
        theirs, their_memory = pods.wait(), pods.memory()
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        bench.rows.add(
            f"{count} processes at once with their secrets, {name}",
            percentile(ours, share), "s", f"one run each; {job}", "bao agent",
            percentile(theirs, share))
    bench.rows.add(
        "memory beside a command that runs, each", our_memory / 1024, "MiB",
        f"proportional set size, of {count} at once, commands not counted; our "
        "two processes, without rotation", "bao agent", their_memory / 1024)


def measure_crowd(bench, chain):
    """As figures/pods.py, but each pod takes its processor time of this machine
    too. The bound is the same."""
    count = bench.of(1000, 50)
    crowd = Wrappers(chain, count)
    given = have_memory(count * MEMORY)
    with Pods(crowd.commands()) as pods:
        taken = pods.wait()
    own = pods.cpu() / len(CORES)
    for name, share, bound in (("p50", 0.5, None),
                               ("p99", 0.99, Bound("ours", 10, 3))):
        bench.rows.add(
            f"{count} wrapper processes on this machine, until their commands "
            f"run, {name}", percentile(taken, share), "s",
            f"each is {crowd.name}, with its command, {STREAMS_A_SOURCE} at an "
            "address, as many as the broker lets one have; from the start of "
            f"the first; the last was started after {pods.started:.2f} s, and "
            "the same cores run broker, beacon, bridge and store; the host has "
            f"given {given >> 20} MiB of the {count * MEMORY >> 20} before that "
            f"they may take; the store is {chain.name}",
            f"the {len(CORES)} cores' time for them alone",
            own, bound)
    crowd.end()


@awake()
def measure(bench):
    with bench.lab:
        chain = Chain(bench)
        measure_agent(bench, chain)
        measure_crowd(bench, chain)
