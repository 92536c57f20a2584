import json
import re
import subprocess
import sys

import numpy as np
import pytest

from neuralzoo.core.blocks.inference import predict_in_batches
from neuralzoo.core.blocks.stopping import MissingMetricWarning
from neuralzoo.core.checkpoint import CheckpointError
from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.learner import Supervised
from neuralzoo.core.optimizer import DivergenceError
from neuralzoo.experiments import datasets
from neuralzoo.experiments import run as runner
from neuralzoo.experiments.running import run_folder as folder
from neuralzoo.experiments.running.assembly import assemble
from neuralzoo.experiments.running.figures import FigureWarning
from neuralzoo.experiments.running.model_file import load_model
from neuralzoo.registry import Figure, SettingError, UnknownNameError


def weights(module):
    return np.concatenate([p.ravel() for p in module.state().values()])


class Killed(BaseException):
    pass


class KillAt:
    """Raises at a certain step."""

    def __init__(self, step):
        self.step = step

    @hookimpl(trylast=True)
    def batch_ended(self, trainer):
        if trainer.step == self.step:
            raise Killed


def run(experiment, root, **more):
    return runner.run(experiment, track=False, root=root, **more)


def test_a_run_writes_all_its_files_to_its_folder(tiny, tmp_path):
    result = run(tiny, tmp_path)
    files = {str(path.relative_to(result.folder.path)) for path in result.folder.path.rglob("*") if path.is_file()}
    assert files == {
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


def test_the_saved_model_has_the_reported_accuracy(tiny, tmp_path):
    result = run(tiny, tmp_path)
    x, y = datasets.load("two-spirals").test
    found = float((predict_in_batches(load_model(result.folder.model).predict, x).argmax(axis=1) == y).mean())
    assert found == pytest.approx(result.metrics["test/accuracy"], abs=1e-9)


def test_the_same_experiment_gives_the_same_bits_and_another_seed_gives_others(tiny, tmp_path):
    first, again = run(tiny, tmp_path), run(tiny, tmp_path)
    other = run(tiny.set(["seed=1"]), tmp_path)
    assert np.array_equal(weights(first.module), weights(again.module))
    assert not np.array_equal(weights(first.module), weights(other.module))


@pytest.mark.parametrize("step", [1, 7, 12, 17])
def test_a_run_interrupted_at_any_step_resumes_to_the_same_bits(tiny, tmp_path, step):
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


def test_an_unknown_run_name_suggests_the_nearest(tiny, tmp_path):
    name = run(tiny, tmp_path).folder.name
    with pytest.raises(SettingError, match=f"did you mean {name}"):
        runner.resume(name[:-2], root=tmp_path)


def test_settings_changed_after_the_checkpoint_are_rejected(tiny, tmp_path):
    with pytest.raises(Killed):
        run(tiny, tmp_path, hooks=[KillAt(8)])
    place = folder.find("last", tmp_path).experiment
    place.write_text(place.read_text().replace("hidden = [\n    8,\n]", "hidden = [9]"))
    with pytest.raises(CheckpointError, match="was written with experiment"):
        runner.resume("last", root=tmp_path)


def test_a_run_is_not_resumed_on_other_data(tiny, tmp_path, data_in_a_file):
    data_in_a_file.write_text("200")
    with pytest.raises(Killed):
        run(tiny, tmp_path, hooks=[KillAt(8)])
    data_in_a_file.write_text("100")
    with pytest.raises(CheckpointError, match=r"was written with data '[0-9a-f]+'; it needs '[0-9a-f]+'"):
        runner.resume("last", root=tmp_path)


def test_bad_input_leaves_nothing_behind(tiny, tmp_path):
    for wrong in (["architecture=fmn"], ["dataset=two-spiral"], ["model.hiden=[3]"]):
        with pytest.raises((UnknownNameError, SettingError)):
            run(tiny.set(wrong), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_diverging_training_names_the_step_and_keeps_the_last_checkpoint(tiny, tmp_path):
    wild = tiny.set(["optimizer.name=sgd", "optimizer.lr=1e18", "epochs=50"])
    with (
        np.errstate(all="ignore"),
        pytest.raises(DivergenceError, match=r"at step \d+ (is|has norm) (nan|inf)"),
    ):
        run(wild, tmp_path)
    assert not folder.find("last", tmp_path).result.exists()


def test_a_run_locked_by_another_process_is_rejected_and_a_killed_process_leaves_no_lock(tiny, tmp_path):
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


@pytest.mark.parametrize("metric", ["val/loss", "train/accuracy"])
def test_a_run_stops_at_the_first_epoch_that_meets_its_stop_condition_resumed_or_not(tiny, tmp_path, metric):
    tiny = tiny.set(["epochs=8"])
    values = [epoch[metric] for epoch in run(tiny, tmp_path / "whole").history]
    sign = ">=" if metric.endswith("accuracy") else "<="
    bound = values[4]
    reached = [value >= bound if sign == ">=" else value <= bound for value in values].index(True) + 1
    asked = tiny.set([f"stop_when={metric} {sign} {bound!r}"])
    result = run(asked, tmp_path / "stopped")
    assert len(result.history) == result.metrics["time/epochs"] == reached
    assert [epoch[metric] for epoch in result.history] == values[:reached]
    with pytest.raises(Killed):
        run(asked, tmp_path / "cut", hooks=[KillAt(6 * reached - 1)])
    assert runner.resume("last", root=tmp_path / "cut").metrics["time/epochs"] == reached


def test_a_run_that_never_meets_its_stop_condition_trains_all_epochs(tiny, tmp_path):
    assert run(tiny.set(["stop_when=train/accuracy >= 1.1"]), tmp_path).metrics["time/epochs"] == 3


def test_a_stopping_metric_that_some_epochs_lack_costs_no_run(tiny, tmp_path, monkeypatch):
    learn = Supervised.learn

    def learn_and_report_first(self, batch, ctx):
        metrics = learn(self, batch, ctx)
        if self.optimizers["main"].steps > 1:
            del metrics["accuracy"]
        return metrics

    monkeypatch.setattr(Supervised, "learn", learn_and_report_first)
    with pytest.warns(MissingMetricWarning, match="StopWhen got no metric 'train/accuracy'; the epoch has train/loss"):
        result = run(tiny.set(["stop_when=train/accuracy >= 1.1"]), tmp_path)
    assert result.metrics["time/epochs"] == 3


def test_a_figure_that_can_not_be_drawn_is_skipped_with_a_warning(tiny, tmp_path):
    def fail(figure, module, data):
        raise ZeroDivisionError("nothing to divide by")

    assembly = assemble(tiny)
    broken = Figure(name="broken", caption="What can not be drawn.", draw=fail)
    whole = assembly.architecture.figures
    object.__setattr__(assembly, "architecture", assembly.architecture.model_copy(update={"figures": (broken, *whole)}))
    place = folder.create(tiny, tmp_path)
    with pytest.warns(FigureWarning, match="the figure broken is missing: ZeroDivisionError: nothing to divide by"):
        runner.train(assembly, place, None)
    assert place.result.exists()
    assert {path.stem for path in place.figures.iterdir()} == {"learning_curve", "confusion_matrix", whole[0].name}


def test_an_interrupt_has_the_resume_hint_as_its_note(tiny, tmp_path):
    class Stop:
        @hookimpl
        def epoch_ended(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        run(tiny, tmp_path / "runs", hooks=[Stop()])
    place = folder.find("last", tmp_path / "runs")
    assert caught.value.__notes__ == [f"`neuralzoo run --resume {place.path}` resumes it"]


@pytest.mark.parametrize(
    ("files", "hint"),
    [
        ("experiment.toml", r"`neuralzoo run --resume \S+/a` resumes it"),
        ("experiment.toml result.json", r"\S+/a is finished"),
        ("", "the same command goes on"),
        ("key", "the same command goes on"),
        ("key experiment.toml", r"the same command resumes it, `neuralzoo run --resume \S+/a` resumes it alone"),
        ("key experiment.toml result.json", "the same command goes on"),
    ],
)
def test_the_resume_hint_is_a_command_that_works_on_what_is_there(tmp_path, files, hint):
    (tmp_path / "a").mkdir()
    for name in files.split():
        (tmp_path / "a" / name).touch()
    assert re.fullmatch(hint, folder.RunFolder(tmp_path / "a").resume_hint)


def test_a_run_that_another_process_finishes_before_it_is_locked_is_not_resumed(tiny, tmp_path, monkeypatch):
    with pytest.raises(Killed):
        run(tiny, tmp_path, hooks=[KillAt(8)])
    place, locked = folder.find("last", tmp_path), folder.RunFolder.locked

    def finished_meanwhile(self):
        self.result.write_text("{}")
        return locked(self)

    monkeypatch.setattr(folder.RunFolder, "locked", finished_meanwhile)
    with pytest.raises(SettingError, match=f"{place.name} is finished"):
        runner.resume("last", root=tmp_path)


@pytest.mark.parametrize("name", ["mine.toml", "mine.TOML"])
def test_an_experiment_is_run_from_a_file(tiny, tmp_path, name):
    (tmp_path / name).write_text(tiny.to_toml())
    assert run(str(tmp_path / name), tmp_path / "runs").experiment == tiny
    with pytest.raises(SettingError, match="got profile 'full' too"):
        run(tmp_path / name, tmp_path / "runs", profile="full")


def test_a_missing_model_file_is_an_error_that_names_the_file_needed():
    with pytest.raises(CheckpointError, match="nope is not there; load_model needs the model"):
        load_model("nope")
