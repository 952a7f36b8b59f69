"""pharos pipe: TCP services over a beacon or directly, on real programs."""
import concurrent.futures
import getpass
import hashlib
import os
import pathlib
import queue
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.request

import pytest

from lab import parts, services
from lab.process import Process


def metric(process, name):
    port = parts.Lab.port_of(process, "health")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics",
                                timeout=10) as page:
        text = page.read().decode()
    return int(next(line.rpartition(" ")[2] for line in text.splitlines()
                    if line.startswith(f"pharos_pipe_{name} ")))


class Realm:
    """A CA of its own with two pipe certificates, and a way to meet. A side
    that exposes serves its whole realm, so each test that has one has its
    own."""

    def __init__(self, lab, *way, folder=None):
        self.lab = lab
        self.way = way
        self.folder = folder or pathlib.Path(
            tempfile.mkdtemp(dir=lab.folder)) / "pki"
        if not folder:
            lab.pharos("pki", "init", "--dir", self.folder, "--pipe",
                       "home,laptop")

    def by(self, *way):
        """The same certificates, another way."""
        return Realm(self.lab, *way, folder=self.folder)

    def words(self, name):
        return ["--tls-cert", self.folder / f"{name}.crt",
                "--tls-key", self.folder / f"{name}.key",
                "--tls-ca", self.folder / "ca.crt", *self.way]

    def expose(self, *targets, words=(), name="home"):
        to = [word for target in targets for word in ("--to", target)]
        return self.lab.start("pharos", "pipe", "expose", *self.words(name),
                              *to, *words)

    def connect(self, *words, name="laptop"):
        process = self.lab.start("pharos", "pipe", "connect",
                                 *self.words(name), "--listen", "127.0.0.1:0",
                                 *words)
        process.port = self.lab.port_of(process, "local")
        return process

    def stdio(self, *words, name="laptop"):
        """The command line, as one would give it to ssh."""
        return [str(word) for word in
                [parts.program("pharos"), "pipe", "connect",
                 *self.words(name), "--stdio", *words]]


def beacon_words(lab, *beacons):
    words = [word for beacon in beacons
             for word in ("--beacon-address", f"127.0.0.1:{beacon.port}")]
    return words + ["--beacon-ca", lab.server_ca]


def dial(process):
    connection = socket.create_connection(("127.0.0.1", process.port), 20)
    connection.settimeout(20)
    return connection


def ask(process, data):
    with dial(process) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return services.read_all(connection)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with parts.Lab(tmp_path_factory.mktemp("pipe")) as laboratory:
        laboratory.make_certificates()
        laboratory.beacon = laboratory.start_beacon()
        yield laboratory


@pytest.fixture
def realm(lab):
    return Realm(lab, *beacon_words(lab, lab.beacon))


@pytest.fixture(scope="module")
def echo():
    with services.Service(services.echo) as service:
        yield service


@pytest.fixture(scope="module")
def pair(lab, echo):
    """A service exposed through the beacon, and the other side of it."""
    realm = Realm(lab, *beacon_words(lab, lab.beacon))
    health = ["--health-addr", "127.0.0.1:0"]
    exposed = realm.expose(f"echo={echo.address}", words=health)
    connect = realm.connect("--to", "echo", "--peer", "home", *health)
    connect.wait_for("tunnel up")
    connect.realm, connect.exposed = realm, exposed
    return connect


# ---- over each route

def test_bytes_both_ways_and_ends(pair):
    data = os.urandom(3_000_000)
    with dial(pair) as connection:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            sending = pool.submit(connection.sendall, data)
            got = b""
            while len(got) < len(data):
                got += connection.recv(65536)
            sending.result()
        assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest()
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""


def test_the_end_of_one_direction_leaves_the_other_open(realm):
    def late(connection):
        assert services.read_all(connection) == b"question"
        connection.sendall(b"answer")

    with services.Service(late) as service:
        realm.expose(service.address)
        assert ask(realm.connect(), b"question") == b"answer"


def test_a_reset_passes_as_a_reset(realm):
    with services.Service(services.reset) as service:
        realm.expose(service.address)
        with dial(realm.connect()) as connection:
            connection.sendall(b"x")
            with pytest.raises(ConnectionResetError):
                connection.recv(1)


