"""Figures of runs: when they are drawn, from what, and that training is not affected."""

import itertools
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from neuralzoo.core.hooks import hookimpl
from neuralzoo.experiments import datasets
from neuralzoo.experiments import run as runner
from neuralzoo.experiments.running import run_folder as folder
from neuralzoo.experiments.running.figures import FigureWarning, FigureWriter, draw_or_warn
from neuralzoo.experiments.running.plots import learning_curve
from neuralzoo.experiments.running.preflight import prepare
from neuralzoo.experiments.running.run_folder import RunFolder
from neuralzoo.registry import Architecture, Figure, get

pytest.importorskip("matplotlib", reason="figures need the extra 'experiments'")


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
    """A figure that records its arguments."""

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
    assembly = prepare(experiment)
    architecture = assembly.architecture.model_copy(update={"figures": figures})
    object.__setattr__(assembly, "architecture", architecture)
    return runner.train(assembly, place, None, hooks)


def figure_files(place):
    return sorted(path.relative_to(place.figures).as_posix() for path in place.figures.rglob("*") if path.is_file())


@pytest.fixture
def long(tiny):
    return tiny.set(["epochs=11"])


@pytest.fixture
def place(long, tmp_path):
    return folder.create(long, tmp_path)


def test_a_figure_by_epoch_is_drawn_before_training_after_powers_of_two_and_the_last(long, place):
    album = Album(by_epoch=True)
    train(long, place, album.figure)
    epochs = [f"album/epoch-{epoch:04d}.png" for epoch in (0, 1, 2, 4, 8, 11)]
    assert figure_files(place) == ["album.png", *epochs, "confusion_matrix.png", "learning_curve.png"]
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
    assert [name for name in figure_files(place) if "epoch" in name] == [f"album/epoch-000{e}.png" for e in epochs]


def test_other_figures_are_drawn_once(long, place):
    album = Album()
    train(long, place, album.figure)
    assert len(album.seen) == 1
    assert figure_files(place) == ["album.png", "confusion_matrix.png", "learning_curve.png"]


def test_a_figure_shows_the_network_as_it_is_after_that_epoch(long, place, tmp_path):
    """With a constant learning rate a run of four epochs ends where one of eleven is after its fourth."""
    album = Album(by_epoch=True)
    whole = train(long, place, album.figure)
    short = runner.run(long.set(["epochs=4"]), track=False, root=tmp_path)
    assert np.array_equal(album.seen[0][0], weights(prepare(long).module))
    assert np.array_equal(album.seen[3][0], weights(short.module))
    assert np.array_equal(album.seen[-1][0], weights(whole.module))


def test_drawing_gets_the_whole_dataset(long, place):
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
    long = long.set(["validation=0"])  # then training reads the dataset's own arrays

    def draw(figure, module, data):
        spoil(module, data)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FigureWarning)
        drawn = train(long, place, Figure(name="spoiler", caption="Nothing good at all.", draw=draw, by_epoch=True))
    plain = runner.run(long, track=False, root=tmp_path)
    assert np.array_equal(weights(drawn.module), weights(plain.module))
    assert drawn.metrics["test/loss"] == plain.metrics["test/loss"]


def test_all_arrays_that_figures_are_drawn_from_are_read_only(tmp_path):
    assembly = prepare(get("autoencoder").experiments["quick"])
    data = FigureWriter(assembly, tmp_path).data
    arrays = [*data.train, *data.test, *data.original_labels.values()]
    assert len(arrays) == 6
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert assembly.data.original_labels["test"].flags.writeable


def test_an_interrupted_run_resumes_to_the_same_bits_and_the_same_figures(long, place, tmp_path):
    whole = train(long, place, Album(by_epoch=True).figure)
    cut = RunFolder(tmp_path / "cut")
    cut.path.mkdir()
    with pytest.raises(Killed):
        train(long, cut, Album(by_epoch=True).figure, hooks=[KillAt(5 * 6 + 3)])
    assert figure_files(cut) == [f"album/epoch-000{epoch}.png" for epoch in (0, 1, 2, 4)]
    resumed = train(long, cut, Album(by_epoch=True).figure)
    assert np.array_equal(weights(resumed.module), weights(whole.module))
    assert figure_files(cut) == figure_files(place)


def test_a_figure_of_a_finished_epoch_is_not_drawn_from_later_weights(long, place):
    with pytest.raises(Killed):
        train(long, place, hooks=[KillAt(5 * 6)])  # no figures in this session
    train(long, place, Album(by_epoch=True).figure)
    epochs = [name for name in figure_files(place) if "epoch" in name]
    assert epochs == ["album/epoch-0008.png", "album/epoch-0011.png"]


