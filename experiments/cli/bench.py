"""The command that times the architectures beside other libraries, and measures what else may be asked about speed."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuralzoo.experiments.cli.output import say

if TYPE_CHECKING:
    from neuralzoo.experiments.benchmark.report import Row, Wanted


class Beside(StrEnum):
    """What ours is timed beside."""

    torch = "torch"
    torch_compile = "torch-compile"
    jax = "jax"
    all = "all"


class Part(StrEnum):
    """What can be measured by itself."""

    machine = "machine"
    times = "times"
    memory = "memory"
    imports = "imports"
    size = "size"
    scaling = "scaling"
    share = "share"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(bench)


def bench(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Architectures [default: all]")] = None,
    peer: Annotated[
        Beside | None, typer.Option(help="The library to be timed beside [default: torch; with --write, all].")
    ] = None,
    only: Annotated[
        list[Part] | None, typer.Option(help="A part of the report [default: times; with --write, all]. Repeatable.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Keep the figures as JSON, too.")] = None,
    kept: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Figures that were kept; only parts named are measured."),
    ] = None,
    before: Annotated[
        Path | None,
        typer.Option("--before", metavar="FILE", help="Earlier figures, whose ratios are told beside these."),
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Write BENCHMARKS.md and its picture anew.")] = False,
) -> None:
    """Time a training step and predictions beside the same network in another library, in turns in one process.

    Memory, imports, the size of an installation, scaling and the share of the machine's speed are parts of the report.
    """
    from neuralzoo.experiments.benchmark import page, report

    rows = report.load(kept) if kept is not None else []
    earlier = report.load(before) if before is not None else []
    parts = [part.value for part in only or ()]
    if not parts and kept is None:
        parts = list(report.PARTS) if write else ["times"]
    if parts:
        wanted = _wanted(parts, names, peer or (Beside.all if write else Beside.torch), every_form=write)
    for part in parts:
        rows = [row for row in rows if row["part"] != part] + list(report.measure(part, wanted, say.line))
        if file is not None:
            report.keep(rows, file)  # after each part: what was measured is not lost when another one stops
    if earlier:
        report.remember(rows, earlier)
    _show(rows)
    if write:
        for path in page.write(rows):
            say.line(f"written   {path}")


def _wanted(parts: list[str], names: list[str] | None, peer: Beside, *, every_form: bool) -> "Wanted":
    from neuralzoo import registry
    from neuralzoo.experiments.benchmark import peers, report
    from neuralzoo.registry import SettingError

    found, missing = peers.installed(list(peers.MODULES) if peer is Beside.all else [peer.value])
    for name in missing:
        say.line(f"{name} is not installed and left out; it comes with: pip install 'neuralzoo[bench]'")
    if not found and "times" in parts:
        raise SettingError(f"bench got the peer {peer.value}; it needs one that is installed")
    for name in names or ():
        registry.get(name)  # a wrong one is told before anything is measured
    forms = report.forms() if every_form else [None]
    return report.Wanted(names or registry.names(), [each.name for each in found], forms)


def _show(rows: "list[Row]") -> None:
    from neuralzoo.experiments.benchmark import page

    times = [row for row in rows if row["part"] == "times" and "failed" not in row]
    if times:
        compared = any("before" in row for row in times)
        table = say.table(
            "architecture", "peer", "what", "ours ms", "theirs ms", "ratio", "interval", *["before"] * compared
        )
        for row in times:
            figures = f"{row['ours_ms']:.3f}", f"{row['theirs_ms']:.3f}", f"{row['ratio']:.2f}"
            interval = f"{row['low']:.2f} to {row['high']:.2f}"
            before = [f"{row['before']:.2f}" if "before" in row else "-"] * compared
            say.row(table, row["architecture"], row["peer"], row["what"], *figures, interval, *before)
        say.show(table)
    for section in page.sections([row for row in rows if row["part"] != "times"]):
        say.line(section.title, style="bold")
        table = say.table(*section.head)
        for cells in section.rows:
            say.row(table, *cells)
        say.show(table)
