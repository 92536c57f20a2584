import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from safetensors.numpy import save_file

from neuralzoo.core import checkpoint
from neuralzoo.core.checkpoint import CheckpointError, Checkpoints, load_checkpoint, read, save_checkpoint, write
from neuralzoo.core.hooks import hookimpl

SETTINGS = {"architecture": "small", "experiment": {"epochs": 3, "model": {"hidden": [8]}}}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "checkpoint.safetensors"


@pytest.fixture
def saved(path, small_run):
    """Write the checkpoint of a run that is in its second epoch."""
    save_checkpoint(path, interrupted(small_run), SETTINGS)
    return path


def interrupted(small_run, step=8):
    class Cut:
        @hookimpl
        def batch_ended(self, trainer):
            if trainer.step == step:
                raise InterruptedError

    trainer = small_run.trainer(Cut())
    with pytest.raises(InterruptedError):
        small_run.finish(trainer)
    return trainer


def error_of(path, trainer, bits, settings=SETTINGS):
    """Return why a checkpoint is refused, having seen that nothing was changed."""
    before = bits(trainer)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path, trainer, settings)
    assert bits(trainer) == before
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.arange(6, dtype=np.float64).reshape(2, 3).T,
        np.arange(12)[::3],
        np.array(7),
        np.array([np.nan, np.inf, -0.0], np.float32),
        np.zeros((0, 4), np.float16),
        np.array([True, False]),
        np.array([2**63 + 1], np.uint64),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_arrays_are_read_bit_for_bit_as_written(array, path):
    write(path, {"some.array": array}, {})
    back = read(path).arrays["some.array"]
    assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())


def test_metadata_is_read_as_written(path):
    metadata = {"text": 'ünïcode "quotes"', "large": 2**127, "nested": {"list": [1, 2.5, None, True]}}
    write(path, {}, metadata)
    assert read(path).metadata == metadata


def test_arrays_that_were_read_are_writeable(path):
    write(path, {"a": np.zeros(3)}, {})
    read(path).arrays["a"][:] = 1


def test_a_checkpoint_restores_the_state_of_another_trainer(saved, small_run, bits):
    resumed = small_run.trainer(weights=1)
    load_checkpoint(saved, resumed, SETTINGS)
    assert bits(resumed) == bits(interrupted(small_run))
    assert bits(small_run.finish(resumed)) == bits(small_run.finish(small_run.trainer()))


def test_settings_are_compared_after_a_round_trip_through_json(path, small_run):
    settings = {"shape": (4, 4), "model": {"hidden": (8,)}}
    save_checkpoint(path, small_run.trainer(), settings)
    load_checkpoint(path, small_run.trainer(), settings)


def test_writing_leaves_no_temporary_file(saved):
    save_again = read(saved)
    write(saved, save_again.arrays, save_again.metadata)
    assert os.listdir(saved.parent) == [saved.name]


def test_a_write_that_fails_leaves_the_old_file_and_no_other(saved, small_run, monkeypatch):
    before = saved.read_bytes()

    def full_disk(descriptor):
        raise OSError("No space left on device")

    monkeypatch.setattr(checkpoint.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(saved, small_run.trainer(), SETTINGS)
    assert os.listdir(saved.parent) == [saved.name]
    assert saved.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is not known to Windows")
@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_process_that_is_killed_while_it_writes_leaves_the_old_file(moment, path):
    write(path, {"a": np.zeros(3)}, {"turn": "first"})
    script = f"""
        import os, pathlib, signal
        import numpy as np
        from neuralzoo.core.checkpoint import write
        os.{moment} = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
        write(pathlib.Path({str(path)!r}), {{"a": np.ones(3)}}, {{"turn": "second"}})
    """
    process = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], timeout=60, check=False)
    assert process.returncode == -signal.SIGKILL
    assert read(path).metadata == {"turn": "first"}
    assert not read(path).arrays["a"].any()
    write(path, {"a": np.ones(3)}, {"turn": "third"})  # what the killed one left is not in the way
    assert read(path).metadata == {"turn": "third"}


def test_a_file_truncated_at_any_length_is_refused(saved, small_run, bits):
    whole = saved.read_bytes()
    trainer = small_run.trainer(weights=1)
    lengths = {*range(0, 40), *range(40, len(whole), 97), len(whole) - 1}
    for length in sorted(lengths):
        saved.write_bytes(whole[:length])
        assert "is damaged or no safetensors file" in error_of(saved, trainer, bits)