def test_a_figure_that_fails_before_training_is_drawn_again_later(long, place):
    calls = []

    def draw(figure, module, data):
        calls.append(module)
        if len(calls) == 1:
            raise ZeroDivisionError("nothing learned yet")

    late = Figure(name="late", caption="What has been learned.", draw=draw, by_epoch=True)
    with pytest.warns(FigureWarning, match="the figure late/epoch-0000 is missing"):
        train(long, place, late)
    assert next(name for name in figure_files(place) if "epoch" in name) == "late/epoch-0001.png"
    assert len(calls) == 6


def test_a_figure_that_can_not_be_drawn_warns_before_once_during_and_after_training(long, place):
    def fail(figure, module, data):
        raise ZeroDivisionError("nothing to divide by")

    broken = Figure(name="broken", caption="What can not be drawn.", draw=fail, by_epoch=True)
    with pytest.warns(FigureWarning) as caught:
        train(long, place, broken, Album(by_epoch=True).figure)
    messages = [str(warning.message) for warning in caught]
    reason = "is missing: ZeroDivisionError: nothing to divide by"
    assert messages == [f"the figure broken{when} {reason}" for when in ("/epoch-0000", "/epoch-0001", "")]
    assert "album/epoch-0008.png" in figure_files(place)


def test_seconds_of_drawing_are_not_part_of_the_training_time(long, place):
    class Slow(Album):
        def draw(self, figure, module, data):
            import time

            time.sleep(0.3)

    assembly = prepare(long)
    figures = (Slow(by_epoch=True).figure,)
    object.__setattr__(assembly, "architecture", assembly.architecture.model_copy(update={"figures": figures}))
    drawn = FigureWriter(assembly, place.figures)
    for epoch in (1, 2, 3):
        drawn.epoch_ended(SimpleNamespace(epoch=epoch, epochs=11, stopped=False))
    assert drawn.seconds >= 0.6
    result = train(long, place, *figures)
    assert result.metrics["time/train_s"] < 1.0 < 5 * 0.3 < result.seconds


@pytest.mark.parametrize("name", ["learning_curve", "confusion_matrix"])
def test_a_name_that_every_run_has_is_rejected(name):
    with pytest.raises(ValueError, match=f"every run has a figure named {name}"):
        Figure(name=name, caption="Something else entirely.", draw=spoil_nothing)


def test_a_figure_is_written_atomically(tmp_path):
    def draw_half(figure):
        figure.subplots().plot([1])
        raise KeyError("half")

    with pytest.warns(FigureWarning, match="the figure half is missing: KeyError: 'half'"):
        draw_or_warn(tmp_path, "half", draw_half)
    draw_or_warn(tmp_path, "whole", lambda figure: figure.subplots().plot([1]))
    assert [path.name for path in tmp_path.iterdir()] == ["whole.png"]


def test_captions_stand_above_the_figures(long, place):
    seen = []
    figure = Figure(name="captioned", caption="What can be seen.", draw=lambda figure, *_: seen.append(figure))
    train(long, place, figure)
    assert seen[0].get_suptitle() == "What can be seen."


def test_figures_of_an_architecture_need_unique_names():
    album = Album().figure
    fnn = get("fnn")
    settings = {name: getattr(fnn, name) for name in type(fnn).model_fields}
    with pytest.raises(ValueError, match="figures are named album, album; each needs a name of its own"):
        Architecture(**{**settings, "figures": (album, album)})


def test_a_figure_is_drawn_only_for_its_tasks(long, place):
    texts, classes = Album(tasks={"language-modelling"}), Album(tasks={"classification"}).figure
    train(long, place, texts.figure.model_copy(update={"name": "letters"}), classes)
    assert "album.png" in figure_files(place)
    assert not any("letters" in name for name in figure_files(place))
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


def test_a_full_disk_is_not_an_error_of_the_figure(tiny, tmp_path):
    import errno

    def fill_disk(figure):
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        draw_or_warn(tmp_path, "figure", fill_disk)


@pytest.mark.parametrize("error", [ImportError("no such backend"), ValueError("no valid backend")])
def test_a_run_is_finished_whatever_the_import_of_matplotlib_raises(tiny, place, monkeypatch, error):
    class Failing:
        def find_spec(self, name, path=None, target=None):
            if name == "matplotlib.figure":
                raise error

    monkeypatch.delitem(sys.modules, "matplotlib.figure", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Failing(), *sys.meta_path])
    with pytest.warns(FigureWarning, match=f"is missing: {type(error).__name__}: no"):
        train(tiny, place)
    assert place.result.exists()
