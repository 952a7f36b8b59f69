"""A packet capture in a namespace, by tcpdump, and a search in it."""
import collections
import pathlib
import signal
import struct
import time

from .process import LabError, Process


class NotPermitted(Exception):
    """This user may not capture packets here."""


class Capture:
    def __init__(self, folder, namespace=None, what="tcp"):
        self.file = pathlib.Path(folder) / "beacon.pcap"
        device = "any" if namespace else "lo"
        self.process = Process(
            "tcpdump", ["tcpdump", "-i", device, "-U", "--immediate-mode",
                        "-B", "8192", "-s", "0", "-n", "-Z", "root",
                        "-w", self.file, what], namespace=namespace)
        try:
            self.process.wait_for(r"listening on")
        except LabError as error:
            raise NotPermitted(str(error)) from error

    def stop(self, last):
        """End the capture once it holds the bytes `last`, and read it whole.
        Return None if they do not come."""
        deadline = time.monotonic() + 10
        while last not in self.file.read_bytes():
            if time.monotonic() > deadline:
                self.process.kill()
                return None
            self.process.wait_for_news(0.1)
        self.process.signal(signal.SIGINT)
        self.process.wait()
        return self.file.read_bytes()


def _packets(pcap):
    at = 24
    while at + 16 <= len(pcap):
        size = struct.unpack_from("<I", pcap, at + 8)[0]
        yield pcap[at + 16:at + 16 + size]
        at += 16 + size


def streams(pcap, port):
    """The bytes of each direction of each TCP connection to and from `port`,
    of a capture on lo: {(source port, destination port): bytes}."""
    pieces = collections.defaultdict(dict)
    first = {}
    for packet in _packets(pcap):
        kind, ip = struct.unpack_from(">H", packet, 12)[0], packet[14:]
        if kind == 0x0800:
            total = struct.unpack_from(">H", ip, 2)[0]
            tcp = ip[4 * (ip[0] & 15):total]
        elif kind == 0x86dd:
            tcp = ip[40:40 + struct.unpack_from(">H", ip, 4)[0]]
        else:
            continue
        way = struct.unpack_from(">HH", tcp)
        if port not in way:
            continue
        sequence = struct.unpack_from(">I", tcp, 4)[0]
        if tcp[13] & 2:  # SYN
            first[way] = (sequence + 1) & 0xffffffff
        data = tcp[4 * (tcp[12] >> 4):]
        if data and way in first:
            offset = (sequence - first[way]) & 0xffffffff
            pieces[way][offset] = max(data, pieces[way].get(offset, b""),
                                          key=len)
    whole = {}
    for way, parts in pieces.items():
        data = b""
        for offset in sorted(parts):
            if offset > len(data):
                raise LabError(f"{way}: the capture lacks bytes at {len(data)}")
            data = data[:offset] + parts[offset] + \
                data[offset + len(parts[offset]):]
        whole[way] = data
    return whole
