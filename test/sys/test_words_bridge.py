"""Joining by a beacon's address alone, the bridge's side of it: a broker that
knows no CA, and those who would be taken for it, with a real bridge, beacon and
store.

After each attack nobody has been signed for, and the cluster's own broker joins.
"""
import concurrent.futures
import contextlib
import json
import os
import subprocess
import threading
import time
import urllib.request

import pytest

from lab.beaconpeer import Ended, Reset, outer_context
from lab.bootclient import (
    WORDS_PATH, Key, audience, commitment, meeting, paired, words_of)
from lab.cluster import State, b64url
from lab.exposition import parse, value
from lab.joining import Place
from lab.parts import program


@pytest.fixture(scope="module")
def ground(module_lab):
    module_lab.devstore = module_lab.start_devstore()
    yield module_lab


@pytest.fixture
def place(ground, tmp_path):
    with Place(ground, tmp_path) as one:
        one.bridge.wait_for("meeting: waiting", 15)
        yield one


def source(place, *words):
    """`pharos source`, beside the store."""
    return subprocess.run(
        [str(program("pharos")), "source", *map(str, words),
         "--secretstore-address",
         f"https://127.0.0.1:{place.ground.devstore.port}",
         "--secretstore-ca", str(place.ground.server_ca),
         "--secretstore-token-file", str(place.ground.folder / "root-token")],
        text=True, capture_output=True, timeout=60, check=False)


def boot(place, session, pod="broker-1"):
    key = Key()
    token = place.token(session.audience(key), pod)
    return session.ask(**place.members(key, token))


def wait_with_words(place, pod="broker-1"):
    """An honest broker; the words that it shows."""
    with place.meet() as session:
        words, _ = session.six_words()
        assert boot(place, session, pod)["code"] == "approval"
        return words


def waiting(place):
    """The words that wait in the record, by pod."""
    return {one["pod"]: one["words"]
            for one in place.record()[0].get("words", [])}


def until(place, holds):
    end = time.monotonic() + 15
    while not holds(place.record()[0]):
        assert time.monotonic() < end
        time.sleep(0.02)


def approve(place, words):
    done = source(place, "approve", place.fingerprint, "--words", words)
    assert done.returncode == 0, done.stderr
    assert place.record()[0]["approved"]


def refused(place, words):
    """Loudly, and nothing is another."""
    before = place.record()
    done = source(place, "approve", place.fingerprint, "--words", words)
    assert done.returncode == 1, done.stdout
    assert "WRONG WORDS" in done.stderr or "nobody waits" in done.stderr
    assert "do not go on" in done.stderr
    assert "target approve" not in done.stdout
    assert place.record() == before


def recovers(place):
    assert place.state == "pending"
    words = wait_with_words(place)
    assert waiting(place) == {"broker-1": words}
    approve(place, words)
    assert place.honest()[0]["code"] == "signed"


def test_words_of_the_specification():
    assert words_of(bytes(range(32)), b"\1" * 32, b"\2" * 32) == \
        "fago keno dili fomi malo migi"
    assert meeting("m24ppin6vnwzxbzqhw56opxu6ywwmtj355aietun542c76tvsc4q") \
        .hex() == "7f13cc7f602aa3b74797ecf04bbcf36d" \
        "3b6104464c0b9b818a72cd3c0e526818"


# ---- the honest

def test_words_are_compared_and_the_broker_joins(place):
    with place.meet() as session:
        words, ca = session.six_words()
        assert ca.strip().encode() == place.ca.strip()
        answer = boot(place, session)
    assert answer["code"] == "approval"
    assert waiting(place) == {"broker-1": words}
    assert place.state == "pending"

    listed = source(place, "list")
    assert words in listed.stdout and "broker-1" in listed.stdout
    done = source(place, "verify", place.fingerprint)
    assert done.returncode and f'broker-1 with the words "{words}"' \
        in done.stdout
    done = source(place, "approve", place.fingerprint)
    assert done.returncode and "--words" in done.stderr
    assert words not in done.stdout + done.stderr
    assert not place.record()[0]["approved"]

    done = source(place, "approve", place.fingerprint, "--words",
                  words.replace(" ", "-").upper())
    assert done.returncode == 0, done.stderr
    assert f'pharos target approve --words "{words}"' in done.stdout
    assert place.record()[0]["approved"] and place.state == "pending"
    # and the broker, once the same was said over there: by the CA
    assert place.honest()[0]["code"] == "signed"
    assert place.state == "active"
    assert "words" not in place.record()[0]
    place.bridge.wait_for("meeting: over", 10)


