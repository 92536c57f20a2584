"""Complete checkpoints: a run that is killed at any moment and resumed ends with the same bits.

A checkpoint is one safetensors file, for one file can be replaced in one atomic step. Its arrays are the learner's
state; its header holds, as JSON, the trainer's and what it is `about`, and a checksum. Nothing is ever unpickled.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.module import State
from neuralzoo.core.trainer import Trainer

FORMAT = 1


class CheckpointError(ValueError):
    """A file can't be read or does not fit; the message names the file, what it holds and what is needed."""


@dataclass(frozen=True)
class Saved:
    """What a file holds: arrays by name, and what was noted beside them."""

    path: Path
    arrays: State
    notes: dict[str, Any]


def write(path: Path, arrays: State, notes: Mapping[str, Any]) -> None:
    """Write arrays and notes to a file that is either complete or not there."""
    text = json.dumps({"format": FORMAT, **notes})
    arrays = {name: a if a.flags.c_contiguous else a.copy() for name, a in arrays.items()}  # memory is saved as it lies
    header = {"neuralzoo": text, "checksum": _checksum(text, arrays)}
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(temporary, "wb") as file:
            file.write(save(arrays, metadata=header))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read(path: Path) -> Saved:
    """Read a file that `write` wrote.

    Raises: CheckpointError when it is missing, truncated, not one of ours, or of another format.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} is not there; resuming needs a checkpoint file")
    try:
        with safe_open(path, framework="numpy") as file:
            header = {"neuralzoo": "{}"} | (file.metadata() or {})
            notes = json.loads(header["neuralzoo"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged or no safetensors file ({error}); it needs to be whole") from None
    if "checksum" in header and header["checksum"] != _checksum(header["neuralzoo"], arrays):
        raise CheckpointError(f"{path} is damaged (its checksum differs); it needs to be as it was written")
    if not isinstance(notes, dict) or "format" not in notes:
        raise CheckpointError(f"{path} has no notes of neuralzoo; it needs to be a file that neuralzoo wrote")
    if notes.pop("format") != FORMAT:
        raise CheckpointError(f"{path} has another format; this version reads format {FORMAT}")
    return Saved(path, arrays, notes)


def save_checkpoint(path: Path, trainer: Trainer, about: Mapping[str, Any]) -> None:
    """Write all that a run needs to go on; `about` says what it is of, e.g. {"architecture": "fnn"}."""
    write(path, trainer.learner.state(), {"about": dict(about), "trainer": trainer.state()})


def load_checkpoint(path: Path, trainer: Trainer, about: Mapping[str, Any]) -> None:
    """Put a trainer and its learner where they were when the checkpoint was written.

    Raises: CheckpointError when the file is unreadable, about something else or does not fit; nothing is changed then.
    """
    saved = read(path)
    if "trainer" not in saved.notes or not isinstance(saved.notes.get("about"), dict):
        raise CheckpointError(f"{path} holds a model, not a run; resuming needs a checkpoint")
    needed = _flat(json.loads(json.dumps(about)))
    got = _flat({key: saved.notes["about"].get(key) for key in about})
    for key in sorted(got.keys() | needed.keys()):
        if got.get(key) != needed.get(key):
            raise CheckpointError(f"{path} was written with {key} {got.get(key)!r}; it needs {needed.get(key)!r}")
    before, state = trainer.learner.state(), trainer.state()
    try:
        trainer.learner.load_state(saved.arrays)
        trainer.load_state(saved.notes["trainer"])
    except Exception as error:  # whatever numbers of another run lead to
        trainer.learner.load_state(before)
        trainer.load_state(state)
        raise CheckpointError(f"{path} does not fit: {error}") from error


class Checkpoints:
    """A trainer hook that writes a checkpoint after every epoch, and within an epoch every so often."""

    def __init__(self, path: Path, about: Mapping[str, Any], *, every_s: float = 30.0, every_steps: int = 0) -> None:
        self.path = path
        self.about = dict(about)
        self.every_s = every_s
        self.every_steps = every_steps
        self._written = time.monotonic()

    @hookimpl
    def batch_ended(self, trainer: Trainer) -> None:
        """Write when enough time or steps have gone by."""
        due = time.monotonic() - self._written >= self.every_s
        if due or (self.every_steps and trainer.step % self.every_steps == 0):
            self._write(trainer)

    @hookimpl(trylast=True)
    def epoch_ended(self, trainer: Trainer) -> None:
        """Write after the other hooks have seen the epoch."""
        self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        save_checkpoint(self.path, trainer, self.about)
        self._written = time.monotonic()


def _checksum(text: str, arrays: State) -> str:
    crc = crc32(text.encode())
    for name, array in sorted(arrays.items()):
        crc = crc32(array.data, crc32(f"{name} {array.dtype} {array.shape}".encode(), crc))
    return f"{crc:08x}"


def _flat(settings: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Return nested settings by their dotted names."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        found |= _flat(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}": value}
    return found
