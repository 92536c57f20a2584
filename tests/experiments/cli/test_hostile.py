"""Settings and command lines that are wrong in some way: each works or is refused in a sentence (see `hostile`)."""

import os

import pytest

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="every case is a forked child"),
    pytest.mark.usefixtures("public_data"),
]


def test_hostile_settings_and_command_lines_end_in_a_sentence_or_a_sound_result(failed_cases):
    assert failed_cases("hostile.py", 60, "--seed", 0) == ""


@pytest.mark.slow
def test_so_do_a_thousand(failed_cases):
    assert failed_cases("hostile.py", 1000, "--seed", 1) == ""
