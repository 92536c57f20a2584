import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from neuralzoo.core.checkpoint import CheckpointError
from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.optimizer import Diverged
from neuralzoo.experiments import datasets
from neuralzoo.experiments import run as runner
from neuralzoo.experiments.running import run_folder as folder
from neuralzoo.experiments.running.assembly import assemble
from neuralzoo.experiments.running.figures import PictureWarning, attempted
from neuralzoo.experiments.running.model_file import load_model, predict
from neuralzoo.registry import Figure, SettingError, UnknownName


def weights(module):
    return np.concatenate([p.ravel() for p in module.state().values()])


class Killed(BaseException):
    pass


class KillAt:
    """Ends the program, as far as a hook can, at a certain step."""

    def __init__(self, step):
        self.step = step

    @hookimpl(trylast=True)
    def batch_ended(self, trainer):
        if trainer.step == self.step:
            raise Killed


def run(experiment, root, **more):
    return runner.run(experiment, track=False, root=root, **more)


def test_a_run_leaves_all_that_came_out_in_its_folder(tiny, tmp_path):
    result = run(tiny, tmp_path)
    made = {str(path.relative_to(result.folder.path)) for path in result.folder.path.rglob("*") if path.is_file()}
    assert made == {
        ".lock",
        "experiment.toml",
        "checkpoint.safetensors",
        "model.safetensors",
        "result.json",
        "figures/learning_curve.png",
        "figures/confusion_matrix.png",
        "figures/first_layer_weights.png",
    }
    assert json.loads(result.folder.result.read_text())["metrics"]["test/accuracy"] == result.metrics["test/accuracy"]


def test_the_saved_model_gives_the_accuracy_that_was_reported(tiny, tmp_path):
    result = run(tiny, tmp_path)
    x, y = datasets.load("two-spirals").test
    found = float((predict(load_model(result.folder.model), x).argmax(axis=1) == y).mean())
    assert found == pytest.approx(result.metrics["test/accuracy"], abs=1e-9)


def test_the_same_experiment_gives_the_same_bits_and_another_seed_gives_others(tiny, tmp_path):
    first, again = run(tiny, tmp_path), run(tiny, tmp_path)
    other = run(tiny.set(["seed=1"]), tmp_path)
    assert np.array_equal(weights(first.module), weights(again.module))
    assert not np.array_equal(weights(first.module), weights(other.module))


@pytest.mark.parametrize("step", [1, 7, 12, 17])
def test_a_run_cut_off_at_any_step_resumes_to_the_same_bits(tiny, tmp_path, step):
    whole = run(tiny, tmp_path / "whole")
    with pytest.raises(Killed):
        run(tiny, tmp_path / "cut", hooks=[KillAt(step)])
    resumed = runner.resume("last", root=tmp_path / "cut")
    assert np.array_equal(weights(whole.module), weights(resumed.module))
    assert whole.metrics["test/loss"] == resumed.metrics["test/loss"]


def test_a_finished_run_is_not_resumed(tiny, tmp_path):
    result = run(tiny, tmp_path)
    with pytest.raises(SettingError, match="is finished"):
        runner.resume(result.folder.name, root=tmp_path)


def test_a_run_that_is_not_there_suggests_the_nearest(tiny, tmp_path):
    name = run(tiny, tmp_path).folder.name
    with pytest.raises(SettingError, match=f"did you mean {name}"):
        runner.resume(name[:-2], root=tmp_path)


def test_settings_changed_after_the_checkpoint_are_refused(tiny, tmp_path):
    with pytest.raises(Killed):
        run(tiny, tmp_path, hooks=[KillAt(8)])
    place = folder.find("last", tmp_path).experiment
    place.write_text(place.read_text().replace("hidden = [\n    8,\n]", "hidden = [9]"))
    with pytest.raises(CheckpointError, match="was written with experiment"):
        runner.resume("last", root=tmp_path)


def test_the_validation_split_is_held_out_of_training(tiny):
    a = assemble(tiny.set(["validation=0.25"]))
    x, _ = datasets.load("two-spirals").train
    train = {tuple(row) for row in a.train.arrays[0]}
    held = {tuple(row) for row in a.validation.arrays[0]}
    assert len(held) == round(0.25 * len(x))
    assert not train & held
    assert train | held == {tuple(row) for row in x}


