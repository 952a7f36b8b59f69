"""pharos-wrapper on the whole chain: what it holds, what it hands over, and how
it behaves above a command."""
import os
import pathlib
import pty
import re
import select
import signal
import subprocess

import pytest

from conftest import Delivery, not_sanitized
from lab import beaconpeer, parts
from lab.process import Process, children, memory_holds

VALUE = "value-to-look-for"


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    with parts.Lab(tmp_path_factory.mktemp("wrapper")) as lab:
        lab.make_certificates()
        made = Delivery(lab)
        lab.store.trust_cluster(made.cluster, made.audience, "*")
        lab.store.write_secret("app", {"password": VALUE, "user": "web",
                                       "port": 5432, "empty": ""})
        lab.store.write_secret("other", {"key": "of-the-other"})
        yield made


def words(chain, *more, secret="secret/app", field="password=PASSWORD",
          role="team-a.web"):
    return ["--broker", f"https://127.0.0.1:{chain.broker.port}",
            "--broker-ca", chain.lab.server_ca,
            "--bridge-ca", chain.lab.pki / "ca.crt",
            "--jwt-file", chain.pod_token(), "--role", role,
            "--secret", secret, "--map", field, "--deadline", "20s", *more]


def wrap(chain, *more, command, env=None, **changed):
    return chain.lab.start("pharos-wrapper", *words(chain, *more, **changed),
                           "--", *command, side="cluster", env=env)


def shell(script):
    return ["/bin/sh", "-c", script]


# ---- what the command keeps

def rights():
    """Ours, as far as a filter, rules or a dropped capability would show."""
    text = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
    fields = dict(line.split(":\t", 1) for line in text.splitlines())
    return [fields[name] for name in RIGHTS]


RIGHTS = ["Seccomp", "NoNewPrivs", "CapPrm", "CapEff", "CapBnd", "CapAmb"]
SHOW_RIGHTS = ("for f in %s; do sed -n \"s/^$f:[[:space:]]*/$f=/p\" "
               "/proc/self/status; done" % " ".join(RIGHTS))


def shown_rights(text):
    return [line.partition("=")[2] for line in text.splitlines()
            if line.partition("=")[0] in RIGHTS]


@pytest.mark.parametrize("deliver", ["env", "fd", "file"])
def test_the_command_is_not_confined(chain, tmp_path, deliver):
    """What holds for the wrapper does not hold for the command: a name space,
    any file, and a set-user-id program are its own affair."""
    folder = pathlib.Path("/dev/shm") / f"pharos-{tmp_path.name}"
    free = tmp_path / "anywhere"
    more = ["--dir", folder] if deliver == "file" else []
    wrapper = wrap(chain, "--deliver", deliver, *more, command=shell(
        f"{SHOW_RIGHTS}; echo written > {free}; ls / > /dev/null && echo done"))
    assert wrapper.wait(20) == 0
    assert shown_rights(wrapper.text()) == rights()
    assert free.read_text() == "written\n"
    if deliver == "file":
        folder.rmdir()


def test_a_restarted_command_and_a_hook_are_not_confined(chain):
    chain.lab.store.write_secret("free", {"password": "one"})
    wrapper = wrap(chain, "--on-rotate", "restart", "--poll", "100ms",
                   secret="secret/free", command=shell(
                       f"{SHOW_RIGHTS}; echo has $PASSWORD; exec sleep 600"))
    wrapper.wait_for("^has one$", 20)
    chain.lab.store.write_secret("free", {"password": "two"})
    wrapper.wait_for("^has two$", 20)
    wrapper.end()
    assert shown_rights(wrapper.text()) == rights() * 2


def test_the_process_that_stays_is_confined(chain):
    wrapper = wrap(chain, command=shell("echo up; exec sleep 600"))
    wrapper.wait_for("isolated landlock=on .*seccomp=on")
    wrapper.wait_for("^up$", 20)
    text = pathlib.Path(f"/proc/{wrapper.pid}/status").read_text()
    assert re.search(r"^Seccomp:\s+2$", text, re.M)
    assert re.search(r"^NoNewPrivs:\s+1$", text, re.M)
    wrapper.end()


