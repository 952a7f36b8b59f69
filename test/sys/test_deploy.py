"""deploy/: a dashboard and rules that ask for what the programs really have."""
import json
import re

import pytest
import yaml

from lab.exposition import parse
from lab.joining import Place
from lab.parts import ROOT, Lab
from test_metrics import page

DASHBOARD = ROOT / "deploy/grafana/pharos-beacon.json"
RULES = ROOT / "deploy/prometheus/pharos.rules.yml"

METRIC = re.compile(r"\b((?:pharos|process)_[a-z_]+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'([a-z_]+)(=~|=)"([^"]*)"')
SUFFIX = re.compile(r"_(bucket|sum|count)$")
GROUPED = re.compile(
    r"\b(?:by|without|on|ignoring|group_left) ?\(([a-z_, ]*)\)")
# labels that the scraper adds, and that of a bucket
OUTSIDE = {"instance", "job", "le"}


def families_of(process):
    process.health = Lab.address_of(process, "health")
    return parse(page(process))


@pytest.fixture(scope="module")
def families(delivery, tmp_path_factory):
    found = {}
    delivery.lab.devstore = delivery.store
    with Place(delivery.lab, tmp_path_factory.mktemp("joined")) as place:
        found.update(families_of(place.bridge))  # one with a registration
    for name in ("beacon", "bridge", "broker"):
        found.update(families_of(getattr(delivery, name)))
    return found


def dashboard():
    return json.loads(DASHBOARD.read_text())


def panels():
    return [panel for panel in dashboard()["panels"]
            if panel["type"] != "row"]


def rules():
    text = yaml.safe_load(RULES.read_text())
    return [rule for group in text["groups"] for rule in group["rules"]]


def expressions():
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for rule in rules():
        yield rule["alert"], rule["expr"]


def family_of(families, metric):
    """A histogram is asked for by its samples, and only it has such."""
    base = SUFFIX.sub("", metric)
    if base != metric and base in families:
        assert families[base].kind == "histogram", metric
        return families[base]
    assert metric in families, f"no program has {metric}"
    assert families[metric].kind != "histogram", f"{metric} is a histogram"
    return families[metric]


@pytest.mark.parametrize("where, expression", list(expressions()))
def test_what_is_asked_for_exists(families, where, expression):
    asked = METRIC.findall(expression)
    assert asked or re.match(r"up\b", expression), where
    labels = set(OUTSIDE)
    for metric, matchers in asked:
        samples = family_of(families, metric).samples
        labels |= {label for _, has, _ in samples for label in has}
        for label, how, wanted in MATCHER.findall(matchers):
            if label in OUTSIDE:
                continue
            values = {has.get(label) for _, has, _ in samples}
            for value in wanted.split("|") if how == "=~" else [wanted]:
                assert value in values, f"{where}: {label}={value}"
    for group in GROUPED.findall(expression):
        assert {g.strip() for g in group.split(",") if g.strip()} <= labels


@pytest.mark.parametrize("where, expression", list(expressions()))
def test_an_expression_is_well_formed(where, expression):
    assert expression.count("(") == expression.count(")"), where
    assert expression.count("{") == expression.count("}"), where
    for counter in re.findall(r"\b(\w+_total)\b(?:\{[^}]*\})?(.)", expression):
        assert counter[1] == "[", f"{where}: {counter[0]} without a rate"
    if "_bucket" in expression:
        assert "histogram_quantile(" in expression and "rate(" in expression


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_and_what_to_do(rule):
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Pharos[A-Za-z]+", rule["alert"])
    assert rule["labels"]["severity"] in ("info", "warning", "critical")
    assert set(rule["annotations"]) == {"summary", "remedy"}
    assert "{{ $labels.instance }}" in rule["annotations"]["summary"]
    assert len(rule["annotations"]["remedy"].split()) >= 8
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))


def test_alerts_have_names_of_their_own():
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) >= 15


def test_remedies_name_options_and_verbs_that_exist(delivery):
    """What a person is told to type is there."""
    manuals = "".join(path.read_text() for path in
                      (ROOT / "doc/man").glob("*.[18]"))
    sources = "".join(path.read_text() for path in
                      (ROOT / "src").rglob("*.[ch]"))
    for rule in rules():
        remedy = rule["annotations"]["remedy"]
        for option in re.findall(r"--([a-z-]+[a-z])", remedy):
            assert f'"{option}"' in sources, f"{rule['alert']}: --{option}"
        for verb in re.findall(r"pharos (beacon|pki) ([a-z-]+)", remedy):
            assert re.search(rf"(pharos {verb[0]} |\.Cm ){verb[1]}", manuals)


def test_panels_are_laid_out():
    about = dashboard()
    ids = [panel["id"] for panel in about["panels"]]
    assert len(ids) == len(set(ids))
    assert {v["name"] for v in about["templating"]["list"]} == \
        {"source", "instance"}
    taken = set()
    for panel in about["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                 for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    for panel in panels():
        assert panel["title"] and panel["fieldConfig"]["defaults"]["unit"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(refs) == len(set(refs))


def test_the_dashboard_shows_what_an_operator_must_see():

    shown = {SUFFIX.sub("", metric) for _, expression in expressions()
             for metric, _ in METRIC.findall(expression)}
    for metric in ("waiting_legs", "pairs", "queued_pairs", "bytes_total",
                   "refusals_total", "handshake_failures_total", "draining",
                   "certificate_expiry_timestamp_seconds", "sources",
                   "pairing_seconds", "connector_wait_seconds"):
        assert f"pharos_beacon_{metric}" in shown
