"""What every relay and TLS tunnel is asked sooner or later, and where we answer.
The left names are those of the field, so that somebody who misses a scenario
finds it, or finds that it is not there."""
import pathlib
import re

import pytest

SCENARIOS = {
    "handshake flood": "test_scale.py::test_ten_thousand",
    "idle reaper": "test_beacon.py::test_ten_seconds",
    "accept error recovery": "test_scale.py::test_descriptors_run_out",
    "semaphore churn": "test_scale.py::test_the_cap_under_churn",
    "abortive close": "test_beacon.py::test_reset_passes",
    "half close": "test_beacon.py::test_end_passes_after_the_last_byte",
    "truncation": "test_beacon.py::test_end_without_close_notify_is_a_reset",
    "tiny writes": "test_scale.py::test_tiny_writes",
    "full duplex transfer": "test_beacon.py::test_many_bytes_both_ways",
    "frozen reader": "test_beacon.py::test_slow_reader_holds_back_its_peer_only",
    "reload under load": "test_reload.py::test_reload_under_load",
    "half-written certificate": "test_reload.py::test_bad_files_are_refused",
    "shutdown drains under load": "test_drain.py::test_shutdown_drains_under_load",
    "sighup during drain": "test_manager.py::test_sighup_during_drain",
    "upgrade": "test_manager.py::test_upgrade_refuses_nobody",
    "systemd watchdog": "test_manager.py::test_systemd_watchdog",
    "join storm": "test_bench.py::test_no_join_is_lost_in_a_storm",
    "latency": "test_faults.py::test_latency",
    "stall": "test_faults.py::test_a_stall_loses_nothing",
    "black hole, half-open": "test_faults.py::test_silence_is_found_out",
    "reset storm": "test_faults.py::test_resets_again_and_again",
    "relay restart": "test_secrets.py::test_beacon_restarts",
    "relay fail-over": "test_secrets.py::test_two_beacons_and_fail_over",
    "out of memory": "test_scale.py::test_memory_runs_out",
    "old protocol versions": "test_tls_listener.py::test_first_words",
    "renegotiation": "test_tls_listener.py::test_after_the_handshake",
    "resumption, early data":
        "test_tls_listener.py::test_no_session_is_given_out",
    "soak": "test_soak.py::test_a_minute",
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_has_its_counterpart(scenario):
    file, _, name = SCENARIOS[scenario].partition("::")
    text = (pathlib.Path(__file__).parent / file).read_text()
    assert re.search(rf"^def {name}\(", text, re.M)