# ---- what it holds

@not_sanitized
@pytest.mark.parametrize("deliver", ["env", "fd"])
def test_the_process_that_stays_never_holds_a_value(chain, deliver):
    """Nor the pod's token; the same search finds the value in the command."""
    wrapper = wrap(chain, "--deliver", deliver, "--on-rotate", "restart",
                   command=["/usr/bin/python3", "-c",
                            "import os, time\n"
                            "seen = os.environ['PASSWORD']\n"
                            "if seen[0] == '/': seen = open(seen).read()\n"
                            "print('up', len(seen), flush=True)\n"
                            "time.sleep(600)"])
    wrapper.wait_for(f"^up {len(VALUE)}$", 20)
    command, = children(wrapper.pid)
    assert memory_holds(command, VALUE.encode())
    assert not memory_holds(wrapper.pid, VALUE.encode())
    assert not memory_holds(wrapper.pid, chain.pod_token().read_bytes())
    wrapper.end()


def test_no_value_in_its_log_or_arguments(chain):
    wrapper = wrap(chain, "--log-level", "debug", "--protection-report",
                   command=shell("echo up; exec sleep 600"))
    wrapper.wait_for("^up$", 20)
    assert VALUE not in wrapper.text()
    assert VALUE.encode() not in pathlib.Path(
        f"/proc/{wrapper.pid}/cmdline").read_bytes()
    assert VALUE.encode() not in pathlib.Path(
        f"/proc/{wrapper.pid}/environ").read_bytes()
    wrapper.end()


def test_protection_report(chain):
    wrapper = wrap(chain, "--protection-report", "--deliver", "fd",
                   command=["/bin/true"])
    assert wrapper.wait(20) == 0
    said = dict(re.findall(
        r'protection what="?([^"=]+?)"? state=(on|off)', wrapper.text()))
    assert said["core dumps of the wrapper off"] == "on"
    assert said["core dumps of the command off"] == "on"
    assert said["ptrace of the wrapper refused"] == "on"
    assert said["values locked in memory"] == "on"
    assert said["TLS apart"] == "on"
    assert said["no token held"] == "on"
    assert set(said) >= {"delivery", "values hidden from the kernel's map",
                         "no new privileges for the command"}


def test_the_command_gets_nothing_of_ours_open(chain):
    wrapper = wrap(chain, command=shell("ls /proc/self/fd | sort -n | xargs"))
    wrapper.wait_for("^0 1 2 3$", 20)  # 3 is the list of ls itself
    assert wrapper.wait() == 0


# ---- what it delivers

def test_several_secrets_and_fields(chain):
    wrapper = wrap(chain, "--secret", "secret/data/other",
                   field="user=DB_USER,port=DB_PORT,empty=EMPTY;key=KEY",
                   command=shell('echo "[$DB_USER][$DB_PORT][$EMPTY][$KEY]"'))
    wrapper.wait_for(r"^\[web\]\[5432\]\[\]\[of-the-other\]$", 20)
    assert wrapper.wait() == 0


@not_sanitized  # whose leak checker leaves processes of its own behind
def test_two_runs_and_one_folder(chain, tmp_path):
    """What a killed wrapper left is no hindrance, and is swept."""
    folder = pathlib.Path("/dev/shm") / f"pharos-{tmp_path.name}"
    words_here = ["--deliver", "file", "--dir", folder]
    first = wrap(chain, *words_here, command=shell("echo up; exec sleep 600"))
    first.wait_for("^up$", 20)
    command, = children(first.pid)
    first.signal(signal.SIGKILL)
    os.kill(command, signal.SIGKILL)
    first.wait()
    second = wrap(chain, *words_here, command=shell(
        'cat "$PASSWORD"; echo; ls -A "$(dirname "$PASSWORD")" | xargs'))
    second.wait_for(f"^{VALUE}$", 20)
    second.wait_for(r"^\.\.data \.\.pharos-\w{8} PASSWORD$", 20)
    assert second.wait() == 0
    assert list(folder.iterdir()) == []
    folder.rmdir()


