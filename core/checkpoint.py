"""Complete checkpoints: a run that is killed at any moment and resumed ends with the same bits.

A checkpoint is one safetensors file, for one file can be replaced in one atomic step. Its arrays are the learner's
state; its header holds, as JSON, the trainer's and the settings of the run, and a checksum. Nothing is ever unpickled.
The history of a run grows with it: `Checkpoints` appends it to a file beside the checkpoint (see `HistoryFile`), and
`save_checkpoint`, which writes one checkpoint, puts it into the header.
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

from neuralzoo.core.files import atomic_write
from neuralzoo.core.history import HistoryFile
from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.module import StateDict
from neuralzoo.core.trainer import Trainer

FORMAT = 2


class CheckpointError(ValueError):
    """A file can't be read or does not fit; the message names the file, what it holds and what is needed."""


@dataclass(frozen=True)
class ArrayFile:
    """Contents of a file: arrays by name, and JSON metadata."""

    path: Path
    arrays: StateDict
    metadata: dict[str, Any]


def write(path: Path, arrays: StateDict, metadata: Mapping[str, Any]) -> None:
    """Write arrays and metadata to a file atomically: it is either complete or not there."""
    text = json.dumps({"format": FORMAT, **metadata})
    arrays = {
        name: a if a.flags.c_contiguous else a.copy() for name, a in arrays.items()
    }  # safetensors saves the buffer as it is
    header = {"neuralzoo": text, "checksum": _checksum(text, arrays)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        file.write(save(arrays, metadata=header))
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> ArrayFile:
    """Read a file written by `write`.

    Raises: CheckpointError when it is missing, truncated, not written by `write`, or of another format.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} is not there; resuming needs a checkpoint file")
    try:
        with safe_open(path, framework="numpy") as file:
            header = {"neuralzoo": "{}"} | (file.metadata() or {})
            metadata = json.loads(header["neuralzoo"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - safe_open is no mapping
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged or no safetensors file ({error}); it needs to be complete") from None
    if "checksum" in header and header["checksum"] != _checksum(header["neuralzoo"], arrays):
        raise CheckpointError(f"{path} is damaged (its checksum differs); it needs to be as it was written")
    if not isinstance(metadata, dict) or "format" not in metadata:
        raise CheckpointError(f"{path} has no metadata of neuralzoo; it needs to be a file that neuralzoo wrote")
    if metadata.pop("format") != FORMAT:
        raise CheckpointError(f"{path} has another format; this version reads format {FORMAT}")
    return ArrayFile(path, arrays, metadata)


def save_checkpoint(path: Path, trainer: Trainer, settings: Mapping[str, Any]) -> None:
    """Write all that resuming a run needs in one file; `settings` identify it, e.g. {"architecture": "fnn"}."""
    write(path, trainer.learner.state(), {"settings": dict(settings), "trainer": trainer.state()})


def trainer_state(saved: ArrayFile) -> dict[str, Any]:
    """Return the trainer's state of a checkpoint, with the part of the history that is in a file beside it.

    Raises: ValueError when that file is not as it was written.
    """
    state: dict[str, Any] = saved.metadata["trainer"]
    if "history" in saved.metadata:
        state = state | {"history": HistoryFile(saved.path).read(**saved.metadata["history"]) + state["history"]}
    return state


def load_checkpoint(path: Path, trainer: Trainer, settings: Mapping[str, Any]) -> None:
    """Restore a trainer and its learner as they were when the checkpoint was written.

    Raises: CheckpointError when the file is unreadable, has other settings or does not fit; nothing is changed then.
    """
    saved = read(path)
    if "trainer" not in saved.metadata or not isinstance(saved.metadata.get("settings"), dict):
        raise CheckpointError(f"{path} holds a model, not a run; resuming needs a checkpoint")
    needed = _flat(json.loads(json.dumps(settings)))
    got = _flat({key: saved.metadata["settings"].get(key) for key in settings})
    for key in sorted(got.keys() | needed.keys()):
        if got.get(key) != needed.get(key):
            raise CheckpointError(f"{path} was written with {key} {got.get(key)!r}; it needs {needed.get(key)!r}")
    before, state, trained = trainer.learner.state(), trainer.state(), trainer.learner.module.trained
    try:
        trainer.learner.load_state(saved.arrays)
        trainer.load_state(trainer_state(saved))
    except Exception as error:  # of any kind that the state of another run may cause
        trainer.learner.load_state(before)
        trainer.load_state(state)
        trainer.learner.module.trained = trained
        raise CheckpointError(f"{path} does not fit: {error}") from error


class Checkpoints:
    """Trainer hook: a checkpoint after every epoch, and within one every `every_s` seconds or `every_steps` steps.

    A checkpoint costs the same after any number of epochs: most of their history is in a file beside it.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], *, every_s: float = 30.0, every_steps: int = 0) -> None:
        self.path = path
        self.settings = dict(settings)
        self.every_s = every_s
        self.every_steps = every_steps
        self._history = HistoryFile(path)
        self._written = time.monotonic()

    @hookimpl
    def batch_ended(self, trainer: Trainer) -> None:
        """Write when enough seconds or steps have passed."""
        due = time.monotonic() - self._written >= self.every_s
        if due or (self.every_steps and trainer.step % self.every_steps == 0):
            self._write(trainer)

    @hookimpl(trylast=True)
    def epoch_ended(self, trainer: Trainer) -> None:
        """Write after the other hooks."""
        self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        history = self._history.write(trainer.history)  # before the checkpoint that counts it
        metadata = {"settings": self.settings, "trainer": trainer.state(since=self._history.epochs), "history": history}
        write(self.path, trainer.learner.state(), metadata)
        self._written = time.monotonic()


def _checksum(text: str, arrays: StateDict) -> str:
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
