"""What the programs may not do, tried in the running programs themselves, and
what they say where the kernel cannot keep them from it."""
import errno
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import pytest

from lab import parts
from lab.beaconpeer import metrics
from lab.process import children

TOOLS = parts.BUILD / "test" / "sys"
AT_FDCWD = -100
LANDLOCK_VERSION = 1

# What stands for a kernel that lacks a stage.
NO_LANDLOCK = ["landlock_create_ruleset=%d" % errno.EOPNOTSUPP]
NO_SECCOMP = ["prctl@21=%d" % errno.EINVAL, "prctl@22=%d" % errno.EINVAL,
              "seccomp=%d" % errno.EINVAL]


def status(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return dict(line.split(":\t", 1) for line in text.splitlines())


def inject(pid, call, *words):
    """The result of a system call that process @pid is made to make."""
    done = subprocess.run(
        [str(TOOLS / "inject"), str(pid), call, *map(str, words)], text=True,
        capture_output=True, check=False)
    if done.returncode == 77:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.fixture(scope="module", autouse=True)
def may_trace():
    if os.geteuid():
        pytest.skip("needs root, to look into undumpable programs")


REFUSED = {
    "open /etc/shadow": ("openat", AT_FDCWD, "@/etc/shadow", os.O_RDONLY),
    "list /": ("openat", AT_FDCWD, "@/", os.O_RDONLY | os.O_DIRECTORY),
    "make a file": ("openat", AT_FDCWD, "@/tmp/pharos-injected",
                    os.O_WRONLY | os.O_CREAT, 0o600),
    "exec": ("execve", "@/bin/true", 0, 0),
    "fork": ("clone", 17, 0, 0, 0, 0),
    "a user name space": ("unshare", 0x10000000),
    "a netlink socket": ("socket", socket.AF_NETLINK, socket.SOCK_RAW, 0),
    "a packet socket": ("socket", socket.AF_PACKET, socket.SOCK_RAW, 0),
    "a unix stream socket": ("socket", socket.AF_UNIX, socket.SOCK_STREAM, 0),
    "an MPTCP socket": ("socket", socket.AF_INET, socket.SOCK_STREAM, 262),
    "bind": ("bind", -1, 0, 0),
    "listen": ("listen", -1, 1),
    "ptrace": ("ptrace", 16, 1, 0, 0),
    "another process's memory": ("process_vm_readv", 1, 0, 0, 0, 0, 0),
    "a signal to another process": ("kill", 1, 0),
    "memory that can be executed": ("mmap", 0, 4096, 5, 0x22, -1, 0),
    "mount": ("mount", "@none", "@/mnt", "@tmpfs", 0, 0),
    "bpf": ("bpf", 0, 0, 0),
    "io_uring": ("io_uring_setup", 1, 0),
    "keyctl": ("keyctl", 0, 0, 0, 0, 0),
}
# It signals the command, whoever that has become, and reaps.
OF_THE_SUPERVISOR = {label: words for label, words in REFUSED.items()
                     if label != "a signal to another process"}
NO_CONNECTION = {
    "a TCP socket": ("socket", socket.AF_INET, socket.SOCK_STREAM, 0),
    "a UDP socket": ("socket", socket.AF_INET, socket.SOCK_DGRAM, 0),
    "connect": ("connect", -1, 0, 0),
}


DAEMONS = ["beacon", "bridge", "broker", "devstore", "expose", "connect"]


def not_refused(pid, attempts):
    """The attempts that did not end in EPERM or EACCES, with their results."""
    results = {label: inject(pid, *words)
               for label, words in attempts.items()}
    return {label: result for label, result in results.items()
            if result not in (-errno.EPERM, -errno.EACCES)}


def is_confined(pid):
    fields = status(pid)
    assert fields["Seccomp"] == "2"
    assert fields["NoNewPrivs"] == "1"
    for held in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(fields[held], 16) == 0, held


@pytest.fixture(scope="module")
def daemons(delivery):
    return {"beacon": delivery.beacon, "bridge": delivery.bridge,
            "broker": delivery.broker, "devstore": delivery.store,
            **dict(zip(("expose", "connect"), start_pipe(delivery.lab)))}


def start_pipe(lab):
    """Both sides of a pipe, without a beacon."""
    pki = lab.folder / "pipe"
    lab.pharos("pki", "init", "--dir", pki, "--pipe", "home,laptop")

    def start(verb, name, *words):
        return lab.start("pharos", "pipe", verb, "--tls-ca", pki / "ca.crt",
                         "--tls-cert", pki / f"{name}.crt",
                         "--tls-key", pki / f"{name}.key", *words)

    expose = start("expose", "home", "--accept", "127.0.0.1:0",
                   "--to", "127.0.0.1:22")
    port = lab.port_of(expose, "tunnels")
    connect = start("connect", "laptop", "--dial", f"127.0.0.1:{port}",
                    "--listen", "127.0.0.1:0")
    connect.wait_for("tunnel up")
    return expose, connect


@pytest.mark.parametrize("name", DAEMONS)
def test_a_daemon_is_confined(daemons, name):
    is_confined(daemons[name].pid)
    daemons[name].wait_for("isolated landlock=on .*seccomp=on")


@pytest.mark.parametrize("name", DAEMONS)
def test_what_no_daemon_may_do(daemons, name):
    assert inject(daemons[name].pid, "getpid") == daemons[name].pid
    assert not not_refused(daemons[name].pid, REFUSED)


@pytest.mark.parametrize("name", ["beacon", "bridge", "broker", "devstore"])
def test_a_daemon_sees_what_it_has_used(daemons, name):
    room = "@" + "x" * 200
    assert inject(daemons[name].pid, "getrusage", 0, room) == 0


@pytest.mark.parametrize("name", ["beacon", "devstore"])
def test_who_never_dials_cannot(daemons, name):
    assert not not_refused(daemons[name].pid, NO_CONNECTION)


def test_own_files_are_read_and_not_written(daemons, delivery):
    key = delivery.lab.lab_pki / "beacon.key"
    beacon = daemons["beacon"].pid
    fd = inject(beacon, "openat", AT_FDCWD, f"@{key}", os.O_RDONLY)
    assert fd >= 0 and inject(beacon, "close", fd) == 0
    assert not not_refused(beacon, {
        "write": ("openat", AT_FDCWD, f"@{key}", os.O_WRONLY),
        "beside": ("openat", AT_FDCWD, f"@{delivery.lab.pki / 'ca.key'}",
                   os.O_RDONLY)})


def test_the_instrument_sees_what_is_allowed(lab):
    beacon = lab.start_beacon(0, "--no-sandbox")
    beacon.wait_for("not isolated: --no-sandbox")
    assert status(beacon.pid)["Seccomp"] == "0"
    allowed = not_refused(beacon.pid, {
        label: REFUSED[label] for label in
        ("open /etc/shadow", "list /", "a netlink socket", "bind", "listen",
         "keyctl", "memory that can be executed")} | NO_CONNECTION)
    assert len(allowed) == 10


def wait_for_child(pid, is_it):
    """The first child of which that is true; it comes within 10 s."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            for child in children(pid):
                if is_it(child):
                    return child
        except (FileNotFoundError, ProcessLookupError):
            pass
        time.sleep(0.01)
    raise AssertionError("no such child")


def test_both_processes_of_the_wrapper_are_confined(lab):
    """With a broker that says nothing, it waits long enough to be looked at."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        token = lab.folder / "token"
        token.write_text("x")
        token.chmod(0o600)
        wrapper = lab.start_wrapper(
            silent.getsockname()[1], "--token-file", token, "--secret",
            "secret/data/x", "--map", "a=A", "--", "/bin/true")
        fetch = wait_for_child(
            wrapper.pid, lambda pid: status(pid)["Seccomp"] == "2")
        with silent.accept()[0]:
            is_confined(fetch)
            assert not not_refused(fetch, REFUSED)
            wrapper.wait_for("isolated landlock=on .*seccomp=on")
            assert not not_refused(wrapper.pid, OF_THE_SUPERVISOR)
        wrapper.kill()


def test_as_an_ordinary_user(lab):
    """There is nothing to drop; the rest is as it is for root."""
    nobody = 65534
    with tempfile.TemporaryDirectory() as folder:
        for name in ("beacon.crt", "beacon.key"):
            shutil.copy(lab.lab_pki / name, folder)
            os.chown(f"{folder}/{name}", nobody, nobody)
        os.chown(folder, nobody, nobody)
        beacon = lab.start(
            "pharos-beacon", "--addr", ":0", "--health-addr", "127.0.0.1:0",
            "--tls-cert", f"{folder}/beacon.crt",
            "--tls-key", f"{folder}/beacon.key",
            under=["setpriv", f"--reuid={nobody}", f"--regid={nobody}",
                   "--clear-groups"])
        beacon.wait_for("isolated landlock=on .*seccomp=on .*bounding=false")
        fields = status(beacon.pid)
        assert fields["Seccomp"] == "2" and fields["NoNewPrivs"] == "1"
        assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16) == 0
        assert not not_refused(beacon.pid, REFUSED | NO_CONNECTION)
        assert beacon.end() == 0


