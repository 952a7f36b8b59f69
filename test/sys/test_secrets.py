"""The main job, on real programs: a secret crosses a relay to a process."""
import json
import signal
import socket
import ssl
import subprocess

import pytest

from conftest import Delivery, not_sanitized
from lab import parts, peers, venv
from lab.process import memory_holds
from lab.proxy import FaultProxy

SHOW = ('show() { echo "shown: $(cat "$DIR/password")"; }; trap show HUP; show; '
        'while :; do sleep 3600 & wait $!; done')


def wrap(delivery, path, *words, command=None, secret="secret/data/app",
         **more):
    words = ["--jwt-file", path, "--role", "team-a.web", "--secret", secret,
             "--deadline", "20s", *words, "--", *command]
    return delivery.lab.start_wrapper(delivery.broker.port, *words, **more)


@pytest.fixture(scope="module", params=["devstore", "openbao"])
def stocked(request, tmp_path_factory):
    with parts.Lab(tmp_path_factory.mktemp("delivery")) as laboratory:
        laboratory.make_certificates()
        try:
            made = Delivery(laboratory, ["--pass-through"],
                            real_store=request.param == "openbao")
        except peers.NotHere as why:
            pytest.skip(str(why))
        laboratory.store.trust_cluster(made.cluster, made.audience, "*")
        laboratory.store.write_secret("app", {"password": "first-value",
                                              "user": "web"})
        yield made


def curl(*words, **more):
    return subprocess.run(["curl", "-sS", "--max-time", "15", *map(str, words)],
                          capture_output=True, text=True, check=False, **more)


# ---- delivery

def test_environment(stocked):
    wrapper = wrap(stocked, stocked.pod_token(), "--map",
                   "password=DB_PASSWORD,user=DB_USER", "--deliver", "env",
                   command=["/bin/sh", "-c",
                            'echo "got $DB_USER $DB_PASSWORD"; '
                            'env | grep -c ^PHAROS_ ; exit 7'],
                   env={"PHAROS_LOG_LEVEL": "info"})
    wrapper.wait_for("got web first-value", 20)
    assert wrapper.wait() == 7
    assert wrapper.text().splitlines()[-1] == "0"


def test_descriptor(stocked):
    wrapper = wrap(stocked, stocked.pod_token(), "--map",
                   "password=DB_PASSWORD", "--deliver", "fd",
                   command=["/bin/sh", "-c",
                            'echo "got $(cat "$DB_PASSWORD")"'])
    wrapper.wait_for("got first-value", 20)
    assert wrapper.wait() == 0


def test_file_and_rotation(stocked, tmp_path):
    folder = tmp_path / "delivered"
    stocked.lab.store.write_secret("rotating", {"password": "old"})
    wrapper = wrap(stocked, stocked.pod_token(), "--map", "password=password",
                   "--deliver", "file", "--dir", folder, "--allow-disk",
                   "--on-rotate", "signal:HUP", "--poll", "1s",
                   command=["/bin/sh", "-c", SHOW], secret="secret/data/rotating",
                   env={"DIR": str(folder)})
    wrapper.wait_for("shown: old$", 20)
    stocked.lab.store.write_secret("rotating", {"password": "new"})
    wrapper.wait_for("shown: new$", 20)
    wrapper.signal(signal.SIGTERM)
    assert wrapper.wait() in (143, -signal.SIGTERM)


def test_restart_on_rotation(stocked):
    stocked.lab.store.write_secret("restarting", {"password": "old"})
    wrapper = wrap(stocked, stocked.pod_token(), "--map", "password=PASSWORD",
                   "--deliver", "env", "--on-rotate", "restart", "--poll", "1s",
                   command=["/bin/sh", "-c",
                            'echo "has $PASSWORD"; exec sleep 600'],
                   secret="secret/data/restarting")
    wrapper.wait_for("has old$", 20)
    stocked.lab.store.write_secret("restarting", {"password": "new"})
    wrapper.wait_for("has new$", 20)
    wrapper.end()


