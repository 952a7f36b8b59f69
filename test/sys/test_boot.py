"""Boot sessions with a real bridge, beacon and store: an honest broker, and the
attackers of doc/threat-model.md that do not hold the bridge's key. R: the relay.
O: an outsider who knows every public string. T: a tenant of the cluster.

After each attack the record is in one of its four states, and the cluster's own
broker is let in.
"""
import base64
import concurrent.futures
import hashlib
import hmac
import json
import time

import pytest
from cryptography import x509
from OpenSSL import SSL

from lab.bootclient import Key, audience, leaf_of, uris_of
from lab.cluster import State, b64url
from lab.joining import ACCOUNT, Place
from test_join import Home

@pytest.fixture(scope="module")
def ground(module_lab):
    """What all clusters here have in common."""
    module_lab.devstore = module_lab.start_devstore()
    yield module_lab


@pytest.fixture
def place(ground, tmp_path):
    with Place(ground, tmp_path) as one:
        yield one


@pytest.fixture
def active(place):
    assert place.honest("broker-0")[0]["code"] == "signed"
    return place


def let_in(place, pod="broker-1"):
    answer, key = place.honest(pod)
    assert answer["code"] == "signed", answer
    leaf = leaf_of(answer)
    assert uris_of(leaf) == [f"pharos://{place.info_hash.hex()}/broker/{pod}"]
    assert leaf.public_key().public_numbers() == \
        key.private.public_key().public_numbers()
    assert place.state == "active"
    return leaf


def resigned(token, cluster, head=None, key=None, **claims):
    """The same token with other claims, signed by the cluster or `key`."""
    old_head, body = (json.loads(base64.urlsafe_b64decode(part + "==="))
                      for part in token.split(".")[:2])
    key = key or cluster.keys[-1]
    fresh = key.sign(body | claims)
    if head is None:
        return fresh
    text = f"{b64url(json.dumps(old_head | head).encode())}." \
        f"{fresh.split('.')[1]}"
    return f"{text}.{fresh.split('.')[2]}"


# ---- the honest

def test_the_first_broker_and_its_replicas(place):
    assert place.state == "pending"
    leaf = let_in(place)
    names = leaf.extensions.get_extension_for_class(
        x509.SubjectAlternativeName).value
    # of its request's names none is in it
    assert "bridge.pharos" not in names.get_values_for_type(x509.DNSName)
    version = place.record()[1]
    let_in(place, "broker-2")
    assert place.record()[1] == version  # a replica writes nothing
    place.bridge.wait_for(r"boot session .*result=signed broker=broker-2")


def test_a_cluster_that_signs_with_rsa(ground, tmp_path):
    with Place(ground, tmp_path, cluster=State(algorithms=("RS256",))) as place:
        let_in(place)


def test_two_brokers_race_for_one_registration(place):
    sessions = [place.session(), place.session()]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        def ask(number):
            session, key = sessions[number], Key()
            token = place.token(session.audience(key), f"broker-{number}")
            return session.ask(**place.members(key, token))["code"]
        assert list(pool.map(ask, range(2))) == ["signed", "signed"]
    assert place.state == "active"


def test_our_own_broker_joins_and_is_revoked(ground, tmp_path):
    """Both programs, and nothing else of the cluster than its API."""
    with Home(tmp_path) as home, Place(
            ground, tmp_path, "--serviceaccount", "pharos/broker",
            cluster=home.api.state) as place:
        broker = ground.start(
            "pharos-broker", "--join", place.join, "--beacon-ca",
            ground.server_ca, "--listen", "127.0.0.1:0",
            "--health-addr", "127.0.0.1:0", *home.words())
        broker.wait_for("tunnel up", 15)
        assert place.state == "active"
        place.bridge.wait_for(r"boot session .*result=signed broker=broker-1")
        mark = broker.mark()
        place.change(state="revoked")
        broker.wait_for("tunnel gone", 5, mark)
        broker.end()


# ---- what each attacker sends: (code, members) for a session of his own

def replayed(place, session):
    """R, O: what the broker sent in a session that is over."""
    with place.session() as old:
        key = Key()
        token = place.token(old.audience(key))
    return "token", place.members(key, token)


def another_key(place, session):
    """R: the broker's token, and a key of the attacker's beside it."""
    return "token", place.members(Key(), place.token(session.audience(Key())))