# ---- a kernel that lacks a stage

def start_on(lab, withheld, *words):
    beacon = lab.start("pharos-beacon", "--addr", ":0", "--health-addr",
                       "127.0.0.1:0", *lab.server_words("beacon"), *words,
                       under=[str(TOOLS / "withhold"), *withheld, "--"])
    beacon.health = lab.address_of(beacon, "health")
    return beacon


@pytest.mark.parametrize("withheld,said,landlock,seccomp", [
    (NO_LANDLOCK, 'landlock="missing in the kernel: (Operation not|Not) supported"',
     0, 1),
    (["landlock_create_ruleset=%d" % errno.ENOSYS],
     'landlock="missing in the kernel: Function not implemented"', 0, 1),
    (NO_SECCOMP, 'seccomp="missing in the kernel: Invalid argument"', 1, 0),
    (NO_LANDLOCK + NO_SECCOMP, 'landlock="missing.*seccomp="missing', 0, 0),
    ([], "landlock=on landlock_abi=[1-9].* seccomp=on", 1, 1)])
def test_a_kernel_that_lacks_a_stage(lab, withheld, said, landlock, seccomp):
    beacon = start_on(lab, withheld or ["getpriority=1"])
    event = "isolated in part" if withheld else "info  beacon isolated"
    beacon.wait_for(f"{event} .*{said}")
    numbers = metrics(beacon.health)
    assert numbers['pharos_isolation{stage="landlock"}'] == landlock
    assert numbers['pharos_isolation{stage="seccomp"}'] == seccomp
    assert numbers['pharos_isolation{stage="capabilities"}'] == 1
    assert (numbers["pharos_landlock_abi"] > 0) == bool(landlock)
    for vital in ("open_fds", "resident_memory_bytes"):
        assert numbers[f"process_{vital}"] > 0
    assert beacon.end() == 0