@pytest.mark.parametrize(
    "content",
    [np.random.default_rng(0).bytes(5000), b"not a checkpoint at all, but text", b"\x80\x04K\x01.", b"\0" * 100],
    ids=["noise", "text", "pickle", "zeros"],
)
def test_a_file_that_is_no_checkpoint_is_refused(content, path, small_run, bits):
    path.parent.mkdir()
    path.write_bytes(content)
    assert "is damaged or no safetensors file" in error_of(path, small_run.trainer(), bits)


def test_a_header_with_any_byte_changed_is_refused_or_understood(saved, small_run, bits):
    whole = bytearray(saved.read_bytes())
    header = 8 + int.from_bytes(whole[:8], "little")
    original = small_run.trainer(weights=1)
    load_checkpoint(saved, original, SETTINGS)
    rng = np.random.default_rng(0)
    refused = 0
    for position in rng.integers(0, header, 300):
        changed = whole.copy()
        changed[position] ^= 1 << int(rng.integers(8))
        saved.write_bytes(changed)
        trainer = small_run.trainer(weights=1)
        before = bits(trainer)
        try:
            load_checkpoint(saved, trainer, SETTINGS)
        except CheckpointError:
            refused += 1
            assert bits(trainer) == before
        else:
            assert bits(trainer) == bits(original)
    assert refused > 290  # the others changed what does not matter, like the name of the checksum


def test_a_flipped_bit_in_the_arrays_is_detected(saved, small_run, bits):
    whole = bytearray(saved.read_bytes())
    start = 8 + int.from_bytes(whole[:8], "little")
    rng = np.random.default_rng(1)
    for position in rng.integers(start, len(whole), 100):
        changed = whole.copy()
        changed[position] ^= 1 << int(rng.integers(8))
        saved.write_bytes(changed)
        message = error_of(saved, small_run.trainer(weights=1), bits)
        assert "is damaged (its checksum differs); it needs to be as it was written" in message


def test_a_file_without_a_checksum_is_read(tmp_path):
    save_file({"a": np.ones(3)}, tmp_path / "old.safetensors", metadata={"neuralzoo": '{"format": 2, "model": {}}'})
    assert read(tmp_path / "old.safetensors").metadata == {"model": {}}


@pytest.mark.parametrize("metadata", ["5", "null", "[]", '"format"'])
def test_metadata_of_another_program_is_refused(metadata, tmp_path, small_run, bits):
    path = tmp_path / "other.safetensors"
    save_file({"a": np.ones(3)}, path, metadata={"neuralzoo": metadata})
    assert "has no metadata of neuralzoo" in error_of(path, small_run.trainer(), bits)


@pytest.mark.parametrize("settings", [[], None, 5])
def test_a_checkpoint_without_settings_is_refused(settings, saved, small_run, bits):
    found = read(saved)
    write(saved, found.arrays, found.metadata | {"settings": settings})
    assert "resuming needs a checkpoint" in error_of(saved, small_run.trainer(weights=1), bits)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"epoch": "x"}, "Trainer got epoch 'x'; it needs a int of at least 0"),
        ({"epoch": -3}, "Trainer got epoch -3; it needs a int of at least 0"),
        ({"epoch": True}, "Trainer got epoch True"),
        ({"batch": 1.5}, "Trainer got batch 1.5"),
        ({"step": None}, "Trainer got step None"),
        ({"seconds": float("nan")}, "Trainer got seconds nan; it needs a float of at least 0"),
        ({"stopped": 0}, "Trainer got stopped 0; it needs a bool"),
        ({"epoch": 2}, "Trainer got a state of 2 epochs; it needs all of at most 3"),
        ({"history": [{}] * 4, "epoch": 4}, "a state of 4 epochs"),
        ({"history": 5}, "does not fit"),
        ({"rng": []}, "does not fit"),
        ({"epoch_metrics": {"sums": [], "weights": 3}}, "does not fit"),
    ],
    ids=str,
)
def test_an_impossible_trainer_state_is_refused(change, complaint, saved, small_run, bits):
    found = read(saved)
    write(saved, found.arrays, found.metadata | {"trainer": found.metadata["trainer"] | change})
    assert complaint in error_of(saved, small_run.trainer(weights=1), bits)


@pytest.mark.parametrize("trainer", [None, [], 5, {}])
def test_a_trainer_state_of_the_wrong_type_is_refused(trainer, saved, small_run, bits):
    found = read(saved)
    write(saved, found.arrays, found.metadata | {"trainer": trainer})
    assert "does not fit" in error_of(saved, small_run.trainer(weights=1), bits)


