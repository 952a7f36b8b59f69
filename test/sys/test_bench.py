"""The load generators of bench/, so that they do not rot: each drives a real
beacon for a moment. What they measure is bench/run's; what must hold however
slow the machine is stands here."""
import json
import subprocess

import pytest

from lab import parts


def load(name, *words):
    done = subprocess.run(
        [str(parts.BUILD / "bench" / f"load-{name}"), *map(str, words)],
        text=True, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def beacon(lab):
    process = lab.start_beacon()
    process.words = ["--port", process.port, "--relay-ca", lab.server_ca]
    yield process
    assert process.end() == 0
    assert "ERROR" not in process.text()


def test_no_join_is_lost_in_a_storm(beacon):
    report = load("pairs", *beacon.words, "--together", "--pairs", 1000,
                  "--window", 200, "--first-source", 70000, "--sources", 50)
    assert report["pairs"] == 1000
    assert report["lost"] == 0, report["first_fault"]
    assert report["connected_ms"]["n"] == report["greeted_ms"]["n"] == 1000


def test_a_refused_join_counts_as_lost(beacon):
    """More legs than one source may wait with: the report says so."""
    report = load("pairs", *beacon.words, "--pairs", 60, "--window", 60,
                  "--sources", 1)
    assert report["lost"] > 0
    assert report["first_fault"] in ("sourceBusy", "rateLimit")
