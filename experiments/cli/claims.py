"""Commands that decide claims: prove, results."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuralzoo.experiments.cli.output import say

if TYPE_CHECKING:
    from neuralzoo.experiments.claims.runner import Proof
    from neuralzoo.experiments.claims.verdict import Verdict

COLOURS = {"yes": "bold green", "partly": "bold yellow", "no": "bold red"}


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(prove)
    app.command()(results)


def prove(
    name: Annotated[str | None, typer.Argument(help="An architecture [default: all].")] = None,
    profile: Annotated[str, typer.Option(help="The claims of which profile.")] = "quick",
    claim: Annotated[str | None, typer.Option(help="Only the claim of this name, whatever its profile.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Seeds 0 to N-1 instead of the claim's own.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Save the verdicts and write the results pages.")] = False,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow store [default: mlflow.db in this folder].")] = None,
    track: Annotated[
        bool | None, typer.Option("--track/--no-track", help="Log the proof to MLflow [default: if installed].")
    ] = None,
    runs: Annotated[Path, typer.Option(help="Where run folders are.")] = Path("runs"),
) -> None:
    """Run the claims of an architecture and decide them; runs that are finished are not repeated."""
    from neuralzoo.experiments import run as runner
    from neuralzoo.experiments.claims import results as saved
    from neuralzoo.experiments.claims.runner import Prover, claims_of
    from neuralzoo.registry import SettingError, get, statuses

    found = statuses() if name is None else []
    for reason in dict.fromkeys(status.reason for status in found if status.reason):  # a clash has one for two
        say.line(f"left out: {reason}", style="red")
    known = [name] if name else [status.entry.name for status in found if not status.reason]
    wanted = [(n, c) for n in known for c in claims_of(n, profile, claim if name else None)]
    if not wanted:
        raise SettingError(f"{name or 'the zoo'} has no claims in the profile {profile}")
    uri = runner.store_for(track, tracking_uri)
    prover = Prover(root=runs, uri=uri, seeds=seeds, tell=lambda text: say.line(f"  {text}", style="dim"))
    for owner, declared in wanted:
        say.line(f"{owner}: {declared.sentence}", style="bold")
        proof = prover.prove(get(owner), declared)
        _tell(proof)
        if write:
            say.line(f"saved     {saved.save(proof.verdict, declared.seeds)}")
    if write:
        for path in saved.write(saved.load()):
            say.line(f"written   {path}")


def results(
    write: Annotated[bool, typer.Option("--write", help="Write RESULTS.md and the README's table anew.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    rekey: Annotated[
        str | None,
        typer.Option(
            metavar="COMMIT", help="Carry stale verdicts over that were fresh at COMMIT, where the bits are the same."
        ),
    ] = None,
    runs: Annotated[Path, typer.Option(help="Where run folders are.")] = Path("runs"),
) -> None:
    """Show the saved verdicts, and which of them are stale."""
    from neuralzoo.experiments.claims import results as saved

    if rekey is not None:
        _rekey(rekey, runs / "rekey")
    verdicts = saved.load()
    if as_json:
        say.json([v.model_dump(mode="json") | {"stale": saved.stale(v)} for v in verdicts])
        return
    for verdict in verdicts:
        _show(verdict, saved.stale(verdict))
    if write:
        for path in saved.write(verdicts):
            say.line(f"written   {path}")


def _rekey(commit: str, folder: Path) -> None:
    from neuralzoo.experiments.claims import results as saved
    from neuralzoo.experiments.claims.rekey import rekey

    for one in rekey(commit, folder, tell=lambda text: say.line(f"  {text}", style="dim")):
        if one.new is not None:
            saved.save(one.new, one.new.seeds)
        word, style = ("carried", "green") if one.new is not None else ("stale  ", "red")
        say.line(f"{word}   {one.old.architecture} {one.old.claim}: {one.how}", style=style)


def _tell(proof: "Proof") -> None:
    _show(proof.verdict, "")
    say.line(f"verdict   {proof.folder / 'verdict.md'}")
    if proof.tracked:
        from neuralzoo.experiments.tracking.store import run_page

        page = run_page(proof.tracked["experiment_id"], proof.tracked["run_id"])
        say.line(f"run       http://127.0.0.1:5000/{page}   (neuralzoo ui)")


def _show(verdict: "Verdict", stale: str) -> None:
    from neuralzoo.experiments.claims.verdict import table

    say.line(f"{verdict.architecture} {verdict.claim}: {verdict.answer}", style=COLOURS[verdict.answer])
    rows = say.table("holds", "ours, 95 % interval", "d", "condition")
    for row in table(verdict):
        say.row(rows, row["holds"], row["ours"], row["effect"], row["condition"])
    say.show(rows)
    for p in verdict.published:
        say.line(f"published {p.value} ({p.source}; {p.mark})")
    if stale:
        say.line(f"stale: {stale}", style="red")