def make_anew(store, path, fields, before):
    """A store may tell times by the second, so until it tells another one."""
    while True:
        store.must("DELETE", f"secret/metadata/{path}")
        made = store.must("POST", f"secret/data/{path}", {"data": fields})
        if made["data"]["created_time"] != before:
            return made["data"]["version"]


def test_a_secret_made_anew_counts_from_one_again(stocked):
    """Deleted with its metadata and written: version 1, as before, and yet
    another secret."""
    store = stocked.lab.store
    old = store.must("POST", "secret/data/again", {"data": {"password": "old"}})
    assert old["data"]["version"] == 1
    wrapper = wrap(stocked, stocked.pod_token(), "--map", "password=PASSWORD",
                   "--deliver", "env", "--on-rotate", "restart", "--poll", "1s",
                   command=["/bin/sh", "-c",
                            'echo "has $PASSWORD"; exec sleep 600'],
                   secret="secret/data/again")
    wrapper.wait_for("has old$", 20)
    assert make_anew(store, "again", {"password": "new"},
                     old["data"]["created_time"]) == 1
    wrapper.wait_for("has new$", 20)
    wrapper.end()


def test_store_token_in_place_of_a_jwt(stocked, tmp_path):
    token = tmp_path / "token"
    token.write_text(stocked.lab.store.token)
    token.chmod(0o600)
    wrapper = stocked.lab.start_wrapper(
        stocked.broker.port, "--token-file", token, "--secret",
        "secret/data/app", "--map", "password=PASSWORD", "--deliver", "env",
        "--", "/bin/sh", "-c", 'echo "got $PASSWORD"')
    wrapper.wait_for("got first-value", 20)
    assert wrapper.wait() == 0


# ---- stock clients

def test_curl_through_pass_through(stocked):
    answer = curl("--cacert", stocked.lab.server_ca, "-H",
                  f"X-Vault-Token: {stocked.lab.store.token}",
                  f"https://127.0.0.1:{stocked.broker.port}"
                  "/v1/secret/data/app")
    assert json.loads(answer.stdout)["data"]["data"]["user"] == "web"


def test_curl_opens_a_connect(stocked):
    answer = curl("-v", "--proxy", f"https://127.0.0.1:{stocked.broker.port}",
                  "--proxy-cacert", stocked.lab.server_ca, "--cacert",
                  stocked.lab.pki / "ca.crt",
                  "https://bridge.pharos/v1/sys/health")
    assert "CONNECT bridge.pharos:443" in answer.stderr
    assert " 200" in answer.stderr


def words_of_old_tls(port, ca):
    """Ask through CONNECT for a TLS version that the bridge does not speak;
    return what it said before the end."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2", "http/1.1"])
    bytes_in, bytes_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(bytes_in, bytes_out).do_handshake()
    with socket.create_connection(("127.0.0.1", port), 20) as plain, \
            ssl.create_default_context(cafile=str(ca)).wrap_socket(
                plain, server_hostname="127.0.0.1") as pod:
        pod.sendall(b"CONNECT bridge.pharos:443 HTTP/1.1\r\n"
                    b"Host: bridge.pharos:443\r\n\r\n")
        answer = pod.makefile("rb")
        status = answer.readline()
        while answer.readline() not in (b"\r\n", b""):
            pass
        assert b" 200 " in status, status
        pod.sendall(bytes_out.read())
        return answer.read()


def test_last_words_of_the_bridge_are_heard(stocked):
    """It closes right behind them, and they must not be lost on the way."""
    protocol_version = bytes([21, 3, 3, 0, 2, 2, 70])  # RFC 8446, 6
    for _ in range(40):
        said = words_of_old_tls(stocked.broker.port,
                                stocked.lab.server_ca)
        assert said == protocol_version


def test_connect_elsewhere_is_refused(stocked):
    answer = curl("-v", "--proxy", f"https://127.0.0.1:{stocked.broker.port}",
                  "--proxy-cacert", stocked.lab.server_ca,
                  "https://example.com/")
    assert " 403" in answer.stderr


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_status_by_both_versions(stocked, version):
    answer = curl(version, "--cacert", stocked.lab.server_ca,
                  f"https://127.0.0.1:{stocked.broker.port}/v1/status")
    assert json.loads(answer.stdout)["tunnels"]


def test_nghttp_speaks_to_the_broker(stocked):
    answer = subprocess.run(
        ["nghttp", "-v", "--timeout=10",
         f"https://127.0.0.1:{stocked.broker.port}/v1/status"],
        capture_output=True, text=True, check=False)
    assert ":status: 200" in answer.stdout


@pytest.fixture(scope="session")
def hvac_python():
    python, why = venv.interpreter(venv.HVAC)
    if not python:
        pytest.skip(f"hvac cannot be had from PyPI: {why}")
    return python


def test_hvac_through_pass_through(stocked, hvac_python):
    script = f"""