def test_value_too_large_for_a_variable(chain):
    chain.lab.store.write_secret("large", {"password": "x" * 200_000})
    wrapper = wrap(chain, secret="secret/large", command=["/bin/true"])
    assert wrapper.wait(20) == 126
    assert "--deliver file or fd" in wrapper.text()
    wrapper = wrap(chain, "--deliver", "fd", secret="secret/large",
                   command=shell('wc -c < "$PASSWORD"'))
    wrapper.wait_for("^200000$", 20)
    assert wrapper.wait() == 0


# ---- what it says

REFUSED = [
    ("no such path", {"secret": "secret/none"}, "secret/none", "404"),
    ("no such field", {"field": "passwd=X"}, "no field 'passwd'",
     "only: .*password"),
    ("no such role", {"role": "team-a.nobody"}, "login", "role"),
    ("outside of the allowed paths", {"secret": "sys/policies/acl/lab"},
     "sys/policies/acl/lab", "403"),
]


@pytest.mark.parametrize("changed,said,also", [row[1:] for row in REFUSED],
                         ids=[row[0] for row in REFUSED])
def test_refused(chain, changed, said, also):
    wrapper = wrap(chain, command=["/bin/true"], **changed)
    assert wrapper.wait(20) == 122
    assert said in wrapper.text()
    assert re.search(also, wrapper.text())
    assert VALUE not in wrapper.text()


# ---- what it asks of the store

def calls(chain):
    """That the bridge has made to the store."""
    page = beaconpeer.metrics(chain.lab.address_of(chain.bridge, "health"))
    return sum(value for name, value in page.items()
               if name.startswith("pharos_bridge_store_calls_total"))


STAYS = ["--on-rotate", "restart", "--poll", "1h"]
REQUESTS = [
    ("a brief token is forgotten: login, read", "60s", [], 2, 2),
    ("any other is given up", "61s", [], 3, 3),
    ("a brief one that is kept is renewed, and given up at the end", "60s",
     STAYS, 3, 4),
    ("any other that is kept is good as it is", "10m", STAYS, 2, 3),
]


@pytest.mark.parametrize("life,more,started,ended",
                         [row[1:] for row in REQUESTS],
                         ids=[row[0] for row in REQUESTS])
def test_requests_to_the_store(chain, life, more, started, ended):
    chain.lab.store.must("POST", "auth/jwt/role/counted", {
        "role_type": "jwt", "user_claim": "sub",
        "bound_audiences": [chain.audience], "token_policies": ["lab"],
        "token_ttl": life, "token_no_default_policy": True})
    before = calls(chain)
    wrapper = wrap(chain, *more, secret="secret/data/app", role="counted",
                   command=shell("echo up; " +
                                 ("exec sleep 600" if more else "exit 0")))
    wrapper.wait_for("^up$", 20)
    if more:
        assert calls(chain) - before == started
        wrapper.end()
    else:
        assert wrapper.wait(20) == 0
    assert calls(chain) - before == ended


@pytest.fixture
def valved(tmp_path):
    """The same chain, with a valve before its store."""
    with parts.Lab(tmp_path) as lab:
        lab.make_certificates()
        made = Delivery(lab, valved=True)
        lab.store.trust_cluster(made.cluster, made.audience, "*")
        lab.store.write_secret("app", {"password": VALUE})
        with made.valve:
            yield made


def test_a_token_that_is_not_renewed_holds_back_nothing(valved):
    """The store has given the value, and says nothing when the brief token that
    is to be kept asks for a longer life."""
    valved.valve.fail("renew-self", "hold")
    wrapper = wrap(valved, *STAYS, command=shell("echo up; exec sleep 600"))
    wrapper.wait_for("^up$", 30)
    assert valved.valve.held.is_set()
    assert "fetch failed" not in wrapper.text()
    valved.valve.open()
    wrapper.end()


