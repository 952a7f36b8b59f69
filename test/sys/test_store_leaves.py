"""The store goes away while a person decides: at each call of a command, before
it was done and after. What was registered or granted is as before or as it was
told, and the command said again brings it there. (For `register` see
test_register.py, for the boot test_boot.py.)"""
import json

import pytest

from lab.leavingstore import LeavingStore
from test_register import BEACON, clusters, facts, fingerprint, home
from test_source import source, who

__all__ = ["clusters", "source"]  # fixtures


# ---- the registration

# What a person does to a record: how it stands before, the words, and how it
# stands when it is done.
FACTS = {"uid": "u", "issuer": "https://i", "jwks": {"keys": []}}
DEEDS = {
    "approve": (
        {"require_approval": True, "approved": False,
         "waiting": {"pod": "pod-7", "since": 1000}},
        (), lambda record: record["approved"]),
    "approve new keys": (
        {"state": "stale", "cluster": FACTS},
        ("--fingerprint", fingerprint("leaving: fresh")),
        lambda record: record["state"] == "pending"),
    "revoke": (
        {"state": "active", "cluster": FACTS}, (),
        lambda record: record["state"] == "revoked"),
    "revoke a broker": (
        {"shut_out": []}, ("--broker", "pod-1"),
        lambda record: record["shut_out"] == ["pod-1"]),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_a_store_that_goes_away_while_a_person_decides(clusters, deed):
    """At each call, before and after the store has done it: it is as before or
    done, and said again it is done."""
    before, words, is_done = DEEDS[deed]
    cluster, failed = fingerprint(f"leaving: {deed}"), 0
    clusters.register(cluster)
    states = set()

    def stand():
        clusters.record(home(cluster), fingerprint=cluster, **before)
        return clusters.record(home(cluster))

    with LeavingStore(clusters.address, clusters.lab.server_ca) as way:
        stood = stand()
        for done in way.at_each_call(lambda: clusters.run(
                deed.split()[0], cluster, *words, address=way.address)):
            assert "store http://127.0.0.1" in done.stderr
            record = clusters.record(home(cluster))
            assert record == stood or is_done(record)
            states.add(is_done(record))
            clusters.good(deed.split()[0], cluster, *words)
            assert is_done(clusters.record(home(cluster)))
            stood = stand()
            failed += 1
    assert failed >= 4
    assert states == {True, False}


# ---- fingerprint, registration and keys in one

def test_a_store_that_goes_away_at_target_connect(clusters, tmp_path):
    """A second try has it active and whole."""
    tried = []

    def connect(**more):
        words = facts(clusters, tried[-1], tried[-1].name)
        return clusters.run("connect", *words, *BEACON, "-o", "json",
                            group="target", **more)

    def connect_anew():
        tried.append(tmp_path / f"leaving-{len(tried)}")
        tried[-1].mkdir()
        return connect(address=way.address)

    with LeavingStore(clusters.address, clusters.lab.server_ca) as way:
        for done in way.at_each_call(connect_anew, both=False):
            assert "store http://127.0.0.1" in done.stderr
            again = connect()
            assert again.returncode == 0, again.stderr
            told = json.loads(again.stdout)
            assert told["state"] == "active"
            assert clusters.record(told["namespace"])["state"] == "active"
    assert len(tried) > 20
    clusters.good("verify", told["id"])


# ---- grants

def test_a_store_that_goes_away_at_a_grant(source):
    """At each call, before and after it was done: the pod never has more than
    is granted, what is left is told, and said again it is granted."""
    words, failed = source.grant("leaving", "secret/team-a/db"), 0
    here = f"https://127.0.0.1:{source.port}"
    with LeavingStore(here, source.lab.server_ca) as way:
        for done in way.at_each_call(lambda: source.run(
                *words, address=way.address)):
            assert "store http://127.0.0.1" in done.stderr
            token = source.login("leaving")
            if isinstance(token, str):
                assert source.reads(token, "secret/data/team-a/other") == 403
            made = source.role_or_policy("leaving")
            assert made == [404, 404] or "left behind" in done.stderr
            source.good(*words)
            token = source.login("leaving")
            assert source.reads(token, "secret/data/team-a/db") == 200
            assert source.reads(token, "secret/data/team-a/other") == 403
            source.good("ungrant", *who("leaving"))
            failed += 1
    assert failed >= 4


def test_a_store_that_goes_away_at_an_ungrant(source):
    """Said again it is taken back, and tokens that are out read nothing."""
    grant, failed = source.grant("returned", "secret/team-a/db"), 0
    here = f"https://127.0.0.1:{source.port}"
    with LeavingStore(here, source.lab.server_ca) as way:
        source.good(*grant)
        token = source.login("returned")
        for done in way.at_each_call(lambda: source.run(
                "ungrant", *who("returned"), address=way.address)):
            assert "store http://127.0.0.1" in done.stderr
            source.good("ungrant", *who("returned"))
            assert source.role_or_policy("returned") == [404, 404]
            assert source.reads(token, "secret/data/team-a/db") == 403
            assert source.login("returned") == 400
            source.good(*grant)
            token = source.login("returned")
            failed += 1
    assert failed >= 4