def test_a_broker_by_join_string_needs_no_words(place):
    assert place.honest()[0]["code"] == "signed"
    place.bridge.wait_for("meeting: over", 10)


def test_replicas_wait_each_with_its_own_words(place):
    shown = {pod: wait_with_words(place, pod)
             for pod in ("broker-1", "broker-2")}
    assert waiting(place) == shown
    done = source(place, "approve", place.fingerprint, "-o", "json",
                  "--words", shown["broker-2"])
    record = json.loads(done.stdout)
    assert record["approved"]
    assert {one["pod"]: one["words"] for one in record["words"]} == shown


def test_newer_words_take_the_place_of_older_ones(place):
    old, new = wait_with_words(place), wait_with_words(place)
    assert waiting(place) == {"broker-1": new}
    refused(place, old)
    approve(place, new)
    # a broker that was started again after that shows others still, and they
    # can still be compared
    last = wait_with_words(place)
    assert last in source(place, "list").stdout
    done = source(place, "verify", place.fingerprint)
    assert done.returncode == 0 and last in done.stdout
    approve(place, last)
    assert place.state == "pending", "who has words is not signed for"


def test_words_do_not_last(place):
    words = wait_with_words(place)
    record = place.record()[0]
    place.change(words=[one | {"since": one["since"] - 901}
                        for one in record["words"]])
    done = source(place, "approve", place.fingerprint, "--words", words)
    assert done.returncode and "older than 15 minutes" in done.stderr
    assert not place.record()[0]["approved"]
    approve(place, wait_with_words(place))


def test_the_meeting_follows_the_window(place):
    record = place.record()[0]
    place.change(closes=int(time.time()) + 4)  # seen before it is over
    place.bridge.wait_for("meeting: over", 15)
    mark = place.bridge.mark()
    place.change(closes=record["closes"])
    place.bridge.wait_for("meeting: waiting", 10, mark)
    wait_with_words(place)
    assert source(place, "revoke", place.fingerprint).returncode == 0
    place.bridge.wait_for("meeting: over", 10, mark)


def test_who_was_held_is_let_in_by_approval(ground, tmp_path):
    """By join string: in the same session, without another try."""
    with Place(ground, tmp_path, "--require-approval") as place, \
            concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(place.honest)
        until(place, lambda record: "waiting" in record)
        done = source(place, "approve", place.fingerprint)
        assert done.returncode == 0, done.stderr
        assert asked.result(15)[0]["code"] == "signed"
        assert place.state == "active"


# ---- who is not

def words_typed(place, typed):
    return source(place, "approve", place.fingerprint, "--words", typed)


def test_what_a_person_types(place):
    words = wait_with_words(place)
    done = words_typed(place, "fago keno")
    assert done.returncode == 2 and "not six words" in done.stderr
    other = ("nono " * 6).strip()
    refused(place, other if words != other else "fago " * 6)
    approve(place, words)
    assert source(place, "approve", place.fingerprint, "--words", words,
                  "--fingerprint", place.fingerprint).returncode == 2


def test_a_man_in_the_middle_has_two_sessions(place):
    """The broker speaks with him, and he with the bridge. The broker's token
    is for the session that it has with him."""
    nonce, his, exporter = (os.urandom(32) for _ in range(3))
    shown = words_of(exporter, nonce, his)
    key = Key()
    token = place.token(audience(exporter, key.spki))
    with place.meet() as session:
        words, _ = session.six_words()
        answer = session.ask(**place.members(key, token))
    assert answer["code"] == "token"
    assert words != shown
    assert not waiting(place)
    refused(place, shown)
    refused(place, words)
    recovers(place)


def test_a_man_in_the_middle_while_another_replica_is_well(place):
    words = wait_with_words(place, "broker-2")
    shown = words_of(*(os.urandom(32) for _ in range(3)))
    assert shown != words
    refused(place, shown)
    approve(place, words)


def other_nonce(session):
    nonce = os.urandom(32)
    session.say(commitment=commitment("broker", session.words_exporter, nonce))
    return session.say(nonce=os.urandom(32)), "words"


def nonce_of_another_side(session):
    """As a bridge would commit to it."""
    nonce = os.urandom(32)
    session.say(commitment=commitment("bridge", session.words_exporter, nonce))
    return session.say(nonce=nonce), "words"