LOST = [
    ("a brief one", "60s", []),
    ("any other", "10m", []),
    ("a brief one that was to be kept, and is renewed by then", "60s", STAYS),
    ("any other that was to be kept", "10m", STAYS),
]


def assert_none_left(valved, forgotten=False):
    """Of the tokens that pods have: they are given up, or end in a minute."""
    store = valved.lab.store
    tokens = valved.valve.tokens - {store.token}
    assert tokens
    if not forgotten:  # nobody waits for it: it may be asked and not yet done
        assert valved.valve.wait_until_done("revoke-self", len(tokens)), \
            valved.valve.seen
    for token in tokens:
        status, said = store.call("POST", "auth/token/lookup",
                                  {"token": token})
        assert status == 200 if forgotten else status == 403
        assert not forgotten or said["data"]["ttl"] <= 60


@pytest.mark.parametrize("life,more", [row[1:] for row in LOST],
                         ids=[row[0] for row in LOST])
def test_no_token_outlives_a_start_that_fails(valved, life, more):
    """One secret is there and the other is not, so nothing starts; what was
    read by then needs no token."""
    store = valved.lab.store
    store.must("POST", "auth/jwt/role/lost", {
        "role_type": "jwt", "user_claim": "sub",
        "bound_audiences": [valved.audience], "token_policies": ["lab"],
        "token_ttl": life, "token_no_default_policy": True})
    wrapper = wrap(valved, *more, "--secret", "secret/data/none",
                   secret="secret/data/app", role="lost",
                   field="password=PASSWORD;key=KEY", command=["/bin/true"])
    assert wrapper.wait(30) == 122
    assert "secret/data/none" in wrapper.text()
    assert_none_left(valved, forgotten=life == "60s" and not more)


def test_no_token_outlives_a_start_that_is_not_answered(valved):
    """The store takes logins, and says nothing to who reads."""
    valved.lab.store.must("POST", "auth/jwt/role/long", {
        "role_type": "jwt", "user_claim": "sub",
        "bound_audiences": [valved.audience], "token_policies": ["lab"],
        "token_ttl": "10m", "token_no_default_policy": True})
    valved.valve.fail("data/app", "hold")
    wrapper = wrap(valved, "--deadline", "8s", secret="secret/data/app",
                   role="long", command=["/bin/true"])
    assert wrapper.wait(60) == 121
    assert "no answer in time" in wrapper.text()
    assert_none_left(valved)
    valved.valve.open()


# ---- rotation

def test_rotation_without_leave_to_read_metadata(chain):
    """A policy for data/ alone is enough."""
    store = chain.lab.store
    store.must("POST", "sys/policies/acl/data-only", {
        "policy": 'path "secret/data/*" { capabilities = ["read"] }'})
    store.must("POST", "auth/jwt/role/data-only", {
        "role_type": "jwt", "user_claim": "sub",
        "bound_audiences": [chain.audience], "token_policies": ["data-only"],
        "token_ttl": "10m", "token_no_default_policy": True})
    store.write_secret("plain", {"password": "old"})
    wrapper = wrap(chain, "--on-rotate", "restart", "--poll", "500ms",
                   secret="secret/data/plain", role="data-only",
                   command=shell('echo "has $PASSWORD"; exec sleep 600'))
    wrapper.wait_for("^has old$", 20)
    store.write_secret("plain", {"password": "new"})
    wrapper.wait_for("^has new$", 20)
    wrapper.end()


def test_rotation_outlives_the_session(chain):
    """A token that lives 2 s, and a rotation after that."""
    store = chain.lab.store
    store.must("POST", "auth/jwt/role/short", {
        "role_type": "jwt", "user_claim": "sub",
        "bound_audiences": [chain.audience], "token_policies": ["lab"],
        "token_ttl": "2s", "token_max_ttl": "2s",
        "token_no_default_policy": True})
    store.write_secret("long", {"password": "old"})
    wrapper = wrap(chain, "--on-rotate", "restart", "--poll", "700ms",
                   "--log-level", "debug", secret="secret/long", role="short",
                   command=shell('echo "has $PASSWORD"; exec sleep 600'))
    wrapper.wait_for("^has old$", 20)
    for value in ("two", "three", "four"):
        # each rotation is seen after another poll or more; together they
        # take longer than the token lives
        store.write_secret("long", {"password": value})
        wrapper.wait_for(f"^has {value}$", 20)
    assert "fetch failed" not in wrapper.text()
    wrapper.end()


