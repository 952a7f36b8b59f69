"""Bridge, broker and wrapper where nothing but a proxy can be reached: an HTTP
proxy (tinyproxy) and a SOCKS5 server (microsocks), both asking for a login."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import pytest

from lab import network, parts
from lab.process import Process
from lab.store import Store

BEYOND = "198.18.9.1"  # on the public side, behind the proxies only
# user, password, and both as a URL has them; tinyproxy takes no other signs
LOGINS = {"http": ("us.er", "pass_w-rd", "us%2Eer:pass_w%2drd"),
          "socks5": ("us@er", "p:ss/%w", "us%40er:p%3ass%2F%25w")}
BAD_PROXY = pathlib.Path(network.__file__).parent / "badproxy.py"
NOT_PERMITTED = network.permitted()

pytestmark = pytest.mark.skipif(NOT_PERMITTED is not None,
                                reason=f"network namespaces: {NOT_PERMITTED}")

TINYPROXY = """
Port 3128
Listen 0.0.0.0
Timeout 60
MaxClients 100
BasicAuth {} {}
"""


class Enclosed(network.Network):
    """Each side reaches one machine, that of the proxies; what the programs
    are looking for is behind it."""

    def __enter__(self):
        super().__enter__()
        network.run("ip", "-n", self.public, "addr", "add", f"{BEYOND}/32",
                    "dev", "lo")
        return self

    def address(self, _name):
        return BEYOND


def wait_for_port(namespace, port):
    deadline = time.monotonic() + 10
    while not network.run("ip", "netns", "exec", namespace, "ss", "-Hltn",
                          f"sport = :{port}").stdout:
        assert time.monotonic() < deadline, f"nothing listens on {port}"
        time.sleep(0.02)


class Place:
    """Beacon and store beyond, proxies between."""

    def __init__(self, lab):
        self.lab = lab
        self.beacon = lab.start_beacon()
        token_file = lab.folder / "root-token"
        self.devstore = lab.start(
            "pharos-devstore", "--listen", f"{BEYOND}:0", "--root-token-file",
            token_file, *lab.server_words("store"))
        port = lab.port_of(self.devstore, "api")
        self.store = f"https://{BEYOND}:{port}"
        self.admin = Store(f"{BEYOND}:{port}", lab.server_ca,
                           token_file.read_text().strip(), lab.network.public)
        self.cluster = lab.make_cluster()
        self.audience = f"pharos:{lab.info_hash}"
        self.admin.trust_cluster(self.cluster, self.audience, "*")
        self.admin.write_secret("app", {"password": "first-value"})
        self.token = lab.folder / "pod-token"
        self.token.write_text(self.cluster.token(self.audience))
        self.token.chmod(0o600)

    def serve(self, name, command, port):
        if not shutil.which(command[0]):
            pytest.skip(f"{command[0]} is not installed")
        process = Process(name, command, namespace=self.lab.network.public)
        self.lab.running.append(process)
        wait_for_port(self.lab.network.public, port)
        return process

    def tinyproxy(self):
        config = self.lab.folder / "tinyproxy.conf"
        config.write_text(TINYPROXY.format(*LOGINS["http"]))
        return self.serve("tinyproxy", ["tinyproxy", "-d", "-c", config], 3128)

    def microsocks(self):
        return self.serve("microsocks", [
            "microsocks", "-i", "0.0.0.0", "-p", "1080",
            "-u", LOGINS["socks5"][0], "-P", LOGINS["socks5"][1]], 1080)

    @staticmethod
    def proxy_of(side, kind, login=None):
        login = f"{LOGINS[kind][2]}@" if login is None else login
        where = network.SIDES[side] + ".1"
        return (f"http://{login}{where}:3128" if kind == "http" else
                f"socks5://{login}{where}:1080")

    def bridge(self, env=None, *words):
        return self.lab.start(
            "pharos-bridge", "--vault-addr", self.store,
            "--vault-ca", self.lab.server_ca,
            "--beacon-address", f"{BEYOND}:{self.beacon.port}",
            "--beacon-ca", self.lab.server_ca,
            "--beacon-info-hash", self.lab.info_hash,
            "--health-addr", "127.0.0.1:0",
            *self.lab.tunnel_words("bridge"), *words, side="store", env=env)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with Enclosed() as space, \
            parts.Lab(tmp_path_factory.mktemp("egress"), space) as lab:
        lab.make_certificates()
        yield Place(lab)


@pytest.fixture(scope="module")
def tinyproxy(place):
    return place.tinyproxy()


@pytest.fixture(scope="module")
def microsocks(place):
    return place.microsocks()


def end(*processes):
    for process in processes:
        assert process.end() == 0
        for _, password, login in LOGINS.values():
            for secret in (password, login.partition(":")[2]):
                assert secret not in process.text()


def wrap(place, port, *words, **more):
    return place.lab.start_wrapper(
        port, "--jwt-file", place.token, "--role", "team-a.web", "--secret",
        "secret/data/app", "--map", "password=DB_PASSWORD", "--deadline",
        "20s", *words, "--", "/bin/sh", "-c", 'echo "got $DB_PASSWORD"',
        **more)


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_a_secret_gets_through(place, kind, request):
    """Bridge by the environment (to beacon and store), broker by its option."""
    request.getfixturevalue({"http": "tinyproxy", "socks5": "microsocks"}[kind])
    lab = place.lab
    bridge = place.bridge(
        {"HTTPS_PROXY": place.proxy_of("store", kind)})
    broker = lab.start_broker(place.beacon.port, "--egress-proxy",
                              place.proxy_of("cluster", kind))
    bridge.wait_for(f"egress proxy .*scheme={kind} login=true from=HTTPS_PROXY")
    broker.wait_for("tunnel up", 20)
    wrapper = wrap(place, broker.port)
    wrapper.wait_for("got first-value", 20)
    assert wrapper.wait() == 0
    end(broker, bridge)


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_a_wrapper_goes_out_too(place, kind, request):
    """The broker is beyond; the wrapper's fetching process finds it."""
    request.getfixturevalue({"http": "tinyproxy", "socks5": "microsocks"}[kind])
    lab = place.lab
    bridge = place.bridge({"ALL_PROXY": place.proxy_of("store", kind)})
    broker = lab.start(
        "pharos-broker", "--beacon-address", f"{BEYOND}:{place.beacon.port}",
        "--beacon-ca", lab.server_ca, "--beacon-info-hash", lab.info_hash,
        "--listen", f"{BEYOND}:0", "--health-addr", "127.0.0.1:0",
        *lab.server_words("listen", "listen"), *lab.tunnel_words("broker"))
    port = lab.port_of(broker, "pods")
    broker.wait_for("tunnel up", 20)
    words = ["--broker", f"https://{BEYOND}:{port}"]
    wrapper = wrap(place, port, *words, "--egress-proxy",
                   place.proxy_of("cluster", kind))
    wrapper.wait_for("got first-value", 20)
    assert wrapper.wait() == 0
    wrapper = wrap(place, port, *words, env={
        "https_proxy": place.proxy_of("cluster", kind)})
    wrapper.wait_for("got first-value", 20)
    assert wrapper.wait() == 0
    wrapper = wrap(place, port, *words, env={
        "https_proxy": place.proxy_of("cluster", kind, "us%40er:wr0ng@")})
    wrapper.wait_for("does not take this user and password|CONNECT .* 40[17]",
                     20)
    assert "wr0ng" not in wrapper.text()
    wrapper.kill()
    end(broker, bridge)


