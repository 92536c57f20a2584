"""The MLflow client: opens or creates a tracking store, locks it, retries, and turns its errors into one sentence."""

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from neuralzoo.experiments.running.signals import signals_deferred
from neuralzoo.experiments.tracking.address import TrackingError, check_address, redacted, sqlite_file

LOCK_TIMEOUT_S = 180.0  # a first use of a store takes seconds, many of them at once may take a minute
LOCKED = "database is locked"
CONFLICTS = (LOCKED, "UNIQUE constraint failed", "duplicate key value", "Duplicate entry")  # of another process
AUTOFLUSH = "(raised as a result of Query-invoked autoflush"  # a line before the error itself
RETRY_DELAYS_S = (0.2, 1.0, 3.0)  # after the twenty seconds that MLflow itself waits for a SQLite file


def import_mlflow() -> Any:
    """Import MLflow without telemetry and log messages; requests to a server are retried for half a minute."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "4")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # with signs that not every terminal has
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import mlflow

    for name in ("mlflow", "alembic", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("mlflow.store").setLevel(logging.CRITICAL)  # it logs the errors that it raises
    return mlflow


@contextmanager
def as_tracking_error(uri: str) -> Iterator[None]:
    """Turn the store's errors into a TrackingError of one sentence; signals are deferred during SQLite transactions.

    Raises: TrackingError when the store can't be reached or rejects the call, or its file was replaced since opening.
    """
    with signals_deferred() if sqlite_file(uri) else nullcontext(), interruptible_as_tracking_error(uri):
        yield


@contextmanager
def interruptible_as_tracking_error(uri: str) -> Iterator[None]:
    """Do the same without deferring signals: opening a store may take seconds."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        check_store_unchanged(uri)
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError, ImportError) as error:
        lines = str(getattr(error, "orig", None) or error).strip().splitlines()
        reason = next((line.strip() for line in lines if not line.startswith(AUTOFLUSH)), type(error).__name__)
        if "HTTPConnectionPool" in reason:  # hundreds of characters without further information
            reason = "no server answers there"
        if isinstance(error, ImportError):
            reason += "; it needs the Python package of its database"
        raise TrackingError(f"the store {redacted(uri)} can't be used: {redacted(reason)}") from error


def retry_conflicts(uri: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a store and return the result; retry while another process locks its file or creates the same row.

    Raises: TrackingError when the store can't be reached or rejects the call.
    """
    for wait in RETRY_DELAYS_S:
        try:
            with as_tracking_error(uri):
                return call(*args, **kwargs)
        except TrackingError as error:
            if not any(conflict in str(error) for conflict in CONFLICTS):
                raise
        time.sleep(wait)
    with as_tracking_error(uri):
        return call(*args, **kwargs)


@contextmanager
def without_retries() -> Iterator[None]:
    """Try requests to a server once in a block: it is known to be away, or nothing may wait for it."""
    before = os.environ.get("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "4")
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    try:
        yield
    finally:
        os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = before


@contextmanager
def store_lock(uri: str) -> Iterator[None]:
    """Lock a SQLite store while it or an experiment in it is created; a server serializes this itself."""
    file = sqlite_file(uri)
    if file is None:
        yield
        return
    from filelock import FileLock, Timeout

    lock = FileLock(f"{file}.lock", timeout=LOCK_TIMEOUT_S)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise
    except OSError:
        if not file.exists():  # in a read-only store there is nothing to create
            raise
    try:
        yield
    finally:
        lock.release()


_spinner: Callable[[str], AbstractContextManager[Any]] = nullcontext


def set_spinner(spinner: Callable[[str], AbstractContextManager[Any]]) -> None:
    """Set the context manager that shows progress while a store is opened, which takes seconds."""
    global _spinner
    _spinner = spinner


@contextmanager
def use_tracking_uri(uri: str) -> Iterator[Any]:
    """Yield MLflow with its global tracking URI set to a store; the previous one is restored."""
    mlflow = import_mlflow()
    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    try:
        yield mlflow
    finally:
        mlflow.set_tracking_uri(before)


def connect(uri: str) -> Any:
    """Return a client of a tracking store; a SQLite store that does not exist is created.

    Raises: TrackingError when it can't be reached or created.
    """
    check_address(uri)
    file = sqlite_file(uri)
    with _spinner(f"opening {file.name if file is not None else redacted(uri)}"):
        return _connect(uri, file)


def _connect(uri: str, file: Path | None) -> Any:
    mlflow = import_mlflow()
    with interruptible_as_tracking_error(uri), store_lock(uri):
        if file is not None:
            if file.exists():
                with closing(sqlite3.connect(file)) as connection:  # MLflow would try for minutes to open it
                    connection.execute("PRAGMA schema_version")
            else:
                create_store(file)
        client = mlflow.MlflowClient(tracking_uri=uri)
        if file is not None:
            _opened.setdefault(file, _identity(file))
        return client


def create_store(file: Path) -> None:
    """Create a SQLite store atomically: its tables take seconds to create.

    The caller holds `store_lock`; files of an earlier, killed process are removed.
    """
    mlflow = import_mlflow()
    unfinished = file.with_name(f".{file.name}.new")
    _remove_all(unfinished)
    try:
        mlflow.MlflowClient(tracking_uri=f"sqlite:///{unfinished}").search_experiments(max_results=1)
        os.replace(unfinished, file)
    finally:
        _remove_all(unfinished)


def _remove_all(file: Path) -> None:
    for path in file.parent.glob(f"{file.name}*"):  # SQLite keeps a journal beside it
        path.unlink()


_opened: dict[Path, tuple[int, int]] = {}


def check_store_unchanged(uri: str) -> None:
    """Check that a SQLite store is still the file that this process opened: writes to a removed file are lost.

    Raises: TrackingError when it was removed or replaced.
    """
    file = sqlite_file(uri)
    if file in _opened and _identity(file) != _opened[file]:
        raise TrackingError(f"the store {uri} can't be used: the file was removed or replaced while it was in use")


def _identity(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:
        return (0, 0)
    return (status.st_dev, status.st_ino)


def now_ms() -> int:
    """Return the time in milliseconds since the epoch, the unit of MLflow's timestamps."""
    return int(time.time() * 1000)
