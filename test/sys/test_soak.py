"""A minute of what `make soak` does for ten: churn, checksums, a flat line."""
from conftest import not_sanitized
from lab.soak import soak


@not_sanitized  # where memory is counted otherwise
def test_a_minute(lab, beacon):
    ran = soak(beacon, lab, 60)
    assert ran.total("faults") == 0, ran.first_fault()
    assert ran.total("good_ends") > 100 and ran.total("broken_ends") > 10
    assert ran.is_flat(), ran.resident
