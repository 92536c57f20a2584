"""What the commands share: how they speak, and which errors are the user's to mend."""

import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


class Voice:
    """Speaks to people on standard output and of mistakes on standard error."""

    def __init__(self) -> None:
        self.out = Console(highlight=False)
        self.err = Console(stderr=True, highlight=False)

    def line(self, text: str = "", style: str | None = None) -> None:
        """Print a line as it is: never wrapped, so that it can be copied."""
        self.out.print(text, style=style, markup=False, soft_wrap=True)

    def error(self, text: str) -> None:
        """Print an error in one line."""
        self.err.print(f"neuralzoo: {text}", style="red", markup=False, soft_wrap=True)

    def entry(self, name: str, text: str, facts: str, width: int, style: str | None = None) -> None:
        """Print a name with what it is, and facts in small print below."""
        self.out.print(
            Text.assemble((f"{name:<{width}}  ", f"bold {style or ''}"), (text, style or "")), soft_wrap=True
        )
        self.out.print(Text(f"{'':<{width}}  {facts}", style="dim"), soft_wrap=True)

    def table(self, *columns: str) -> Table:
        """Return an empty table in the house's look; only its last column is ever wrapped."""
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for column in columns:
            table.add_column(column, no_wrap=column != columns[-1])
        return table

    def row(self, table: Table, *cells: str) -> None:
        """Add a row to a table, each cell as it is: brackets are no markup."""
        table.add_row(*map(Text, cells))

    def waiting(self, text: str) -> AbstractContextManager[Any]:
        """Show on a terminal that something takes a moment; a file gets nothing."""
        return self.out.status(Text(text)) if self.out.is_terminal else nullcontext()

    def show(self, table: Table) -> None:
        """Print a table."""
        self.out.print(table)

    def json(self, value: Any) -> None:
        """Print a value as JSON."""
        import json

        print(json.dumps(value, indent=2))


say = Voice()

EXTRA = ("mlflow", "matplotlib", "sklearn", "scipy", "pooch", "psutil", "PIL", "jinja2", "sqlalchemy")


def mistakes() -> tuple[type[Exception], ...]:
    """Return the errors that are told in one line."""
    from neuralzoo.core.checkpoint import CheckpointError
    from neuralzoo.core.kernels import UnknownForm
    from neuralzoo.core.optimizer import Diverged
    from neuralzoo.registry import ZooError

    return (ZooError, CheckpointError, Diverged, UnknownForm)


def sentence(error: Exception) -> str | None:
    """Return in one sentence what typer found wrong with a command, which package is missing, or that memory is.

    Nothing stands for an error that is no mistake of the user, an empty sentence for one that is told already.
    """
    if isinstance(error, ModuleNotFoundError) and (name := (error.name or "").partition(".")[0]) in EXTRA:
        return f"{name} is not installed; this needs pip install 'neuralzoo[experiments]'"
    if isinstance(error, MemoryError):
        return (
            f"the memory is too small ({str(error) or 'no size told'}); it needs smaller settings (--debug shows where)"
        )
    if not hasattr(error, "format_message"):  # typer has a click of its own, or an installed one, by its version
        return None
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()  # type: ignore[attr-defined]
        return ""
    context = getattr(error, "ctx", None)
    told = " ".join(error.format_message().split()).rstrip(".")
    return f"{told}; `{context.command_path} --help` shows what it needs" if context is not None else told


def show_warning(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
    """Print a warning in one line; those of the libraries below us as Python does."""
    if category.__module__.startswith("neuralzoo."):
        say.err.print(f"neuralzoo: {message}", style="yellow", markup=False, soft_wrap=True)
    else:
        _show_warning(message, category, *where, **more)


_show_warning = warnings.showwarning