def stolen_key_request(place, session):
    """O: the request for a key that he has not."""
    key = Key()
    members = place.members(key, place.token(session.audience(key)))
    lines = members["csr"].splitlines()
    data = bytearray(base64.b64decode("".join(lines[1:-1])))
    data[-1] ^= 1  # of its signature
    text = base64.b64encode(bytes(data)).decode()
    members["csr"] = "\n".join([lines[0], *(
        text[at:at + 64] for at in range(0, len(text), 64)), lines[-1], ""])
    return "malformed", members


def tenant(place, session):
    """T: a token of his own ServiceAccount."""
    key = Key()
    return "subject", place.members(key, place.token(
        session.audience(key), "shop-1", "default", "shop"))


def namesake(place, session):
    """T: a ServiceAccount of the same name in his own namespace."""
    key = Key()
    return "subject", place.members(key, place.token(
        session.audience(key), "shop-1", ACCOUNT, "shop"))


def no_pod(place, session):
    """T with the role `edit`: a token that is bound to nothing."""
    key = Key()
    return "pod", place.members(key, place.token(
        session.audience(key), bound=False))


def forged(head, **claims):
    def attack(place, session):
        key = Key()
        token = place.token(session.audience(key))
        code = claims.get("code", "token")
        return code, place.members(key, resigned(
            token, place.cluster, head, **{
                name: value(token) if callable(value) else value
                for name, value in claims.items() if name != "code"}))
    return attack