import hvac
client = hvac.Client(url="https://127.0.0.1:{stocked.broker.port}",
                     token="{stocked.lab.store.token}",
                     verify="{stocked.lab.server_ca}")
assert client.is_authenticated()
read = client.secrets.kv.v2.read_secret_version(path="app",
                                                raise_on_deleted_version=True)
print(read["data"]["data"]["password"], read["data"]["metadata"]["version"])
try:
    client.secrets.kv.v2.create_or_update_secret(path="app", secret=dict(a="b"))
except hvac.exceptions.Forbidden as error:
    print("refused:", error)
"""
    answer = subprocess.run([hvac_python, "-c", script], capture_output=True,
                            text=True, check=False)
    assert answer.stdout.startswith("first-value 1"), answer.stderr
    assert "refused:" in answer.stdout


# ---- who is let in

def test_another_service_account_is_refused(stocked):
    token = stocked.pod_token("other", subject="system:serviceaccount:b:c")
    wrapper = wrap(stocked, token, "--deadline", "3s", "--map",
                   "password=PASSWORD", "--deliver", "env",
                   command=["/bin/true"])
    assert wrapper.wait(20) not in (0, None)
    assert "login" in wrapper.text()


def test_another_audience_is_refused(stocked):
    token = stocked.pod_token("audience", audience="pharos:somebody-else")
    wrapper = wrap(stocked, token, "--deadline", "3s", "--map",
                   "password=PASSWORD", "--deliver", "env",
                   command=["/bin/true"])
    assert wrapper.wait(20) not in (0, None)


def test_no_secret_in_logs(stocked):
    ours = [stocked.beacon, stocked.bridge, stocked.broker]
    if stocked.store.name == "pharos-devstore":
        ours.append(stocked.store)  # the other one prints its token
    for process in ours:
        assert "first-value" not in process.text()
        assert stocked.lab.store.token not in process.text()


# ---- what breaks

def test_beacon_restarts(tmp_path):
    with parts.Lab(tmp_path) as lab:
        lab.make_certificates()
        all_of_it = Delivery(lab, ["--pass-through"])
        lab.store.write_secret("app", {"password": "first-value"})
        mark = all_of_it.broker.mark()
        all_of_it.beacon.kill()
        all_of_it.broker.wait_for("tunnel gone", 10, mark)
        answer = read_app(all_of_it)
        assert answer.stdout.endswith("503")
        all_of_it.beacon = lab.start_beacon(all_of_it.beacon.port)
        all_of_it.broker.wait_for("tunnel up", 60, mark)
        assert "first-value" in read_app(all_of_it).stdout


def read_app(delivery):
    return curl("--cacert", delivery.lab.server_ca, "-w", "%{http_code}", "-H",
                f"X-Vault-Token: {delivery.lab.store.token}",
                f"https://127.0.0.1:{delivery.broker.port}"
                "/v1/secret/data/app")


def test_two_beacons_and_fail_over(tmp_path):
    with parts.Lab(tmp_path) as lab:
        lab.make_certificates()
        first, second = lab.start_beacon(), lab.start_beacon()
        store = lab.start_devstore()
        other = f"127.0.0.1:{second.port}"
        lab.store.write_secret("app", {"password": "first-value"})
        lab.start_bridge(store.port, first.port, "--beacon-address", other)
        broker = lab.start_broker(first.port, "--beacon-address", other,
                                  "--pass-through")
        broker.wait_for("tunnel up .*up=2", 20)
        mark = broker.mark()
        delivery = type("D", (), {"lab": lab, "broker": broker})
        assert "first-value" in read_app(delivery).stdout
        first.kill()
        broker.wait_for("tunnel gone", 10, mark)
        assert "first-value" in read_app(delivery).stdout


def test_reverse_mode(tmp_path):
    with parts.Lab(tmp_path) as lab:
        lab.make_certificates()
        store = lab.start_devstore()
        lab.store.write_secret("app", {"password": "first-value"})
        broker = lab.start(
            "pharos-broker", "--mode", "reverse", "--reverse-listen",
            "127.0.0.1:0", "--listen", "127.0.0.1:0", "--health-addr",
            "127.0.0.1:0", "--pass-through", *lab.tunnel_words("broker"),
            *lab.server_words("listen", "listen"), side="cluster")
        broker.port = lab.port_of(broker, "pods")
        tunnels = lab.port_of(broker, "tunnels")
        lab.start(
            "pharos-bridge", "--mode", "reverse", "--broker-address",
            f"127.0.0.1:{tunnels}", "--vault-addr",
            f"https://127.0.0.1:{store.port}", "--vault-ca", lab.server_ca,
            "--health-addr", "127.0.0.1:0", *lab.tunnel_words("bridge"),
            side="store")
        broker.wait_for("tunnel up", 20)
        delivery = type("D", (), {"lab": lab, "broker": broker})
        assert "first-value" in read_app(delivery).stdout


@pytest.mark.parametrize("cut_after", [1, 100, 300, 600, 1200, 2000, 3000,
                                       4500])
def test_cut_at_any_byte_then_recovered(tmp_path, cut_after):
    """The way to the beacon is cut after so many bytes, again and again; then
    it heals, and everything works without a restart."""
    with parts.Lab(tmp_path) as lab:
        lab.make_certificates()
        beacon, store = lab.start_beacon(), lab.start_devstore()
        lab.store.write_secret("app", {"password": "first-value"})
        with FaultProxy(("127.0.0.1", beacon.port)) as proxy:
            proxy.cut_after = cut_after
            lab.start_bridge(store.port, beacon.port)
            broker = lab.start_broker(proxy.port, "--pass-through")
            broker.wait_for("target failed|tunnel gone", 10)
            proxy.cut_after = None
            broker.wait_for("tunnel up", 30)
            delivery = type("D", (), {"lab": lab, "broker": broker})
            assert "first-value" in read_app(delivery).stdout


@not_sanitized
def test_memory_of_the_broker(stocked):
    """CONNECT leaves nothing of the secret in the broker; the search is known
    to work by what pass-through leaves in it."""
    with parts.Lab(stocked.lab.folder, stocked.lab.network) as lab:
        lab.pki, lab.lab_pki = stocked.lab.pki, stocked.lab.lab_pki
        lab.info_hash = stocked.lab.info_hash
        broker = lab.start_broker(stocked.beacon.port)
        broker.wait_for("tunnel up", 20)
        stocked.lab.store.write_secret("quiet", {"password": "value-of-quiet"})
        wrapper = lab.start_wrapper(
            broker.port, "--jwt-file", stocked.pod_token(), "--role",
            "team-a.web", "--secret", "secret/data/quiet", "--map",
            "password=PASSWORD", "--deliver", "env", "--", "/bin/true")
        assert wrapper.wait(20) == 0
        assert not memory_holds(broker.pid, b"value-of-quiet")
    read_app(stocked)
    assert memory_holds(stocked.broker.pid, b"first-value")
