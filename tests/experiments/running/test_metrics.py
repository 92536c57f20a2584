"""Metrics: formatting, unit and direction."""

import math

import pytest

from neuralzoo.experiments.running.metrics import format_metric, format_value, lower_is_better, metric_info


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
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
def test_a_small_metric_keeps_three_significant_digits(value, decimals, text):
    assert format_metric(value, decimals) == text


def test_counts_are_written_with_thousands_separators_and_metrics_with_four_decimals():
    written = [format_value(x) for x in (133378.0, 0.51234567, 0.00001234, 0.0, 1.0)]
    assert written == ["133,378", "0.5123", "1.23e-05", "0.0000", "1.0000"]


@pytest.mark.parametrize(
    ("metric", "unit", "lower"),
    [
        ("test/accuracy", "fraction", False),
        ("test/class_accuracy", "fraction", False),
        ("test/loss", "", True),
        ("test/nats_per_step", "nats/step", True),
        ("test/mean_squared_error", "", True),
        ("denoised_psnr", "dB", False),
        ("time/train_s", "s", True),
        ("test/something_new", "", False),
        ("test/something_newloss", "", True),
        ("test/glossy", "", False),
    ],
)
def test_a_metric_has_unit_and_direction_by_its_name_or_its_last_words(metric, unit, lower):
    assert metric_info(metric).unit == unit
    assert lower_is_better(metric) is lower
