"""What is checked before the first training step."""

from dataclasses import replace

import numpy as np
import pytest

from neuralzoo.experiments import datasets
from neuralzoo.experiments import run as runner
from neuralzoo.experiments.running.assembly import assemble
from neuralzoo.experiments.running.preflight import check_finite, prepare, reference
from neuralzoo.registry import SettingError


def weights(module):
    return np.concatenate([p.ravel() for p in module.state().values()])


def run(experiment, root):
    return runner.run(experiment, track=False, root=root)


def test_an_unknown_profile_is_an_error_with_the_known_ones():
    with pytest.raises(SettingError, match="quick, full"):
        reference("fnn", "fast")


@pytest.mark.parametrize("primary_metric", ["test/foo", "loss/test", "val/mse"])
def test_an_unknown_primary_metric_is_rejected_before_training(tiny, tmp_path, primary_metric):
    with pytest.raises(
        SettingError, match=f"primary_metric='{primary_metric}'; it has test/loss, test/accuracy, val/loss"
    ):
        run(tiny.set([f"primary_metric={primary_metric}"]), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_examples_that_do_not_fit_the_settings_are_rejected_before_training(tmp_path):
    experiment = reference("autoencoder").set(["dataset=mackey-glass", "model.code=2", "model.output=sigmoid"])
    with pytest.raises(SettingError, match=r"autoencoder can.t learn mackey-glass: .* got targets from .*; it needs"):
        run(experiment, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_primary_metric_of_the_validation_split_needs_one(tiny, tmp_path):
    with pytest.raises(SettingError, match="it has test/loss, test/accuracy, train/loss"):
        run(tiny.set(["primary_metric=val/loss", "validation=0"]), tmp_path)


def test_an_unknown_metric_in_the_stop_condition_is_rejected_before_training(tiny, tmp_path):
    with pytest.raises(
        SettingError, match=r"stop_when='val/acuracy'; it has val/loss, .*train/accuracy.*did you mean val/accuracy"
    ):
        run(tiny.set(["stop_when=val/acuracy >= 1"]), tmp_path)
    with pytest.raises(SettingError, match=r"stop_when='val/loss'; it has"):
        run(tiny.set(["stop_when=val/loss <= 1", "validation=0"]), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_evaluating_a_few_examples_before_training_changes_no_bit(tiny):
    assert np.array_equal(weights(prepare(tiny).module), weights(assemble(tiny).module))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("split", ["train", "test", "validation", "test-2"])
def test_data_that_are_not_finite_are_rejected_before_training(split, value):
    data = datasets.load("two-spirals")
    x, y = (array.copy() for array in data.train)
    x[[2, 5, 5], [0, 0, 1]] = value
    changed = {"test-2": {"extra_test_sets": {"test-2": (x, y)}}}.get(split, {split: (x, y)})
    with pytest.raises(datasets.DataError) as caught:
        check_finite(replace(data, **changed))
    assert str(caught.value) == (
        f"dataset two-spirals has 2 of 194 examples in its {split} split with values that are NaN or infinite; "
        "training needs finite ones"
    )


def test_a_run_on_data_that_are_not_finite_leaves_nothing_behind(tiny, tmp_path, monkeypatch):
    data = datasets.load("two-spirals")
    data.test[0][0, 0] = np.nan
    monkeypatch.setattr("neuralzoo.experiments.running.assembly.load", lambda experiment: data)
    with pytest.raises(datasets.DataError, match="1 of 576 examples in its test split"):
        run(tiny, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_targets_are_checked_and_integers_are_always_finite():
    data = datasets.load("mackey-glass")
    x, y = (array.copy() for array in data.train)
    check_finite(data)
    check_finite(datasets.load("two-spirals"))
    y[7] = np.nan
    with pytest.raises(datasets.DataError, match="1 of 500 examples in its train split"):
        check_finite(replace(data, train=(x, y)))


def test_an_unsupported_task_suggests_another_task_of_the_dataset():
    experiment = reference("gan").set(["dataset=fashion-mnist-5k"])
    with pytest.raises(SettingError, match=r"supports generation; this dataset serves that with `--set task=generat"):
        prepare(experiment)
    with pytest.raises(SettingError, match=r"supports classification, regression$"):
        prepare(reference("fnn").set(["dataset=gaussian-ring"]))


def test_an_unknown_model_setting_is_named_with_its_prefix(tiny, tmp_path):
    with pytest.raises(SettingError, match=r"fnn has no setting 'model\.hiden'; did you mean hidden"):
        run(tiny.set(["model.hiden=[3]"]), tmp_path)