def by_public_key(place, session):
    """O: HS256, with the cluster's public key as the shared secret."""
    key = Key()
    body = place.token(session.audience(key)).split(".")[1]
    signer = place.cluster.keys[-1]
    head = b64url(json.dumps({"alg": "HS256", "kid": signer.kid}).encode())
    public = json.dumps(signer.jwk()).encode()
    mac = hmac.new(public, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return "token", place.members(key, f"{head}.{body}.{b64url(mac)}")


def other_cluster(place, session):
    """O: an honest broker of a cluster of his own."""
    key, own = Key(), State()
    return "fingerprint", place.members(key, place.token(
        session.audience(key), cluster=own), own)


def own_keys_under_our_uid(place, session):
    """O: his own keys, and every public string of ours."""
    key, own = Key(), State(issuer=place.cluster.issuer)
    own.uid = place.cluster.uid
    code = "fingerprint" if place.state == "pending" else "key"
    return code, place.members(key, place.token(
        session.audience(key), cluster=own), own)


def pushed_key(place, session):
    """A broker that was taken over brings a key of its own beside ours."""
    key, own = Key(), State(issuer=place.cluster.issuer)
    members = place.members(key, place.token(
        session.audience(key), cluster=own))
    members["jwks"] = {"keys": place.cluster.jwks()["keys"] +
                       own.jwks()["keys"]}
    code = "fingerprint" if place.state == "pending" else "key"
    return code, members


def two_audiences(place, session):
    """T: a token that is good elsewhere too."""
    key = Key()
    wanted = session.audience(key)
    return "token", place.members(key, resigned(
        place.token(wanted), place.cluster, aud=[wanted, "pharos:other"]))


def pods_audience(place, session):
    """R, T: a pod's token for the store, of the broker's own account."""
    key = Key()
    return "token", place.members(key, place.token(
        f"pharos:{place.info_hash.hex()}"))


NOW = int(time.time())
ATTACKS = {
    "replayed": replayed,
    "another key beside the token": another_key,
    "a request for somebody's key": stolen_key_request,
    "a tenant's token": tenant,
    "a namesake's token": namesake,
    "bound to no pod": no_pod,
    "alg none": forged({"alg": "none"}),
    "HS256 with the public key": by_public_key,
    "another algorithm of the key": forged({"alg": "RS256"}),
    "another issuer": forged(None, iss="https://elsewhere"),
    "another audience": forged(None, aud="pharos-boot:v1:" + 43 * "x"),
    "a pod's audience": pods_audience,
    "two audiences": two_audiences,
    "yesterday's": forged(None, exp=NOW - 86400),
    "a clock ahead": forged(None, iat=NOW + 3600, nbf=NOW + 3600,
                            exp=NOW + 4000),
    "another cluster": other_cluster,
    "his own keys": own_keys_under_our_uid,
    "keys pushed": pushed_key,
}


def attack_and_recover(place, name):
    before = place.record()[0]
    with place.session() as session:
        code, members = ATTACKS[name](place, session)
        answer = session.ask(**members)
    assert answer["code"] == code, answer
    assert answer["text"] and answer["remedy"]
    after = place.record()[0]
    if code == "key":
        assert after["state"] == "stale"  # the bell, and no more
        assert after["cluster"] == before["cluster"]
    else:
        assert after == before
    let_in(place)


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_on_a_registration_that_waits(place, name):
    attack_and_recover(place, name)
    assert place.record()[0]["cluster"]["jwks"] == place.cluster.jwks()


@pytest.mark.parametrize("name", ["replayed", "another key beside the token",
                                  "a tenant's token", "alg none",
                                  "another issuer", "his own keys",
                                  "keys pushed"])
def test_attack_on_an_active_registration(active, name):
    attack_and_recover(active, name)


def test_an_unknown_kid(active):
    """A key that is not stored: loud, and nothing else."""
    with active.session() as session:
        key = Key()
        token = resigned(active.token(session.audience(key)), active.cluster,
                         {"kid": "nobody's"})
        assert session.ask(**active.members(key, token))["code"] == "key"
    assert active.state == "stale"
    active.bridge.wait_for(r"boot session .*result=key")
    let_in(active)


# ---- what a person has said

def test_a_window_that_is_over_and_opened_again(place):
    place.change(opened=NOW - 3600, closes=NOW - 1)
    assert place.honest()[0]["code"] == "window"
    assert place.state == "pending"
    place.change(closes=NOW + 3600)
    let_in(place)


def test_approval(ground, tmp_path):
    with Place(ground, tmp_path, "--require-approval") as place:
        assert place.honest()[0]["code"] == "approval"
        assert place.record()[0]["waiting"]["pod"] == "broker-1"
        assert place.state == "pending"
        place.change(approved=True)
        let_in(place)


def test_a_revoked_cluster_stays_out(active):
    active.change(state="revoked")
    answer = active.honest()[0]
    assert (answer["code"], answer["retry"]) == ("revoked", 0)
    assert active.state == "revoked"


def test_a_revoked_broker_stays_out_alone(active):
    active.change(shut_out=["broker-1"])
    assert active.honest("broker-1")[0]["code"] == "revoked"
    answer, _ = active.honest("broker-2")
    assert answer["code"] == "signed"


# ---- the store goes away at each step, and comes back

STEPS = {"write": "POST /v1/pharos/data/registration",
         "sign": "POST /v1/pharos-pki/sign/broker"}


@pytest.mark.parametrize("how", ["before", "after", "sealed"])
@pytest.mark.parametrize("step", STEPS)
def test_the_store_goes_away(place, step, how):
    place.valve.fail(STEPS[step], how)
    answer, _ = place.honest()
    assert (answer["code"], answer["retry"]) == ("store", 5)
    written = step == "sign" or how == "after"
    assert place.state == ("active" if written else "pending")
    place.valve.open()
    let_in(place)


def test_a_bridge_that_has_lost_its_store_still_knows_whom_to_refuse(active):
    active.valve.fail("/", "before")
    assert active.honest()[0]["code"] == "store"
    with active.session() as session:
        code, members = tenant(active, session)
        assert session.ask(**members)["code"] == code
    active.valve.open()
    let_in(active)


# ---- the door

def opens_tunnel(place, identity=None):
    """TLS 1.3: the server's verdict comes after our handshake, with its first
    bytes of HTTP/2, or an alert."""
    try:
        with place.session(alpn=b"pharos-tunnel/1",
                           identity=identity) as session:
            return len(session.read(9)) == 9
    except SSL.Error:
        return False


def test_no_tunnel_without_a_certificate(place):
    assert not opens_tunnel(place)
    place.bridge.wait_for("certificate")
    let_in(place)


def test_what_is_signed_opens_a_tunnel_until_it_is_shut_out(place):
    answer, key = place.honest("broker-1")
    identity = (leaf_of(answer), key.private)
    assert opens_tunnel(place, identity)
    place.change(shut_out=["broker-1"])
    assert not opens_tunnel(place, identity)
    let_in(place, "broker-2")


def test_another_request_ends_the_session(place):
    with place.session() as session:
        answer = json.loads(session.post(b"{}", path="/v1/secret/data/a"))
        assert "errors" in answer
    let_in(place)


def test_no_token_in_the_log(active):
    active.bridge.wait_for(r"boot session .*result=signed")
    assert "eyJ" not in active.bridge.text()


def test_audience_of_the_specification():
    assert audience(bytes(32), b"") == "pharos-boot:v1:" + b64url(
        hashlib.sha256(b"\0\0\0\x20" + bytes(32) + b"\0\0\0\0").digest())
