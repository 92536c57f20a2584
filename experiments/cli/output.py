"""Output shared by the commands: the console, tables, warnings, and which errors are the user's."""

import errno
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import IO, Any, cast

from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from neuralzoo.registry.errors import SettingError, Terminated

SIGHUP, SIGPIPE = 1, 13  # not every system has names for them
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that change what a terminal does or shows, tabs and line ends excepted."""


def printable(text: str) -> str:
    """Return a text with its control characters as escapes: names come from plugins, files and stores."""
    return CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


class PrintableConsole(RichConsole):
    """A console on which no text controls the terminal: every text that it renders is made printable."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of something, those of text made printable."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


def replace_unencodable() -> None:
    """Let the standard streams replace what the terminal's encoding lacks; an error would end the command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


class Stream:
    """A standard stream, looked up when it is used; one that takes no more text ends the command.

    A pipe whose reader is gone ends it as SIGPIPE does, a terminal that is gone as SIGHUP. What is reported on
    standard error then is lost.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self.original, attribute)

    @property
    def original(self) -> Any:
        """The stream itself; while rich shows a progress bar, another one takes its place."""
        stream = getattr(sys, self.name)
        return getattr(stream, "rich_proxied_file", stream)

    @property
    def rich_proxied_file(self) -> "Stream":
        """This stream, which rich is not to look behind."""
        return self

    def write(self, text: str) -> int:
        """Write a text."""
        with self._ending():
            if self.original is not None:  # it is where the stream was closed before the start
                self.original.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what was kept back."""
        with self._ending():
            if self.original is not None:
                self.original.flush()

    @contextmanager
    def _ending(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            with open(os.devnull, "w") as nothing, suppress(OSError, ValueError):  # Python writes again at its end
                os.dup2(nothing.fileno(), self.original.fileno())
            if self.name == "stderr":
                return
            if error.errno in (errno.EPIPE, errno.EIO):
                raise Terminated(128 + (SIGPIPE if error.errno == errno.EPIPE else SIGHUP)) from error
            raise SettingError(f"the output can't be written ({error.strerror}); it needs room") from error


class Console:
    """Output of the commands: results on standard output, errors and warnings on standard error."""

    def __init__(self) -> None:
        self.stdout = PrintableConsole(file=cast(IO[str], Stream("stdout")), highlight=False)
        self.stderr = PrintableConsole(file=cast(IO[str], Stream("stderr")), highlight=False)

    def print(self, text: str = "", style: str | None = None) -> None:
        """Print a line as it is: never wrapped, so that it can be copied."""
        self.stdout.print(text, style=style, markup=False, soft_wrap=True)

    def error(self, text: str) -> None:
        """Print an error in one line."""
        line = " ".join(f"neuralzoo: {text}".splitlines())
        self.stderr.print(line, style="red", markup=False, soft_wrap=True)

    def entry(self, name: str, text: str, facts: str, width: int, style: str | None = None) -> None:
        """Print a name with what it is, and facts in small print below."""
        self.stdout.print(
            Text.assemble((f"{name:<{width}}  ", f"bold {style or ''}"), (text, style or "")), soft_wrap=True
        )
        self.stdout.print(Text(f"{'':<{width}}  {facts}", style="dim"), soft_wrap=True)

    def table(self, *columns: str) -> Table:
        """Return an empty table; only its last column is ever wrapped."""
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for column in columns:
            table.add_column(column, no_wrap=column != columns[-1])
        return table

    def row(self, table: Table, *cells: str) -> None:
        """Add a row to a table, each cell as it is: brackets are not markup."""
        table.add_row(*map(Text, cells))

    def spinner(self, text: str) -> AbstractContextManager[Any]:
        """Show a spinner on a terminal while a block runs; a file gets nothing."""
        return self.stdout.status(Text(text)) if self.stdout.is_terminal else nullcontext()

    def show(self, table: Table) -> None:
        """Print a table."""
        self.stdout.print(table)

    def json(self, value: Any) -> None:
        """Print a value as JSON."""
        from neuralzoo.experiments.running.files import json_text

        print(json_text(value, 2), file=self.stdout.file)

    def flush(self) -> None:
        """Write to the standard streams what was kept back; none may fail later, when Python ends."""
        self.stdout.file.flush()
        self.stderr.file.flush()


out = Console()

EXTRA = ("mlflow", "matplotlib", "sklearn", "scipy", "pooch", "psutil", "PIL", "jinja2", "sqlalchemy")


LONGEST_NAME = 300
NEEDED = {
    errno.ENOSPC: "more room on the disk",
    errno.EDQUOT: "more room on the disk",
    errno.EFBIG: "a higher limit of the size of files",
    errno.EIO: "a disk that works",
    errno.EROFS: "a disk that may be written to",
    errno.EACCES: "the permission to be read and written",
    errno.EPERM: "the permission to be read and written",
    errno.ENAMETOOLONG: "a shorter name",
    errno.ENOTDIR: "folders all the way to its name",
    errno.EISDIR: "to be a file",
    errno.EEXIST: "to be a folder, or another name",
    errno.ELOOP: "to be no link to itself",
    errno.EMFILE: "a higher limit of open files",
}
"""What a file needs that the system refuses."""


def user_errors() -> tuple[type[Exception], ...]:
    """Return the errors that are printed as one line."""
    from neuralzoo.core.checkpoint import CheckpointError
    from neuralzoo.core.kernels import UnknownBackendError
    from neuralzoo.core.optimizer import DivergenceError
    from neuralzoo.registry import ZooError

    return (ZooError, CheckpointError, DivergenceError, UnknownBackendError)


def one_line_message(error: Exception) -> str | None:
    """Return a one-line message for a usage error of typer's, a missing package, or too little memory.

    None stands for any other error, an empty message for one that is printed already.
    """
    if isinstance(error, ModuleNotFoundError) and (name := (error.name or "").partition(".")[0]) in EXTRA:
        return f"{name} is not installed; this needs pip install 'neuralzoo[experiments]'"
    if isinstance(error, MemoryError):
        return (
            f"the memory is too small ({str(error) or 'size unknown'}); it needs smaller settings (--debug shows where)"
        )
    if isinstance(error, OSError) and error.errno in NEEDED and not hasattr(error, "format_message"):
        where = printable(str(error.filename or "a file"))
        shown = where if len(where) <= LONGEST_NAME else f"{where[:LONGEST_NAME]}..."
        return f"{shown} can't be used ({error.strerror}); it needs {NEEDED[error.errno]} (--debug shows where)"
    if not hasattr(error, "format_message"):  # typer has a click of its own, or an installed one, by its version
        return None
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()  # type: ignore[attr-defined]
        return ""
    context = getattr(error, "ctx", None)
    message = " ".join(error.format_message().split()).rstrip(".")
    return f"{message}; `{context.command_path} --help` shows what it needs" if context is not None else message


def show_warning(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
    """Print a warning of neuralzoo in one line, and one of another library as Python does."""
    if category.__module__.startswith("neuralzoo."):
        out.stderr.print(f"neuralzoo: {message}", style="yellow", markup=False, soft_wrap=True)
    else:
        _show_warning(message, category, *where, **more)


_show_warning = warnings.showwarning
