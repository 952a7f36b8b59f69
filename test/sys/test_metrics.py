"""/metrics of every daemon: what a scraper, a dashboard and an operator rely
on."""
import os
import time
import urllib.request

import pytest

from lab.exposition import Wrong, parse, value

GOOD = "# HELP a_total of a\n# TYPE a_total counter\na_total 1\n"


def page(process):
    address = process.health
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as r:
        assert r.headers["content-type"] == \
            "text/plain; version=0.0.4; charset=utf-8"
        return r.read().decode()


@pytest.fixture(scope="module")
def pages(delivery):
    """After one secret has crossed, by sealed session and by pass-through."""
    found = {}
    for name in ("beacon", "bridge", "broker"):
        process = getattr(delivery, name)
        process.health = delivery.lab.address_of(process, "health")
        found[name] = parse(page(process))
    return found


@pytest.mark.parametrize("what, text", [
    ("no HELP", "# TYPE a_total counter\na_total 1\n"),
    ("no TYPE", "a_total 1\n"),
    ("HELP alone", GOOD + "# HELP b of b\n"),
    ("TYPE twice", GOOD + GOOD.replace("# HELP a_total of a\n", "")),
    ("a series twice", GOOD + "a_total 2\n"),
    ("labels twice", GOOD + 'a_total{a="1",a="2"} 2\n'),
    ("no label value", GOOD + "a_total{a} 2\n"),
    ("another family's sample", GOOD + "b_total 2\n"),
    ("negative", GOOD.replace(" 1\n", " -1\n")),
    ("a counter without _total", GOOD.replace("a_total", "a")),
    ("a gauge with _total", GOOD.replace("counter", "gauge")),
    ("milliseconds", GOOD.replace("a_total", "a_milliseconds_total")),
    ("capital letters", GOOD.replace("a_total", "aB_total")),
    ("a bare histogram", GOOD.replace("counter", "histogram")),
])
def test_the_parser_refuses(what, text):
    with pytest.raises(Wrong):
        parse(text)


def test_the_parser_accepts():
    assert value(parse(GOOD), "a_total") == 1


@pytest.mark.parametrize("name", ["beacon", "bridge", "broker"])
def test_a_scraper_has_no_objection(pages, name):
    families = pages[name]
    assert all(f.startswith((f"pharos_{name}_", "pharos_", "process_"))
               for f in families)


@pytest.mark.parametrize("name, histogram", [
    ("beacon", "handshake"), ("beacon", "hello_answer"),
    ("beacon", "pairing"), ("beacon", "connector_wait"),
])
def test_durations_of_a_pair(pages, name, histogram):
    metric = f"pharos_{name}_{histogram}_seconds"
    assert pages[name][metric].kind == "histogram"
    assert value(pages[name], metric + "_count") >= 1


def test_bytes_of_a_pair_that_goes_on(pages):
    assert value(pages["beacon"], "pharos_beacon_pairs") >= 1
    for to in ("listener", "connector"):
        assert value(pages["beacon"], "pharos_beacon_bytes_total", to=to) > 0


@pytest.mark.parametrize("name", ["beacon", "bridge", "broker"])
def test_vitals_of_the_process(pages, delivery, name):
    families, process = pages[name], getattr(delivery, name)
    open_now = len(os.listdir(f"/proc/{process.child.pid}/fd"))
    assert abs(value(families, "process_open_fds") - open_now) <= 4
    assert value(families, "process_max_fds") >= open_now
    memory = value(families, "process_resident_memory_bytes")
    assert 1 << 20 < memory < 1 << 30
    used = value(families, "process_cpu_seconds_total")
    assert 0 < used != int(used)  # with fractions
    assert 0 <= time.time() - value(
        families, "process_start_time_seconds") < 600
    assert value(families, "pharos_loop_turn_seconds_count") > 0
    (_, labels, one), = families["pharos_build_info"].samples
    assert one == 1 and labels["version"]


def test_limits_stand_beside_what_they_limit(pages):
    for of, most in (("pairs", 1000), ("waiting_legs", 20000),
                     ("unfinished_legs", 2000), ("sources", 10000)):
        assert value(pages["beacon"], "pharos_beacon_limit", of=of) == most
