"""`pharos tether backup` and `restore`: the drill, and what is refused."""
import os
import pty
import re
import select
import stat

import pytest

from lab.parts import program
from lab.tether import KEY, OTHER, Tether

WORDS = "correct horse battery"


@pytest.fixture(name="tether")
def tether_fixture(tmp_path):
    tether = Tether(tmp_path / "one")
    tether.good("init", "--endpoint", "home.example.org:51820",
                "--network", "10.188.0.0/16")
    tether.good("zone", "add", "admin", "tcp/22@ssh")
    tether.good("peer", "add", "phone", "--zones", "admin", "--psk",
                "--public-key", KEY)
    put_words(tether, "words", WORDS)
    return tether


def put_words(tether, name, words):
    path = tether.folder / name
    path.write_text(words + "\n")
    path.chmod(0o600)


def back_up(tether, name="backup"):
    tether.good("backup", name, "--passphrase-file", "words")
    return tether.folder / name


def test_the_drill(tether, tmp_path):
    """A machine burns down; the next one is the same to its devices."""
    backup = back_up(tether)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    conf = tether.good("peer", "export", "phone")
    assert "PresharedKey" in conf
    fresh = Tether(tmp_path / "two")
    said = fresh.good("restore", backup, "--passphrase-file",
                      tether.folder / "words")
    assert "has 1 peers" in said and "peer enable NAME" in said
    assert fresh.peers()["phone"]["state"] == "disabled"
    fresh.good("peer", "enable", "phone")
    assert fresh.peers() == tether.peers()
    assert fresh.good("peer", "export", "phone") == conf
    assert (fresh.state / "keyring").read_bytes() == \
        (tether.state / "keyring").read_bytes()


def test_a_backup_shows_nothing(tether):
    content = back_up(tether).read_bytes()
    for word in (b"phone", b"admin", b"home.example.org", KEY.encode()):
        assert word not in content
    again = back_up(tether, "again").read_bytes()
    assert len(again) == len(content)
    assert again[116:] != content[116:]


def test_the_revoked_stay_dead(tether):
    backup = back_up(tether)
    tether.good("peer", "revoke", "phone")
    tether.good("peer", "add", "tab", "--public-key", OTHER)
    said = tether.good("restore", backup, "--passphrase-file", "words",
                       "--dry-run")
    assert "would have 0 peers" in said
    assert list(tether.peers()) == ["tab"]
    said = tether.good("restore", backup, "--passphrase-file", "words")
    assert "was revoked since" in said and "peer no more" in said
    assert tether.peers() == {}
    assert "never comes back" in tether.bad(
        1, "peer", "add", "phone", "--public-key", KEY)


def test_a_broken_codex_is_restored(tether):
    backup = back_up(tether)
    tether.codex.write_text("port: x\n")
    tether.good("restore", backup, "--passphrase-file", "words")
    assert tether.peers()["phone"]["state"] == "active"


def test_a_backup_is_not_overwritten(tether):
    back_up(tether)
    assert "never overwritten" in tether.bad(
        1, "backup", "backup", "--passphrase-file", "words")


def test_another_tether_is_not_written_over(tether, tmp_path):
    backup = back_up(tether)
    other = Tether(tmp_path / "two")
    other.good("init", "--network", "10.188.0.0/16")
    assert "another tether" in other.bad(
        1, "restore", backup, "--passphrase-file", tether.folder / "words")


SPOILT = [
    ("cut", lambda b: b[:-1], "is cut"),
    ("cut in its head", lambda b: b[:60], "is cut"),
    ("one bit of the head", lambda b: b[:70] + bytes([b[70] ^ 1]) + b[71:],
     "altered"),
    ("one bit of the rest", lambda b: b[:-9] + bytes([b[-9] ^ 1]) + b[-8:],
     "altered"),
    ("something behind it", lambda b: b + b"x", "altered"),
    ("something else", lambda b: b"[Interface]\n", "not a backup"),
    ("of a version to come", lambda b: b"pharos-backup 2\n" + b[16:],
     "a version that is not known"),
    ("nothing", lambda b: b"", "empty"),
]


@pytest.mark.parametrize("spoil,says", [row[1:] for row in SPOILT],
                         ids=[row[0] for row in SPOILT])
def test_a_spoilt_one_is_refused(tether, spoil, says):
    backup = back_up(tether)
    backup.write_bytes(spoil(backup.read_bytes()))
    said = tether.bad(1, "restore", backup, "--passphrase-file", "words")
    assert says in said and len(said.splitlines()) <= 2


def test_passphrases(tether):
    backup = back_up(tether)
    put_words(tether, "wrong", WORDS + "x")
    put_words(tether, "short", "short")
    assert "not the one of this backup" in tether.bad(
        1, "restore", backup, "--passphrase-file", "wrong")
    assert "expected 8 or more" in tether.bad(
        2, "backup", "b", "--passphrase-file", "short")
    (tether.folder / "words").chmod(0o644)
    assert "by others" in tether.bad(
        2, "backup", "b", "--passphrase-file", "words")


def type_words(tether, answers, *words):
    """The verb at a terminal: each question is answered when it is asked."""
    pid, fd = pty.fork()
    if not pid:
        os.execv(str(program("pharos")), ["pharos", "tether", *words,
                                          "--codex", str(tether.codex),
                                          "--state", str(tether.state)])
    shown = b""
    answers = list(answers)
    while select.select([fd], [], [], 60)[0]:
        try:
            more = os.read(fd, 4096)
        except OSError:
            break
        if not more:
            break
        shown += more
        if shown.endswith(b": ") and answers:
            os.write(fd, answers.pop(0).encode() + b"\n")
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


def test_at_a_terminal(tether):
    path = str(tether.folder / "backup")
    status, shown = type_words(tether, [WORDS, WORDS], "backup", path)
    assert status == 0, shown
    assert WORDS not in shown
    assert re.match("Passphrase: \r?\nThe same again: \r?\n", shown)
    status, shown = type_words(tether, [WORDS], "restore", path)
    assert status == 0 and "has 1 peers" in shown
    status, shown = type_words(tether, [WORDS, "other words"], "backup",
                               path + "2")
    assert status == 2 and "not the same" in shown
    status, shown = type_words(tether, ["\x03"], "backup", path + "2")
    assert status == 1 and not os.path.exists(path + "2")


def test_without_a_terminal(tether):
    back_up(tether)
    assert "--passphrase-file" in tether.bad(1, "restore", "backup")
