"""New certificates, keys and lists while a program runs: what is good is used
for whoever comes next, what is not is refused; who is there stays."""
import hashlib
import http.client
import os
import re
import shutil
import signal
import ssl
import subprocess
import threading
import time

import pytest

from cryptography import x509

from lab.badstore import BadStore
from lab.beaconpeer import (Fleet, Identity, metric_becomes, metrics)
from lab.parts import program

HASH = hashlib.sha256(b"an info hash").digest()
DONE = 'pharos_reloads_total{result="done"}'
REFUSED = 'pharos_reloads_total{result="refused"}'
EXPIRY = "pharos_beacon_certificate_expiry_timestamp_seconds"


def other_hash(number):
    return hashlib.sha256(b"hash %d" % number).digest()


class Papers:
    """A certificate and key that a program uses, and how they are renewed."""

    def __init__(self, lab, name="beacon", role="server"):
        self.lab = lab
        self.name = name
        self.role = role
        self.pki = lab.lab_pki if role == "server" else lab.pki
        self.folder = lab.folder / f"used-{name}"
        self.folder.mkdir()
        self.count = 0
        self.cert = self.folder / "tls.crt"
        self.key = self.folder / "tls.key"
        self.place(self.pki / f"{name}.crt", self.pki / f"{name}.key")

    def place(self, cert, key):
        """Both, each by renaming."""
        for source, target in ((cert, self.cert), (key, self.key)):
            fresh = target.with_suffix(".new")
            shutil.copy(source, fresh)
            fresh.rename(target)

    def issue(self):
        self.count += 1
        name = f"{self.name}-{self.count}"
        host = ["--host", "127.0.0.1"] if self.role == "server" else []
        self.lab.pharos("pki", "issue", "--dir", self.pki, "--role",
                        self.role, "--name", name, *host,
                        "--days", str(30 + self.count))
        return self.pki / f"{name}.crt", self.pki / f"{name}.key"

    def words(self, option):
        return [f"--{option}-cert", self.cert, f"--{option}-key", self.key]

    def renew(self):
        cert, key = self.issue()
        self.place(cert, key)
        return serial_of(cert)


def serial_of(file):
    return x509.load_pem_x509_certificate(file.read_bytes()).serial_number


def expiry_of(file):
    cert = x509.load_pem_x509_certificate(file.read_bytes())
    return int(cert.not_valid_after.timestamp() - time.timezone)


@pytest.fixture
def papers(lab):
    return Papers(lab)


@pytest.fixture
def beacon(lab, papers):
    process = lab.start(
        "pharos-beacon", "--addr", "127.0.0.1:0", "--health-addr",
        "127.0.0.1:0", "--tls-cert", papers.cert, "--tls-key", papers.key)
    process.port = lab.port_of(process, "legs")
    process.health = lab.address_of(process, "health")
    return process


@pytest.fixture
def fleet(lab, beacon):
    with Fleet(beacon.port, lab.server_ca) as peers:
        yield peers


def shown(fleet):
    """The serial number of the certificate that a newcomer is shown."""
    peer = fleet.dial()
    return peer.tls.get_peer_certificate().get_serial_number()


def hang_up(process):
    mark = process.mark()
    process.signal(signal.SIGHUP)
    process.wait_for("reload", since=mark)


# ---- the beacon's certificate

@pytest.mark.parametrize("how", ["files", "signal"])
def test_new_certificate(fleet, beacon, papers, how):
    listener, connector = fleet.pair(HASH)
    waiting = fleet.listen(other_hash(1))
    waiting.waits()
    old = shown(fleet)
    mark = beacon.mark()
    new = papers.renew()
    if how == "signal":
        hang_up(beacon)
    beacon.wait_for("reloaded", since=mark)
    assert old != new == shown(fleet)
    assert metrics(beacon.health)[EXPIRY] == expiry_of(papers.cert)
    connector.send(b"the pair goes on")
    assert listener.read(16) == b"the pair goes on"
    late = fleet.connect(other_hash(1))
    assert late.paired() == waiting.paired()


