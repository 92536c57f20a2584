"""What the commands share: how they speak, and which errors are the user's to mend."""

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

    def show(self, table: Table) -> None:
        """Print a table."""
        self.out.print(table)

    def json(self, value: Any) -> None:
        """Print a value as JSON."""
        import json

        print(json.dumps(value, indent=2))


say = Voice()


def mistakes() -> tuple[type[Exception], ...]:
    """Return the errors that are told in one line."""
    from neuralzoo.core.checkpoint import CheckpointError
    from neuralzoo.core.optimizer import Diverged
    from neuralzoo.registry import ZooError

    return (ZooError, CheckpointError, Diverged)