def test_bad_input_leaves_nothing_behind(tiny, tmp_path):
    for wrong in (["architecture=fmn"], ["dataset=two-spiral"], ["model.hiden=[3]"]):
        with pytest.raises((UnknownName, SettingError)):
            run(tiny.set(wrong), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_training_that_diverges_says_at_which_step_and_keeps_the_last_good_checkpoint(tiny, tmp_path):
    wild = tiny.set(["optimizer.name=sgd", "optimizer.lr=1e18", "epochs=50"])
    with (
        np.errstate(all="ignore"),
        pytest.raises(Diverged, match=r"at step \d+ (is|has norm) (nan|inf)"),
    ):
        run(wild, tmp_path)
    assert not folder.find("last", tmp_path).result.exists()


def test_reference_names_the_profiles_that_there_are():
    with pytest.raises(SettingError, match="quick, full"):
        runner.reference("fnn", "fast")


def test_a_run_that_another_process_trains_is_refused_and_a_killed_process_leaves_no_lock(tiny, tmp_path):
    with pytest.raises(Killed):
        run(tiny, tmp_path, hooks=[KillAt(8)])
    place = folder.find("last", tmp_path)
    code = f"""if True:
        from pathlib import Path
        from neuralzoo.experiments.running.run_folder import RunFolder
        with RunFolder(Path({str(place.path)!r})).locked():
            print("locked", flush=True)
            input()
    """
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(SettingError, match=f"{place.name} is being trained by process {other.pid} on this machine"):
            runner.resume("last", root=tmp_path)
        other.kill()
    assert runner.resume("last", root=tmp_path).metrics["test/loss"] > 0


@pytest.mark.parametrize(("share", "held"), [("0.9999", 194), ("0.001", 0)])
def test_a_validation_share_that_leaves_a_split_empty_is_refused(tiny, tmp_path, share, held):
    with pytest.raises(SettingError, match=f"two-spirals got validation={share}, which holds out {held} of its 194"):
        run(tiny.set([f"validation={share}"]), tmp_path)


@pytest.mark.parametrize("headline", ["test/foo", "loss/test", "val/mse"])
def test_a_headline_that_evaluation_does_not_give_is_refused_before_training(tiny, tmp_path, headline):
    with pytest.raises(SettingError, match=f"headline='{headline}'; it has test/loss, test/accuracy, val/loss"):
        run(tiny.set([f"headline={headline}"]), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_examples_that_do_not_fit_the_settings_are_refused_before_training(tmp_path):
    asked = runner.reference("autoencoder").set(["dataset=mackey-glass", "model.code=2", "model.output=sigmoid"])
    with pytest.raises(SettingError, match=r"autoencoder can.t learn mackey-glass: .* got targets from .*; it needs"):
        run(asked, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_headline_of_the_held_out_examples_needs_some(tiny, tmp_path):
    with pytest.raises(SettingError, match="it has test/loss, test/accuracy, train/loss"):
        run(tiny.set(["headline=val/loss", "validation=0"]), tmp_path)


@pytest.mark.parametrize("metric", ["val/loss", "train/accuracy"])
def test_a_run_with_a_goal_ends_at_the_first_epoch_that_reaches_it_and_so_does_one_that_was_cut_off(
    tiny, tmp_path, metric
):
    tiny = tiny.set(["epochs=8"])
    values = [epoch[metric] for epoch in run(tiny, tmp_path / "whole").history]
    sign = ">=" if metric.endswith("accuracy") else "<="
    bound = values[4]
    reached = [value >= bound if sign == ">=" else value <= bound for value in values].index(True) + 1
    asked = tiny.set([f"until={metric} {sign} {bound!r}"])
    result = run(asked, tmp_path / "goal")
    assert len(result.history) == result.metrics["time/epochs"] == reached
    assert [epoch[metric] for epoch in result.history] == values[:reached]
    with pytest.raises(Killed):
        run(asked, tmp_path / "cut", hooks=[KillAt(6 * reached - 1)])
    assert runner.resume("last", root=tmp_path / "cut").metrics["time/epochs"] == reached


def test_a_run_that_never_reaches_its_goal_counts_all_its_epochs(tiny, tmp_path):
    assert run(tiny.set(["until=train/accuracy >= 1.1"]), tmp_path).metrics["time/epochs"] == 3


def test_a_goal_that_evaluation_does_not_give_is_refused_before_training(tiny, tmp_path):
    with pytest.raises(
        SettingError, match=r"until='val/acuracy'; it has val/loss, .*train/accuracy.*did you mean val/accuracy"
    ):
        run(tiny.set(["until=val/acuracy >= 1"]), tmp_path)
    with pytest.raises(SettingError, match=r"until='val/loss'; it has"):
        run(tiny.set(["until=val/loss <= 1", "validation=0"]), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_looking_at_the_metrics_before_training_changes_no_bit(tiny):
    assert np.array_equal(weights(runner.prepare(tiny).module), weights(assemble(tiny).module))


def test_a_picture_that_can_not_be_drawn_costs_only_itself(tiny, tmp_path):
    def fail(figure, module, data):
        raise ZeroDivisionError("nothing to divide by")

    assembly = assemble(tiny)
    broken = Figure(name="broken", caption="What can not be drawn.", draw=fail)
    whole = assembly.architecture.figures
    object.__setattr__(assembly, "architecture", assembly.architecture.model_copy(update={"figures": (broken, *whole)}))
    place = folder.create(tiny, tmp_path)
    with pytest.warns(PictureWarning, match="the picture broken is missing: ZeroDivisionError: nothing to divide by"):
        runner.train(assembly, place, None)
    assert place.result.exists()
    assert {path.stem for path in place.figures.iterdir()} == {"learning_curve", "confusion_matrix", whole[0].name}


def test_a_full_disk_is_no_fault_of_a_picture(tiny, tmp_path):
    import errno

    with pytest.raises(OSError, match="full"), attempted(tmp_path, "picture"):
        raise OSError(errno.ENOSPC, "full")


def test_what_stops_a_run_has_a_note_on_how_to_go_on(tiny, tmp_path):
    class Stop:
        @hookimpl
        def epoch_ended(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        run(tiny, tmp_path / "runs", hooks=[Stop()])
    place = folder.find("last", tmp_path / "runs")
    assert caught.value.__notes__ == [f"`neuralzoo run --resume {place.path}` goes on with it"]


def test_a_key_of_the_model_is_named_as_people_write_it(tiny, tmp_path):
    with pytest.raises(SettingError, match=r"fnn has no setting 'model\.hiden'; did you mean hidden"):
        run(tiny.set(["model.hiden=[3]"]), tmp_path)


@pytest.mark.parametrize("name", ["mine.toml", "mine.TOML"])
def test_an_experiment_is_run_from_a_file(tiny, tmp_path, name):
    (tmp_path / name).write_text(tiny.to_toml())
    assert run(str(tmp_path / name), tmp_path / "runs").experiment == tiny
    with pytest.raises(SettingError, match="got profile 'full' too"):
        run(tmp_path / name, tmp_path / "runs", profile="full")


def test_a_model_that_is_not_there_says_what_a_model_is():
    with pytest.raises(CheckpointError, match="nope is not there; load_model needs the model"):
        load_model("nope")


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("split", ["train", "test", "validation", "test-2"])
def test_data_that_are_not_finite_are_refused_before_training(split, number):
    data = datasets.load("two-spirals")
    x, y = (array.copy() for array in data.train)
    x[[2, 5, 5], [0, 0, 1]] = number
    changed = {"test-2": {"tests": {"test-2": (x, y)}}}.get(split, {split: (x, y)})
    with pytest.raises(datasets.DataError) as caught:
        runner.check_finite(replace(data, **changed))
    assert str(caught.value) == (
        f"data set two-spirals has 2 of 194 examples in its {split} split with numbers that are NaN or infinite; "
        "training needs finite ones"
    )


def test_a_run_on_data_that_are_not_finite_leaves_nothing_behind(tiny, tmp_path, monkeypatch):
    data = datasets.load("two-spirals")
    data.test[0][0, 0] = np.nan
    monkeypatch.setattr("neuralzoo.experiments.running.assembly.load", lambda experiment: data)
    with pytest.raises(datasets.DataError, match="1 of 576 examples in its test split"):
        run(tiny, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_targets_are_data_too_and_whole_numbers_are_always_finite():
    data = datasets.load("mackey-glass")
    x, y = (array.copy() for array in data.train)
    runner.check_finite(data)
    runner.check_finite(datasets.load("two-spirals"))
    y[7] = np.nan
    with pytest.raises(datasets.DataError, match="1 of 500 examples in its train split"):
        runner.check_finite(replace(data, train=(x, y)))


def test_a_data_set_that_serves_another_task_too_says_how_to_ask_for_it():
    experiment = runner.reference("gan").set(["dataset=fashion-mnist-5k"])
    with pytest.raises(SettingError, match=r"can do generation; this data set serves that with `--set task=generat"):
        runner.prepare(experiment)
    with pytest.raises(SettingError, match=r"can do classification, regression$"):
        runner.prepare(runner.reference("fnn").set(["dataset=gaussian-ring"]))
