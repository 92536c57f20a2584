"""Errors and warnings in one line."""

import re

import numpy as np
import pytest


def test_a_warning_of_neuralzoo_is_one_line(capsys):
    from neuralzoo.experiments.cli.output import show_warning
    from neuralzoo.experiments.running.figures import FigureWarning

    show_warning(FigureWarning("the figure broken is missing"), FigureWarning, "file.py", 3)
    assert capsys.readouterr().err == "neuralzoo: the figure broken is missing\n"


def test_too_little_memory_is_one_line():
    from neuralzoo.experiments.cli.output import one_line_message

    with pytest.raises(MemoryError) as caught:
        np.empty(2**60, np.uint8)
    assert re.fullmatch(
        r"the memory is too small \(Unable to allocate .* EiB .*\); it needs .*", one_line_message(caught.value)
    )
