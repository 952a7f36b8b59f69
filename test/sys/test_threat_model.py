"""doc/threat-model.md names for each threat and each claim the test that plays
it; here is looked whether there is such a test."""
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "doc/threat-model.md").read_text()
SYS = {path.name: path.read_text()
       for path in (ROOT / "test/sys").glob("test_*.py")}
UNIT = {path.name for path in ROOT.glob("src/*/test-*.c")}
SIM = {path.stem.removeprefix("sim-") for path in ROOT.glob("test/sim/sim-*.c")}
INTEROP = "".join(path.read_text()
                  for path in (ROOT / "test/interop").glob("*.py"))
NO_TEST = ("*by design*", "*not protected*", "*not examined*")


def rows_of(heading):
    """The cells of each row of the tables below a heading."""
    part = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    tables = re.findall(r"(?m)^\|.*\n\|[-|]+\n((?:\|.*\n)+)", part)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for table in tables for line in table.splitlines()]


def names_of(text):
    """What stands in a cell as a test: (kind, name)."""
    found = []
    for name in re.findall(r"`([^`]+)`", text):
        if re.fullmatch(r"(src/\w+/)?test-\w+(\.c)?", name):
            found.append(("unit", name))
        elif re.fullmatch(r"test_\w+(\.py)?|test/sys/test_\w+\.py", name):
            found.append(("sys", name.removeprefix("test/sys/")))
        elif name.startswith(("test/", "make ")):
            found.append(("place", name))
    found += [("sim", name) for name in re.findall(r"sim `(\w+)`", text)]
    found += [("interop", name)
              for name in re.findall(r'interop "([^"]+)"', text)]
    return found


def is_there(kind, name):
    if kind == "unit":
        file = name if name.endswith(".c") else f"{name}.c"
        return (ROOT / file).exists() if "/" in file else file in UNIT
    if kind == "sys":
        return name in SYS if name.endswith(".py") else any(
            re.search(rf"^def {name}\(", text, re.M) for text in SYS.values())
    if kind == "sim":
        return name in SIM
    if kind == "interop":
        return name in INTEROP
    target = name.removeprefix("make ")
    return (ROOT / name).exists() or re.search(
        rf"^{target.split()[0]}\b.*:", (ROOT / "Makefile").read_text(), re.M)


def test_each_test_that_is_named_is_there():
    named = set(names_of(PAGE))
    assert len(named) > 100
    assert not [one for one in sorted(named) if not is_there(*one)]


@pytest.mark.parametrize("heading", ["Threat by threat", "Claim by claim"])
def test_each_row_names_a_test(heading):
    rows = rows_of(heading)
    assert len(rows) > 10
    for row in rows:
        assert names_of(row[-1]) or any(word in row[-1] for word in NO_TEST), \
            row[0]


def test_each_threat_of_a_cluster_that_joins_has_its_rows():
    rows = rows_of("Threat by threat")
    for threat in "ROTL":
        assert [row for row in rows if row[0] == threat], threat
        assert all("*by design*" not in row[-1] for row in rows
                   if row[0] == threat)
    assert [row for row in rows if row[0] == "P"]


def test_what_is_not_there_is_found():
    for name in ("`test_nowhere`", "`test_nowhere.py`", "`src/net/test-none.c`",
                 "`test-none.c`", "`test/none`", "`make nothing`",
                 "sim `none`", 'interop "none of these"'):
        [one] = names_of(name)
        assert not is_there(*one), name
