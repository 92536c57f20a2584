"""Reaching an MLflow store: opening or making it, one process at a time, and saying in one sentence what is wrong."""

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from neuralzoo.experiments.running.signals import uninterrupted
from neuralzoo.registry import ZooError

LOCK_S = 180.0  # a first use of a store takes seconds, many of them at once may take a minute
LOCKED = "database is locked"
PATIENCE_S = (0.2, 1.0, 3.0)  # after the twenty seconds that MLflow itself waits for a SQLite file


class TrackingError(ZooError):
    """The store can't be used; the message says which and why."""


def default_uri() -> str:
    """Return MLFLOW_TRACKING_URI, or the address of `mlflow.db` in this folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path.cwd() / 'mlflow.db'}"


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a SQLite store, nothing for another kind of store."""
    if not uri.startswith("sqlite:///"):
        return None
    return Path(uri.removeprefix("sqlite:///").partition("?")[0]).absolute()


def import_mlflow() -> Any:
    """Import MLflow without its telemetry and its chatter; a server may be away for half a minute."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "4")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import mlflow

    for name in ("mlflow", "alembic", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("mlflow.store").setLevel(logging.CRITICAL)  # it prints what it raises
    return mlflow


@contextmanager
def explained(uri: str) -> Iterator[None]:
    """Turn the store's errors into one sentence; what is written to a file is written whole before it can be stopped.

    Raises: TrackingError when the store can't be reached or refuses, or is another one than at its opening.
    """
    with uninterrupted() if sqlite_file(uri) else nullcontext(), told(uri):
        yield


@contextmanager
def told(uri: str) -> Iterator[None]:
    """Turn the store's errors into one sentence.

    Raises: TrackingError when the store can't be reached or refuses, or is another one than at its opening.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        check_same(uri)
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        text = str(getattr(error, "orig", None) or error).strip()
        reason = text.splitlines()[0] if text else type(error).__name__
        if "HTTPConnectionPool" in reason:  # hundreds of characters that say no more
            reason = "no server answers there"
        raise TrackingError(f"the store {uri} can't be used: {reason}") from error


def attempt(uri: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a store and return its answer; try again while other processes keep its file locked.

    Raises: TrackingError when the store can't be reached or refuses.
    """
    for wait in PATIENCE_S:
        try:
            with explained(uri):
                return call(*args, **kwargs)
        except TrackingError as error:
            if LOCKED not in str(error):
                raise
        time.sleep(wait)
    with explained(uri):
        return call(*args, **kwargs)


@contextmanager
def one_at_a_time(uri: str) -> Iterator[None]:
    """Let one process at a time make a SQLite store or an experiment in it; a server sees to that itself."""
    file = sqlite_file(uri)
    if file is None:
        yield
        return
    from filelock import FileLock, Timeout

    lock = FileLock(f"{file}.lock", timeout=LOCK_S)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise
    except OSError:
        if not file.exists():  # in a store that can only be read there is nothing to make
            raise
    try:
        yield
    finally:
        lock.release()


def check_address(uri: str) -> None:
    """Make sure that an address can be one of a store.

    Raises: TrackingError when it can't.
    """
    if ":" not in uri or uri.startswith("file:"):
        raise TrackingError(
            f"the tracking URI is {uri!r}; it needs to be like sqlite:///mlflow.db or http://127.0.0.1:5000"
        )


_waiting: Callable[[str], AbstractContextManager[Any]] = nullcontext


def show_waiting(how: Callable[[str], AbstractContextManager[Any]]) -> None:
    """Choose for this process how people are shown that a store is being opened: it takes seconds."""
    global _waiting
    _waiting = how


@contextmanager
def chosen(uri: str) -> Iterator[Any]:
    """Make a store MLflow's current one for a moment, and hand out MLflow; its choice is global and inherited."""
    mlflow = import_mlflow()
    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    try:
        yield mlflow
    finally:
        mlflow.set_tracking_uri(before)


def client(uri: str) -> Any:
    """Return a client of a store; a SQLite store is made if it is not there.

    Raises: TrackingError when it can't be reached or made.
    """
    check_address(uri)
    file = sqlite_file(uri)
    with _waiting(f"opening {file.name if file is not None else uri}"):
        return _client(uri, file)


def _client(uri: str, file: Path | None) -> Any:
    mlflow = import_mlflow()
    with told(uri), one_at_a_time(uri):
        if file is not None:
            if file.exists():
                with closing(sqlite3.connect(file)) as connection:  # MLflow would try for minutes to open it
                    connection.execute("PRAGMA schema_version")
            else:
                make_store(file)
        found = mlflow.MlflowClient(tracking_uri=uri)
        if file is not None:
            _opened.setdefault(file, _identity(file))
        return found


def make_store(file: Path) -> None:
    """Make a SQLite store that is either complete or not there: its tables take seconds to make.

    One process at a time may do so; what an earlier one left that was killed is removed.
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


def check_same(uri: str) -> None:
    """Make sure that a SQLite store is still the file that this process opened.

    Removed or replaced, it would still take everything, in a file that nobody can find.

    Raises: TrackingError when it is not.
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