ECHO = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
print("listening on", listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    while data := connection.recv(65536):
        connection.sendall(data)
    connection.close()
"""


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_a_pipe_goes_out_too(place, kind, request):
    """Either end by a proxy, one by the environment and one by its option; the
    service beside it is dialled directly."""
    request.getfixturevalue({"http": "tinyproxy", "socks5": "microsocks"}[kind])
    lab = place.lab
    folder = lab.folder / f"pipe-{kind}"
    lab.pharos("pki", "init", "--dir", folder, "--pipe", "home,laptop")

    def words(name):
        return ["--tls-cert", folder / f"{name}.crt",
                "--tls-key", folder / f"{name}.key",
                "--tls-ca", folder / "ca.crt", "--beacon-address",
                f"{BEYOND}:{place.beacon.port}", "--beacon-ca", lab.server_ca]

    service = Process("echo", [sys.executable, "-c", ECHO],
                      namespace=lab.network.side("store"))
    lab.running.append(service)
    port = service.wait_for(r"listening on (\d+)")[1].group(1)
    exposed = lab.start(
        "pharos", "pipe", "expose", *words("home"), "--to",
        f"echo=127.0.0.1:{port}", side="store",
        env={"HTTPS_PROXY": place.proxy_of("store", kind)})
    exposed.wait_for(f"egress proxy .*scheme={kind} login=true")

    done = subprocess.run(
        ["ip", "netns", "exec", lab.network.side("cluster"),
         *map(str, [parts.program("pharos"), "pipe", "connect",
                    *words("laptop"), "--to", "echo", "--stdio",
                    "--egress-proxy", place.proxy_of("cluster", kind)])],
        input=b"through two proxies", capture_output=True, timeout=30,
        check=False)
    assert done.stdout == b"through two proxies", done.stderr.decode()
    assert done.returncode == 0
    end(exposed)
    service.kill()


def source(place, *words, **env):
    """`pharos source`, beside the store's proxy."""
    clean = {name: value for name, value in os.environ.items()
             if not name.lower().endswith("_proxy")}
    return subprocess.run(
        ["ip", "netns", "exec", place.lab.network.side("store"),
         *map(str, [parts.program("pharos"), "source", *words,
                    "--secretstore-address", place.store,
                    "--secretstore-ca", place.lab.server_ca])],
        env={**clean, "PHAROS_SECRETSTORE_TOKEN": place.admin.token, **env},
        text=True, capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_source_goes_out_too(place, kind, request):
    """An operator's verbs by the option and by the environment."""
    request.getfixturevalue({"http": "tinyproxy", "socks5": "microsocks"}[kind])
    proxy = place.proxy_of("store", kind)
    made = source(place, "grant", "--namespace", "team-a", "--serviceaccount",
                  kind, "--info-hash", place.lab.info_hash, "--path",
                  "secret/app", "--egress-proxy", proxy)
    assert made.returncode == 0, made.stderr
    told = source(place, "grants", "-o", "json", HTTPS_PROXY=proxy)
    assert told.returncode == 0, told.stderr
    assert kind in [one["serviceaccount"] for one in json.loads(told.stdout)]
    alone = source(place, "grants")
    assert alone.returncode == 1 and place.store in alone.stderr
    for done in made, told:
        for _, password, _ in LOGINS.values():
            assert password not in done.stdout + done.stderr


def test_without_a_proxy_there_is_no_way(place, tinyproxy):
    """What the other tests rely on; and 'none' overrules the environment, as
    NO_PROXY does."""
    by_proxy = {"HTTPS_PROXY": place.proxy_of("store", "http")}
    for env, words in ((None, ()), (by_proxy, ("--egress-proxy", "none")),
                       ({**by_proxy, "NO_PROXY": "198.18.8.0/23"}, ())):
        bridge = place.bridge(env, *words)
        bridge.wait_for("target failed .*(unreachable|no answer)", 20)
        assert "CONNECT" not in bridge.text()
        end(bridge)


WRONG = [
    ("http", "us%40er:wr0ng@", "407|401", "does not take this user"),
    ("http", "", "407", "give a login in the proxy's URL"),
    ("socks5", "us%40er:wr0ng@", "does not take this user and password",
     "percent-encoded"),
    ("socks5", "", "asks for a login", "USER:PASSWORD"),
]


@pytest.mark.parametrize("kind, login, text, hint", WRONG)
def test_a_wrong_login_is_told(place, kind, login, text, hint, request):
    request.getfixturevalue({"http": "tinyproxy", "socks5": "microsocks"}[kind])
    url = place.proxy_of("store", kind, login)
    bridge = place.bridge(None, "--egress-proxy", url)
    _, match = bridge.wait_for("target failed .*", 20)
    line = match.group(0)
    assert "egress proxy" in line and "198.18.1.1" in line
    assert any(word in line for word in text.split("|")), line
    assert hint in line
    assert "wr0ng" not in bridge.text()
    end(bridge)


def test_a_store_behind_a_proxy_that_refuses_is_told(place, tinyproxy):
    """The bridge's own calls name the proxy, too."""
    lab = place.lab
    bridge = place.bridge({
        "HTTPS_PROXY": place.proxy_of("store", "http")},
        "--vault-addr", f"https://{BEYOND}:1")
    broker = lab.start_broker(place.beacon.port, "--egress-proxy",
                              place.proxy_of("cluster", "http"))
    broker.wait_for("tunnel up", 20)
    wrapper = wrap(place, broker.port)
    wrapper.wait_for("store https://198.18.9.1:1: egress proxy 198.18.1.1:3128"
                     "|502", 20)
    wrapper.kill()
    end(broker, bridge)


@pytest.mark.parametrize("how, says", [
    ("hang", "no answer to CONNECT in 10000 ms"),
    ("close", "it closed the connection"),
    ("garbage", "answers CONNECT with something else"),
])
def test_a_proxy_that_misbehaves_is_told(place, how, says):
    port = {"hang": 4001, "close": 4002, "garbage": 4003}[how]
    proxy = Process("badproxy", [sys.executable, BAD_PROXY,
                                 f"0.0.0.0:{port}", how],
                    namespace=place.lab.network.public)
    place.lab.running.append(proxy)
    proxy.wait_for("listening")
    bridge = place.bridge(
        {"HTTPS_PROXY": f"http://198.18.1.1:{port}"})
    _, match = bridge.wait_for("target failed .*", 20)
    assert says in match.group(0)
    assert "egress proxy" in match.group(0)
    end(bridge)
    proxy.kill()


def test_a_proxy_that_answers_byte_by_byte_is_good(place):
    proxy = Process("badproxy", [sys.executable, BAD_PROXY, "0.0.0.0:4004",
                                 "slow"], namespace=place.lab.network.public)
    place.lab.running.append(proxy)
    proxy.wait_for("listening")
    bridge = place.bridge({"HTTPS_PROXY": "http://198.18.1.1:4004"})
    broker = place.lab.start_broker(place.beacon.port, "--egress-proxy",
                                    "http://198.18.2.1:4004")
    broker.wait_for("tunnel up", 20)
    wrapper = wrap(place, broker.port)
    wrapper.wait_for("got first-value", 20)
    end(broker, bridge)
    proxy.kill()


def test_tls_to_the_proxy_itself(place):
    """https:// hides the login and the names on the way to the proxy; its
    certificate has to be good, for its own name."""
    lab = place.lab
    lab.pharos("pki", "issue", "--dir", lab.lab_pki, "--role", "server",
               "--name", "proxy", "--host", "198.18.2.1")
    proxy = Process("badproxy", [
        sys.executable, BAD_PROXY, "0.0.0.0:4005", "slow",
        lab.lab_pki / "proxy.crt", lab.lab_pki / "proxy.key"],
        namespace=lab.network.public)
    plain = Process("badproxy", [sys.executable, BAD_PROXY, "0.0.0.0:4006",
                                 "slow"], namespace=lab.network.public)
    lab.running += [proxy, plain]
    proxy.wait_for("listening")
    plain.wait_for("listening")
    bridge = place.bridge({"HTTPS_PROXY": "http://198.18.1.1:4006"})
    env = {"HTTPS_PROXY": "https://198.18.2.1:4005"}
    distrustful = lab.start_broker(place.beacon.port, env=env)
    distrustful.wait_for("target failed .*egress proxy: 198.18.2.1:4005: "
                         "TLS with the egress proxy", 20)
    end(distrustful)
    broker = lab.start_broker(
        place.beacon.port, env={**env, "SSL_CERT_FILE": str(lab.server_ca)})
    broker.wait_for("tunnel up", 20)
    wrapper = wrap(place, broker.port)
    wrapper.wait_for("got first-value", 20)
    end(broker, bridge)
    proxy.kill()
    plain.kill()


@pytest.mark.parametrize("words, says", [
    (["--egress-proxy", "socks4://u:s3cret@x:1"], "--egress-proxy: its scheme"),
    (["--egress-proxy", "http://u:s3cret@x"], "has no HOST:PORT"),
])
def test_a_proxy_that_is_none_is_refused_at_start(place, words, says):
    bridge = place.bridge(None, *words)
    assert bridge.wait() == 1
    assert says in bridge.text()
    assert "s3cret" not in bridge.text()


def test_the_login_is_not_printed(place):
    done = subprocess.run(
        [str(parts.program("pharos-bridge")), "--print-config",
         "--vault-addr", "https://x", "--beacon-address", "x:1",
         "--beacon-info-hash", "0" * 64, "--tls-cert", "c", "--tls-key", "k",
         "--tls-ca", "a", "--egress-proxy", "http://u:s3cret@x:1"],
        capture_output=True, text=True, check=False)
    assert "s3cret" not in done.stdout + done.stderr
    assert "egress-proxy" in done.stdout
