"""Commands for whoever makes an architecture: new, check."""

import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neuralzoo.experiments.cli.output import say

if TYPE_CHECKING:
    from neuralzoo.experiments.scaffold.conformance import Report, Subject

COLOURS = {"pass": "green", "fail": "bold red", "not applicable": "yellow"}
COUNTED = {"pass": "passed", "fail": "failed", "not applicable": "not applicable"}


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(new)
    app.command()(check)


def new(
    name: Annotated[str, typer.Argument(help="Name of the architecture, such as my_net.")],
    task: Annotated[
        str,
        typer.Option(
            help="What it does: classification, regression, reconstruction, sequence-labelling or language-modelling."
        ),
    ] = "classification",
) -> None:
    """Write a package with a small architecture that works, to be changed into yours."""
    from neuralzoo.experiments.scaffold.new_package import write_package

    folder = write_package(name, task)
    say.line(f"written   {folder}/, a package with the architecture {name}: {task}")
    say.line(f"change    {folder}/src/{name}/network.py first, then every place marked CHANGE")
    say.line("next")
    for command in (f"pip install -e {folder}", f"neuralzoo check {name}", f"neuralzoo run {name}"):
        say.line(f"  {command}", style="cyan")


def check(
    what: Annotated[
        str, typer.Argument(metavar="NAME|FOLDER", help="An installed architecture, or the folder of a package.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check an architecture: gradients, seeds, resuming and more; a failure says what is wrong and how to mend it."""
    from neuralzoo.experiments.scaffold import conformance as checking

    told: list[dict[str, Any]] = []
    with checking.subjects(what) as subjects:
        for subject in subjects:
            if not as_json:
                say.line(f"{subject.architecture.name} from {subject.origin}", style="bold")
            reports = []
            for one in checking.checks_for(subject.architecture):
                with redirect_stdout(sys.stderr):  # what a plugin prints must not get into the JSON
                    reports.append(report := checking.run(one))
                if not as_json:
                    _tell(report)
            told.append(_summary(subject, reports))
            if not as_json:
                _count(told[-1])
    if as_json:
        say.json(told)
    if any(summary["failed"] for summary in told):
        raise typer.Exit(1)


def _tell(report: "Report") -> None:
    say.line(f"  {report.status:<14}  {report.name}", style=COLOURS[report.status])
    for text in (report.message, f"at {report.place}" if report.place else ""):
        if text:
            say.line(f"  {'':<14}  {text}")


def _summary(subject: "Subject", reports: "list[Report]") -> dict[str, Any]:
    counts = {key.replace(" ", "_"): sum(r.status == status for r in reports) for status, key in COUNTED.items()}
    return {
        "architecture": subject.architecture.name,
        "origin": subject.origin,
        "ran": counts["passed"] + counts["failed"],
        **counts,
        "checks": [asdict(report) for report in reports],
    }


def _count(summary: dict[str, Any]) -> None:
    skipped = f", {summary['not_applicable']} not applicable" if summary["not_applicable"] else ""
    counts = f"{summary['ran']} checks ran: {summary['passed']} passed, {summary['failed']} failed{skipped}"
    say.line(counts, style="bold red" if summary["failed"] else "bold green")
