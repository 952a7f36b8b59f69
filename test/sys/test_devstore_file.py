"""The development store on a file: what it has answered is there after it was
ended, killed or without room to write; and a file that it cannot use is refused
with one clear line.
"""
import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import random
import sqlite3
import stat
import subprocess
import threading

import pytest
from interop import stores
from interop.rows import Player
from lab import parts

ROOM = 'mount -t tmpfs -o size=1m,mode=700 none "$0" && exec "$@"'


class Store:
    """A store on one file, ended and started again at will."""

    def __init__(self, lab, under=(), file=None):
        self.lab, self.under, self.port = lab, under, 0
        self.file = file or lab.folder / "store"
        self.token_file = lab.folder / "token"
        self.start()
        self.token = self.token_file.read_text().strip()

    def start(self):
        self.process = self.lab.start(
            "pharos-devstore", "--listen", f"127.0.0.1:{self.port}",
            "--root-token-file", self.token_file, "--store", self.file,
            under=self.under)
        self.port = self.lab.port_of(self.process, "api")

    def client(self):
        return Player(f"http://127.0.0.1:{self.port}", self.token)

    def restart(self, how):
        if how == "killed":
            self.process.kill()
        else:
            assert self.process.end() == 0
        self.start()


@pytest.fixture
def lab(tmp_path):
    with parts.Lab(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    with parts.Lab(tmp_path_factory.mktemp("kept")) as made:
        store = Store(made)
        stores.prepare(store.client())
        yield store


@pytest.mark.parametrize("case", stores.CASES, ids=lambda case: case.name)
def test_contract_over_restarts(kept, case, tmp_path):
    """Every row of the contract, with the store ended or killed after each
    third of them."""
    client = kept.client()
    client.begin(case)
    rows = case.made(tmp_path)
    third = len(rows) // 3 + 1
    for at, how in enumerate(("ended", "killed", "ended")):
        client.play(rows[at * third:(at + 1) * third], True)
        kept.restart(how)
        client.connection.close()  # the next call opens another


def test_what_was_answered_outlives_a_kill(lab):
    """Writers all the time; the store is killed between any two of their
    requests, or in one."""
    store = Store(lab)
    chance = random.Random(20261121)
    written = [0] * 4
    tokens = []
    for _ in range(12):
        patience = chance.randrange(1, 60)
        acknowledged = threading.Semaphore(0)

        def write(number, acknowledged=acknowledged):
            client = store.client()
            try:
                while True:
                    status, answer = client.call(
                        "root", "POST", f"secret/data/w{number}",
                        {"data": {"n": written[number] + 1}})
                    assert status == 200
                    written[number] = answer["data"]["version"]
                    status, answer = client.call(
                        "root", "POST", "auth/token/create", {"ttl": "1h"})
                    if status == 200:
                        tokens.append(answer["auth"]["client_token"])
                    acknowledged.release()
            except (OSError, http.client.HTTPException):
                pass  # it was killed

        with concurrent.futures.ThreadPoolExecutor(len(written)) as pool:
            writers = [pool.submit(write, n) for n in range(len(written))]
            for _ in range(patience):
                assert acknowledged.acquire(timeout=20)
            store.process.kill()
            for writer in writers:
                writer.result(20)
        store.start()
        client = store.client()
        for number, version in enumerate(written):
            status, answer = client.call("root", "GET",
                                         f"secret/data/w{number}")
            if status == 404:
                assert version == 0
                continue
            seen = answer["data"]["metadata"]["version"]
            assert seen in (version, version + 1)  # the last had no answer
            assert answer["data"]["data"] == {"n": seen}
            written[number] = seen
        for token in tokens:
            assert client.call(token, "GET", "auth/token/lookup-self")[0] \
                == 200
    assert min(written) > 0 and tokens


# ---- no room

def test_no_room_to_write(lab):
    """Full: what cannot be kept is refused and undone, what is there is served;
    with room again all goes on."""
    if os.geteuid():
        pytest.skip("a small file system is mounted by root")
    folder = lab.folder / "small"
    folder.mkdir()
    store = Store(lab, ("unshare", "--mount", "sh", "-c", ROOM, folder),
                  folder / "store")
    client = store.client()
    value = "x" * 20000
    kept, refused = 0, None
    while not refused:
        status, answer = client.call("root", "POST", f"secret/data/a{kept}",
                                     {"data": {"value": value}})
        if status == 200:
            kept += 1
        else:
            refused = (status, answer)
    assert kept > 3
    assert refused[0] == 500
    assert refused[1]["errors"] == [
        f"nothing was done: {folder}/store: no room to write"]
    store.process.wait_for("a request was undone")
    assert client.call("root", "GET", f"secret/data/a{kept}")[0] == 404
    assert client.call("root", "GET", f"secret/data/a{kept - 1}")[1][
        "data"]["data"] == {"value": value}
    # one that only reads what is there needs no room
    assert client.call("root", "LIST", "secret/metadata/")[0] == 200
    done = subprocess.run(
        ["nsenter", "--mount", "-t", str(store.process.pid), "mount", "-o",
         "remount,size=8m", folder], text=True, capture_output=True,
        check=False)
    assert done.returncode == 0, done.stderr
    status, _ = client.call("root", "POST", "secret/data/after",
                            {"data": {"value": value}})
    assert status == 200
    assert client.call("root", "GET", "secret/data/after")[0] == 200


# ---- files that are refused

def sql(file, *statements):
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        return [db.execute(statement).fetchall() for statement in statements]


def foreign(file):
    sql(file, "CREATE TABLE t(a)", "INSERT INTO t VALUES(1)")
    file.chmod(0o600)


def newer(file):
    sql(file, "PRAGMA user_version = 2")


def row_spoilt(file):
    sql(file, "UPDATE row SET value = '{}' WHERE kind = 'mount'")


def row_of_nobody(file):
    sql(file, "DELETE FROM row WHERE kind = 'namespace'")


def cut(file):
    with open(file, "r+b") as f:
        f.truncate(5000)


def text(file):
    file.write_text("not a database at all, but long enough to be read " * 9)
    file.chmod(0o600)


def shared(file):
    file.chmod(0o644)


def folder(file):
    file.unlink()
    file.mkdir()


BAD = [
    (text, "not a store's file, or damaged", "another --store"),
    (foreign, "a database of another program", "another --store"),
    (newer, "of format 2, expected is 1", "version of pharos-devstore"),
    (cut, "damaged", "a copy of before"),
    (row_spoilt, "damaged: row", "a copy of before"),
    (row_of_nobody, "damaged", "a copy of before"),
    (shared, "others may read or write it", "chmod 600"),
    (folder, "cannot be opened for writing", "another --store"),
]


def refused(lab, file):
    done = subprocess.run(
        [parts.program("pharos-devstore"), "--listen", "127.0.0.1:0",
         "--root-token-file", lab.folder / "token", "--store", file],
        text=True, capture_output=True, check=False, timeout=20)
    assert done.returncode == 1
    return done.stderr


@pytest.mark.parametrize("spoil,want,remedy", BAD,
                         ids=[row[0].__name__ for row in BAD])
def test_a_bad_file_is_refused(lab, spoil, want, remedy):
    file = lab.folder / "store"
    if spoil not in (text, foreign):
        assert Store(lab).process.end() == 0
    spoil(file)
    said = refused(lab, file)
    assert want in said and remedy in said
    assert str(file) in said


def test_one_opens_it_at_a_time(lab):
    store = Store(lab)
    said = refused(lab, store.file)
    assert "another process has it open" in said
    assert store.client().call("root", "GET", "sys/mounts")[0] == 200


def test_the_file(lab):
    """Private, in clear text as the manual says, and whole by itself after an
    orderly end."""
    store = Store(lab)
    client = store.client()
    client.call("root", "POST", "secret/data/a", {"data": {"k": "clear"}})
    files = [store.file, pathlib.Path(f"{store.file}-wal")]
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == \
        [0o600, 0o600]
    assert store.process.end() == 0
    assert files[1].stat().st_size == 0
    [[[value]]] = sql(store.file,
                      "SELECT value FROM row WHERE kind = 'kv-secret'")
    assert json.loads(value)["versions"][0]["data"] == {"k": "clear"}


def test_another_root_token_ends_the_old_one(lab):
    store = Store(lab)
    client = store.client()
    made = client.call("root", "POST", "auth/token/create",
                       {"policies": ["default"]})[1]["auth"]["client_token"]
    orphan = client.call("root", "POST", "auth/token/create-orphan",
                         {"policies": ["default"]})[1]["auth"]["client_token"]
    old = store.token
    assert store.process.end() == 0
    store.token_file.unlink()
    store.start()
    store.token = store.token_file.read_text().strip()
    client = store.client()
    assert client.call("root", "GET", "auth/token/lookup-self")[0] == 200
    for token, status in ((old, 403), (made, 403), (orphan, 200)):
        assert client.call(token, "GET", "auth/token/lookup-self")[0] \
            == status
