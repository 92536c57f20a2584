"""What is checked before the first training step."""

from dataclasses import replace

import numpy as np
import pytest

from neuralzoo.experiments import datasets
from neuralzoo.experiments import run as runner
from neuralzoo.experiments.running.assembly import assemble
from neuralzoo.experiments.running.data_checks import checked
from neuralzoo.experiments.running.preflight import prepare, reference
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
        checked(replace(data, **changed))
    assert str(caught.value) == (
        f"dataset two-spirals has 2 of 194 examples in its {split} split with values that are NaN or infinite; "
        "training needs finite ones"
    )


@pytest.mark.parametrize(("value", "dtype"), [(1e30, np.float32), (-1e30, np.float64), (1e300, np.float64)])
def test_values_without_a_finite_square_in_float32_are_rejected_before_training(value, dtype):
    data = datasets.load("two-spirals")
    x, y = data.train[0].astype(dtype), data.train[1]
    x[[2, 5, 5], [0, 0, 1]] = value
    with pytest.raises(
        datasets.DataError, match=r"has 2 of 194 examples in its train split with values that are beyond"
    ):
        checked(replace(data, train=(x, y)))
    x[[2, 5, 5], [0, 0, 1]] = np.sign(value) * 1e19
    checked(replace(data, train=(x, y)))


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
    checked(data)
    checked(datasets.load("two-spirals"))
    y[7] = np.nan
    with pytest.raises(datasets.DataError, match="1 of 500 examples in its train split"):
        checked(replace(data, train=(x, y)))


def test_an_unsupported_task_suggests_another_task_of_the_dataset():
    experiment = reference("gan").set(["dataset=fashion-mnist-5k"])
    with pytest.raises(SettingError, match=r"supports generation; this dataset serves that with `--set task=generat"):
        prepare(experiment)
    with pytest.raises(SettingError, match=r"supports classification, regression$"):
        prepare(reference("fnn").set(["dataset=gaussian-ring"]))


def test_an_unknown_model_setting_is_named_with_its_prefix(tiny, tmp_path):
    with pytest.raises(SettingError, match=r"fnn has no setting 'model\.hiden'; did you mean hidden"):
        run(tiny.set(["model.hiden=[3]"]), tmp_path)


def with_targets(data, split, change):
    """Return a dataset whose targets of a split are changed."""
    x, y = getattr(data, split) or data.train
    return replace(data, **{split: (x, change(y))})


WRONG_CLASSES = [
    (
        lambda y: np.where(np.arange(len(y)) < 3, -1, y),
        "3 of {} examples in its {} split with classes from -1 to 1; it needs 0 to 1; -1 is padding where",
    ),
    (
        lambda y: np.where(np.arange(len(y)) == 100, 2, y),
        "1 of {} examples in its {} split with classes from 0 to 2; it needs 0 to 1$",
    ),
    (lambda y: y * 2 - 1, "of {} examples in its {} split with classes from -1 to 1; it needs 0 to 1; -1 is"),
    (
        lambda y: y.astype(np.float32),
        "targets of kind class and dtype float32 in its {1} split; it needs integers from 0 to 1$",
    ),
    (lambda y: y.astype(str), "targets of kind class and dtype <U21 in its {1} split; it needs integers from 0 to 1$"),
    (lambda y: y[:, None], r"targets of shape \({0}, 1\) in its {1} split; its task needs \(N,\)$"),
]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize(("change", "message"), WRONG_CLASSES, ids=range(len(WRONG_CLASSES)))
def test_every_class_of_every_split_is_checked_before_training(split, change, message):
    data = datasets.load("two-spirals")
    count = len((getattr(data, split) or data.train)[0])
    with pytest.raises(datasets.DataError, match=f"^dataset two-spirals has .*{message.format(count, split)}"):
        checked(with_targets(data, split, change))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint64])
def test_classes_may_be_truth_values_and_integers_of_any_kind(dtype):
    data = datasets.load("two-spirals")
    same = checked(with_targets(data, "train", lambda y: y.astype(dtype)))
    assert same.train[1].dtype == np.int64
    np.testing.assert_array_equal(same.train[1], data.train[1])