@pytest.mark.parametrize("dials", ["expose", "connect"])
def test_without_a_beacon(lab, echo, dials):
    accepting = Realm(lab, "--accept", "127.0.0.1:0")
    if dials == "expose":
        connect = accepting.connect()
        port = lab.port_of(connect, "tunnels")
        accepting.by("--dial", f"127.0.0.1:{port}").expose(echo.address)
    else:
        port = lab.port_of(accepting.expose(echo.address), "tunnels")
        connect = accepting.by("--dial", f"127.0.0.1:{port}").connect()
    assert ask(connect, b"hello") == b"hello"


def test_another_beacon_takes_over(lab, echo):
    beacons = [lab.start_beacon(), lab.start_beacon()]
    realm = Realm(lab, *beacon_words(lab, *beacons))
    expose = realm.expose(echo.address)
    for beacon in beacons:
        expose.wait_for(f"waiting at beacon.*:{beacon.port}$")
    connect = realm.connect()
    for beacon in beacons:
        connect.wait_for(f"tunnel up.*:{beacon.port} ")
    assert ask(connect, b"one") == b"one"
    beacons[0].kill()
    connect.wait_for("tunnel gone")
    assert ask(connect, b"two") == b"two"


def test_a_connection_waits_for_the_beacon_to_come_back(lab, echo):
    beacon = lab.start_beacon()
    realm = Realm(lab, *beacon_words(lab, beacon))
    realm.expose(echo.address)
    connect = realm.connect()
    connect.wait_for("tunnel up")
    beacon.kill()
    connect.wait_for("tunnel gone")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        asking = pool.submit(ask, connect, b"patience")
        lab.start_beacon(beacon.port)
        assert asking.result(30) == b"patience"


# ---- the way out

@pytest.mark.parametrize("side", ["expose", "connect"])
def test_a_connection_may_end_before_the_process_does(realm, echo, side):
    expose, connect = realm.expose(echo.address), realm.connect()
    ending = expose if side == "expose" else connect
    with dial(connect) as connection:
        connection.sendall(b"a")
        assert connection.recv(1) == b"a"
        ending.signal(signal.SIGTERM)
        ending.wait_for("draining")
        connection.sendall(b"b")
        assert connection.recv(1) == b"b"
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert ending.wait() == 0


@pytest.mark.parametrize("side", ["expose", "connect"])
def test_a_connection_that_goes_on_is_cut(realm, echo, side):
    soon = ["--drain-timeout", "200ms"]
    expose = realm.expose(echo.address, words=soon)
    connect = realm.connect(*soon)
    ending = expose if side == "expose" else connect
    with dial(connect) as connection:
        connection.sendall(b"a")
        assert connection.recv(1) == b"a"
        ending.signal(signal.SIGTERM)
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    assert ending.wait() == 3


def test_an_idle_side_ends_at_once(pair, realm, echo):
    expose, connect = realm.expose(echo.address), realm.connect()
    connect.wait_for("tunnel up")
    assert connect.end() == 0
    expose.wait_for("tunnel gone")
    assert expose.end() == 0


# ---- new certificates

def replace(realm, name, by):
    for ending in ("crt", "key"):
        (realm.folder / f"{by}.{ending}").rename(
            realm.folder / f"{name}.{ending}")


def test_a_new_certificate_is_used_and_nothing_is_cut(lab, realm, echo):
    expose, connect = realm.expose(echo.address), realm.connect()
    lab.pharos("pki", "issue", "--dir", realm.folder, "--role", "pipe",
               "--name", "home-2")
    with dial(connect) as connection:
        connection.sendall(b"a")
        assert connection.recv(1) == b"a"
        replace(realm, "home", "home-2")
        expose.wait_for("reloaded")
        later = realm.connect("--peer", "home-2")
        assert ask(later, b"as another") == b"as another"
        connection.sendall(b"b")
        assert connection.recv(1) == b"b"


