"""The history in a file beside the checkpoint: what a checkpoint costs, and what is left of it by a kill or damage."""

import json
import math
import os
import time
from itertools import pairwise

import pytest

from neuralzoo.core import checkpoint
from neuralzoo.core import history as history_module
from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.stopping import EarlyStopping
from neuralzoo.core.checkpoint import (
    CheckpointError,
    Checkpoints,
    load_checkpoint,
    read,
    save_checkpoint,
    trainer_state,
    write,
)
from neuralzoo.core.history import HistoryFile
from neuralzoo.core.hooks import hookimpl

SETTINGS = {"architecture": "small"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "checkpoint.safetensors"


@pytest.fixture
def each_epoch(monkeypatch):
    """The file grows with each epoch."""
    monkeypatch.setattr(history_module, "EPOCHS_AT_ONCE", 1)


def lines_of(path):
    return path.with_suffix(".history.jsonl").read_bytes().splitlines()


def history(epochs):
    return [
        {"train/loss": 1 / (epoch + 3), "val/loss": math.nan, "time/train_s": 0.1 * epoch} for epoch in range(epochs)
    ]


def test_a_checkpoint_has_the_same_size_after_any_number_of_epochs(path, small_run):
    sizes, added = [], []

    class Sizes:
        @hookimpl(wrapper=True)
        def epoch_ended(self, trainer):
            result = yield
            sizes.append(path.stat().st_size)
            added.append(path.with_suffix(".history.jsonl").stat().st_size if trainer.epoch >= 50 else 0)
            return result

    small_run.finish(small_run.trainer(Checkpoints(path, SETTINGS), Sizes(), epochs=150))
    first, last = max(sizes[:50]), max(sizes[100:])
    assert abs(last - first) < 0.02 * first  # more digits
    blocks = [after - before for before, after in pairwise(added) if after != before]
    assert len(blocks) == 150 // history_module.EPOCHS_AT_ONCE
    assert max(blocks) - min(blocks) < 0.02 * min(blocks)


@pytest.mark.usefixtures("each_epoch")
def test_only_new_epochs_are_written_and_all_that_a_checkpoint_counts_are_read(path):
    file, epochs = HistoryFile(path), history(40)
    counts = [file.write(epochs[:n]) for n in (0, 1, 1, 7, 40)]
    assert counts[1] == counts[2]
    for n, count in zip((0, 1, 1, 7, 40), counts, strict=True):
        assert repr(HistoryFile(path).read(**count)) == repr(epochs[:n])


@pytest.mark.usefixtures("each_epoch")
def test_another_object_writes_the_same_bytes_before_its_own(path):
    epochs = history(9)
    count = HistoryFile(path).write(epochs)
    before = path.with_suffix(".history.jsonl").read_bytes()
    HistoryFile(path).write(HistoryFile(path).read(**count) + history(2))
    assert path.with_suffix(".history.jsonl").read_bytes().startswith(before)


@pytest.mark.usefixtures("each_epoch")
@pytest.mark.parametrize("change", ["removed", "cut", "longer"])
def test_a_file_that_was_changed_meanwhile_is_written_anew(change, path):
    file, epochs = HistoryFile(path), history(9)
    file.write(epochs[:5])
    place = path.with_suffix(".history.jsonl")
    if change == "removed":
        place.unlink()
    else:
        place.write_bytes(place.read_bytes()[:-3] if change == "cut" else place.read_bytes() + b"{")
    assert repr(HistoryFile(path).read(**file.write(epochs))) == repr(epochs)
    assert len(lines_of(path)) == 9


@pytest.mark.usefixtures("each_epoch")
def test_epochs_after_the_last_checkpoint_are_trained_again(path, small_run, bits, monkeypatch):
    """Killed between the line of an epoch and its checkpoint, a run resumes from the epoch before."""

    def killed(*arguments):
        raise InterruptedError

    class Kill:
        @hookimpl(tryfirst=True)
        def epoch_ended(self, trainer):
            if trainer.epoch == 2:
                monkeypatch.setattr(checkpoint, "write", killed)

    with pytest.raises(InterruptedError):
        small_run.finish(small_run.trainer(Kill(), Checkpoints(path, SETTINGS)))
    monkeypatch.setattr(checkpoint, "write", write)
    assert len(lines_of(path)) == 2

    resumed = small_run.trainer(Checkpoints(path, SETTINGS), weights=1)
    load_checkpoint(path, resumed, SETTINGS)
    assert (resumed.epoch, len(resumed.history)) == (1, 1)
    assert bits(small_run.finish(resumed)) == bits(small_run.finish(small_run.trainer()))
    assert [json.loads(line) for line in lines_of(path)] == resumed.history


def test_a_run_that_is_interrupted_between_two_writings_of_the_file_has_all_of_its_history(path, small_run, bits):
    class Cut:
        @hookimpl
        def batch_ended(self, trainer):
            if trainer.epoch == 120:
                raise InterruptedError

    with pytest.raises(InterruptedError):
        small_run.finish(small_run.trainer(Cut(), Checkpoints(path, SETTINGS), epochs=130))
    assert len(lines_of(path)) == 100
    resumed = small_run.trainer(Checkpoints(path, SETTINGS), epochs=130, weights=1)
    load_checkpoint(path, resumed, SETTINGS)
    assert len(resumed.history) == 120
    assert bits(small_run.finish(resumed)) == bits(small_run.finish(small_run.trainer(epochs=130)))
    assert trainer_state(read(path))["history"] == resumed.history


@pytest.mark.usefixtures("each_epoch")
def test_a_checkpoint_with_its_history_inside_is_resumed(path, small_run, bits):
    whole = small_run.finish(small_run.trainer())
    save_checkpoint(path, small_run.finish(small_run.trainer(epochs=2)), SETTINGS)
    assert os.listdir(path.parent) == [path.name]
    resumed = small_run.trainer(Checkpoints(path, SETTINGS), weights=1)
    load_checkpoint(path, resumed, SETTINGS)
    assert bits(small_run.finish(resumed)) == bits(whole)
    assert len(lines_of(path)) == 3
    assert "history" in read(path).metadata


@pytest.mark.usefixtures("each_epoch")
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda place: place.unlink(), "can't be read (No such file or directory); its history is needed"),
        (lambda place: place.write_bytes(place.read_bytes()[:-1]), "is damaged"),
        (lambda place: place.write_bytes(place.read_bytes().replace(b"0", b"1", 1)), "is damaged"),
        (lambda place: place.write_bytes(b""), "is damaged"),
        (lambda place: (place.unlink(), os.mkfifo(place)), "is no regular file"),
    ],
    ids=["removed", "cut", "changed", "empty", "pipe"],
)
def test_a_history_that_is_not_as_it_was_written_is_refused_and_nothing_changes(damage, reason, path, small_run, bits):
    small_run.finish(small_run.trainer(Checkpoints(path, SETTINGS)))
    damage(path.with_suffix(".history.jsonl"))
    trainer = small_run.trainer(weights=1)
    before = bits(trainer)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path, trainer, SETTINGS)
    assert f"does not fit: checkpoint.history.jsonl {reason}" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert bits(trainer) == before


