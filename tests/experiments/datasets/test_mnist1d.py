import itertools

import numpy as np
import pytest

from neuralzoo.experiments.datasets import load
from neuralzoo.experiments.datasets.mnist1d import SHUFFLE


def test_logistic_regression_on_mnist1d_has_its_known_accuracy():
    linear = pytest.importorskip("sklearn.linear_model", reason="the baseline needs scikit-learn")
    (x, y), (x_test, y_test) = (data := load("mnist1d")).train, data.test
    model = linear.LogisticRegression(max_iter=1000).fit(x[..., 0], y)
    assert model.score(x_test[..., 0], y_test) == pytest.approx(0.328, abs=0.01)


def test_shuffling_permutes_the_positions_of_all_examples_alike():
    plain, shuffled = load("mnist1d"), load("mnist1d-shuffled", seed=5)
    back = np.argsort(SHUFFLE)
    assert sorted(SHUFFLE) == list(range(40))
    for part, other in ((plain.train, shuffled.train), (plain.test, shuffled.test)):
        assert np.array_equal(part[0], other[0][:, back])
        assert np.array_equal(part[1], other[1])
    assert sum(abs(a - b) == 1 for a, b in itertools.pairwise(SHUFFLE)) < 5