def test_a_bad_certificate_changes_nothing(lab, realm, echo):
    expose = realm.expose(echo.address)
    expose.wait_for("waiting at beacon")
    mark = expose.mark()
    (realm.folder / "new").write_text("nonsense")
    (realm.folder / "new").rename(realm.folder / "home.crt")
    expose.wait_for("reload refused.*home.crt", since=mark)
    mark = expose.mark()
    expose.signal(signal.SIGHUP)
    expose.wait_for("reload refused.*home.crt", since=mark)
    assert ask(realm.connect("--peer", "home"), b"still") == b"still"


# ---- many at once

def test_two_hundred_at_once(pair, echo):
    before = echo.accepted
    data = os.urandom(20_000)
    connections = [dial(pair) for _ in range(200)]
    try:
        for connection in connections:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        for connection in connections:
            assert services.read_all(connection) == data
    finally:
        for connection in connections:
            connection.close()
    assert echo.accepted == before + 200
    assert pair.text().count("tunnel up") == 1


def test_one_that_does_not_read_stalls_itself_only(realm):
    def pour(connection):
        if connection.recv(1, socket.MSG_PEEK) == b"!":
            while True:
                connection.sendall(bytes(65536))
        services.echo(connection)

    with services.Service(pour) as service:
        realm.expose(service.address)
        connect = realm.connect()
        with dial(connect) as stuck:
            stuck.sendall(b"!")
            assert stuck.recv(1) == b"\0"
            for _ in range(20):
                assert ask(connect, b".another") == b".another"
            assert connect.text().count("tunnel up") == 1


