"""A broker that was taken over ends the sealed sessions of pods itself. It has
a genuine certificate of the bridge's CA, or whatever else it could come by.

The wrapper, and `pharos target debug`, give it the token that is for brokers,
and nothing else: it keeps every byte that it decrypts. That it would have seen
the rest is shown with the bridge's own certificate and key.
"""
import json
import os
import subprocess

import pytest

from conftest import names_hosts
from lab import parts
from lab.bootclient import leaf_of
from lab.clienthello import PRE_SHARED_KEY, PSK_MODES, TLS_1_3, VERSIONS, \
    client_hello_of
from lab.falsebroker import FalseBroker
from lab.forged import forge, issued, write
from lab.joined import HOST, under_hosts
from lab.joining import Place

FOR_BROKERS = "eyJ0b2tlbiI6ImZvciBicm9rZXJzIn0.e30.c2lnbmVk"


class Ground:
    """The store's side's CA, one of somebody else, and a pod's tokens."""

    def __init__(self, lab, folder):
        self.lab, self.folder = lab, folder
        self.own = folder / "own"
        lab.pharos("pki", "init", "--dir", self.own)
        self.listener = issued(lab.lab_pki, "listen")
        self.token = lab.make_cluster().token(f"pharos:{lab.info_hash}")
        self.token_file = self._keep("pod-token", self.token)
        self.broker_token_file = self._keep("broker-token", FOR_BROKERS)

    def _keep(self, name, text):
        path = self.folder / name
        path.touch(0o600)
        path.write_text(text)
        return path

    def wrap(self, broker, *words):
        return self.lab.start_wrapper(
            broker.port, "--jwt-file", self.token_file, "--broker-token-file",
            self.broker_token_file, "--role", "team-a.web", "--secret",
            "secret/data/app", "--map", "password=PASSWORD", "--deliver",
            "env", "--deadline", "20s", *words, "--", "/bin/true")

    def debug(self, broker):
        env = {name: value for name, value in os.environ.items()
               if not name.startswith("PHAROS_")
               and not name.lower().endswith("_proxy")}
        done = subprocess.run(
            [str(word) for word in (
                parts.program("pharos"), "target", "debug", "--broker",
                f"https://127.0.0.1:{broker.port}", "--broker-ca",
                self.lab.server_ca, "--tls-ca", self.lab.pki / "ca.crt",
                "--token-file", self.token_file, "--broker-token-file",
                self.broker_token_file, "-o", "json")],
            text=True, capture_output=True, check=False, timeout=90, env=env)
        assert done.returncode == 1, done.stderr
        return {row["hop"]: row for row in json.loads(done.stdout)[-1]["hops"]}


@pytest.fixture(scope="module")
def ground(module_lab, tmp_path_factory):
    return Ground(module_lab, tmp_path_factory.mktemp("ground"))


# What it shows as the bridge: how it came by that, and what a pod says of it,
# who expects a bridge of this realm and names what it saw.
SHOWN = {
    "its own certificate": (
        lambda g: issued(g.lab.pki, "broker"),
        r"expected a certificate for bridge\.pharos, got one for .*broker"),
    "one for brokers, with the bridge's host name in it": (
        lambda g: forge(g.folder, g.lab.pki, "broker/b-1"),
        r"expected a certificate with role bridge, got broker"),
    "a bridge's, of a CA of its own": (
        lambda g: issued(g.own, "bridge"),
        r"wrong CA: expected a certificate signed by .*, got one issued by"),
    "a bridge's of this realm, by a CA of its own": (
        lambda g: forge(g.folder, g.own, "bridge/b-1", g.lab.info_hash),
        r"wrong CA: expected a certificate signed by .*, got one issued by"),
    "a bridge's of another realm, by this CA": (
        lambda g: forge(g.folder, g.lab.pki, "bridge/b-1", 64 * "0"),
        r"wrong realm: expected a certificate for realm .*, got 000"),
    "a bridge's that is for clients": (
        lambda g: forge(g.folder, g.lab.pki, "bridge/b-1",
                        usages=("client",)),
        r"wrong use: expected .*, got clientAuth only"),
    "the certificate of its listener": (
        lambda g: g.listener,
        r"wrong CA: expected a certificate signed by .*, got one issued by"),
}


