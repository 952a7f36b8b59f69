"""The machine under a run, made as steady as a program can make it.

A network of our own: the user's may pace TCP by timers (bbr), and on a virtual
machine such timers are then most of what is measured. Cores that do not sleep:
to wake one of a virtual machine takes its host from microseconds to tens of
milliseconds, which a percentile would show as ours or as a peer's; and whoever
wakes it pays for that: it multiplies by six what a relay spends that hardly does
anything else. Memory that is there: the host of a virtual machine takes back what
is free, and to be given a page by it costs six times what the page costs itself.
"""
import contextlib
import fcntl
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import time

from .processes import LIBC, keep_to

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
CONGESTION = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control")
AUTOGROUP = pathlib.Path("/proc/self/autogroup")
AUTOGROUP_TRIES = 50
UNPACED = ("cubic", "reno")


def raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        name = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(
            any_socket, SIOCGIFFLAGS, name))[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS,
                    struct.pack("16sh14x", b"lo", flags | IFF_UP))


def use_unpaced_tcp():
    """A kernel lets a namespace choose only what it names as allowed."""
    for name in UNPACED:
        with contextlib.suppress(OSError):
            CONGESTION.write_text(name)
            return


def enter_own_network():
    """Before any socket or thread. Return: whether the kernel let us."""
    if LIBC.unshare(CLONE_NEWNET):
        return False
    raise_loopback()
    use_unpaced_tcp()
    return True


def describe(own_network):
    where = "a network of its own" if own_network else "the host's network"
    return (f"{os.cpu_count()} cores, Linux {os.uname().release}, {where}, "
            f"TCP {CONGESTION.read_text().strip()}")


def take_least_share():
    """Of a session of its own. The kernel takes one such word in a tenth of a
    second from all who are not root: we come again."""
    with contextlib.suppress(FileNotFoundError, PermissionError):
        for _ in range(AUTOGROUP_TRIES):
            with contextlib.suppress(BlockingIOError):
                AUTOGROUP.write_text("19")
                return
            time.sleep(0.1)
        AUTOGROUP.write_text("19")


def stay_on(core):
    """In a child: whoever wants the core has it at once; it ends with us.

    Where the kernel groups processes by session, a group's share does not know
    how idle its members are: in our session it would take as much as we may. So
    it has a session of its own, and that the least share that there is.
    """
    keep_to({core})
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    os.setsid()
    take_least_share()


@contextlib.contextmanager
def awake():
    """No core sleeps meanwhile."""
    spin = [sys.executable, "-S", "-c", "while True: pass"]
    children = [
        subprocess.Popen(spin, preexec_fn=lambda core=core: stay_on(core))
        for core in os.sched_getaffinity(0)]
    try:
        yield
    finally:
        for child in children:
            child.kill()
            child.wait()


def meminfo(name):
    """Bytes, by its name in /proc/meminfo."""
    text = pathlib.Path("/proc/meminfo").read_text()
    return int(re.search(rf"^{name}:\s+(\d+) kB$", text, re.M).group(1)) * 1024


def group_free(root, memberships):
    """Bytes that the least of our control groups (version 2) has left for us,
    with what it would take back from files; None: it sets no limit."""
    found = re.search(r"^0::/(.*)$", memberships.read_text(), re.M)
    folder = root / (found.group(1) if found else "")
    left = []
    while folder.is_relative_to(root):
        with contextlib.suppress(FileNotFoundError, ValueError):  # "max"
            most = int((folder / "memory.max").read_text())
            used = int((folder / "memory.current").read_text())
            files = re.search(r"^inactive_file (\d+)$",
                              (folder / "memory.stat").read_text(), re.M)
            left.append(max(0, most - used + int(files.group(1))))
        folder = folder.parent
    return min(left, default=None)


def have_memory(size):
    """So much of it, or half of what is free, is used once and free again.
    Return: how much that was."""
    free = meminfo("MemFree")
    of_group = group_free(pathlib.Path("/sys/fs/cgroup"),
                          pathlib.Path("/proc/self/cgroup"))
    if of_group is not None:
        free = min(free, of_group)
    size = min(size, free // 2)
    subprocess.run([sys.executable, "-S", "-c", f"b'x' * {size}"], check=True)
    return size


class Stolen:
    """How much of its time this machine had to wait for its host."""

    def __init__(self):
        self.began = self.read()

    @staticmethod
    def read():
        with open("/proc/stat", encoding="ascii") as stat:
            ticks = [int(word) for word in stat.readline().split()[1:]]
        return ticks[7], sum(ticks[:8])

    def percent(self):
        stolen, all_of_it = (now - then for now, then in
                             zip(self.read(), self.began))
        return 100 * stolen / max(1, all_of_it)
