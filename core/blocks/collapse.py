"""Collapse monitor: warns when a running mean shows that a part of a network no longer learns."""

import logging
from collections.abc import Callable
from typing import Any

LOG = logging.getLogger(__name__)


class CollapseMonitor:
    """Mean of a quantity over a window of steps or examples, logged as a warning once when it shows a collapse.

    `message` returns the warning for a mean and a step, or None where nothing has collapsed.

    Raises: ValueError when the window is not positive.
    """

    def __init__(self, window: int, message: Callable[[Any, int], str | None]) -> None:
        if window < 1:
            raise ValueError(f"CollapseMonitor got window={window}; it needs at least 1")
        self.window = window
        self.message = message
        self.total: Any = 0.0
        self.count = 0
        self.warned = False

    def add(self, total: Any, count: int, step: int) -> None:
        """Add the sum of the quantity over `count` steps or examples of training step `step`."""
        self.total = self.total + total
        self.count += count
        if self.count < self.window or self.warned:
            return
        mean, self.total, self.count = self.total / self.count, 0.0, 0
        message = self.message(mean, step)
        if message is not None:
            self.warned = True
            LOG.warning("%s", message)
