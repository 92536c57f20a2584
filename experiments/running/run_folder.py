"""Run folders: one folder for each run, with its settings, checkpoint, model, figures and result."""

import errno
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import Field

from neuralzoo.core.learner import MetricValues
from neuralzoo.experiments.running.files import NEEDED, Record, write_text
from neuralzoo.experiments.running.signals import GOES_ON
from neuralzoo.registry import Experiment, SettingError
from neuralzoo.registry.errors import nearest

RUNS = Path("runs")
LOCK, PROCESS = ".lock", ".process"
KEY = re.compile("[0-9a-f]{16}")
MAX_RUNS_PER_SECOND = 100
DISK_ERRORS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EIO,
    errno.EACCES,
    errno.EPERM,
    errno.ENOENT,  # the folder was removed
    errno.EISDIR,
    errno.ENOTDIR,
    errno.ESTALE,
)


class Tracking(Record):
    """The tracked run of a run folder or of a run group."""

    uri: str | None = None
    run_id: str | None = None
    pending: bool = Field(default=False, description="whether the store failed, and something is still to be logged")


class Result(Record):
    """What a finished run came to."""

    metrics: MetricValues
    steps: int
    seconds: float
    history: list[MetricValues] = Field(description="metrics after each epoch")
    worse_than_constant: dict[str, float] = Field(
        default_factory=dict, description="what the constant answer has, for each metric that is clearly worse"
    )
    evaluators: dict[str, str] = Field(default_factory=dict, description="hashes of the code of evaluated metrics")


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    path: Path

    @property
    def resume_hint(self) -> str:
        """How to resume the run when it was interrupted, as a message."""
        finished, in_group = self.result.exists() and not self.unlogged, self.key.exists()
        if not self.experiment.exists() or (finished and in_group):
            return GOES_ON
        if finished:
            return f"{self.path} is finished"
        name = self.name if self.path.parent == RUNS else self.path
        alone = f"`neuralzoo run --resume {shlex.quote(str(name))}` resumes it"
        return f"the same command resumes it, {alone} alone" if in_group else alone

    @contextmanager
    def report_disk_errors(self) -> Iterator[None]:
        """Turn the errors of a full, removed or closed disk into a message with the resume hint.

        Raises: SettingError instead of such an OSError.
        """
        try:
            yield
        except OSError as error:
            file = str(error.filename or self.path)
            if error.errno not in DISK_ERRORS or not Path(file).is_relative_to(self.path):
                raise
            kept = "it has no checkpoint yet, and needs a folder that can be written to"
            if self.checkpoint.is_file():
                kept = f"its last checkpoint is kept, {self.resume_hint}"
            raise SettingError(f"{self.path} can't be written to ({error.strerror}); {kept}") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the run, or the group of runs, for this process; the system frees the lock of a killed process.

        Raises: SettingError when another process holds it.
        """
        lock = FileLock(self.path / LOCK, timeout=0)
        process = self.path / PROCESS
        try:
            lock.acquire()
        except Timeout:
            pid = _process_id(process)
            raise SettingError(
                f"{self.name} is being trained by process {pid} on this machine; "
                "it can only be resumed or replaced when that one has ended"
            ) from None
        except NotImplementedError:  # a file system without locks
            yield
            return
        try:
            write_text(process, str(os.getpid()))
            yield
        finally:
            with suppress(OSError):
                process.unlink(missing_ok=True)
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
    def key(self) -> Path:
        """What a run of a run group depends on, as a hash; other runs have none."""
        return self.path / "key"

    @property
    def checkpoint(self) -> Path:
        """The last checkpoint."""
        return self.path / "checkpoint.safetensors"

    @property
    def model(self) -> Path:
        """The trained model."""
        return self.path / "model.safetensors"

    @property
    def figures(self) -> Path:
        """The folder of the figures."""
        return self.path / "figures"

    @property
    def result(self) -> Path:
        """The result; it exists once the run is finished."""
        return self.path / "result.json"

    @property
    def tracking(self) -> Path:
        """The URI and id of the tracked run."""
        return self.path / "tracking.json"

    @property
    def unlogged(self) -> bool:
        """Whether the store failed during the run, and something is still to be logged."""
        return self.read_tracking().pending and self.checkpoint.exists()

    def read_tracking(self) -> Tracking:
        """Return where the run is tracked.

        Raises: SettingError when the file is damaged.
        """
        return Tracking.load(self.tracking) or Tracking()

    def read_key(self) -> str | None:
        """Return the key of a run of a run group, None if there is no such file.

        Raises: SettingError when the file is damaged.
        """
        if not self.key.exists():
            return None
        text = self.key.read_text(encoding="latin-1") if self.key.is_file() else ""
        if not KEY.fullmatch(text):
            raise SettingError(f"{self.key} is damaged; {NEEDED} with its whole folder")
        return text


def create(experiment: Experiment, root: Path, uri: str | None = None) -> RunFolder:
    """Create a new folder for a run of an experiment, with its settings and its tracking URI.

    Raises: SettingError when the folder can't be created.
    """
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    names = f"{experiment.architecture}-{experiment.dataset}".replace(":", "-")  # of `package:name`
    base = f"{names}-s{experiment.seed}-{stamp}"
    for attempt in range(MAX_RUNS_PER_SECOND):
        path = root / (base if attempt == 0 else f"{base}-{attempt}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise SettingError(f"{path} can't be created ({error.strerror}); a run needs a writable folder") from None
        folder = RunFolder(path)
        try:
            write_text(folder.experiment, experiment.to_toml())
            if uri is not None:  # now, so that a run that is interrupted while the store opens is tracked when resumed
                Tracking(uri=uri).save(folder.tracking)
        except OSError as error:
            shutil.rmtree(path, ignore_errors=True)
            raise SettingError(f"{path} can't be written to ({error.strerror}); a run needs room for it") from None
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise
        return folder
    raise SettingError(f"{root} has {MAX_RUNS_PER_SECOND} runs of this second; the next needs another second")


def find(run: str, root: Path) -> RunFolder:
    """Return a run's folder by path, name or tracked id, or the newest for `last`.

    Raises: SettingError when there is none, with similar names.
    """
    if os.path.isfile(Path(run) / "experiment.toml"):  # of `os.path`: a name may be too long for a file
        return RunFolder(Path(run))
    known = sorted((p.parent for p in root.glob("*/experiment.toml") if p.is_file()), key=lambda p: p.stat().st_mtime)
    if run == "last" and known:
        return RunFolder(known[-1])
    names = [path.name for path in known]
    if run in names:
        return RunFolder(root / run)
    for path in known:
        with suppress(SettingError):  # the damaged file of another run has no id to find
            if tracked_id(RunFolder(path)) == run:
                return RunFolder(path)
    raise SettingError(f"no run is named {run!r} in {root}{nearest(run, names)} (it has {len(names)} runs)")


def find_unfinished(run: str, root: Path) -> RunFolder:
    """Return the folder of an interrupted run, or of one that is not completely logged.

    Raises: SettingError when there is no such run or it is finished.
    """
    folder = find(run, root)
    if folder.result.exists() and not folder.unlogged:
        raise SettingError(f"{folder.name} is finished; resuming needs an interrupted run")
    return folder


def remove(path: Path) -> None:
    """Remove a run's folder.

    Raises: SettingError when it holds no run.
    """
    if not (path / "experiment.toml").is_file():
        raise SettingError(f"{path} holds no run; it is not removed, but another folder is needed")
    shutil.rmtree(path)


def empty(folder: RunFolder) -> None:
    """Remove everything in a run's folder but its lock, which the caller holds, and its process.

    Raises: SettingError when it holds no run.
    """
    if not folder.experiment.is_file():
        raise SettingError(f"{folder.path} holds no run; nothing is removed, but another folder is needed")
    last = [folder.key, folder.experiment]  # a process that is killed before leaves what is emptied again
    kept = [folder.path / LOCK, folder.path / PROCESS, *last]
    for path in [path for path in folder.path.iterdir() if path not in kept] + last:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _process_id(file: Path) -> str:
    """Return the id of the process that holds a lock, as it wrote it."""
    text = file.read_text(encoding="latin-1")[:20] if file.is_file() else ""
    return text if text.isdecimal() else "of unknown id"


def tracked_id(folder: RunFolder) -> str | None:
    """Return the MLflow run id of a run, None if it is not tracked."""
    return folder.read_tracking().run_id