@pytest.mark.usefixtures("each_epoch")
@pytest.mark.parametrize("count", [5, {}, {"bytes": -1, "checksum": 0}, {"bytes": "1", "checksum": 0}], ids=str)
def test_an_impossible_count_is_refused(count, path, small_run):
    small_run.finish(small_run.trainer(Checkpoints(path, SETTINGS)))
    found = read(path)
    write(path, found.arrays, found.metadata | {"history": count})
    with pytest.raises(CheckpointError, match="does not fit"):
        load_checkpoint(path, small_run.trainer(weights=1), SETTINGS)


@pytest.mark.slow
def test_the_last_of_fifty_thousand_epochs_take_as_long_as_the_first(path, small_run):
    """The benchmark of the cost of an epoch, with a checkpoint after each; `-s` shows the ratios."""
    clocks = {"processor": time.process_time, "wall": time.perf_counter}
    epochs, times = 50_000, {name: [clock()] for name, clock in clocks.items()}

    class Clock:
        @hookimpl(wrapper=True)
        def epoch_ended(self, trainer):
            result = yield
            if trainer.epoch % 10_000 == 0:
                for name, clock in clocks.items():
                    times[name].append(clock())
            return result

    hooks = Clock(), Checkpoints(path, SETTINGS), EarlyStopping("train/loss", patience=epochs)
    small_run.trainer(*hooks, epochs=epochs).run(ArrayBatches(small_run.data, 22))
    ratio = {name: (t[-1] - t[-2]) / (t[1] - t[0]) for name, t in times.items()}
    print(f"\nepochs 40,000-50,000 to 0-10,000: {ratio}; seconds: {times['wall'][-1] - times['wall'][0]:.0f}")
    assert ratio["processor"] < 1.3  # that of the wall includes what else the machine does
