import numpy as np
import pytest

from neuralzoo.experiments.datasets import load


def test_two_formants_classify_most_vowels_of_held_out_speakers():
    data = load("peterson-barney")
    (x, y), (x_test, y_test) = data.train, data.test
    assert np.bincount(y).tolist() == [102] * 4
    assert np.bincount(y_test).tolist() == [50] * 4
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(x.std(axis=0), 1, rtol=1e-5)
    classes = [x[y == k] for k in range(4)]
    inverses = [np.linalg.inv(np.cov(g.T)) for g in classes]
    score = [
        np.einsum("ni,ij,nj->n", x_test - g.mean(axis=0), p, x_test - g.mean(axis=0)) - np.linalg.slogdet(p)[1]
        for g, p in zip(classes, inverses, strict=True)
    ]
    assert np.mean(np.argmin(score, axis=0) == y_test) == pytest.approx(0.90, abs=0.02)


def test_japanese_vowels_are_the_known_utterances():
    data = load("japanese-vowels")
    x, lengths, y = data.train
    assert np.bincount(y).tolist() == [30] * 9
    assert np.bincount(data.test[2]).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    assert (min(data.test[1].min(), lengths.min()), max(data.test[1].max(), lengths.max())) == (7, 29)
    assert lengths.sum() == 4274
    np.testing.assert_allclose(x[0, 0, :3], [1.860936, -0.207383, 0.261557])
    beyond = np.arange(29) >= lengths[:, None]
    assert (x[beyond] == 0).all()
    assert (x[~beyond] != 0).any(axis=1).all()
