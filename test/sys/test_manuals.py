"""Manual pages and completions as the build made them."""
import re
import subprocess

import pytest

from lab.parts import BUILD, ROOT

FOLDER = BUILD / "doc" / "man"
LIST = re.compile(r'^\.\\" list of: (\S+) ?(.*)$', re.M)
# those with lists to fill in; the lint reads the others
PAGES = sorted(page.name for page in (ROOT / "doc/man").glob("*.[1-8]")
               if LIST.search(page.read_text()))


def program_of(page):
    """The program that a page's own lists were printed by."""
    source = (ROOT / "doc/man" / page).read_text()
    return sorted({name for name, _ in LIST.findall(source)})


@pytest.mark.parametrize("page", PAGES)
def test_page_is_filled_and_clean(page):
    text = (FOLDER / page).read_text()
    assert program_of(page)
    assert not LIST.search(text)
    done = subprocess.run(
        ["mandoc", "-Tlint", "-W", "warning", FOLDER / page], text=True,
        capture_output=True, check=False)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("page", [p for p in PAGES if p.endswith(".8")])
def test_page_of_a_daemon_lists_every_option(page):
    program, = program_of(page)
    help_text = subprocess.run(
        [BUILD / "src" / program.removeprefix("pharos-") / program,
         "--help-all"],
        text=True, capture_output=True, check=True).stdout
    text = (FOLDER / page).read_text()
    for flag in re.findall(r"--(?:\[no-\])?([a-z][a-z-]+)", help_text):
        if flag != "a-name":
            assert re.search(rf"^\.It .*Fl -(no-)?{flag}\b", text, re.M), flag


def test_completions_are_bash():
    completions = [path for path in FOLDER.iterdir()
                   if re.fullmatch(r"pharos[a-z-]*", path.name)]
    assert completions
    for path in completions:
        subprocess.run(["bash", "-n", path], check=True)
        assert f"complete -F _{path.name.replace('-', '_')} {path.name}" \
            in path.read_text()


def verbs(*words):
    """Every `pharos GROUP VERB` there is."""
    text = subprocess.run(
        [BUILD / "src/cli/pharos", *words, "--help"], text=True,
        capture_output=True, check=True).stdout
    if " VERB " not in text.splitlines()[0]:
        return [words]
    return [words, *(found for verb in re.findall(r"^  ([a-z-]+)  ", text, re.M)
                     for found in verbs(*words, verb))]


COMMANDS = [[BUILD / "src/cli/pharos", *words] for words in verbs()] + [
    [BUILD / "src" / room / f"pharos-{room}"]
    for room in ("beacon", "bridge", "broker", "devstore", "wrapper")]


def help_of(command, flag):
    return subprocess.run([*command, flag], text=True, capture_output=True,
                          check=True).stdout


@pytest.mark.parametrize("command", COMMANDS,
                         ids=lambda command: " ".join(map(str, command[1:]))
                         or command[0].name)
def test_help_fits_a_screen(command):
    lines = help_of(command, "--help").splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    if " VERB " in lines[0]:
        return
    flag = re.compile(r"^ +(?:-\w, )?--(?:\[no-\])?([a-z-]+)", re.M)
    usual = set(flag.findall("\n".join(lines)))
    whole = set(flag.findall(help_of(command, "--help-all")))
    assert usual <= whole and "config" in whole
    # what must be given is never left to the longer one
    assert all(name in usual for name in re.findall(
        r"--([a-z-]+) [^\n]*(?:\n {20,}[^\n]*)?\(required\)",
        help_of(command, "--help-all")))
    if usual != whole:
        assert "--help-all" in lines[-1]


def test_every_verb_was_looked_at():
    assert len(COMMANDS) >= 18
