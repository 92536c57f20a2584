"""Pictures of epochs in a real MLflow store: each once, at its step, and none that was not drawn then."""

import re

import pytest

from neuralzoo.core.hooks import hookimpl
from neuralzoo.experiments import run as runner
from neuralzoo.experiments.running import run_folder as folder
from neuralzoo.experiments.tracking import store
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
    """Ends the program in an epoch, with the checkpoint of the one before."""

    def __init__(self, epoch):
        self.epoch = epoch

    @hookimpl(tryfirst=True)
    def batch_ended(self, trainer):
        if trainer.epoch == self.epoch - 1:
            raise KeyboardInterrupt


def draw(figure, module, data):
    figure.subplots().plot([1, 2])


def train(experiment, place, uri, *hooks):
    assembly = runner.prepare(experiment)
    album = Figure(name="album", caption="What the network was like.", draw=draw, by_epoch=True)
    object.__setattr__(assembly, "architecture", assembly.architecture.model_copy(update={"figures": (album,)}))
    return runner.train(assembly, place, uri, hooks)


def images(uri, run_id):
    """The images of a run, by name and step; one that is there twice is listed twice."""
    listed = [item.path for item in store.client(uri).list_artifacts(run_id, "images")]
    return sorted((m[1], int(m[2])) for path in listed if (m := NAME.fullmatch(path)))


def files(uri, run_id, place):
    return {item.path for item in store.client(uri).list_artifacts(run_id, place)}


EVERY_RUN = [("confusion_matrix", 6), ("learning_curve", 6)]


def test_pictures_of_epochs_are_images_of_one_name_with_steps(experiment, place, uri):
    run_id = train(experiment, place, uri).tracked["run_id"]
    assert images(uri, run_id) == [("album", epoch) for epoch in (0, 1, 2, 4, 6)] + EVERY_RUN
    assert files(uri, run_id, "figures") >= {"figures/album.png", "figures/learning_curve.png", "figures/album"}
    assert files(uri, run_id, "figures/album") == {f"figures/album/epoch-000{epoch}.png" for epoch in (0, 1, 2, 4, 6)}


def test_a_run_that_goes_on_logs_the_pictures_before_the_cut_once(experiment, place, uri):
    with pytest.raises(KeyboardInterrupt):
        train(experiment, place, uri, StopIn(4))
    run_id = folder.tracked_id(place)
    assert images(uri, run_id) == [("album", 0), ("album", 1), ("album", 2)]
    assert train(experiment, place, uri).tracked["run_id"] == run_id
    assert images(uri, run_id) == [("album", epoch) for epoch in (0, 1, 2, 4, 6)] + EVERY_RUN


def test_a_picture_that_is_missing_when_a_run_goes_on_stays_missing(experiment, place, uri):
    with pytest.raises(KeyboardInterrupt):
        runner.train(runner.prepare(experiment), place, uri, [StopIn(4)])  # without the album
    run_id = folder.tracked_id(place)
    assert images(uri, run_id) == []
    train(experiment, place, uri)
    assert images(uri, run_id) == [("album", 4), ("album", 6), *EVERY_RUN]


def test_a_picture_of_an_epoch_that_is_not_finished_waits_for_it(experiment, place, uri):
    """The picture is there, the checkpoint is not: the store never knows more than a run that goes on."""

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


def test_a_store_that_lost_the_run_gets_all_pictures_that_there_are(experiment, place, uri):
    with pytest.raises(KeyboardInterrupt):
        train(experiment, place, uri, StopIn(4))
    store.client(uri).delete_run(folder.tracked_id(place))
    run_id = train(experiment, place, uri).tracked["run_id"]
    assert images(uri, run_id) == [("album", epoch) for epoch in (0, 1, 2, 4, 6)] + EVERY_RUN


def test_what_pictures_cost_is_told_apart_from_training_and_from_tracking(experiment, place, uri):
    import time

    def slow(figure, module, data):
        time.sleep(0.5)

    assembly = runner.prepare(experiment)
    figure = Figure(name="slow", caption="Something that takes long.", draw=slow, by_epoch=True)
    object.__setattr__(assembly, "architecture", assembly.architecture.model_copy(update={"figures": (figure,)}))
    result = runner.train(assembly, place, uri)
    metrics = store.client(uri).get_run(result.tracked["run_id"]).data.metrics
    assert 5 * 0.5 < metrics["time/pictures_s"] <= result.tracked["pictures_s"] < result.seconds
    assert metrics["time/train_s"] < 0.5
    assert metrics["time/tracking_s"] < 0.5


def test_runs_asked_for_another_task_than_the_usual_are_compared_apart(tiny, tmp_path, uri):
    """Generation needs a network that can do it; what is tested is where the record is kept."""
    from dataclasses import replace

    assembly = runner.prepare(tiny)
    asked = assembly.data.task.model_copy(update={"kind": "generation"})
    object.__setattr__(assembly, "data", replace(assembly.data, task=asked))
    result = runner.train(assembly, folder.create(tiny, tmp_path, uri), uri)
    kept = store.client(uri).get_experiment(result.tracked["experiment_id"])
    assert kept.name == "generation/two-spirals"
