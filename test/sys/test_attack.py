"""Somebody sits on the TCP connections between a beacon and both ends of a
pipe, and does what he can at the switch from outer TLS to raw bytes and after
it. Delays and portions change nothing. Whatever else he does is noticed: an end
says so, no connection gets a wrong byte or an end too soon, and the beacon
serves others meanwhile and keeps nothing of it."""
import collections
import concurrent.futures
import contextlib
import itertools
import os
import queue
import random
import re
import socket
import threading
import time
from functools import partial

import pytest

from lab import middle, parts, services
from lab.beaconpeer import metric_becomes, metric_reaches, metrics
from lab.middle import DOWN, UP, Act, Middle
from test_pipe import Realm, ask, beacon_words, dial

SIZE = 1 << 20
ENDS = ["expose", "connect"]
DIRECTIONS = [(who, way) for who in ENDS for way in (UP, DOWN)]
PLACES = {"close_notify": 0, "first raw record": 1, "amidst the data": 25}
NOTICED = r"(?:tunnel gone|target failed|no stream).*"
# A source of its own for each man: how often one may come is limited.
SOURCES = (f"127.77.{i // 250}.{1 + i % 250}" for i in itertools.count())

NAME = "pharos_beacon_"
NOW, SHED = NAME + "shed_pairs", NAME + "shed_pairs_total"
LISTENING = NAME + 'waiting_legs{role="listen"}'
PIPES, DESCRIPTORS = NAME + "pipes", "process_open_fds"
KEPT = [NOW, LISTENING, NAME + 'waiting_legs{role="connect"}', NAME + "pairs",
        NAME + "queued_pairs", NAME + "unfinished_legs", NAME + "pipes_held"]


def data_of(seed):
    return random.Random(seed).randbytes(SIZE)


class Talk:
    """One connection's end: says all it has to say, and hears to the end."""

    def __init__(self, connection, says):
        self.heard, self.reset = b"", False
        teller = threading.Thread(target=self._tell, args=(connection, says))
        teller.start()
        try:
            while data := connection.recv(1 << 16):
                self.heard += data
        except ConnectionResetError:
            self.reset = True
        teller.join()

    def _tell(self, connection, says):
        """The kernel tells of a reset once: here, or where we read. Of one that
        came after an end it says EPIPE, which is none to our reader."""
        try:
            connection.sendall(says)
            connection.shutdown(socket.SHUT_WR)
        except ConnectionResetError:
            self.reset = True
        except OSError:
            pass

    def is_whole(self, said):
        """No byte is wrong, and the end came after the last one, or not at
        all."""
        assert self.heard == said[:len(self.heard)], "a byte is wrong"
        assert self.reset or len(self.heard) == len(said), "it is short"
        return not self.reset


class Scene:
    """A pipe whose two ends come to the beacon by way of the men.

    realm  that nobody else uses
    men    of "expose" and "connect": what Middle takes
    """

    def __init__(self, stage, realm, men, seed=1):
        self.stack = contextlib.ExitStack()
        self.question, self.answer = data_of(seed), data_of(seed + 1)
        self._served = queue.Queue()
        self.service = self.stack.enter_context(services.Service(self._serve))
        realms = {}
        for who in ENDS:
            man = self.stack.enter_context(Middle(
                ("127.0.0.1", stage.beacon.port), next(SOURCES),
                **men.get(who, {})))
            realms[who] = realm.by(
                "--beacon-address", f"127.0.0.1:{man.port}",
                "--beacon-ca", stage.lab.server_ca)
        self.ends = [realms["expose"].expose(self.service.address),
                     realms["connect"].connect("--wait", "20s")]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.ends:
            process.kill()
        self.stack.close()

    def _serve(self, connection):
        self._served.put(Talk(connection, self.answer))

    def talk(self):
        with dial(self.ends[1]) as connection:
            return Talk(connection, self.question)

    def said(self):
        return "\n".join(end.text() for end in self.ends)

    def noticed(self):
        """Wait until one of the ends says that something is wrong."""
        deadline = time.monotonic() + 20
        while not (noticed := re.findall(NOTICED, self.said())):
            assert time.monotonic() < deadline, "nobody noticed"
            self.ends[0].wait_for_news(0.05)
        return noticed

    def check(self, talk):
        """Of all connections that there were: see Talk.is_whole()."""
        served = [self._served.get(timeout=20)
                  for _ in range(self.service.accepted)]
        for process in self.ends:
            assert process.child.poll() is None, process.text()
        return talk.is_whole(self.answer), \
            [one.is_whole(self.question) for one in served]