def half(text):
    return text[:len(text) // 2]


def pipe_in_place_of(file):
    """That nobody writes to: who read it would wait."""
    fresh = file.with_suffix(".pipe")
    os.mkfifo(fresh, 0o600)
    fresh.rename(file)


BAD_FILES = {
    "half a certificate": lambda p, cert, key: p.cert.write_bytes(
        half(cert.read_bytes())),
    "an empty certificate": lambda p, cert, key: p.cert.write_bytes(b""),
    "half a key": lambda p, cert, key: p.key.write_bytes(
        half(key.read_bytes())),
    "the key of another": lambda p, cert, key: p.key.write_bytes(
        key.read_bytes()),
    "no key": lambda p, cert, key: p.key.unlink(),
    "a key that all can read": lambda p, cert, key: p.key.chmod(0o644),
    "a pipe": lambda p, cert, key: pipe_in_place_of(p.key),
}


@pytest.mark.parametrize("bad", BAD_FILES)
def test_bad_files_are_refused(fleet, beacon, papers, bad):
    """One line says what is wrong, and the old certificate serves; when the
    files are good again they are used without anybody's doing."""
    listener, connector = fleet.pair(HASH)
    old, expiry = shown(fleet), expiry_of(papers.cert)
    cert, key = papers.issue()
    mark = beacon.mark()
    BAD_FILES[bad](papers, cert, key)
    beacon.wait_for("reload refused.*tls", since=mark)
    assert shown(fleet) == old
    seen = metrics(beacon.health)
    assert seen[EXPIRY] == expiry and seen[REFUSED] >= 1 and seen[DONE] == 0
    papers.place(cert, key)
    beacon.wait_for("reloaded", since=mark)
    assert shown(fleet) == serial_of(cert)
    connector.send(b"x")
    assert listener.read(1) == b"x"


@pytest.mark.parametrize("sandbox", [True, False])
def test_a_folder_made_anew(lab, papers, sandbox):
    """Its files are used; or, where isolation keeps them shut, the log says
    what helps, and the old certificate serves on."""
    beacon = lab.start(
        "pharos-beacon", "--addr", "127.0.0.1:0", "--health-addr",
        "127.0.0.1:0", *papers.words("tls"),
        *([] if sandbox else ["--no-sandbox"]))
    health = lab.address_of(beacon, "health")
    confined = metrics(health)['pharos_isolation{stage="landlock"}'] == 1
    cert, key = papers.issue()
    with Fleet(lab.port_of(beacon, "legs"), lab.server_ca) as fleet:
        old = shown(fleet)
        papers.folder.rename(papers.folder.with_suffix(".old"))
        beacon.wait_for("reload refused.*No such file")
        mark = beacon.mark()
        papers.folder.mkdir()
        papers.place(cert, key)
        if confined:
            beacon.wait_for("reload refused.*folder was made anew.*restart",
                            since=mark)
            assert shown(fleet) == old
            return
        beacon.wait_for("reloaded", since=mark)
        assert shown(fleet) == serial_of(cert)


def test_kubernetes_turns_its_link(lab):
    """A secret's volume: the files are links, and one link is turned."""
    used = lab.folder / "volume"
    used.mkdir()
    source = Papers(lab)

    def version(number, cert, key):
        place = used / f"..v{number}"
        place.mkdir()
        shutil.copy(cert, place / "tls.crt")
        shutil.copy(key, place / "tls.key")
        link = used / "..data_tmp"
        link.symlink_to(place.name)
        link.rename(used / "..data")

    version(1, source.cert, source.key)
    for name in ("tls.crt", "tls.key"):
        (used / name).symlink_to(f"..data/{name}")
    beacon = lab.start(
        "pharos-beacon", "--addr", "127.0.0.1:0", "--health-addr",
        "127.0.0.1:0", "--tls-cert", used / "tls.crt", "--tls-key",
        used / "tls.key")
    health = lab.address_of(beacon, "health")
    with Fleet(lab.port_of(beacon, "legs"), lab.server_ca) as fleet:
        cert, key = source.issue()
        version(2, cert, key)
        beacon.wait_for("reloaded")
        assert shown(fleet) == serial_of(cert)
    assert metrics(health)[REFUSED] == 0


# ---- the list of info hashes

def test_new_list(lab, bridge):
    allow = lab.folder / "allow"
    allow.write_text(f"{HASH.hex()}\n{bridge.info_hash.hex()}\n")
    beacon = lab.start(
        "pharos-beacon", "--addr", "127.0.0.1:0", "--health-addr",
        "127.0.0.1:0", "--allow", allow, *lab.server_words("beacon"))
    health = lab.address_of(beacon, "health")
    with Fleet(lab.port_of(beacon, "legs"), lab.server_ca) as fleet:
        pair = fleet.pair(HASH)
        goes, stays = fleet.listen(HASH), fleet.listen(bridge.info_hash)
        goes.waits()
        stays.waits()
        allow.write_text("nonsense\n")
        beacon.wait_for("reload refused.*allow")
        assert goes.quiet()
        allow.write_text(f"{bridge.info_hash.hex()}\n")
        beacon.wait_for("reloaded")
        assert goes.refused().code == "unproven"
        assert fleet.listen(HASH).refused().code == "unproven"
        pair[0].send(b"a pair is not touched")
        assert pair[1].read(21) == b"a pair is not touched"
        assert fleet.connect(bridge.info_hash).paired() == stays.paired()
        assert metrics(health)[REFUSED] == 1


@pytest.fixture
def bridge(lab):
    return Identity(lab.pki / "bridge.crt", lab.pki / "bridge.key",
                    lab.pki / "ca.crt")


# ---- under load

class Flow:
    """A pair whose one end sends numbered blocks until it is told to stop, some
    hundred a second, so that Python has time for the rest of the test; the other
    one checks each."""

    def __init__(self, pair):
        self.reader, self.sender = pair
        self.stop = threading.Event()
        self.bad = None
        self.blocks = 0
        self.threads = [threading.Thread(target=self.send),
                        threading.Thread(target=self.read)]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def block(number):
        return hashlib.sha256(number.to_bytes(8, "big")).digest() * 64

    def send(self):
        try:
            while not self.stop.wait(0.01):
                self.sender.send(self.block(self.blocks))
                self.blocks += 1
            self.sender.finish()
        except Exception as error:  # told by check()
            self.bad = error

    def read(self):
        try:
            data = self.reader.read_to_end()
            for number in range(self.blocks):
                if data[2048 * number:2048 * (number + 1)] != \
                        self.block(number):
                    raise AssertionError(f"block {number} is another")
            if len(data) != 2048 * self.blocks:
                raise AssertionError("bytes too few or too many")
        except Exception as error:
            self.bad = error

    def check(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)
        assert self.bad is None, self.bad
        assert self.blocks


def test_reload_under_load(fleet, beacon, papers):
    """Twenty reloads, half of them by the files alone, while pairs move
    checksummed bytes and clients come and go: no pair is lost."""
    flows = [Flow(fleet.pair(other_hash(n))) for n in range(4)]
    for number in range(20):
        new = papers.renew()
        if number % 2:
            hang_up(beacon)
        else:
            metric_becomes(beacon.health, DONE, number + 1)
        assert shown(fleet) == new
        for peer in fleet.pair(HASH):
            peer.reset()
    for flow in flows:
        flow.check()
    assert metrics(beacon.health)["pharos_beacon_pair_resets_total"] == 20


# ---- bridge and broker

class Joined:
    """A broker that reads all of its papers in folders of the test's, a bridge
    that does, and a store that answers."""

    def __init__(self, lab, store):
        self.lab = lab
        self.papers = {"broker": Papers(lab, "broker", "broker"),
                       "bridge": Papers(lab, "bridge", "bridge"),
                       "listen": Papers(lab, "listen")}
        self.token = lab.folder / "token"
        self.token.write_text("first-token\n")
        self.token.chmod(0o600)
        self.beacon = lab.start_beacon()
        meet = ["--beacon-address", f"127.0.0.1:{self.beacon.port}",
                "--beacon-ca", lab.server_ca, "--beacon-info-hash",
                lab.info_hash, "--tls-ca", lab.pki / "ca.crt",
                "--health-addr", "127.0.0.1:0"]
        self.bridge = lab.start(
            "pharos-bridge", "--vault-addr", store.address, *meet,
            *self.papers["bridge"].words("tls"))
        self.broker = lab.start(
            "pharos-broker", "--listen", "127.0.0.1:0", "--pass-through",
            "--client-token-file", self.token, *meet,
            *self.papers["broker"].words("tls"),
            *self.papers["listen"].words("listen"))
        self.port = lab.port_of(self.broker, "pods")
        self.broker.wait_for("tunnel up", 20)
        self.context = ssl.create_default_context(cafile=lab.server_ca)

    def health(self, who):
        return self.lab.address_of(getattr(self, who), "health")

    def client(self):
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20,
                                           context=self.context)

    @staticmethod
    def get(client, token="first-token"):
        client.request("GET", "/v1/secret/data/good",
                       headers={"X-Vault-Token": "s.x",
                                "X-Pharos-Token": token})
        answer = client.getresponse()
        answer.read()
        return answer.status

    def shown(self):
        client = self.client()
        client.connect()
        der = client.sock.getpeercert(True)
        return x509.load_der_x509_certificate(der).serial_number


