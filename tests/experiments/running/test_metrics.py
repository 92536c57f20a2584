"""Numbers as people read them."""

import math

import pytest

from neuralzoo.experiments.running.metrics import rounded


@pytest.mark.parametrize(
    ("value", "places", "words"),
    [
        (0.98765, 4, "0.9877"),
        (-370.5544, 3, "-370.554"),
        (2.0413e-6, 3, "2.04e-06"),
        (-0.00071249, 4, "-0.000712"),
        (0.005, 3, "0.005"),
        (0.0, 3, "0.000"),
        (math.nan, 3, "nan"),
        (math.inf, 4, "inf"),
    ],
)
def test_a_small_measure_keeps_its_digits(value, places, words):
    assert rounded(value, places) == words
