"""A minute of what `make soak` does for ten: churn, checksums, a flat line."""
from conftest import not_sanitized
from lab.beaconpeer import metric_becomes
from lab.soak import soak


@not_sanitized  # where memory is counted otherwise
def test_a_minute(lab):
    beacon = lab.start_beacon()
    health = lab.address_of(beacon, "health")
    ran = soak(beacon, lab, 60)
    assert ran.report["faults"] == 0, ran.report["first_fault"]
    assert ran.report["good_ends"] > 100 and ran.report["broken_ends"] > 10
    metric_becomes(health, "pharos_beacon_pairs", 0)
    assert ran.is_flat(), ran.settled()
    assert beacon.end() == 0
    assert "ERROR" not in beacon.text()
