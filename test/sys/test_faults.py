"""What a bad network does to a delivery that stands: latency, stalls, resets,
black holes, ends that are lost. Nothing needs a restart, nothing is lost that
was promised, and what is found out is said."""
import concurrent.futures
import json
import socket
import ssl
import subprocess

import pytest

from conftest import not_sanitized
from lab import parts
from lab.beaconpeer import metrics
from lab.proxy import FaultProxy


class Line:
    """A delivery with a fault proxy on either side of the beacon."""

    def __init__(self, lab, delay=0):
        self.lab = lab
        self.beacon = lab.start_beacon()
        self.devstore = store = lab.start_devstore()
        lab.store.write_secret("app", {"password": "first-value"})
        target = ("127.0.0.1", self.beacon.port)
        self.store_side = FaultProxy(target, delay)
        self.cluster_side = FaultProxy(target, delay)
        self.bridge = lab.start_bridge(store.port, self.store_side.port)
        self.broker = lab.start_broker(self.cluster_side.port,
                                       "--pass-through")
        self.broker.wait_for("tunnel up", 20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for proxy in (self.store_side, self.cluster_side):
            proxy.__exit__()

    def read(self, broker=None):
        """One read by pass-through: status and value."""
        port = (broker or self.broker).port
        done = subprocess.run(
            ["curl", "-sS", "--max-time", "60", "-w", "\n%{http_code}",
             "--cacert", self.lab.server_ca, "-H",
             f"X-Vault-Token: {self.lab.store.token}",
             f"https://127.0.0.1:{port}/v1/secret/data/app"],
            capture_output=True, text=True, check=False)
        body, _, status = done.stdout.rpartition("\n")
        value = json.loads(body)["data"]["data"]["password"] \
            if status == "200" else None
        return status, value


GOOD = ("200", "first-value")


@pytest.fixture
def line(lab):
    with Line(lab) as delivery:
        yield delivery


def test_latency(lab):
    """40 ms each way on both sides of the beacon."""
    with Line(lab, delay=0.04) as line:
        assert line.read() == GOOD


def test_a_stall_loses_nothing(line):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for proxy in (line.store_side, line.cluster_side):
            proxy.stall()
            answer = pool.submit(line.read)
            with pytest.raises(concurrent.futures.TimeoutError):
                answer.result(1)
            proxy.stall(False)
            assert answer.result(30) == GOOD
    assert "tunnel gone" not in line.broker.text()


@pytest.mark.parametrize("side", ["store_side", "cluster_side"])
def test_resets_again_and_again(line, side):
    for _ in range(4):
        mark = line.broker.mark()
        getattr(line, side).reset_all()
        line.broker.wait_for("tunnel gone", 10, mark)
        line.broker.wait_for("tunnel up", 30, mark)
        assert line.read() == GOOD


def test_refused_for_a_while(line):
    proxy = line.cluster_side
    proxy.refusing = True
    mark = line.broker.mark()
    proxy.reset_all()
    line.broker.wait_for("target failed", 10, mark)
    status, _ = line.read()
    assert status == "503"
    proxy.refusing = False
    line.broker.wait_for("tunnel up", 40, mark)
    assert line.read() == GOOD


def connect(lab, broker):
    """A pod's CONNECT to the bridge: the status line of the answer."""
    trust = ssl.create_default_context(cafile=lab.server_ca)
    with socket.create_connection(("127.0.0.1", broker.port), 30) as plain, \
            trust.wrap_socket(plain, server_hostname="127.0.0.1") as pod:
        pod.sendall(b"CONNECT bridge.pharos:443 HTTP/1.1\r\n"
                    b"Host: bridge.pharos:443\r\n\r\n")
        return pod.makefile("rb").readline().decode().strip()


def test_a_pod_is_served_by_the_other_tunnel(line):
    """Of two tunnels, the one that is used falls silent, and long before that
    is found out a pod has its session by the other."""
    other = line.lab.start_beacon()
    line.lab.start_bridge(line.devstore.port, other.port)
    proxies = [FaultProxy(("127.0.0.1", port))
               for port in (line.beacon.port, other.port)]
    with proxies[0], proxies[1]:
        broker = line.lab.start_broker(
            f"{proxies[0].port},127.0.0.1:{proxies[1].port}")
        health = line.lab.address_of(broker, "health")
        up = r"tunnel up .*127\.0\.0\.1:(\d+)"
        oldest = int(broker.wait_for(up, 20)[1].group(1))
        for proxy in proxies:
            broker.wait_for(f"tunnel up .*127.0.0.1:{proxy.port}", 20)
        next(p for p in proxies if p.port == oldest).blackhole()
        for _ in range(3):
            assert connect(line.lab, broker).split()[1] == "200"
        assert "tunnel gone" not in broker.text()
        # the first pod waited, the others were sent by the good tunnel at once
        again = "pharos_broker_sessions_asked_again_total"
        assert metrics(health)[again] == 1


@not_sanitized  # it takes over a minute, nearly all of it waiting
def test_silence_is_found_out(line):
    """Black holes and lost ends tell nobody: only pings find them out. Each
    broker has a fault of its own, all at once; the bridge's waiting legs too.
    Then everything heals by itself."""
    target = ("127.0.0.1", line.beacon.port)
    faults = {"black hole": lambda proxy: proxy.blackhole(),
              "far end lost": lambda proxy: proxy.lose("far"),
              "near end lost": lambda proxy: proxy.lose("near")}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        proxies = {label: FaultProxy(target) for label in faults}
        brokers = {label: line.lab.start_broker(proxy.port, "--pass-through")
                   for label, proxy in proxies.items()}
        for broker in brokers.values():
            broker.wait_for("tunnel up", 20)
        marks = {label: broker.mark() for label, broker in brokers.items()}
        bridge_mark = line.bridge.mark()
        for label, fault in faults.items():
            fault(proxies[label])
        line.store_side.blackhole()

        def found_out(label):
            brokers[label].wait_for("tunnel gone", 70, marks[label])
            return label

        assert set(pool.map(found_out, faults)) == set(faults)
        line.bridge.wait_for("tunnel gone", 70, bridge_mark)
        line.store_side.blackhole(False)
        line.store_side.reset_all()
        proxies["black hole"].blackhole(False)
        for label, broker in brokers.items():
            broker.wait_for("tunnel up", 70, marks[label])
            assert line.read(broker) == GOOD, label
        for proxy in proxies.values():
            proxy.__exit__()