@pytest.fixture
def joined(lab):
    with BadStore() as store:
        yield Joined(lab, store)


@pytest.mark.parametrize("who,peer", [("broker", "bridge"),
                                      ("bridge", "broker")])
def test_new_identity(joined, who, peer):
    """The tunnel stays, and what is asked over it is answered; the next tunnel
    is made with the new name."""
    process = getattr(joined, who)
    metric = f"pharos_{who}_certificate_expiry_timestamp_seconds"
    mark, client = process.mark(), joined.client()
    assert joined.get(client) == 200
    cert, key = joined.papers[who].issue()
    joined.papers[who].place(cert, key)
    process.wait_for("reloaded", since=mark)
    assert joined.get(client) == 200
    assert "tunnel gone" not in process.text()
    assert expiry_of(cert) in [
        value for name, value in metrics(joined.health(who)).items()
        if name.startswith(metric)]
    joined.beacon.kill()
    mark = getattr(joined, peer).mark()
    joined.beacon = joined.lab.start_beacon(joined.beacon.port)
    getattr(joined, peer).wait_for(f"tunnel up .*peer={who}-1 ", 60,
                                   since=mark)
    while joined.get(joined.client()) != 200:
        pass  # the broker hears of its tunnel a moment later


def test_identity_of_another_realm_is_refused(joined):
    other = joined.lab.folder / "other"
    joined.lab.pharos("pki", "init", "--dir", other)
    mark = joined.broker.mark()
    joined.papers["broker"].place(other / "broker.crt", other / "broker.key")
    joined.broker.wait_for("reload refused", since=mark)
    assert joined.get(joined.client()) == 200
    assert metrics(joined.health("broker"))[REFUSED] >= 1


