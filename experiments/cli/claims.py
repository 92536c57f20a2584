"""Commands of claims: prove, results."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuralzoo.experiments.cli.output import out

if TYPE_CHECKING:
    from neuralzoo.experiments.claims.runner import ClaimResult
    from neuralzoo.experiments.claims.verdict import Verdict

COLOURS = {"yes": "bold green", "partly": "bold yellow", "no": "bold red"}


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(prove)
    app.command()(results)


def prove(
    name: Annotated[str | None, typer.Argument(help="Architecture (default: all).")] = None,
    profile: Annotated[str, typer.Option(help="Profile of the claims: quick or full.")] = "quick",
    claim: Annotated[str | None, typer.Option(help="Only the claim of this name, of any profile.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Seeds 0 to N-1 instead of the claim's own.")] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Save the verdicts, and regenerate RESULTS.md and the README's table.")
    ] = False,
    tracking_uri: Annotated[
        str | None, typer.Option(help="MLflow tracking store (default: mlflow.db in this folder).")
    ] = None,
    track: Annotated[
        bool | None, typer.Option("--track/--no-track", help="Log the runs to MLflow (default: if installed).")
    ] = None,
    runs: Annotated[Path, typer.Option(help="Folder of the run folders.")] = Path("runs"),
) -> None:
    """Run the claims of an architecture and decide them; finished runs are not repeated."""
    from neuralzoo.experiments.claims import results as saved
    from neuralzoo.experiments.claims.runner import ClaimRunner, claims_of
    from neuralzoo.experiments.tracking.address import resolve_uri
    from neuralzoo.registry import SettingError, find, get, statuses

    found = statuses() if name is None else []
    for reason in dict.fromkeys(
        status.problem for status in found if status.problem
    ):  # a name conflict has one for two plugins
        out.print(f"skipped: {reason}", style="red")
    usable = [status.entry for status in found if not status.problem]
    if write:  # of other packages none is saved here
        usable = [entry for entry in usable if entry.is_built_in]
    known = [entry.name for entry in usable]
    if name:
        known = [find(name).name if find(name).is_built_in else name]
    wanted = [(n, c) for n in known for c in claims_of(n, profile, claim if name else None)]
    if not wanted:
        raise SettingError(f"{name or 'the zoo'} has no claims in the profile {profile}")
    for owner, declared in wanted if write else ():
        saved.check_writable(owner, declared, seeds)
    uri = resolve_uri(track, tracking_uri)
    runner = ClaimRunner(root=runs, uri=uri, seeds=seeds, report=lambda text: out.print(f"  {text}", style="dim"))
    for owner, declared in wanted:
        out.print(f"{owner}: {declared.sentence}", style="bold")
        result = runner.run(get(owner), declared, owner)
        _print_result(result)
        if write:
            out.print(f"saved     {saved.save(result.verdict, declared.seeds)}")
    if write:
        for path in saved.write(saved.load()):
            out.print(f"written   {path}")


def results(
    write: Annotated[bool, typer.Option("--write", help="Regenerate RESULTS.md and the README's table.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    rekey: Annotated[
        str | None,
        typer.Option(
            metavar="COMMIT", help="Carry over stale verdicts whose claims compute the same bits here as at COMMIT."
        ),
    ] = None,
    runs: Annotated[Path, typer.Option(help="Folder of the run folders.")] = Path("runs"),
) -> None:
    """Show the saved verdicts, and which of them are stale."""
    from neuralzoo.experiments.claims import results as saved

    if rekey is not None:
        _rekey(rekey, runs / "rekey")
    verdicts = saved.load()
    if as_json:
        out.json([v.model_dump(mode="json") | {"stale": saved.stale(v)} for v in verdicts])
        return
    for verdict in verdicts:
        _show(verdict, saved.stale(verdict))
    if write:
        for path in saved.write(verdicts):
            out.print(f"written   {path}")


def _rekey(commit: str, folder: Path) -> None:
    from neuralzoo.experiments.claims import results as saved
    from neuralzoo.experiments.claims.rekey import rekey

    for one in rekey(commit, folder, report=lambda text: out.print(f"  {text}", style="dim")):
        if one.new is not None:
            saved.save(one.new, one.new.seeds)
        word, style = ("carried", "green") if one.new is not None else ("stale  ", "red")
        out.print(f"{word}   {one.old.architecture} {one.old.claim}: {one.reason}", style=style)


def _print_result(result: "ClaimResult") -> None:
    _show(result.verdict, "")
    out.print(f"verdict   {result.folder / 'verdict.md'}")
    if result.tracked:
        from neuralzoo.experiments.tracking.store import run_page

        page = run_page(result.tracked["experiment_id"], result.tracked["run_id"])
        out.print(f"run       http://127.0.0.1:5000/{page}   (neuralzoo ui)")


def _show(verdict: "Verdict", stale: str) -> None:
    from neuralzoo.experiments.claims.verdict import condition_rows

    out.print(f"{verdict.architecture} {verdict.claim}: {verdict.decision}", style=COLOURS[verdict.decision])
    rows = out.table("holds", "ours, 95 % interval", "d", "condition")
    for row in condition_rows(verdict):
        out.row(rows, row.decision, row.interval, row.effect_size, row.condition)
    out.show(rows)
    for p in verdict.published:
        out.print(f"published {p.value} ({p.source}; {p.provenance})")
    if stale:
        out.print(f"stale: {stale}", style="red")
