"""The command that times the architectures beside other libraries."""

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from neuralzoo.experiments.cli.shared import say


class Beside(StrEnum):
    """What ours is timed beside."""

    torch = "torch"
    torch_compile = "torch-compile"
    jax = "jax"
    all = "all"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(bench)


def bench(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Architectures [default: all]")] = None,
    peer: Annotated[Beside, typer.Option(help="The library to be timed beside.")] = Beside.torch,
    file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures as JSON, too.")] = None,
) -> None:
    """Time a training step and predictions beside the same network in another library, in turns in one process."""
    from neuralzoo import registry
    from neuralzoo.experiments.benchmark import peers, steps
    from neuralzoo.registry import SettingError

    wanted = list(peers.MODULES) if peer is Beside.all else [peer.value]
    found, missing = peers.installed(wanted)
    for name in missing:
        say.line(f"{name} is not installed and left out; it comes with: pip install 'neuralzoo[bench]'")
    if not found:
        raise SettingError(f"bench got the peer {peer.value}; it needs one that is installed")
    table = say.table("architecture", "peer", "what", "ours ms", "theirs ms", "ratio", "interval")
    rows = []
    for row in steps.compare(names or registry.names(), found, say.line):
        rows.append(row)
        figures = f"{row.ours_ms:.3f}", f"{row.theirs_ms:.3f}", f"{row.ratio:.2f}", f"{row.low:.2f} to {row.high:.2f}"
        say.row(table, row.architecture, row.peer, row.what, *figures)
    say.show(table)
    if file is not None:
        file.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