def test_one_over_the_limit_is_closed_at_once(realm):
    """1,024 connections of one process; here they merely wait for a tunnel."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connect = realm.connect("--health-addr", "127.0.0.1:0", "--wait", "5m")
    held = [dial(connect) for _ in range(1024)]
    try:
        with dial(connect) as more:
            assert more.recv(1) == b""
        assert metric(connect, 'connections_total{result="full"}') == 1
        assert metric(connect, "connections") == 1024
    finally:
        for connection in held:
            connection.close()


# ---- as printed

def test_the_lines_that_init_prints_run_as_they_are(lab, tmp_path, echo):
    printed = lab.pharos("pki", "init", "--dir", tmp_path / "my pki", "--pipe",
                         "home,laptop,other", "--beacon-address",
                         f"127.0.0.1:{lab.beacon.port}")
    lines = [line for line in printed.replace("\\\n", "").splitlines()
             if line.startswith("  pharos ")]
    assert len(lines) == 3
    started = []
    for line in lines[:2]:
        words = shlex.split(line)[1:]
        words = [{"127.0.0.1:22": echo.address,
                  "127.0.0.1:2222": "127.0.0.1:0"}.get(word, word)
                 for word in words]
        started.append(lab.start("pharos", *words, "--beacon-ca",
                                 lab.server_ca))
    started[1].port = lab.port_of(started[1], "local")
    assert ask(started[1], b"as printed") == b"as printed"


@pytest.mark.parametrize("words, said", [
    (["--pipe", "ca"], "--pipe"), (["--pipe", "A"], "--pipe"),
    (["--pipe", "a,a"], "a.crt"),
    (["--pipe", "a", "--broker-host", "b"], "--broker-host is for a broker"),
    (["--pipe", "a", "--csr", "c"], "--csr is for a broker")])
def test_wrong_names_for_init(tmp_path, words, said):
    done = subprocess.run(
        [parts.program("pharos"), "pki", "init", "--dir", tmp_path / "pki",
         *words], capture_output=True, text=True, check=False)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert not list(tmp_path.glob("pki/*.key"))


# ---- who is let in

def test_a_name_that_is_not_offered_is_refused(realm, echo):
    expose = realm.expose(f"echo={echo.address}", "gone=127.0.0.1:9")
    connect = realm.connect("--to", "ssh")
    with pytest.raises(ConnectionResetError):
        ask(connect, b"hello")
    connect.wait_for('peer refused with 404: no target of that name')
    expose.wait_for('refused.*name=ssh')


def test_a_target_that_is_down_is_not_named_to_the_peer(realm):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"127.0.0.1:{gone.getsockname()[1]}"
    expose = realm.expose(f"ssh={address}")
    connect = realm.connect("--to", "ssh")
    with pytest.raises(ConnectionResetError):
        ask(connect, b"hello")
    connect.wait_for("refused with 502: the target ssh cannot be reached")
    expose.wait_for(f"target failed.*{address}.*refused")
    assert address not in connect.text()


@pytest.mark.parametrize("role", ["bridge", "broker"])
def test_a_certificate_of_another_role_is_refused(lab, realm, role):
    lab.pharos("pki", "issue", "--dir", realm.folder, "--role", role,
               "--name", "intruder")
    process = lab.start("pharos", "pipe", "connect", *realm.words("intruder"),
                        "--listen", "127.0.0.1:0")
    assert process.wait() == 1
    assert "role" in process.text() and role in process.text()


def test_a_peer_of_another_role_is_refused(lab):
    """A bridge of the same CA, where a pipe is expected."""
    realm = Realm(lab, "--accept", "127.0.0.1:0")
    lab.pharos("pki", "issue", "--dir", realm.folder, "--role", "bridge",
               "--name", "intruder")
    connect = realm.connect()
    port = lab.port_of(connect, "tunnels")
    lab.start("pharos-bridge", "--vault-addr", "https://127.0.0.1:1",
              "--mode", "reverse", "--broker-address", f"127.0.0.1:{port}",
              "--health-addr", "127.0.0.1:0",
              *realm.by().words("intruder"))
    connect.wait_for("target failed.*role")


def test_a_peer_of_another_realm_is_refused(lab, echo):
    port = lab.port_of(Realm(lab, "--accept", "127.0.0.1:0")
                       .expose(echo.address), "tunnels")
    connect = Realm(lab, "--dial", f"127.0.0.1:{port}").connect()
    connect.wait_for("target failed.*certificate")


def test_another_realms_hash_is_refused(lab, realm):
    process = lab.start("pharos", "pipe", "expose", *realm.words("home"),
                        "--to", "127.0.0.1:22", "--beacon-info-hash", "00" * 32)
    assert process.wait() == 1
    assert "info-hash" in process.text()


@pytest.mark.parametrize("side", ["expose", "connect"])
def test_a_peer_of_another_name_is_refused(realm, echo, side):
    """`laptop` could pose as `home` to a third holder, but for --peer."""
    wanted = ["--peer", "third"]
    expose = realm.expose(echo.address,
                          words=wanted if side == "expose" else [])
    connect = realm.connect(*(wanted if side == "connect" else []))
    refuses = expose if side == "expose" else connect
    refuses.wait_for("expected a certificate named third, got one named "
                     + ("laptop" if side == "expose" else "home"))


# ---- standard input and output

def run_stdio(realm, data, *words):
    return subprocess.run(realm.stdio(*words), input=data, timeout=60,
                          capture_output=True, check=False)


def test_stdio_carries_bytes_unchanged(pair):
    data = os.urandom(5_000_000)
    done = run_stdio(pair.realm, data, "--to", "echo")
    assert done.stdout == data
    assert (done.returncode, done.stderr) == (0, b"")


def test_stdio_from_and_to_files(pair, tmp_path):
    data = os.urandom(300_000)
    (tmp_path / "in").write_bytes(data)
    with open(tmp_path / "in", "rb") as source, \
            open(tmp_path / "out", "wb") as sink:
        done = subprocess.run(pair.realm.stdio("--to", "echo"), stdin=source,
                              stdout=sink, timeout=60, check=False)
    assert done.returncode == 0
    assert (tmp_path / "out").read_bytes() == data


def test_stdio_delivers_what_came_after_the_service_had_ended(realm):
    """The service ends its direction first; ours goes on, to its last byte."""
    got = queue.Queue()

    def deaf(connection):
        connection.shutdown(socket.SHUT_WR)
        got.put(services.read_all(connection))

    data = os.urandom(2_000_000)
    with services.Service(deaf) as service:
        realm.expose(service.address)
        assert run_stdio(realm, data).returncode == 0
    assert got.get(timeout=20) == data


def test_stdio_without_a_tunnel_says_so(realm):
    done = run_stdio(realm, b"", "--wait", "300ms")
    assert done.returncode == 1
    assert b"no tunnel to the peer in 300 ms" in done.stderr
    assert b"is the other side running" in done.stderr


def test_stdio_of_a_service_that_resets(realm):
    with services.Service(services.reset) as service:
        realm.expose(service.address)
        done = run_stdio(realm, b"x")
    assert done.returncode == 1
    assert b"cut" in done.stderr


# ---- ssh

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin:/usr/local/sbin")


@pytest.fixture
def sshd(lab, tmp_path):
    """The real OpenSSH server, for this user and one key."""
    if not (SSHD and shutil.which("ssh") and shutil.which("scp")):
        pytest.skip("openssh-server or openssh-client is not installed")
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                        tmp_path / key], check=True)
    shutil.copy(tmp_path / "user.pub", tmp_path / "authorized")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = tmp_path / "sshd_config"
    config.write_text(f"""
