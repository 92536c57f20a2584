"""The command `bench`: times against other libraries, memory, imports, installation size, scaling, FLOP utilization."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuralzoo.experiments.cli.output import out

if TYPE_CHECKING:
    from neuralzoo.experiments.benchmark.report import Request, Row


class PeerChoice(StrEnum):
    """The library to time against."""

    torch = "torch"
    torch_compile = "torch-compile"
    jax = "jax"
    all = "all"


class SectionChoice(StrEnum):
    """A section of the report."""

    machine = "machine"
    times = "times"
    memory = "memory"
    imports = "imports"
    size = "size"
    scaling = "scaling"
    utilization = "utilization"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(bench)


def bench(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Architectures (default: all)")] = None,
    peer: Annotated[
        PeerChoice | None, typer.Option(help="Library to time against (default: torch; with --write, all).")
    ] = None,
    section: Annotated[
        list[SectionChoice] | None,
        typer.Option(help="Section to measure (repeatable) (default: times; with --write, all)."),
    ] = None,
    file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Save the results as JSON.")] = None,
    loaded: Annotated[
        Path | None,
        typer.Option("--load", metavar="FILE", help="Results to load; only the sections given are measured again."),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option("--baseline", metavar="FILE", help="Earlier results, whose ratios are shown alongside."),
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Regenerate BENCHMARKS.md and its plot.")] = False,
) -> None:
    """Time a training step and predictions against the same network in another library, interleaved in one process.

    Further sections are memory, imports, installation size, scaling, and the fraction of peak matmul FLOP/s.
    """
    from neuralzoo.experiments.benchmark import page, report

    rows = report.load(loaded) if loaded is not None else []
    earlier = report.load(baseline) if baseline is not None else []
    if file is not None:
        report.check_writable(file)
    parts = [part.value for part in section or ()]
    if not parts and loaded is None:
        parts = list(report.PARTS) if write else ["times"]
    if parts:
        request = _request(parts, names, peer or (PeerChoice.all if write else PeerChoice.torch), all_backends=write)
    for part in parts:
        rows = [row for row in rows if row["part"] != part] + list(report.measure(part, request, out.print))
        if file is not None:
            report.save(rows, file)  # after each section, so that none is lost when a later one fails
    if earlier:
        report.attach_baseline(rows, earlier)
    _show(rows)
    if write:
        for path in page.write(rows):
            out.print(f"written   {path}")


def _request(parts: list[str], names: list[str] | None, peer: PeerChoice, *, all_backends: bool) -> "Request":
    from neuralzoo import registry
    from neuralzoo.experiments.benchmark import peers, report
    from neuralzoo.registry import SettingError

    found, missing = peers.installed(list(peers.MODULES) if peer is PeerChoice.all else [peer.value])
    for name in missing:
        out.print(f"skipped: {name} is not installed; it comes with pip install 'neuralzoo[bench]'")
    if not found and "times" in parts:
        raise SettingError(f"bench got the peer {peer.value}; it needs one that is installed")
    for name in names or ():
        registry.get(name)  # an unknown name fails before anything is measured
    backends = report.backends() if all_backends else [None]
    return report.Request(names or registry.names(), [each.name for each in found], backends)


def _show(rows: "list[Row]") -> None:
    from neuralzoo.experiments.benchmark import page

    times = [row for row in rows if row["part"] == "times" and "failed" not in row]
    if times:
        compared = any("before" in row for row in times)
        table = out.table(
            "architecture", "peer", "what", "ours ms", "theirs ms", "ratio", "interval", *["before"] * compared
        )
        for row in times:
            figures = f"{row['ours_ms']:.3f}", f"{row['theirs_ms']:.3f}", f"{row['ratio']:.2f}"
            interval = f"{row['low']:.2f} to {row['high']:.2f}"
            before = [f"{row['before']:.2f}" if "before" in row else "-"] * compared
            out.row(table, row["architecture"], row["peer"], row["what"], *figures, interval, *before)
        out.show(table)
    for section in page.sections([row for row in rows if row["part"] != "times"]):
        out.print(section.title, style="bold")
        table = out.table(*section.head)
        for cells in section.rows:
            out.row(table, *cells)
        out.show(table)
