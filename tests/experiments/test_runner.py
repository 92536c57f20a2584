import json

import numpy as np
import pytest

from neuralzoo.core.checkpoint import CheckpointError
from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.optimizer import Diverged
from neuralzoo.experiments import datasets, folder, runner
from neuralzoo.experiments.model import load_model, predict
from neuralzoo.registry import SettingError, UnknownName


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
    from neuralzoo.experiments.assembly import assemble

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