ListenAddress 127.0.0.1:{port}
HostKey {tmp_path / 'host'}
AuthorizedKeysFile {tmp_path / 'authorized'}
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
Subsystem sftp internal-sftp
""")
    if os.geteuid() == 0:
        pathlib.Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    server = Process("sshd", [SSHD, "-D", "-e", "-f", config])
    server.wait_for("Server listening")
    server.address = f"127.0.0.1:{port}"
    server.words = ["-F", "/dev/null", "-i", str(tmp_path / "user"),
                    "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
                    "-o", "StrictHostKeyChecking=no",
                    "-o", f"UserKnownHostsFile={tmp_path / 'known'}"]
    yield server
    server.kill()


def test_ssh_and_scp_by_proxy_command(realm, sshd, tmp_path):
    realm.expose(f"ssh={sshd.address}")
    proxy = ["-o", "ProxyCommand=" + shlex.join(
        realm.stdio("--to", "ssh", "--peer", "home"))]
    words = [*sshd.words, *proxy]
    user = getpass.getuser()
    done = subprocess.run(
        ["ssh", *words, f"{user}@home", "cat; echo done >&2; exit 7"],
        input=b"over there", capture_output=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == (b"over there", 7)
    assert b"done" in done.stderr
    there, back, data = (tmp_path / n for n in ("there", "back", "data"))
    data.write_bytes(os.urandom(50_000_000))
    for source, target in ((data, f"{user}@home:{there}"),
                           (f"{user}@home:{there}", back)):
        subprocess.run(["scp", "-q", *words, source, target], check=True,
                       timeout=120)
    for copy in (there, back):
        assert hashlib.sha256(copy.read_bytes()).digest() == \
            hashlib.sha256(data.read_bytes()).digest()


def test_ssh_through_a_local_port(realm, sshd):
    realm.expose(sshd.address)
    connect = realm.connect()
    done = subprocess.run(
        ["ssh", *sshd.words, "-p", str(connect.port),
         f"{getpass.getuser()}@127.0.0.1", "echo over there"],
        capture_output=True, timeout=60, check=False)
    assert done.stdout == b"over there\n", done.stderr


# ---- usage

@pytest.mark.parametrize("words, said", [
    (["expose"], "missing: --to"),
    (["expose", "--to", "127.0.0.1"], "--to"),
    (["expose", "--to", "127.0.0.1:1,127.0.0.1:2"], "two of them have no name"),
    (["expose", "--to", "a=127.0.0.1:1,a=127.0.0.1:2"], "given twice"),
    (["expose", "--to", "A=127.0.0.1:1"], "a name has"),
    (["connect"], "where connections come from"),
    (["connect", "--listen", "127.0.0.1:0", "--stdio"], "exclude each other"),
    (["connect", "--stdio", "--to", "a b"], "not a name"),
    (["connect", "--stdio", "--accept", ":1"], "three ways"),
    (["connect", "--stdio", "--peer", "A"], "not a certificate's name"),
    (["connect", "--stdio", "--health-addr", ":0"], "--health-addr")])
def test_wrong_use(lab, words, said):
    realm = Realm(lab, "--dial", "127.0.0.1:1")
    done = subprocess.run(
        [parts.program("pharos"), "pipe", words[0],
         *map(str, realm.words("home")), *words[1:]],
        capture_output=True, text=True, check=False, timeout=20)
    assert said in done.stderr
    assert done.returncode == 2
