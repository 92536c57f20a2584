import numpy as np
import pytest

from neuralzoo.experiments.datasets import load, music


def frames(part):
    """Return all frames of all pieces: the first of the inputs, and the targets."""
    x, lengths, y = part
    inside = np.arange(y.shape[1]) < lengths[:, None]
    return np.concatenate([x[:, 0], y[inside]])


def test_independent_notes_give_the_known_likelihood_of_the_chorales(public_data):
    pytest.importorskip("scipy", reason="reading the chorales needs scipy")
    data = load("jsb-chorales")
    played = frames(data.train).astype(np.float64).mean(axis=0).clip(1e-7, 1 - 1e-7)
    test = frames(data.test)
    nll = -(test * np.log(played) + (1 - test) * np.log1p(-played)).sum(axis=1).mean()
    assert nll == pytest.approx(11.06, abs=0.005)


def test_targets_are_the_next_frames_and_padding_is_zero(public_data):
    pytest.importorskip("scipy", reason="reading the chorales needs scipy")
    data = load("jsb-chorales")
    for x, lengths, y in (data.train, data.validation, data.test):
        beyond = np.arange(music.FRAMES) >= lengths[:, None]
        assert np.array_equal(x[:, 1:][~beyond[:, 1:]], y[:, :-1][~beyond[:, 1:]])
        assert not x[beyond].any()
        assert not y[beyond].any()
    assert max(part[1].max() for part in (data.train, data.validation, data.test)) == music.FRAMES
