"""Network namespaces, wired to each other as a test says."""
import os

from . import network


class Houses:
    """The namespaces; the names carry our process id, so runs do not meet."""

    def __init__(self):
        self.made = []

    def name(self, house):
        return f"pharos-{os.getpid()}-{house}"

    def ip(self, house, *words):
        network.run("ip", "-n", self.name(house), *words)

    def inside(self, house, function):
        return network.inside(self.name(house), function)

    def nft(self, house, text):
        network.run("ip", "netns", "exec", self.name(house), "nft", "-f", "-",
                    text=text)

    def add(self, house):
        network.run("ip", "netns", "add", self.name(house))
        self.made.append(self.name(house))
        self.ip(house, "link", "set", "lo", "up")

    def wire(self, house, link, other, other_link):
        self.ip(house, "link", "add", link, "type", "veth", "peer", "name",
                other_link, "netns", self.name(other))
        self.ip(house, "link", "set", link, "up")
        self.ip(other, "link", "set", other_link, "up")

    def set(self, house, *settings):
        """Of /proc/sys/net of the namespace."""
        network.run("ip", "netns", "exec", self.name(house), "sysctl", "-q",
                    *["net." + s.replace("/", ".") for s in settings])

    def close(self):
        for namespace in reversed(self.made):
            network.run("ip", "netns", "del", namespace, check=False)
