"""Damaged files of runs, comparisons and claims: refused in a sentence, or without an effect (see `damaged_files`)."""

import os

import pytest

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="every case is a forked child"),
    pytest.mark.usefixtures("public_data"),
]


def test_damaged_files_end_in_a_sentence_or_the_same_result(failed_cases):
    assert failed_cases("damaged_files.py", 12, "--architecture", "fnn") == ""


@pytest.mark.slow
def test_so_do_a_thousand_of_all_architectures(failed_cases):
    assert failed_cases("damaged_files.py", 1000, "--seed", 1) == ""