def test_arrays_that_need_no_change_are_not_copied():
    data = datasets.load("two-spirals")
    assert all(new is old for new, old in zip(checked(data).train, data.train, strict=True))


def test_lists_are_arrays_and_lists_of_different_lengths_are_refused():
    data = datasets.load("two-spirals")
    x, y = data.train
    same = checked(replace(data, train=(x.tolist(), y.tolist())))
    np.testing.assert_array_equal(same.train[0].astype(np.float32), x)
    with pytest.raises(
        datasets.DataError, match=r"^dataset two-spirals got an object of type list .*, in its train split$"
    ):
        checked(replace(data, train=([[1.0], [1.0, 2.0]], [0, 1])))


def test_multilabel_steps_beyond_the_lengths_are_not_checked_and_the_others_are():
    data = datasets.load("embedded-reber")
    x, lengths, y = data.train
    beyond = np.arange(y.shape[1]) >= lengths[:, None]
    checked(replace(data, train=(x, lengths, np.where(beyond[..., None], -1, y))))
    assert checked(replace(data, train=(x, lengths, y.astype(bool)))).train[2].dtype == np.float32
    with pytest.raises(datasets.DataError, match=r"256 of 256 .* multilabel targets from -1\.0 to 2\.0; it needs 0"):
        checked(replace(data, train=(x, lengths, y * 2)))
    with pytest.raises(datasets.DataError, match="nothing but padding as targets of its test split"):
        checked(replace(data, test=(data.test[0], data.test[1], np.full_like(data.test[2], -1))))
    with pytest.raises(datasets.DataError, match="1 of 256 examples in its train split with lengths from 0 to"):
        checked(replace(data, train=(x, np.where(np.arange(256) == 9, 0, lengths), y)))


def test_tokens_are_checked_in_every_example():
    data = datasets.load("copy", train=64, test=32)
    x, y = (array.copy() for array in data.train)
    x[50, 3] = data.task.vocab_size
    with pytest.raises(datasets.DataError, match="1 of 64 examples in its train split with tokens from 0 to"):
        checked(replace(data, train=(x, y)))
    with pytest.raises(datasets.DataError, match="tokens of dtype float64 in its train split; it needs integers"):
        checked(replace(data, train=(x.astype(float), y)))


def test_targets_of_regression_are_numbers_of_the_shape_of_the_task():
    data = datasets.load("mackey-glass")
    x, y = data.train
    assert checked(replace(data, train=(x, y.astype(np.float64)))).train[1].dtype == np.float32
    with pytest.raises(
        datasets.DataError, match=r"targets of shape \(500,\) in its train split; its task needs \(N, 1\)"
    ):
        checked(replace(data, train=(x, y[:, 0])))


def test_a_run_on_wrong_labels_leaves_nothing_behind(tiny, tmp_path, monkeypatch):
    data = with_targets(datasets.load("two-spirals"), "test", lambda y: y * 2 - 1)
    monkeypatch.setattr("neuralzoo.experiments.running.assembly.load", lambda experiment: data)
    with pytest.raises(datasets.DataError, match="288 of 576 examples in its test split with classes from -1 to 1"):
        run(tiny, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_stop_condition_of_a_training_metric_is_one_that_the_learner_reports(tmp_path):
    gan = reference("gan")
    with pytest.raises(SettingError, match=r"stop_when='train/los'; it has .*train/generator_loss, train/d") as caught:
        run(gan.set(["stop_when=train/los <= 1"]), tmp_path)
    assert "train/loss" not in str(caught.value)
    for metric in ("train/loss", "train/energy_distance", "train/accuracy"):
        with pytest.raises(SettingError, match=f"gan on .* got stop_when='{metric}'; it has "):
            run(gan.set([f"stop_when={metric} <= 1"]), tmp_path)
    assert list(tmp_path.iterdir()) == []
    prepare(gan.set(["stop_when=train/generator_loss <= 0"]))


def test_a_trial_step_for_the_stop_condition_changes_no_bit(tiny):
    asked = tiny.set(["stop_when=train/grad_norm <= 0"])
    assert np.array_equal(weights(prepare(asked).module), weights(assemble(tiny).module))
