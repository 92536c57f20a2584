"""Pictures of runs: when they are drawn, from what, and that training does not notice."""

import itertools
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from neuralzoo.core.hooks import hookimpl
from neuralzoo.experiments import datasets
from neuralzoo.experiments import run as runner
from neuralzoo.experiments.running import run_folder as folder
from neuralzoo.experiments.running.figures import Pictures, PictureWarning, attempted, learning_curve
from neuralzoo.experiments.running.run_folder import RunFolder
from neuralzoo.registry import Architecture, Figure, get

pytest.importorskip("matplotlib", reason="pictures need the extra 'experiments'")


class Killed(BaseException):
    pass


class KillAt:
    def __init__(self, step):
        self.step = step

    @hookimpl(trylast=True)
    def batch_ended(self, trainer):
        if trainer.step == self.step:
            raise Killed


class Album:
    """A figure that remembers what it was handed."""

    def __init__(self, **more):
        self.seen = []
        self.figure = Figure(name="album", caption="What the network was like.", draw=self.draw, **more)

    def draw(self, figure, module, data):
        self.seen.append((weights(module), data))
        figure.subplots().plot([1, 2])


def weights(module):
    return np.concatenate([values.ravel() for values in module.state().values()])


def train(experiment, place, *figures, hooks=()):
    """Train an experiment whose architecture has these figures, from its checkpoint if it has one."""
    assembly = runner.prepare(experiment)
    architecture = assembly.architecture.model_copy(update={"figures": figures})
    object.__setattr__(assembly, "architecture", architecture)
    return runner.train(assembly, place, None, hooks)


def pictures(place):
    return sorted(path.relative_to(place.figures).as_posix() for path in place.figures.rglob("*") if path.is_file())


@pytest.fixture
def long(tiny):
    return tiny.set(["epochs=11"])


@pytest.fixture
def place(long, tmp_path):
    return folder.create(long, tmp_path)


def test_a_picture_by_epoch_is_drawn_before_training_after_powers_of_two_and_the_last(long, place):
    album = Album(by_epoch=True)
    train(long, place, album.figure)
    epochs = [f"album/epoch-{epoch:04d}.png" for epoch in (0, 1, 2, 4, 8, 11)]
    assert pictures(place) == ["album.png", *epochs, "confusion_matrix.png", "learning_curve.png"]
    assert (place.figures / "album.png").read_bytes() == (place.figures / "album/epoch-0011.png").read_bytes()
    assert len(album.seen) == 6


class StopAfter:
    def __init__(self, epochs):
        self.epochs = epochs

    @hookimpl
    def should_stop(self, trainer):
        return trainer.epoch == self.epochs or None


@pytest.mark.parametrize(("stop", "epochs"), [(4, [0, 1, 2, 4]), (5, [0, 1, 2, 4, 5])])
def test_the_last_epoch_is_drawn_once_also_of_a_run_that_stops_early(long, place, stop, epochs):
    album = Album(by_epoch=True)
    train(long, place, album.figure, hooks=[StopAfter(stop)])
    assert len(album.seen) == len(epochs)
    assert [name for name in pictures(place) if "epoch" in name] == [f"album/epoch-000{e}.png" for e in epochs]


def test_other_pictures_are_drawn_once(long, place):
    album = Album()
    train(long, place, album.figure)
    assert len(album.seen) == 1
    assert pictures(place) == ["album.png", "confusion_matrix.png", "learning_curve.png"]


def test_a_picture_shows_the_network_as_it_is_after_that_epoch(long, place, tmp_path):
    """With a constant learning rate a run of four epochs ends where one of eleven is after its fourth."""
    album = Album(by_epoch=True)
    whole = train(long, place, album.figure)
    short = runner.run(long.set(["epochs=4"]), track=False, root=tmp_path)
    assert np.array_equal(album.seen[0][0], weights(runner.prepare(long).module))
    assert np.array_equal(album.seen[3][0], weights(short.module))
    assert np.array_equal(album.seen[-1][0], weights(whole.module))


def test_drawing_gets_the_whole_data_set(long, place):
    album = Album()
    train(long, place, album.figure)
    ((_, data),) = album.seen
    expected = datasets.load("two-spirals")
    assert data.task == expected.task
    assert data.classes == expected.classes
    for part in ("train", "test"):
        assert all(map(np.array_equal, getattr(data, part), getattr(expected, part)))


def spoil_weights(module, data):
    for parameter in module.named_parameters().values():
        parameter.value += 1


def spoil_dtype(module, data):
    module.astype(np.float64)


def spoil_data(module, data):
    data.train[0][...] = 0


def spoil_nothing(module, data):
    return None


@pytest.mark.parametrize("spoil", [spoil_nothing, spoil_weights, spoil_dtype, spoil_data])
def test_drawing_changes_no_bit_of_training_whatever_it_does(long, place, tmp_path, spoil):
    long = long.set(["validation=0"])  # then the network learns from the data set's own arrays

    def draw(figure, module, data):
        spoil(module, data)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PictureWarning)
        drawn = train(long, place, Figure(name="spoiler", caption="Nothing good at all.", draw=draw, by_epoch=True))
    plain = runner.run(long, track=False, root=tmp_path)
    assert np.array_equal(weights(drawn.module), weights(plain.module))
    assert drawn.metrics["test/loss"] == plain.metrics["test/loss"]


def test_no_array_that_pictures_are_drawn_from_can_be_written_to(tmp_path):
    assembly = runner.prepare(get("autoencoder").experiments["quick"])
    handed = Pictures(assembly, tmp_path).data
    arrays = [*handed.train, *handed.test, *handed.labels.values()]
    assert len(arrays) == 6
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert assembly.data.labels["test"].flags.writeable


