"""Three network namespaces: store side, public, cluster side.

    store 198.18.1.2 ---- 198.18.1.1 public 198.18.2.1 ---- 198.18.2.2 cluster

The public one does not forward, so the two sides have no path to each other;
each side's firewall drops every inbound connection and counts the attempts.
"""
import concurrent.futures
import ctypes
import json
import os
import subprocess

SIDES = {"store": "198.18.1", "cluster": "198.18.2"}

FIREWALL = """
table inet lab {{
    counter attempts {{ }}
    chain input {{
        type filter hook input priority 0; policy drop;
        iifname "lo" accept
        ct state established,related accept
        tcp flags & (syn | ack) == syn counter name "attempts" drop
        icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
    }}
}}
"""


def run(*command, text=None, check=True):
    return subprocess.run([str(word) for word in command], input=text,
                          check=check, capture_output=True, text=True)


CLONE_NEWNET = 0x40000000


def inside(namespace, function):
    """What @function returns, called in a thread of its own that is in that
    namespace; sockets that it makes, and threads that it starts, stay there."""
    def enter_and_call():
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/run/netns/{namespace}", "rb") as place:
            if libc.setns(place.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"netns {namespace}")
        return function()

    if not namespace:
        return function()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(enter_and_call).result()


def permitted():
    """Can this user make network namespaces and firewalls here?
    Return None, or the reason why not."""
    name = f"pharos-probe-{os.getpid()}"
    try:
        made = run("ip", "netns", "add", name, check=False)
        if made.returncode:
            return made.stderr.strip() or "ip netns add failed"
        ruled = run("ip", "netns", "exec", name, "nft", "-f", "-",
                    text=FIREWALL.format(), check=False)
        run("ip", "netns", "del", name, check=False)
        return ruled.stderr.strip() if ruled.returncode else None
    except FileNotFoundError as error:
        return f"{error.filename} is not installed"


class Network:
    """Context manager; the names carry our process id, so runs do not meet."""

    def __init__(self):
        self.id = f"pharos-{os.getpid()}"
        self.public = f"{self.id}-public"

    def side(self, name):
        return f"{self.id}-{name}"

    def address(self, name):
        """Of the beacon, as that side sees it."""
        return f"{SIDES[name]}.1"

    def __enter__(self):
        self._made = []
        try:
            self._add(self.public)
            for number, name in enumerate(SIDES):
                self._add_side(number, name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for namespace in reversed(self._made):
            run("ip", "netns", "del", namespace, check=False)

    def _add(self, namespace):
        run("ip", "netns", "add", namespace)
        self._made.append(namespace)
        run("ip", "-n", namespace, "link", "set", "lo", "up")

    def _add_side(self, number, name):
        namespace, prefix = self.side(name), SIDES[name]
        self._add(namespace)
        outer, inner = f"pub{number}", "uplink"
        run("ip", "-n", self.public, "link", "add", outer, "type", "veth",
            "peer", "name", inner, "netns", namespace)
        for space, link, host in ((self.public, outer, 1),
                                  (namespace, inner, 2)):
            run("ip", "-n", space, "addr", "add", f"{prefix}.{host}/24",
                "dev", link)
            run("ip", "-n", space, "link", "set", link, "up")
        run("ip", "netns", "exec", namespace, "nft", "-f", "-",
            text=FIREWALL.format())

    def attempts(self, name):
        """Connections that somebody tried to open towards that side."""
        listing = run("ip", "netns", "exec", self.side(name), "nft", "-j",
                      "list", "counters", "table", "inet", "lab").stdout
        return next(item["counter"]["packets"]
                    for item in json.loads(listing)["nftables"]
                    if "counter" in item)


class Loopback:
    """The same shape where namespaces are not permitted: all on 127.0.0.1."""
    public = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def side(self, _name):
        return None

    def address(self, _name):
        return "127.0.0.1"
