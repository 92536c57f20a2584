"""Signals, a closed pipe and kills at random moments: right record, right exit code, resumable (see `interrupted`)."""

import os

import pytest

pytest.importorskip("mlflow", reason="tracking needs the extra 'experiments'")
pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="most cases are forked children"),
    pytest.mark.usefixtures("public_data"),
]


@pytest.fixture
def failures(failed_cases):
    """A function that returns what failed among some interruptions of each kind."""

    def failed(count, seed, *hows):
        summaries = [f"{{count}} interruptions by {how}, 0 failed" for how in hows]
        return failed_cases("interrupted.py", count, *hows, "--seed", seed, summaries=summaries)

    return failed


def test_an_interrupted_run_is_recorded_as_killed_and_goes_on(failures):
    assert failures(1, 0, "SIGHUP", "pipe") == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "count"), [("SIGINT", 50), ("SIGTERM", 50), ("SIGHUP", 50), ("pipe", 50), ("SIGKILL", 100)]
)
def test_so_do_hundreds_of_all_architectures(failures, how, count):
    assert failures(count, 1, how) == ""
