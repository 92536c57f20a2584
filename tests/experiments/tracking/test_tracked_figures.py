"""Figures of epochs in a real MLflow store: each once, at its step."""

import re

import pytest

from neuralzoo.core.hooks import hookimpl
from neuralzoo.experiments import run as runner
from neuralzoo.experiments.running import run_folder as folder
from neuralzoo.experiments.running.preflight import prepare
from neuralzoo.experiments.tracking.client import connect
from neuralzoo.registry import Figure

pytest.importorskip("mlflow", reason="tracking needs the extra 'experiments'")
pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own

NAME = re.compile(r"images/(\w+)\+step\+(\d+)\+.*\.png")


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


@pytest.fixture
def experiment(tiny):
    return tiny.set(["epochs=6"])


@pytest.fixture
def place(experiment, uri, tmp_path):
    return folder.create(experiment, tmp_path, uri)


class StopIn:
    """Raises in an epoch, with the checkpoint of the one before."""

    def __init__(self, epoch):
        self.epoch = epoch

    @hookimpl(tryfirst=True)
    def batch_ended(self, trainer):
        if trainer.epoch == self.epoch - 1:
            raise KeyboardInterrupt


def draw(figure, module, data):
    figure.subplots().plot([1, 2])


def train(experiment, place, uri, *hooks):
    assembly = prepare(experiment)
    album = Figure(name="album", caption="What the network was like.", draw=draw, by_epoch=True)
    object.__setattr__(assembly, "architecture", assembly.architecture.model_copy(update={"figures": (album,)}))
    return runner.train(assembly, place, uri, hooks)


def images(uri, run_id):
    """The images of a run, by name and step; one that is there twice is listed twice."""
    listed = [item.path for item in connect(uri).list_artifacts(run_id, "images")]
    return sorted((m[1], int(m[2])) for path in listed if (m := NAME.fullmatch(path)))


def files(uri, run_id, place):
    return {item.path for item in connect(uri).list_artifacts(run_id, place)}


EVERY_RUN = [("confusion_matrix", 6), ("learning_curve", 6)]


def test_figures_of_epochs_are_images_of_one_name_with_steps(experiment, place, uri):
    run_id = train(experiment, place, uri).tracked["run_id"]
    assert images(uri, run_id) == [("album", epoch) for epoch in (0, 1, 2, 4, 6)] + EVERY_RUN
    assert files(uri, run_id, "figures") >= {"figures/album.png", "figures/learning_curve.png", "figures/album"}
    assert files(uri, run_id, "figures/album") == {f"figures/album/epoch-000{epoch}.png" for epoch in (0, 1, 2, 4, 6)}


def test_a_resumed_run_logs_the_figures_before_the_interruption_once(experiment, place, uri):
    with pytest.raises(KeyboardInterrupt):
        train(experiment, place, uri, StopIn(4))
    run_id = folder.tracked_id(place)
    assert images(uri, run_id) == [("album", 0), ("album", 1), ("album", 2)]
    assert train(experiment, place, uri).tracked["run_id"] == run_id
    assert images(uri, run_id) == [("album", epoch) for epoch in (0, 1, 2, 4, 6)] + EVERY_RUN


def test_a_figure_that_is_missing_when_a_run_is_resumed_stays_missing(experiment, place, uri):
    with pytest.raises(KeyboardInterrupt):
        runner.train(prepare(experiment), place, uri, [StopIn(4)])  # without the album
    run_id = folder.tracked_id(place)
    assert images(uri, run_id) == []
    train(experiment, place, uri)
    assert images(uri, run_id) == [("album", 4), ("album", 6), *EVERY_RUN]


def test_a_figure_is_logged_after_the_checkpoint_of_its_epoch(experiment, place, uri):
    """The file is there, the checkpoint is not: the store is never ahead of a resumed run."""

    class StopBeforeTheCheckpoint:
        @hookimpl
        def epoch_ended(self, trainer):
            if trainer.epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(experiment, place, uri, StopBeforeTheCheckpoint())
    assert (place.figures / "album" / "epoch-0002.png").exists()
    run_id = folder.tracked_id(place)
    assert images(uri, run_id) == [("album", 0), ("album", 1)]
    train(experiment, place, uri)
    assert images(uri, run_id) == [("album", epoch) for epoch in (0, 1, 2, 4, 6)] + EVERY_RUN


def test_a_run_deleted_from_the_store_is_logged_again_with_all_its_figures(experiment, place, uri):
    with pytest.raises(KeyboardInterrupt):
        train(experiment, place, uri, StopIn(4))
    connect(uri).delete_run(folder.tracked_id(place))
    run_id = train(experiment, place, uri).tracked["run_id"]
    assert images(uri, run_id) == [("album", epoch) for epoch in (0, 1, 2, 4, 6)] + EVERY_RUN


def test_the_time_of_figures_is_not_part_of_training_or_tracking(experiment, place, uri):
    import time

    def slow(figure, module, data):
        time.sleep(0.5)

    assembly = prepare(experiment)
    figure = Figure(name="slow", caption="Something that takes long.", draw=slow, by_epoch=True)
    object.__setattr__(assembly, "architecture", assembly.architecture.model_copy(update={"figures": (figure,)}))
    result = runner.train(assembly, place, uri)
    metrics = connect(uri).get_run(result.tracked["run_id"]).data.metrics
    assert 5 * 0.5 < metrics["time/figures_s"] <= result.tracked["figures_s"] < result.seconds
    assert metrics["time/train_s"] < 0.5
    assert metrics["time/tracking_s"] < 0.5


def test_runs_of_another_task_of_a_dataset_have_an_experiment_of_their_own(tiny, tmp_path, uri):
    """Generation needs a network that supports it; only the MLflow experiment is tested here."""
    from dataclasses import replace

    assembly = prepare(tiny)
    asked = assembly.data.task.model_copy(update={"kind": "generation"})
    object.__setattr__(assembly, "data", replace(assembly.data, task=asked))
    result = runner.train(assembly, folder.create(tiny, tmp_path, uri), uri)
    kept = connect(uri).get_experiment(result.tracked["experiment_id"])
    assert kept.name == "generation/two-spirals"
