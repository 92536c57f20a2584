from types import SimpleNamespace

import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.losses import MeanSquaredError
from neuralzoo.core.blocks.optimizers import SGD
from neuralzoo.core.blocks.stopping import EarlyStopping, MissingMetricWarning, StopWhen
from neuralzoo.core.learner import Supervised
from neuralzoo.core.trainer import Trainer


def stops_after(values, **settings):
    """Return after how many epochs with these losses it stops."""
    stopping = EarlyStopping(**settings)
    history = []
    for value in values:
        history.append({"val/loss": value})
        if stopping.should_stop(SimpleNamespace(history=history)):
            return len(history)
    return None


def test_early_stopping_stops_when_the_best_epoch_is_as_old_as_the_patience():
    assert stops_after([5, 4, 3, 4, 5, 6], patience=2) == 5
    assert stops_after([5, 4, 3, 3, 3, 3], patience=3) == 6


def test_early_stopping_continues_while_the_metric_improves():
    assert stops_after([5, 6, 4, 5, 3, 4, 2], patience=2) is None


def test_early_stopping_maximizes_in_mode_max():
    assert stops_after([1, 2, 3], patience=1, mode="max") is None
    assert stops_after([3, 2, 1], patience=1, mode="max") == 2


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_value_that_is_nan_is_never_the_best_one(mode):
    nan = float("nan")
    better = [5, 4, 3, 2, 1] if mode == "min" else [1, 2, 3, 4, 5]
    assert stops_after([nan, *better], patience=2, mode=mode) is None
    assert stops_after([3, nan, nan, nan], patience=2, mode=mode) == 3
    assert stops_after([nan, 3, nan, nan, nan], patience=2, mode=mode) == 4
    assert stops_after([nan] * 6, patience=3, mode=mode) == 4


def test_the_trainer_stops_early():
    rng = np.random.default_rng(0)
    module = Dense(2, 1, rng)
    learner = Supervised(module, MeanSquaredError(), SGD(module, 1e-30))
    x = rng.normal(size=(8, 2)).astype(np.float32)
    data = ArrayBatches((x, x[:, :1]), 4)
    trainer = Trainer(learner, epochs=50, hooks=[EarlyStopping("val/loss", patience=3)])
    assert len(trainer.run(data, data)) == 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "least"}, "mode='least'; it needs 'min' or 'max'"),
        ({"patience": 0}, "patience=0; it needs at least 1"),
    ],
)
def test_settings_out_of_range_raise(settings, message):
    with pytest.raises(ValueError, match=message):
        EarlyStopping(**settings)


def test_an_epoch_without_the_metric_is_never_the_best_one_and_is_warned_of():
    history = [{"val/loss": 1.0}, {"train/loss": 0.0}, {"val/loss": 2.0}, {"val/loss": 0.5}]
    stopping = EarlyStopping("val/loss", patience=2)
    with pytest.warns(MissingMetricWarning, match="EarlyStopping got no metric 'val/loss'; the epoch has train/loss; "):
        stopped = [stopping.should_stop(SimpleNamespace(history=history[: n + 1])) for n in range(4)]
    assert stopped == [None, None, True, None]


def epochs_run(values, **bound):
    """Return after how many epochs with these losses it is reached."""
    goal = StopWhen("val/loss", **bound)
    history = []
    for value in values:
        history.append({"val/loss": value})
        if goal.should_stop(SimpleNamespace(history=history)):
            return len(history)
    return None


def test_stop_when_stops_at_the_bound():
    assert epochs_run([3, 2.5, 2, 1], at_most=2) == 3
    assert epochs_run([1, 2, 2.5, 3], at_least=2.5) == 3
    assert epochs_run([3, 4, 5], at_most=2) is None
    assert epochs_run([float("nan"), float("inf"), 1.0], at_most=2) == 3
    assert epochs_run([float("nan"), 1.0, 2.0], at_least=2) == 3


@pytest.mark.parametrize("bounds", [{}, {"at_least": 1, "at_most": 2}])
def test_stop_when_needs_exactly_one_bound(bounds):
    with pytest.raises(ValueError, match=r"StopWhen got at_least=.* and at_most=.*; it needs exactly one of them"):
        StopWhen("val/loss", **bounds)


@pytest.mark.parametrize("bound", [{"at_most": 1}, {"at_least": 1}])
def test_stop_when_does_not_stop_at_an_epoch_without_the_metric_and_warns(bound):
    with pytest.warns(MissingMetricWarning, match="StopWhen got no metric 'train/loss'; the epoch has val/loss; "):
        stop = StopWhen("train/loss", **bound).should_stop(SimpleNamespace(history=[{"val/loss": 1.0}]))
    assert stop is None


def test_early_stopping_reads_each_epoch_once():
    class Counted(list):
        reads = 0

        def __getitem__(self, index):
            self.reads += 1
            return super().__getitem__(index)

        def __iter__(self):
            raise AssertionError("the whole history is read")

    history, stopping = Counted(), EarlyStopping("val/loss", patience=100)
    for epoch in range(50):
        history.append({"val/loss": 1 / (epoch + 1)})
        assert stopping.should_stop(SimpleNamespace(history=history)) is None
    assert history.reads == 50


def test_a_bound_that_is_not_finite_is_refused():
    for wrong in ("nan", "inf", "-inf"):
        with pytest.raises(
            ValueError, match=f"StopWhen got at_least={wrong} and at_most=None; it needs a finite bound"
        ):
            StopWhen("val/loss", at_least=float(wrong))
    for wrong in ("nan", "inf"):
        with pytest.raises(ValueError, match=f"patience={wrong}; it needs at least 1 epoch"):
            EarlyStopping(patience=float(wrong))
