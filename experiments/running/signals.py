"""Signals that end the program: SIGTERM as an exception, and both SIGTERM and SIGINT deferred during writes."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from neuralzoo.registry.errors import Terminated


@contextmanager
def sigterm_as_exception() -> Iterator[None]:
    """Raise an exception on SIGTERM, so that runs are closed and files are complete."""
    if not _in_main_thread():
        yield
        return

    def raise_terminated(number: int, frame: FrameType | None) -> None:
        raise Terminated(128 + number)

    before = signal.signal(signal.SIGTERM, raise_terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Defer Ctrl-C and SIGTERM until the block ends; a second signal is handled at once.

    An exception in the middle of a database transaction leaves the database locked, for this process too.
    """
    if not _in_main_thread():
        yield
        return
    received: list[int] = []
    before: dict[int, Any] = {}

    def defer(number: int, frame: FrameType | None) -> None:
        received.append(number)
        handler = before.get(number)
        if len(received) > 1 and callable(handler):
            handler(number, frame)

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, defer)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        if received:
            signal.raise_signal(received[0])


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