def test_a_secret_that_goes_away_is_not_taken_away(chain):
    store = chain.lab.store
    store.write_secret("fleeting", {"password": "kept"})
    wrapper = wrap(chain, "--on-rotate", "restart", "--poll", "300ms",
                   secret="secret/fleeting",
                   command=shell('echo "has $PASSWORD"; exec sleep 600'))
    wrapper.wait_for("^has kept$", 20)
    store.must("DELETE", "secret/metadata/fleeting")
    wrapper.wait_for("its values stay", 20)
    store.write_secret("fleeting", {"password": "back"})
    wrapper.wait_for("^has back$", 20)
    wrapper.end()


# ---- above a command

def test_as_process_1(chain):
    """In a PID namespace of its own: zombies are reaped, the exit code is the
    command's, and what is left of it does not keep the Job from ending."""
    wrapper = Process("process 1", [
        "unshare", "--pid", "--fork", "--mount-proc", "--kill-child",
        parts.program("pharos-wrapper"), *words(chain), "--",
        *shell('sleep 600 & for i in 1 2 3 4 5 6 7 8; do (/bin/true &); done; '
               'until ! grep -sh "^State:.Z" /proc/[0-9]*/status; do :; done; '
               'echo "wrapper is $(tr "\\0" " " </proc/1/cmdline | '
               'sed "s/ .*//;s/.*\\///")"; exit 9')])
    chain.lab.running.append(wrapper)
    wrapper.wait_for("^wrapper is pharos-wrapper$", 20)
    assert wrapper.wait(20) == 9


class Terminal:
    """A shell of a person: the wrapper is its foreground job."""

    def __init__(self, command):
        self.pid, self.master = pty.fork()
        if not self.pid:
            os.execv("/bin/bash", ["bash", "--norc", "--noprofile", "-i", "-c",
                                   command])
        self.text = ""

    def wait_for(self, pattern, seconds=20):
        while not re.search(pattern, self.text):
            ready, _, _ = select.select([self.master], [], [], seconds)
            assert ready, f"no /{pattern}/ in {self.text!r}"
            try:
                self.text += os.read(self.master, 4096).decode()
            except OSError as end:
                raise AssertionError(self.text) from end
        self.text = self.text[re.search(pattern, self.text).end():]

    def type(self, what):
        os.write(self.master, what)


@pytest.fixture
def terminal(chain):
    command = subprocess.list2cmdline(
        [str(parts.program("pharos-wrapper")), *map(str, words(chain)), "--",
         "/usr/bin/python3", "-c",
         "import signal,sys;"
         "signal.signal(signal.SIGINT, lambda *_: print('INT', flush=True));"
         "print('up', flush=True);"
         "[print('line', line, flush=True) for line in sys.stdin]"])
    screen = Terminal(f"set -m; {command}; echo stopped-or-ended $?; fg; "
                      "echo code $?")
    yield screen
    os.close(screen.master)
    os.waitpid(screen.pid, 0)


def test_in_a_terminal(terminal):
    """The command reads the keyboard, gets Ctrl-C once, and Ctrl-Z stops both
    until the shell says fg."""
    terminal.wait_for("up\r\n")
    terminal.type(b"hello\n")
    terminal.wait_for("line hello")
    terminal.type(b"\x03")
    terminal.wait_for("INT\r\n")
    terminal.type(b"\x1a")
    terminal.wait_for(r"stopped-or-ended 1\d\d")
    assert not re.search("^INT", terminal.text, re.M)
    terminal.type(b"again\n")
    terminal.wait_for("line again")
    terminal.type(b"\x04")
    terminal.wait_for("code 0")