def test_a_run_cut_off_resumes_to_the_same_bits_and_the_same_pictures(long, place, tmp_path):
    whole = train(long, place, Album(by_epoch=True).figure)
    cut = RunFolder(tmp_path / "cut")
    cut.path.mkdir()
    with pytest.raises(Killed):
        train(long, cut, Album(by_epoch=True).figure, hooks=[KillAt(5 * 6 + 3)])
    assert pictures(cut) == [f"album/epoch-000{epoch}.png" for epoch in (0, 1, 2, 4)]
    resumed = train(long, cut, Album(by_epoch=True).figure)
    assert np.array_equal(weights(resumed.module), weights(whole.module))
    assert pictures(cut) == pictures(place)


def test_a_picture_of_an_epoch_that_is_over_is_not_drawn_from_later_weights(long, place):
    with pytest.raises(Killed):
        train(long, place, hooks=[KillAt(5 * 6)])  # no pictures in this sitting
    train(long, place, Album(by_epoch=True).figure)
    epochs = [name for name in pictures(place) if "epoch" in name]
    assert epochs == ["album/epoch-0008.png", "album/epoch-0011.png"]


def test_what_is_no_picture_before_training_may_become_one(long, place):
    calls = []

    def draw(figure, module, data):
        calls.append(module)
        if len(calls) == 1:
            raise ZeroDivisionError("nothing learned yet")

    late = Figure(name="late", caption="What has been learned.", draw=draw, by_epoch=True)
    with pytest.warns(PictureWarning, match="the picture late/epoch-0000 is missing"):
        train(long, place, late)
    assert next(name for name in pictures(place) if "epoch" in name) == "late/epoch-0001.png"
    assert len(calls) == 6


def test_a_picture_that_can_not_be_drawn_is_told_before_once_during_and_after_training(long, place):
    def fail(figure, module, data):
        raise ZeroDivisionError("nothing to divide by")

    broken = Figure(name="broken", caption="What can not be drawn.", draw=fail, by_epoch=True)
    with pytest.warns(PictureWarning) as caught:
        train(long, place, broken, Album(by_epoch=True).figure)
    told = [str(warning.message) for warning in caught]
    reason = "is missing: ZeroDivisionError: nothing to divide by"
    assert told == [f"the picture broken{when} {reason}" for when in ("/epoch-0000", "/epoch-0001", "")]
    assert "album/epoch-0008.png" in pictures(place)


def test_seconds_of_drawing_are_counted_apart_from_training(long, place):
    class Slow(Album):
        def draw(self, figure, module, data):
            import time

            time.sleep(0.3)

    assembly = runner.prepare(long)
    figures = (Slow(by_epoch=True).figure,)
    object.__setattr__(assembly, "architecture", assembly.architecture.model_copy(update={"figures": figures}))
    drawn = Pictures(assembly, place.figures)
    for epoch in (1, 2, 3):
        drawn.epoch_ended(SimpleNamespace(epoch=epoch, epochs=11, stopped=False))
    assert drawn.seconds >= 0.6
    result = train(long, place, *figures)
    assert result.metrics["time/train_s"] < 1.0 < 5 * 0.3 < result.seconds


@pytest.mark.parametrize("name", ["learning_curve", "confusion_matrix"])
def test_a_name_that_every_run_has_is_refused(name):
    with pytest.raises(ValueError, match=f"every run has a picture named {name}"):
        Figure(name=name, caption="Something else entirely.", draw=spoil_nothing)


def test_a_picture_is_written_wholly_or_not_at_all(tmp_path):
    def draw_half():
        with attempted(tmp_path, "half") as figure:
            figure.subplots().plot([1])
            raise KeyError("half")

    with pytest.warns(PictureWarning, match="the picture half is missing: KeyError: 'half'"):
        draw_half()
    with attempted(tmp_path, "whole") as f:
        f.subplots().plot([1])
    assert [path.name for path in tmp_path.iterdir()] == ["whole.png"]


def test_captions_stand_above_the_pictures(long, place):
    seen = []
    figure = Figure(name="captioned", caption="What can be seen.", draw=lambda figure, *_: seen.append(figure))
    train(long, place, figure)
    assert seen[0].get_suptitle() == "What can be seen."


def test_figures_of_an_architecture_have_names_of_their_own():
    album = Album().figure
    fnn = get("fnn")
    settings = {name: getattr(fnn, name) for name in type(fnn).model_fields}
    with pytest.raises(ValueError, match="figures are named album, album; each needs a name of its own"):
        Architecture(**{**settings, "figures": (album, album)})


def test_a_picture_is_drawn_for_the_tasks_that_it_is_for_only(long, place):
    texts, classes = Album(tasks={"language-modelling"}), Album(tasks={"classification"}).figure
    train(long, place, texts.figure.model_copy(update={"name": "letters"}), classes)
    assert "album.png" in pictures(place)
    assert not any("letters" in picture for picture in pictures(place))
    assert not texts.seen


@pytest.mark.parametrize("epochs", [1, 2, 50])
def test_a_learning_curve_has_no_epochs_but_whole_ones(epochs):
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas()
    learning_curve(canvas, [{"train/loss": 1.0}] * epochs)
    ticks = canvas.axes[0].get_xticks()
    np.testing.assert_array_equal(ticks, ticks.round())


def test_the_titles_of_four_learning_curves_do_not_meet():
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(7.2, 4.5), layout="constrained")
    learning_curve(canvas, [dict.fromkeys([f"train/discriminator_value_{i}" for i in range(4)], 1.0)] * 5)
    canvas.draw_without_rendering()
    boxes = [axes.title.get_window_extent() for axes in canvas.axes]
    assert len(boxes) == 4
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
