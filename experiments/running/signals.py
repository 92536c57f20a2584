"""Signals that end the program: raised as exceptions, and deferred during writes."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

from neuralzoo.core.hooks import hookimpl
from neuralzoo.registry.errors import Terminated

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
AGAIN_S = 1.0
"""A signal that comes sooner after another is the same one, sent twice: to a group of processes, and by a parent.

Closing a terminal does that. A later one acts at once, also within a write.
"""

DROPPED_S = 0.05
"""A signal whose exception was dropped is sent again after as many seconds."""
GOES_ON = "the same command goes on"
"""How to go on where what is finished is not done again."""

_raised: list[tuple[float, BaseException]] = []  # when, and the exceptions of the signals since the handlers were set
_deferred: list[tuple[float, BaseException]] = []
_deferrals = 0  # blocks that defer signals


@contextmanager
def signals_as_exceptions(ctrl_c: type[BaseException] = KeyboardInterrupt) -> Iterator[None]:
    """Raise an exception on SIGINT, SIGTERM and SIGHUP, so that runs are closed and files are complete.

    SIGINT raises `ctrl_c`, the others `Terminated`. One that is ignored (by `nohup`, for example) or has a handler of
    the caller's keeps it. Whatever the code that it interrupts makes of the exception (compiled functions raise a
    SystemError), the block ends with that of the signal; where it is dropped (a `__del__`, a callback of a weak
    reference), it is raised again a moment later. Within another such block this one does nothing.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        _handle(ctrl_c() if number == signal.SIGINT and ctrl_c is KeyboardInterrupt else Terminated(128 + number))

    default = (signal.SIG_DFL, signal.default_int_handler)
    numbers = [number for number in ENDING if signal.getsignal(number) in default] if _in_main_thread() else []
    if not numbers:
        yield
        return
    before, hook = {number: signal.signal(number, handle) for number in numbers}, sys.unraisablehook
    sys.unraisablehook = partial(_raise_later, hook)
    try:
        yield
    except BaseException as error:
        cause = interruption(error)
        if cause is None or cause is error:
            raise
        raise cause from error
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)
        _raised.clear()


def interruption(error: BaseException) -> BaseException | None:
    """Return the exception of the signal that a block ended by, None if it ended by an error of its own."""
    if _raised:
        return _raised[0][1]
    return error if isinstance(error, KeyboardInterrupt | SystemExit) else None


def end_status(error: BaseException) -> str:
    """Return the final status in MLflow of a run that ended by an exception: KILLED or FAILED."""
    return "FAILED" if interruption(error) is None else "KILLED"


@contextmanager
def hint_if_interrupted(hint: Callable[[], str]) -> Iterator[None]:
    """Add to an interruption, as a note, how to go on, unless it has one already."""
    try:
        yield
    except BaseException as error:
        cause = interruption(error)
        if cause is not None and not getattr(cause, "__notes__", None):
            cause.add_note(hint())
        raise


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Defer the signals that end the program until the block ends; a second one, a second later, acts at once.

    An exception in the middle of a database transaction leaves the database locked, for this process too.
    """
    global _deferrals
    if not _in_main_thread():
        yield
        return
    with signals_as_exceptions():
        _deferrals += 1
        try:
            yield
        finally:
            _deferrals -= 1
            if _deferred and not _deferrals:
                _raise(*_deferred[0])


def ignore_signals() -> None:
    """Ignore the signals that end the program, where it has ended but for cleaning up after itself."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


class LostSignals:
    """A trainer hook that raises the exception of a signal again where the code of others swallowed it."""

    @hookimpl
    def batch_ended(self) -> None:
        """Raise it between two batches."""
        if _raised:
            raise _raised[0][1]


def _raise_later(hook: Callable[[Any], Any], dropped: Any) -> None:
    """Send a signal again whose exception was raised where none can be; any other goes to the hook that was set."""
    error = dropped.exc_value
    if not any(error is raised for _, raised in _raised):
        hook(dropped)
        return
    number = int(str(error.code)) - 128 if isinstance(error, Terminated) else signal.SIGINT
    _raised.clear()
    later = threading.Timer(DROPPED_S, _send, (number,))
    later.daemon = True
    later.start()


def _send(number: int) -> None:
    """Send a signal to the main thread, which wakes up where it sleeps; not every system can."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        signal.raise_signal(number)


def _handle(error: BaseException) -> None:
    now = time.monotonic()
    if _deferrals:
        _deferred.append((now, error))
        if now - _deferred[0][0] < AGAIN_S:
            return
    _raise(now, error)


def _raise(now: float, error: BaseException) -> None:
    _deferred.clear()
    if not _raised or now - _raised[-1][0] >= AGAIN_S:
        _raised.append((now, error))
        raise error


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