def check_that_nothing_was_given(ground, broker):
    end = broker.wait_for_end()
    assert end.hello and not end.heard
    assert "alert" in end.refused, end.refused
    assert ground.token.encode() not in broker.outer + end.hello


@pytest.mark.parametrize("label", SHOWN)
def test_the_wrapper_refuses(ground, label):
    make, says = SHOWN[label]
    with FalseBroker(ground.listener, make(ground)) as broker:
        wrapper = ground.wrap(broker)
        assert wrapper.wait(30) not in (0, None)
        assert wrapper.text().count("sealed session") >= 1
        wrapper.wait_for(says)
        check_that_nothing_was_given(ground, broker)
        assert len(broker.ends) == 1  # it is not tried again


@pytest.mark.parametrize("label", SHOWN)
def test_target_debug_refuses(ground, label):
    make, _ = SHOWN[label]
    with FalseBroker(ground.listener, make(ground)) as broker:
        rows = ground.debug(broker)
        failed = [row for row in rows.values() if row["state"] == "failed"]
        assert [row["hop"] for row in failed][0] in ("pin", "role")
        assert failed[0]["seen"] and failed[0]["expected"]
        assert rows["login"] == {"hop": "login", "state": "not reached"}
        check_that_nothing_was_given(ground, broker)


def test_it_would_see(ground):
    """With the bridge's key it is the bridge."""
    with FalseBroker(ground.listener, issued(ground.lab.pki, "bridge")) \
            as broker:
        wrapper = ground.wrap(broker, "--deadline", "2s")
        assert wrapper.wait(30) not in (0, None)
        end = broker.wait_for_end()
        assert ground.token.encode() in end.heard


def test_the_first_words_of_a_sealed_session(ground):
    """TLS 1.3, and keys for this session alone: what was recorded stays closed
    when the bridge's key is lost later."""
    with FalseBroker(ground.listener, issued(ground.lab.pki, "broker")) \
            as broker:
        assert ground.wrap(broker).wait(30)
        hello = client_hello_of(broker.wait_for_end().hello)
    assert hello[VERSIONS] == b"\x02" + TLS_1_3.to_bytes(2, "big")
    assert PRE_SHARED_KEY not in hello
    # one byte of modes: with a key exchange, RFC 8446, 4.2.9
    assert hello.get(PSK_MODES, b"\x01\x01") == b"\x01\x01"


# ---- in a cluster that has joined

@names_hosts
def test_with_the_certificate_of_its_boot_session(module_lab, tmp_path):
    """A broker that joined as it should, and was taken over then: its one
    certificate serves its listener, and is of the CA that pods trust."""
    module_lab.devstore = module_lab.start_devstore()
    with Place(module_lab, tmp_path) as place:
        answer, key = place.honest("broker-1")
        genuine = write(tmp_path, "genuine", leaf_of(answer), key.private)
        bridge_ca = tmp_path / "bridge-ca.crt"
        bridge_ca.write_bytes(place.ca)
        tokens = {name: place.token(audience, "web-1", "web", "team-a")
                  for name, audience in (
                      ("store", f"pharos:{place.info_hash.hex()}"),
                      ("broker", "pharos-broker"))}
        for name, token in tokens.items():
            (tmp_path / name).touch(0o600)
            (tmp_path / name).write_text(token)
        with FalseBroker(genuine, genuine) as broker:
            wrapper = module_lab.start(
                "pharos-wrapper", "--broker", f"https://{HOST}:{broker.port}",
                "--broker-ca", bridge_ca, "--bridge-ca", bridge_ca,
                "--jwt-file", tmp_path / "store", "--broker-token-file",
                tmp_path / "broker", "--role", "team-a.web", "--secret",
                "secret/data/app", "--map", "password=PASSWORD", "--deliver",
                "env", "--deadline", "20s", "--", "/bin/true",
                under=under_hosts(tmp_path, {HOST: "127.0.0.1"}))
            assert wrapper.wait(30) not in (0, None)
            wrapper.wait_for(r"sealed session .*expected a certificate for "
                             r"bridge\.pharos, got one for .*broker-1")
            end = broker.wait_for_end()
        assert "alert" in end.refused and not end.heard
        assert tokens["store"].encode() not in broker.outer + end.hello