class Stage:
    """A beacon, and a pair that nobody attacks."""

    def __init__(self, lab):
        self.lab = lab
        self.beacon = lab.start_beacon()
        self.health = f"127.0.0.1:{lab.port_of(self.beacon, 'health')}"
        self.realms = {direction: Realm(lab) for direction in DIRECTIONS}
        self.realm = self.realms[DIRECTIONS[0]]
        others = Realm(lab, *beacon_words(lab, self.beacon))
        self.others = [others.expose(lab.echo.address), others.connect()]
        metric_becomes(self.health, NOW, 1)
        metric_becomes(self.health, LISTENING, 4)
        self.before = self.kept()

    def kept(self):
        """What must not grow by what anybody does."""
        now = metrics(self.health)
        kept = {name: now[name] for name in KEPT}
        kept["descriptors"] = now[DESCRIPTORS] - 2 * now[PIPES]
        return kept

    def serves_others(self):
        data = os.urandom(100_000)
        assert ask(self.others[1], data) == data

    def is_as_before(self):
        self.serves_others()
        deadline = time.monotonic() + 10
        while (kept := self.kept()) != self.before:
            assert time.monotonic() < deadline, (kept, self.before)
        for process in self.others:
            assert "tunnel gone" not in process.text()


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with parts.Lab(tmp_path_factory.mktemp("attack")) as lab, \
            services.Service(services.echo) as lab.echo:
        lab.make_certificates()
        yield Stage(lab)


# ---- what a network may do

def honest(stage, men, seed=1, meanwhile=None):
    before = metrics(stage.health)[SHED]
    with Scene(stage, stage.realm, men, seed) as scene:
        if meanwhile:
            threading.Thread(target=meanwhile).start()
        assert scene.check(scene.talk()) == (True, [True])
        assert not re.search(NOTICED, scene.said())
    metric_reaches(stage.health, SHED, before + 1)
    assert metrics(stage.health)[PIPES] > 0, "nothing was spliced"
    stage.is_as_before()


PORTIONS = {
    "a byte at a time around the switch":
        lambda chance, way: 1 if way.place is None or way.place < 4
        else 1 << 16,
    "a few bytes at a time":
        lambda chance, way: chance.randint(1, 90 if len(way.past) < 40
                                           else 9000),
    "any portions": lambda chance, way: int(2 ** chance.uniform(0, 17)),
}


@pytest.mark.parametrize("label", PORTIONS)
def test_portions_change_nothing(stage, label):
    for seed in range(3):
        print("seed", seed)
        chances = collections.defaultdict(partial(random.Random, seed))

        def chop(way, chances=chances):
            return PORTIONS[label](chances[way], way)

        honest(stage, {who: {"chop": chop} for who in ENDS}, seed)


def test_close_notify_and_what_follows_it_in_one_portion(stage):
    men = {who: {"acts": {way: Act(0, middle.hold_one) for way in (UP, DOWN)}}
           for who in ENDS}
    honest(stage, men)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("who, way", DIRECTIONS)
def test_a_stall_changes_nothing(stage, who, way, place):
    stall = middle.Stall()

    def meanwhile():
        assert stall.holds.wait(20)
        stage.serves_others()
        stall.go_on.set()

    honest(stage, {who: {"acts": {way: Act(PLACES[place], stall)}}},
           meanwhile=meanwhile)
    assert stall.go_on.is_set()


# ---- what nobody may do

ATTACKS = {
    "drop": middle.drop,
    "change": middle.change,
    "drop its last bytes": middle.shorten,
    "repeat": middle.repeat,
    "repeat an earlier one before it": middle.replay_before,
    "repeat an earlier one after it": middle.replay_after,
    "inject a record before it": middle.forge_before,
    "inject a record after it": middle.forge_after,
    "inject bytes before it": middle.inject_before,
    "inject bytes after it": middle.inject_after,
    "exchange with the next": middle.exchange,
    **{f"FIN {where} it": do for where, do in middle.FIN.items()},
    **{f"RST {where} it": do for where, do in middle.RST.items()},
}


def attacked(stage, realm, men, acts):
    """A connection that was open is reset. One that was not yet may be opened
    anew, by another tunnel. Return how it was noticed."""
    with Scene(stage, realm, men) as scene:
        talk = scene.talk()
        assert all(act.begun.is_set() for act in acts), "no attack was made"
        noticed = scene.noticed()
        assert stage.beacon.child.poll() is None
        whole, served = scene.check(talk)
        if acts[0].place == PLACES["amidst the data"]:
            assert not whole or False in served
        return noticed


def attacked_from(stage, who, way, place, do):
    act = Act(PLACES[place], do)
    return attacked(stage, stage.realms[who, way],
                    {who: {"acts": {way: act}}}, [act])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("label", ATTACKS)
def test_tampering_is_noticed(stage, label, place):
    """In each of the four directions, at once."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        tried = {direction: pool.submit(attacked_from, stage, *direction,
                                        place, ATTACKS[label])
                 for direction in DIRECTIONS}
        stage.serves_others()
        for direction, attempt in tried.items():
            print(*direction, *attempt.result(), sep="\n  ")
    stage.is_as_before()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", [UP, DOWN])
def test_crossing_the_legs_is_noticed(stage, way, place):
    """Each end, or each side of the beacon, gets what it has said itself."""
    crossing = middle.Crossing()
    acts = [Act(PLACES[place], crossing) for _ in ENDS]
    men = {who: {"acts": {way: act}} for who, act in zip(ENDS, acts)}
    print(*attacked(stage, stage.realm, men, acts), sep="\n")
    stage.is_as_before()