def commitment_of_another_session(session):
    nonce = os.urandom(32)
    session.say(commitment=commitment("broker", os.urandom(32), nonce))
    return session.say(nonce=nonce), "words"


def nonce_first(session):
    return session.say(nonce=os.urandom(32)), "malformed"


def committed_twice(session):
    session.say(commitment=os.urandom(32))
    return session.say(commitment=os.urandom(32)), "malformed"


def too_short(session):
    return session.say(commitment=os.urandom(31)), "malformed"


def a_ca_of_its_own(session):
    nonce = os.urandom(32)
    session.say(commitment=commitment("broker", session.words_exporter, nonce))
    return json.loads(session.post(json.dumps(
        {"nonce": b64url(nonce), "ca": "-----BEGIN"}).encode(),
        WORDS_PATH)), "malformed"


@pytest.mark.parametrize("attack", [
    other_nonce, nonce_of_another_side, commitment_of_another_session,
    nonce_first, committed_twice, too_short, a_ca_of_its_own],
    ids=lambda one: one.__name__)
def test_false_words_end_the_session(place, attack):
    with place.meet() as session:
        answer, code = attack(session)
        assert answer["code"] == code, answer
        with pytest.raises((Ended, Reset)):
            session.read(1000)
    assert not waiting(place)
    recovers(place)


def test_no_certificate_without_words(place):
    for begun in (False, True):
        with place.meet() as session:
            if begun:
                session.say(commitment=os.urandom(32))
            answer = boot(place, session)
            assert "/v1/words" in str(answer) and "code" not in answer
            with pytest.raises((Ended, Reset)):
                session.read(1000)
    assert place.state == "pending" and "waiting" not in place.record()[0]
    recovers(place)


def test_nothing_is_signed_in_a_session_with_words(place):
    approve(place, wait_with_words(place))
    with place.meet() as session:
        session.six_words()
        assert boot(place, session)["code"] == "approval"
    assert place.state == "pending"
    assert place.valve.seen and not any(
        "sign/broker" in line for line in place.valve.seen)


@pytest.mark.parametrize("stranger", ["another cluster", "another account",
                                      "no pod"])
def test_who_is_not_the_clusters_broker_does_not_wait(place, stranger):
    with place.meet() as session:
        session.six_words()
        key, cluster, more = Key(), None, {}
        if stranger == "another cluster":
            cluster = State()
        elif stranger == "another account":
            more = {"account": "default", "pod": "shop-1"}
        else:
            more = {"bound": False}
        token = place.token(session.audience(key), cluster=cluster, **more)
        answer = session.ask(**place.members(key, token, cluster))
    assert answer["code"] in ("fingerprint", "subject", "pod")
    assert not waiting(place) and "waiting" not in place.record()[0]
    recovers(place)


def take_a_leg(place):
    """And not even say hello on it."""
    record = place.record()[0]
    return paired(place.beacon.port, outer_context(place.ground.server_ca),
                  meeting(record["fingerprint"]), "127.0.0.2")


def take_a_session(place):
    """And begin with the words, and go silent."""
    session = place.meet("127.0.0.2")
    session.say(commitment=os.urandom(32))
    return session.peer


@pytest.mark.parametrize("take, what", [
    (take_a_leg, "handshake"), (take_a_session, "session")],
    ids=["leg", "session"])
def test_outsiders_take_all_there_is_and_the_broker_joins(place, take, what):
    """They know the fingerprint, and they are many."""
    held, over = [], threading.Event()

    def go_on():
        while not over.is_set():
            with contextlib.suppress(AssertionError, OSError, Ended, Reset):
                held.append(take(place))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        outsiders = [pool.submit(go_on) for _ in range(4)]
        try:
            end = time.monotonic() + 30
            while len(held) < 20:  # more than can be open at once
                assert time.monotonic() < end
                time.sleep(0.02)
            words = insist(place)
        finally:
            over.set()
    for one in outsiders:
        one.result(30)
    for peer in held:
        peer.socket.close()
    approve(place, words)
    page = urllib.request.urlopen(
        f"http://{place.ground.address_of(place.bridge, 'health')}/metrics",
        timeout=10).read().decode()
    assert value(parse(page), "pharos_bridge_meeting_displaced_total",
                 what=what, realm="credential") > 0


def insist(place):
    """As a broker does: it tries again."""
    for _ in range(5):
        with contextlib.suppress(AssertionError, Ended, Reset):
            return wait_with_words(place)
    return pytest.fail("the broker was kept out")
