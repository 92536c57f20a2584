"""Run folders: one folder for each run, with all that it needs to go on and all that it made."""

import errno
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from neuralzoo.registry import Experiment, SettingError
from neuralzoo.registry.errors import nearest

RUNS = Path("runs")


DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


@dataclass(frozen=True)
class RunFolder:
    """The places in a run's folder."""

    path: Path

    @property
    def how_to_go_on(self) -> str:
        """What brings a run that was cut off to its end, in words."""
        if self.path.parent.name != RUNS.name:  # a run of many, under a campaign's folder
            return "the same command goes on with it"
        name = self.name if self.path.parent == RUNS else self.path
        return f"`neuralzoo run --resume {name}` goes on with it"

    @contextmanager
    def disk_failures_told(self) -> Iterator[None]:
        """Say of a disk that is full or gone that the last checkpoint is kept, and how to go on.

        Raises: SettingError instead of the system's error.
        """
        try:
            yield
        except OSError as error:
            if error.errno not in DISK:
                raise
            told = (
                f"{self.path} can't be written to ({error.strerror}); its last checkpoint is kept, {self.how_to_go_on}"
            )
            raise SettingError(told) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let one process at a time train the run; the system frees the lock of a process that is killed.

        Raises: SettingError when another process has it.
        """
        lock = FileLock(self.path / ".lock", timeout=0)
        trainer = self.path / ".process"
        try:
            lock.acquire()
        except Timeout:
            number = trainer.read_text() if trainer.exists() else "of another name"
            raise SettingError(
                f"{self.name} is being trained by process {number} on this machine; "
                "it can only be resumed when that one has ended"
            ) from None
        except NotImplementedError:  # a file system without locks
            yield
            return
        try:
            trainer.write_text(str(os.getpid()))
            yield
        finally:
            trainer.unlink(missing_ok=True)
            lock.release()

    @property
    def name(self) -> str:
        """The run's name: the folder's."""
        return self.path.name

    @property
    def experiment(self) -> Path:
        """The experiment's settings."""
        return self.path / "experiment.toml"

    @property
    def checkpoint(self) -> Path:
        """Where the run stood last."""
        return self.path / "checkpoint.safetensors"

    @property
    def model(self) -> Path:
        """The trained network."""
        return self.path / "model.safetensors"

    @property
    def figures(self) -> Path:
        """The folder of the pictures."""
        return self.path / "figures"

    @property
    def result(self) -> Path:
        """What came out; it exists once the run is finished."""
        return self.path / "result.json"

    @property
    def tracking(self) -> Path:
        """Where the run is tracked."""
        return self.path / "tracking.json"


def create(experiment: Experiment, root: Path, uri: str | None = None) -> RunFolder:
    """Make a new folder for a run of an experiment, with its settings and the store that it is tracked in.

    Raises: SettingError when the folder can't be made.
    """
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    names = f"{experiment.architecture}-{experiment.dataset}".replace(":", "-")  # of `package:name`
    base = f"{names}-s{experiment.seed}-{stamp}"
    for attempt in range(100):
        path = root / (base if attempt == 0 else f"{base}-{attempt}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise SettingError(f"{path} can't be made ({error.strerror}); a run needs a folder to write to") from None
        folder = RunFolder(path)
        try:
            folder.experiment.write_text(experiment.to_toml(), encoding="utf-8")
            if uri is not None:  # now, so that a run that is stopped while the store opens is tracked when it goes on
                write_json(folder.tracking, {"uri": uri})
        except OSError as error:
            shutil.rmtree(path, ignore_errors=True)
            raise SettingError(f"{path} can't be written to ({error.strerror}); a run needs room for it") from None
        return folder
    raise SettingError(f"{root} has a hundred runs of this second; it needs a moment")


def find(run: str, root: Path) -> RunFolder:
    """Return a run's folder by path, by name, or the newest for `last`.

    Raises: SettingError when there is none, naming those that look alike.
    """
    if (Path(run) / "experiment.toml").is_file():
        return RunFolder(Path(run))
    known = sorted((p.parent for p in root.glob("*/experiment.toml")), key=lambda p: p.stat().st_mtime)
    if run == "last" and known:
        return RunFolder(known[-1])
    names = [path.name for path in known]
    if run in names:
        return RunFolder(root / run)
    tracked = {tracked_id(RunFolder(path)): path for path in known}
    if run in tracked:
        return RunFolder(tracked[run])
    raise SettingError(f"no run is named {run!r} in {root}{nearest(run, names)} (it has {len(names)} runs)")


def remove(path: Path) -> None:
    """Remove a run's folder.

    Raises: SettingError when it holds no run: what is not ours is not removed.
    """
    if not (path / "experiment.toml").is_file():
        raise SettingError(f"{path} holds no run; it is not removed, but another folder is needed")
    shutil.rmtree(path)


def tracked_id(folder: RunFolder) -> str | None:
    """Return the id under which a run is tracked."""
    return read_json(folder.tracking).get("run_id")


def read_json(path: Path) -> dict[str, Any]:
    """Return what a JSON file holds, nothing if it is not there."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return content


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file that is either complete or as it was."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def now_ms() -> int:
    """Return the time in milliseconds, as MLflow counts it."""
    return int(time.time() * 1000)
