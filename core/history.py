"""The history of a run in a file beside its checkpoint: a checkpoint costs the same after any number of epochs."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

from neuralzoo.core.files import atomic_write
from neuralzoo.core.learner import MetricValues

EPOCHS_AT_ONCE = 50


class HistoryFile:
    """The metrics of most epochs as lines of JSON; a checkpoint holds those after, and the file's length and checksum.

    The file grows by many epochs at once, for each time it is flushed to the disk, as a checkpoint is. Its lines are
    there before the checkpoint that counts them. Those of a run that was killed in between are counted by none: reading
    ignores them, and the first writing of a process replaces the file.
    """

    def __init__(self, checkpoint: Path) -> None:
        self.path = checkpoint.with_suffix(".history.jsonl")
        self.epochs = self.bytes = self.checksum = 0

    def write(self, history: Sequence[MetricValues]) -> dict[str, int]:
        """Append the epochs that are not in the file yet if they are many; return what `read` needs.

        `epochs` counts those in the file. One that is not as long as this object left it (of another process, removed,
        cut) is written anew.
        """
        fresh = not (self.bytes and self.path.is_file() and self.path.stat().st_size == self.bytes)
        if fresh:
            self.epochs = self.bytes = self.checksum = 0
        if len(history) - self.epochs >= EPOCHS_AT_ONCE:
            self._append(history, fresh)
        return {"bytes": self.bytes, "checksum": self.checksum}

    def _append(self, history: Sequence[MetricValues], fresh: bool) -> None:
        lines = "".join(json.dumps(epoch) + "\n" for epoch in history[self.epochs :]).encode()
        if fresh:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(self.path) as temporary:
                _write_lines(temporary, lines)
        else:
            _write_lines(self.path, lines)
        self.epochs, self.bytes = len(history), self.bytes + len(lines)
        self.checksum = crc32(lines, self.checksum)

    def read(self, bytes: int, checksum: int) -> list[MetricValues]:
        """Return the epochs in the file that a checkpoint counts.

        Raises: ValueError when the file does not hold them.
        """
        content = b""
        if bytes:
            if self.path.exists() and not self.path.is_file():  # to read a FIFO is to wait for its writer
                raise ValueError(f"{self.path.name} is no regular file; its history is needed")
            try:
                with open(self.path, "rb") as file:
                    content = file.read(bytes)
            except OSError as error:
                raise ValueError(f"{self.path.name} can't be read ({error.strerror}); its history is needed") from None
        if len(content) < bytes or crc32(content) != checksum:
            raise ValueError(f"{self.path.name} is damaged; it needs to be as it was written with the checkpoint")
        return [json.loads(line) for line in content.splitlines()]


def _write_lines(path: Path, lines: bytes) -> None:
    with open(path, "ab") as file:
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())
