"""Being told to stop, by Ctrl-C or SIGTERM: through an exception, and not in the middle of a write."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from neuralzoo.registry.errors import Terminated


@contextmanager
def terminated_by_exception() -> Iterator[None]:
    """Let SIGTERM end the program through an exception, so that runs are closed and files are whole."""
    if not _in_main_thread():
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        raise Terminated(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until a write is whole; who asks a second time waits no longer.

    An exception in the middle of a database's transaction leaves it locked, for this process too.
    """
    if not _in_main_thread():
        yield
        return
    asked: list[int] = []
    before: dict[int, Any] = {}

    def later(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        handler = before.get(number)
        if len(asked) > 1 and callable(handler):
            handler(number, frame)

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, later)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        if asked:
            signal.raise_signal(asked[0])


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