@pytest.mark.parametrize("where", ["nowhere.safetensors", "."])
def test_a_missing_file_is_refused(where, tmp_path, small_run, bits):
    assert "is not there; resuming needs a checkpoint file" in error_of(tmp_path / where, small_run.trainer(), bits)


def test_the_file_of_another_program_is_refused(tmp_path, small_run, bits):
    path = tmp_path / "other.safetensors"
    save_file({"weight": np.zeros(3)}, path, metadata={"made by": "another program"})
    assert "has no metadata of neuralzoo; it needs to be a file that neuralzoo wrote" in error_of(
        path, small_run.trainer(), bits
    )


def test_another_format_is_refused(path, small_run, bits, monkeypatch):
    monkeypatch.setattr(checkpoint, "FORMAT", 3)
    save_checkpoint(path, small_run.trainer(), SETTINGS)
    monkeypatch.undo()
    assert "has another format; this version reads format 2" in error_of(path, small_run.trainer(), bits)


def test_a_model_is_no_checkpoint(path, small_run, bits):
    trainer = small_run.trainer()
    write(path, trainer.learner.module.state(), {"model": {}})
    assert "holds a model, not a run; resuming needs a checkpoint" in error_of(path, trainer, bits)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({**SETTINGS, "architecture": "large"}, "was written with architecture 'small'; it needs 'large'"),
        (
            {**SETTINGS, "experiment": {"epochs": 3, "model": {"hidden": [9]}}},
            "was written with experiment.model.hidden [8]; it needs [9]",
        ),
        (
            {**SETTINGS, "experiment": {"epochs": 3, "model": {}}},
            "was written with experiment.model.hidden [8]; it needs None",
        ),
        ({**SETTINGS, "dataset": "mnist"}, "was written with dataset None; it needs 'mnist'"),
    ],
    ids=["architecture", "setting", "no setting", "new key"],
)
def test_a_checkpoint_with_other_settings_is_refused_with_the_difference(settings, complaint, saved, small_run, bits):
    assert complaint in error_of(saved, small_run.trainer(weights=1), bits, settings)


def test_a_checkpoint_with_other_shapes_is_refused(saved, small_run, bits):
    message = error_of(saved, small_run.trainer(hidden=9), bits)
    assert "does not fit: Sequential got layers.0.weight of shape (5, 8); it needs (5, 9)" in message


def test_a_checkpoint_of_another_seed_is_refused(saved, small_run, bits):
    message = error_of(saved, small_run.trainer(seed=5), bits)
    assert "does not fit: Trainer got the state of a run with seed 4; it needs 5" in message


def test_a_checkpoint_of_another_optimizer_is_refused_after_the_weights_were_read(saved, small_run, bits):
    found = read(saved)
    arrays = {name.replace(".main.", ".other."): array for name, array in found.arrays.items()}
    write(saved, arrays, found.metadata)
    assert "does not fit: Adam got no value for" in error_of(saved, small_run.trainer(weights=1), bits)


@pytest.mark.parametrize("missing", ["rng", "history", "seed", "epoch_metrics"])
def test_a_checkpoint_without_a_part_of_the_trainers_state_is_refused(missing, saved, small_run, bits):
    found = read(saved)
    del found.metadata["trainer"][missing]
    write(saved, found.arrays, found.metadata)
    assert f"does not fit: '{missing}'" in error_of(saved, small_run.trainer(weights=1), bits)


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({"every_s": 1e9}, [6, 12, 18]),
        ({"every_s": 1e9, "every_steps": 4}, [4, 6, 8, 12, 12, 16, 18]),
        ({"every_s": 0.0}, [*range(1, 7), 6, *range(7, 13), 12, *range(13, 19), 18]),
    ],
    ids=["epochs", "steps", "seconds"],
)
def test_checkpoints_are_written_when_they_are_due(options, steps, path, small_run, monkeypatch):
    written = []

    def write_and_note(path, arrays, metadata):
        write(path, arrays, metadata)
        written.append(read(path).metadata["trainer"]["step"])

    monkeypatch.setattr(checkpoint, "write", write_and_note)
    small_run.finish(small_run.trainer(Checkpoints(path, SETTINGS, **options)))
    assert written == steps


def test_the_checkpoint_of_an_epoch_has_whether_the_run_was_stopped(path, small_run):
    class Stop:
        @hookimpl
        def should_stop(self, trainer):
            return True

    small_run.finish(small_run.trainer(Stop(), Checkpoints(path, SETTINGS)))
    resumed = small_run.trainer()
    load_checkpoint(path, resumed, SETTINGS)
    assert resumed.stopped
    assert small_run.finish(resumed).epoch == 1
