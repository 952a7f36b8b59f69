"""L: all that is kept is stolen later. A cluster joins, secrets are delivered,
and then everything that anybody has written down or recorded is collected: the
registration and its metadata, the bridge's credential (taken back), the join
string, the logs of all programs at `debug`, the store's audit log, and each byte
that crossed the beacon.

No secret, no token and no private key is in it. And with all of it in hand
nobody gets anywhere.
"""
import base64
import json
import re
import secrets

import pytest

from conftest import names_hosts
from lab import parts, peers
from lab.beaconpeer import outer_context
from lab.bootclient import Key, Session
from lab.cluster import Key as ClusterKey
from lab.falsebeacon import FalseBeacon, honest
from lab.forged import issued
from lab.joined import NAMESPACE, Joined, StandIn
from lab.storevalve import StoreValve
from test_boot import opens_tunnel

pytestmark = names_hosts

VALUE = secrets.token_hex(40)
LOUD = ("--log-level", "debug")


class World:
    """One full run, with all that it leaves."""

    def __init__(self, lab, folder, real):
        self.lab, self.folder, self.real = lab, folder, real
        self.audit = folder / "audit.json"
        self.store = lab.start_openbao(self.audit) if real \
            else lab.start_devstore(*LOUD)
        self.beacon = FalseBeacon(issued(lab.lab_pki, "beacon"), honest)
        self.valve = StoreValve(lab.store)
        self.cluster = StandIn(folder)
        self.requested = self._watch_tokens()
        self.joined = Joined(lab, folder, self.cluster,
                             [f"127.0.0.1:{self.beacon.port}"])

    def _watch_tokens(self):
        """Each token that the cluster signs."""
        state, kept = self.cluster.state, []
        sign = state.request_token

        def request_token(*words):
            answer = sign(*words)
            kept.append(answer["status"]["token"])
            return answer

        state.request_token = request_token
        return kept

    def __enter__(self):
        self.cluster.__enter__()
        return self

    def __exit__(self, *args):
        self.valve.__exit__()
        self.beacon.__exit__()
        self.cluster.__exit__(*args)

    def run(self):
        joined = self.joined
        joined.register()
        self.bridge = joined.start_bridge("--vault-addr", self.valve.address,
                                          *LOUD)
        self.broker = joined.start_broker("broker-1", *LOUD)
        self.broker.wait_for("tunnel up", 20)
        joined.write_secret("team-a/web", password=VALUE)
        joined.grant("team-a", "web", "secret/team-a/web")
        self.wrapper = joined.start_wrapper(
            self.broker, "team-a", "web", "--secret", "secret/data/team-a/web",
            "--map", "password=PASSWORD", "--deliver", "env", *LOUD, "--",
            "/bin/sh", "-c", f'[ "$PASSWORD" = {VALUE} ] && echo arrived')
        self.wrapper.wait_for("arrived", 25)
        assert self.wrapper.wait() == 0, self.wrapper.text()

    def call(self, method, path, body=None):
        return self.lab.store.call(
            method, f"{self.joined.answer['namespace']}/{path}", body)

    def take_credential_back(self):
        """Nobody logs in with it again; the bridge goes on till its token
        ends."""
        role = "auth/pharos-approle/role/bridge/secret-id"
        for accessor in self.call("LIST", role)[1]["data"]["keys"]:
            status, said = self.call(
                "POST", f"{role}-accessor/destroy",
                {"secret_id_accessor": accessor})
            assert status < 300, said

    # ---- what may be stolen, and what must not be in it

    def collect(self):
        registration = self.call("GET", "pharos/data/registration")[1]
        found = {
            "registration": json.dumps(registration),
            "its metadata": json.dumps(
                self.call("GET", "pharos/metadata/registration")[1]),
            "its list": json.dumps(self.joined.source("list")),
            "what was printed": json.dumps(self.joined.answer),
            "credential": self.joined.credential.read_text(),
            "join string": self.joined.join,
            "bridge's log": self.bridge.text(),
            "broker's log": self.broker.text(),
            "wrapper's log": self.wrapper.text(),
        }
        if self.real:
            found["audit log"] = self.audit.read_text()
        else:
            found["store's log"] = self.store.text()
        kept = {name: text.encode() for name, text in found.items()}
        kept["join string, decoded"] = self.joined.ca_pem().encode()
        kept["what crossed"] = b"".join(
            leg.heard for pair in self.beacon.pairs for leg in pair.legs)
        return kept

    def secrets(self):
        """By name: what nobody should have afterwards. Of a token of the
        cluster it is the signature; the rest is said in public."""
        with self.valve.lock:
            tokens = sorted(self.valve.tokens)
        found = {"value": VALUE, "root token": self.lab.store.token}
        found |= {f"store token {n}": one for n, one in enumerate(tokens)}
        found |= {f"cluster's token {n}": one.rpartition(".")[2]
                  for n, one in enumerate(self.requested)}
        return found


@pytest.fixture(scope="module", params=["devstore", "openbao"])
def world(request, tmp_path_factory):
    with parts.Lab(tmp_path_factory.mktemp("leak")) as lab:
        lab.make_certificates()
        try:
            with World(lab, tmp_path_factory.mktemp("kept"),
                       request.param == "openbao") as one:
                one.run()
                one.take_credential_back()
                yield one
        except peers.NotHere as why:
            pytest.skip(str(why))


@pytest.fixture(scope="module")
def stolen(world):
    return world.collect()


def holds(kept, needle):
    """In the clear, or behind base64."""
    forms = [needle.encode()] + [
        base64.b64encode(b" " * shift + needle.encode())[4:-4]
        for shift in range(3)]
    return [name for name, data in kept.items()
            if any(form in data for form in forms)]


