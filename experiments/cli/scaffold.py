"""Commands for authors of plugins: new, check."""

import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neuralzoo.experiments.cli.output import out

if TYPE_CHECKING:
    from neuralzoo.experiments.scaffold.conformance import CheckResult, Subject

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
            help="Task: classification, regression, reconstruction, sequence-labelling or language-modelling."
        ),
    ] = "classification",
) -> None:
    """Write a package with a small working architecture, to be changed into yours."""
    from neuralzoo.experiments.scaffold.new_package import write_package

    folder = write_package(name, task)
    out.print(f"written   {folder}/, a package with the architecture {name}: {task}")
    out.print(f"change    {folder}/src/{name}/network.py first, then every place marked CHANGE")
    out.print("next")
    for command in (f"pip install -e {folder}", f"neuralzoo check {name}", f"neuralzoo run {name}"):
        out.print(f"  {command}", style="cyan")


def check(
    what: Annotated[
        str, typer.Argument(metavar="NAME|FOLDER", help="An installed architecture, or the folder of a package.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run the conformance checks of an architecture: gradients, seeds, resuming and more."""
    from neuralzoo.experiments.scaffold import conformance

    summaries: list[dict[str, Any]] = []
    with conformance.subjects(what) as subjects:
        for subject in subjects:
            if not as_json:
                out.print(f"{subject.architecture.name} from {subject.origin}", style="bold")
            results = []
            for declared in conformance.checks_for(subject.architecture):
                with redirect_stdout(sys.stderr):  # what a plugin prints must stay out of the JSON
                    results.append(result := declared.run())
                if not as_json:
                    _print_result(result)
            summaries.append(_summary(subject, results))
            if not as_json:
                _print_counts(summaries[-1])
    if as_json:
        out.json(summaries)
    if any(summary["failed"] for summary in summaries):
        raise typer.Exit(1)


def _print_result(result: "CheckResult") -> None:
    out.print(f"  {result.status:<14}  {result.name}", style=COLOURS[result.status])
    for text in (result.message, f"at {result.location}" if result.location else ""):
        if text:
            out.print(f"  {'':<14}  {text}")


def _summary(subject: "Subject", results: "list[CheckResult]") -> dict[str, Any]:
    counts = {key.replace(" ", "_"): sum(r.status == status for r in results) for status, key in COUNTED.items()}
    return {
        "architecture": subject.architecture.name,
        "origin": subject.origin,
        "ran": counts["passed"] + counts["failed"],
        **counts,
        "checks": [asdict(result) for result in results],
    }


def _print_counts(summary: dict[str, Any]) -> None:
    inapplicable = f", {summary['not_applicable']} not applicable" if summary["not_applicable"] else ""
    counts = f"{summary['ran']} checks ran: {summary['passed']} passed, {summary['failed']} failed{inapplicable}"
    out.print(counts, style="bold red" if summary["failed"] else "bold green")