def test_new_certificate_for_pods(joined):
    old, client = joined.shown(), joined.client()
    assert joined.get(client) == 200
    mark = joined.broker.mark()
    new = joined.papers["listen"].renew()
    joined.broker.wait_for("reloaded", since=mark)
    assert old != new == joined.shown()
    assert joined.get(client) == 200  # on the connection that was there


def test_new_client_token(joined):
    client = joined.client()
    assert joined.get(client) == 200
    joined.token.write_text("second-token\n")
    joined.broker.wait_for("reloaded")
    assert joined.get(client) == 401
    assert joined.get(client, "second-token") == 200


def test_twenty_reloads_of_all(joined):
    """No tunnel is lost, and old papers are not kept."""
    client = joined.client()
    for _ in range(20):
        for who in ("bridge", "broker"):
            hang_up(getattr(joined, who))
        assert joined.get(client) == 200
    for who in ("bridge", "broker"):
        assert metrics(joined.health(who))[DONE] == 20
        assert "tunnel gone" not in getattr(joined, who).text()


# ---- the log

def test_log_reader_goes(lab):
    """Whoever reads the log is restarted, as a rotation does it: what cannot be
    written is not written, and no pair hears of it."""
    beacon = subprocess.Popen(
        [program("pharos-beacon"), "--addr", "127.0.0.1:0", "--health-addr",
         "127.0.0.1:0", "--log-level", "debug",
         *map(str, lab.server_words("beacon"))], stderr=subprocess.PIPE,
        text=True)
    try:
        address = {}
        while len(address) < 2:
            match = re.search(r"listening what=(legs|health) address=(\S+)",
                              beacon.stderr.readline())
            if match:
                address[match[1]] = match[2]
        port = int(address["legs"].rpartition(":")[2])
        with Fleet(port, lab.server_ca) as fleet:
            flow = Flow(fleet.pair(HASH))
            beacon.stderr.close()
            for number in range(5):
                for peer in fleet.pair(other_hash(number)):
                    peer.reset()
                beacon.send_signal(signal.SIGHUP)
                metric_becomes(address["health"], DONE, number + 1)
            flow.check()
    finally:
        beacon.kill()
        beacon.wait(10)
