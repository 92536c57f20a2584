"""Statistics over seeds, on values whose result is known."""

import math

import pytest

from neuralzoo.experiments.running.statistics import t_interval


def test_the_interval_is_that_of_students_t_distribution():
    # mean 2, standard deviation 1, n = 3: 2 +- 4.3027 / sqrt(3)
    assert t_interval([1.0, 2.0, 3.0]) == pytest.approx((2.0, 2 - 4.302653 / math.sqrt(3), 2 + 4.302653 / math.sqrt(3)))


def test_the_interval_of_equal_values_is_a_point_and_that_of_a_single_value_is_unbounded():
    assert t_interval([0.7] * 4) == (0.7, 0.7, 0.7)
    assert t_interval([0.7])[1:] == (-math.inf, math.inf)