# What each of them does hold, so that it is what it is called.
HOLD = {
    "registration": b'"jwks"', "its metadata": b"current_version",
    "its list": b'"active"', "what was printed": b"pharos-join-v1.",
    "credential": b"secret_id", "join string": b"pharos-join-v1.",
    "bridge's log": b"result=signed", "broker's log": b"tunnel up",
    "wrapper's log": b" debug ", "store's log": b"listening",
    "audit log": b"hmac-sha256:", "join string, decoded": b"CERTIFICATE",
    "what crossed": b"pharos-boot/1",
}


def test_it_is_what_it_is_called(world, stolen):
    for name, data in stolen.items():
        assert HOLD[name] in data, name
    secret = world.call("GET", "secret/data/team-a/web")[1]
    assert holds({"here": json.dumps(secret).encode()}, VALUE)
    # the bridge's, the wrapper's; for both; of pod, of broker, of the session
    assert len(world.secrets()) >= 2 + 2 + 4
    # in the clear, and behind base64
    assert holds({"a": VALUE.encode()}, VALUE) == ["a"]
    for before in ("", "x", "xy"):
        coded = base64.b64encode((before + VALUE).encode())
        assert holds({"a": coded}, VALUE) == ["a"]


def test_no_secret_and_no_token_is_in_it(world, stolen):
    for name, secret in world.secrets().items():
        assert not holds(stolen, secret), name


def test_no_private_key_is_in_it(stolen):
    for name, data in stolen.items():
        assert b"PRIVATE KEY" not in data, name
        # of a JSON web key: the number that is not for others
        assert not re.search(rb'"d"\s*:', data), name
        assert not holds({name: data}, "PRIVATE KEY"), name


def test_the_login_is_in_the_credential_alone(world, stolen):
    credential = json.loads(stolen["credential"])
    assert holds(stolen, credential["secret_id"]) == ["credential"]


# ---- what it is worth

class Thief:
    """Has what was stolen, and a key of his own."""

    def __init__(self, world, stolen):
        self.world = world
        self.record = json.loads(stolen["registration"])["data"]["data"]
        self.ca = stolen["join string, decoded"]
        self.info_hash = bytes.fromhex(json.loads(
            stolen["what was printed"])["info_hash"])
        self.own = ClusterKey("ES256")
        # he says that it is the stored one
        self.own.kid = self.record["cluster"]["jwks"]["keys"][0]["kid"]

    def session(self, **more):
        return Session(self.world.beacon.port,
                       outer_context(self.world.lab.server_ca),
                       self.info_hash, self.ca, **more)

    def token(self, audience, subject, pod="broker-1", now=0):
        cluster = self.world.cluster.state
        now = int(now or cluster.now())
        return self.own.sign({
            "iss": self.record["cluster"]["issuer"], "aud": [audience],
            "sub": subject, "iat": now, "nbf": now, "exp": now + 600,
            "kubernetes.io": {"namespace": NAMESPACE, "pod": {
                "name": pod, "uid": "u"}}})


@pytest.fixture(scope="module")
def thief(world, stolen):
    return Thief(world, stolen)


def test_it_makes_no_broker(world, thief):
    with thief.session() as session:
        key = Key()
        answer = session.ask(
            token=thief.token(session.audience(key), thief.record["subject"]),
            csr=key.csr(), uid=thief.record["cluster"]["uid"],
            jwks=thief.record["cluster"]["jwks"],
            discovery=world.cluster.state.discovery())
    assert answer["code"] == "token", answer
    assert world.joined.record() == thief.record


def test_it_opens_no_tunnel(thief):
    assert not opens_tunnel(thief)


def test_it_logs_nobody_in(world, stolen, thief):
    credential = json.loads(stolen["credential"])
    login = {name: credential[name] for name in ("role_id", "secret_id")}
    assert world.call("POST", "auth/pharos-approle/login", login)[0] == 400
    forged = thief.token(f"pharos:{thief.info_hash.hex()}",
                         "system:serviceaccount:team-a:web")
    assert world.call("POST", "auth/jwt/login",
                      {"role": "team-a.web", "jwt": forged})[0] == 400


def test_it_gets_no_secret_through_the_broker(world, thief):
    """As a pod with tokens of its own making, for broker and store."""
    who = "system:serviceaccount:team-a:web"
    for kind, audience in (
            ("jwt", f"pharos:{thief.info_hash.hex()}"),
            ("broker", "pharos-broker")):
        path = world.folder / f"forged-{kind}"
        path.touch(0o600)
        path.write_text(thief.token(audience, who, "web-1"))
    words = ("--secret", "secret/data/team-a/web", "--map",
             "password=PASSWORD", "--deliver", "env", "--deadline", "10s")
    # at the broker, and, with a pod's token for brokers, at the store
    for own, says in (
            (("--broker-token-file", world.folder / "forged-broker"), "40[37]"),
            (("--jwt-file", world.folder / "forged-jwt"), "login")):
        wrapper = world.joined.start_wrapper(world.broker, "team-a", "web",
                                             *words, *own, "--", "/bin/true")
        assert wrapper.wait(30) not in (0, None)
        assert re.search(f"no values.*{says}", wrapper.text())


def test_the_cluster_goes_on(world):
    """Whatever the thief did: the honest are served."""
    wrapper = world.joined.start_wrapper(
        world.broker, "team-a", "web", "--secret", "secret/data/team-a/web",
        "--map", "password=PASSWORD", "--deliver", "env", "--", "/bin/true")
    assert wrapper.wait(30) == 0, wrapper.text()
