"""Commands that show what there is: list, show, datasets, doctor."""

from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from neuralzoo.experiments.cli.shared import say
from neuralzoo.registry import (
    Architecture,
    Entry,
    Experiment,
    InputKind,
    Status,
    TaskKind,
    ZooError,
    build,
    get,
    statuses,
)
from neuralzoo.registry.config import spelled

if TYPE_CHECKING:
    from neuralzoo.registry.dataset import Entry as DataSetEntry

TaskChoice = Enum("TaskChoice", {name: name for name in get_args(TaskKind)}, type=str)  # type: ignore[misc]
InputChoice = Enum("InputChoice", {name: name for name in get_args(InputKind)}, type=str)  # type: ignore[misc]

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("list")(list_architectures)
    app.command()(show)
    app.command()(datasets)
    app.command()(doctor)


def list_architectures(
    pattern: Annotated[str, typer.Argument(help="Only names that match, such as 'c*'.")] = "*",
    task: Annotated[TaskChoice | None, typer.Option(help="Only those that can do this.")] = None,
    input: Annotated[InputChoice | None, typer.Option(help="Only those that read this.")] = None,
    load: Annotated[bool, typer.Option("--load", help="Import the plugins of other packages, too.")] = False,
    as_json: Json = False,
) -> None:
    """List the architectures; those of other packages are imported only if something is asked about them."""
    asked = load or pattern != "*" or task is not None or input is not None
    found = [s for s in statuses(pattern, others=asked) if _fits(s, task, input)]
    if as_json:
        say.json([_row(status) for status in found])
        return
    width = max((len(status.entry.name) for status in found), default=0)
    for status in found:
        if (a := status.architecture) is not None:
            facts = f"{', '.join(sorted(a.tasks))} · {', '.join(sorted(a.inputs))} · {status.entry.origin}"
            say.entry(a.name, a.summary, facts, width)
        else:
            _entry(status, f"neuralzoo show {status.entry.name}", width)
    if not found:
        say.line("nothing matches; `neuralzoo list` without filters shows all")


def show(
    name: Annotated[str, typer.Argument(help="Name of an architecture.")],
    profile: Annotated[str, typer.Option(help="Which reference experiment: quick or full.")] = "quick",
    toml: Annotated[bool, typer.Option("--toml", help="Print the reference experiment, to edit and run.")] = False,
    as_json: Json = False,
) -> None:
    """Show an architecture: what it is, its settings, its reference experiments."""
    from neuralzoo.experiments.runner import reference

    if toml:
        print(_toml(reference(name, profile)), end="")
        return
    architecture = get(name)
    if as_json:
        say.json(_card(architecture))
        return
    say.line(f"{architecture.name}: {architecture.summary}", style="bold")
    say.line(f"{architecture.citation}\n{architecture.url}\n")
    table = say.table("setting", "default", "what it is")
    for key, field in architecture.config.model_fields.items():
        say.row(table, f"model.{key}", str(field.get_default()), field.description or "")
    say.show(table)
    for key, experiment in architecture.experiments.items():
        say.line(
            f"\n{key}: {experiment.dataset}, {experiment.epochs} epochs of batches of {experiment.batch_size}, "
            f"{experiment.optimizer.name} lr {experiment.optimizer.lr}, {_size(architecture, key)}"
        )
        option = "" if key == "quick" else f" --profile {key}"
        say.line(f"  neuralzoo run {name}{option}", style="cyan")


def datasets(
    name: Annotated[str | None, typer.Argument(help="Show everything about this one.")] = None, as_json: Json = False
) -> None:
    """List the data sets, or show one; those of other packages are imported only to show them."""
    from neuralzoo.experiments import datasets as sets

    if name is not None:
        row = _dataset_row(sets.plugin(name), sets.entry(name))
        if as_json:
            say.json([row])
            return
        table = say.table("", "")
        table.show_header = False
        for key, value in row.items():
            say.row(table, key, str(value))
        say.show(table)
        return
    ours, brought = sets.built_in(), sets.statuses(others=False)
    if as_json:
        rows = [_dataset_row(sets.plugin(f"neuralzoo:{key}"), entry) for key, entry in ours.items()]
        say.json(sorted([*rows, *map(_row, brought)], key=lambda row: str(row["name"])))
        return
    width = max(len(key) for key in sets.names())
    for key in sets.names():
        if key in ours:
            info = ours[key].info
            shape = "x".join(map(str, info.task.shape))
            counts = f"{info.sizes.train:,}/{info.sizes.test:,} examples of {shape}"
            say.entry(key, info.summary, f"{info.task.kind} · {counts} · {info.kind} · {info.licence}", width)
        for status in brought:
            if status.entry.name == key:
                _entry(status, f"neuralzoo datasets {key}", width)


def doctor(as_json: Json = False) -> None:
    """Show versions, threads, extras, the store and the state of every plugin."""
    from neuralzoo.experiments.doctor import examine

    with say.waiting("importing every plugin"):
        findings = examine()
    if as_json:
        say.json(findings)
        return
    for heading, facts in findings.items():
        say.line(heading, style="bold")
        for key, value in facts.items() if isinstance(facts, dict) else ():
            say.line(f"  {key:<13}{value}")
        for plugin in facts if isinstance(facts, list) else ():
            style = "red" if plugin["state"] == "unusable" else "yellow" if plugin["reason"] else None
            point = plugin["name"] if plugin["kind"] == "architecture" else f"{plugin['kind']}.{plugin['name']}"
            told = f"{plugin['state']}: {plugin['reason']}" if plugin["reason"] else plugin["state"]
            say.line(f"  {point} ({plugin['package']} {plugin['version']}) {told}", style=style)
            say.line(f"    {plugin['path']}", style="dim")


def _fits(status: Status, task: Any, input: Any) -> bool:
    a = status.architecture
    if a is None:
        return task is None and input is None
    return (task is None or task.value in a.tasks) and (input is None or input.value in a.inputs)


def _entry(status: Status, command: str, width: int) -> None:
    """Print a plugin that was not imported or can't be used."""
    entry = status.entry
    if status.reason:
        say.entry(entry.name, f"not loaded: {status.reason}", entry.origin, width, style="red")
    else:
        told = entry.summary or "its package says nothing about it"
        say.entry(entry.name, told, f"not imported, `{command}` does · {entry.origin}", width)


def _row(status: Status) -> dict[str, Any]:
    e, a = status.entry, status.architecture
    row = {"name": e.name, "package": e.package, "version": e.version, "state": status.state, "loaded": a is not None}
    if a is None:
        return row | ({"reason": status.reason} if status.reason else {"summary": e.summary})
    return row | {"summary": a.summary, "tasks": sorted(a.tasks), "inputs": sorted(a.inputs)}


def _card(a: Architecture) -> dict[str, Any]:
    return {
        "name": a.name,
        "summary": a.summary,
        "citation": a.citation,
        "url": a.url,
        "contract": a.contract,
        "tasks": sorted(a.tasks),
        "inputs": sorted(a.inputs),
        "config": a.config.model_json_schema(),
        "experiments": {key: experiment.settings() for key, experiment in a.experiments.items()},
    }


def _toml(experiment: Experiment) -> str:
    """Return an experiment as TOML with every setting of the architecture, each with its description."""
    config = get(experiment.architecture).configure(experiment.model)
    whole = experiment.model_copy(update={"model": spelled(config.model_dump(mode="json"))})
    lines, table = [], ""
    for line in whole.to_toml().splitlines():
        table = line[1:].partition("]")[0] if line.startswith("[") else table
        key, sign, _ = line.partition(" = ")
        field = type(config).model_fields.get(key) if sign and table == "model" else None
        lines.append(f"{line}  # {field.description}" if field is not None and field.description else line)
    return "\n".join(lines) + "\n"


def _size(architecture: Architecture, profile: str) -> str:
    from neuralzoo.experiments.assembly import task_of

    experiment = architecture.experiments[profile]
    try:
        module = build(architecture, experiment.model, task_of(experiment), seed=0)
    except ZooError as error:  # of its data set; everything else can still be shown
        return f"size unknown: {error}"
    return f"{module.size:,} parameters"


def _dataset_row(plugin: Entry, entry: "DataSetEntry") -> dict[str, Any]:
    info = entry.info
    return {
        "name": info.name,
        "package": plugin.package,
        "version": plugin.version,
        "summary": info.summary,
        "kind": info.kind,
        "task": info.task.kind,
        "input": info.task.input,
        "shape": list(info.task.shape),
        "lengths": info.task.lengths,
        "outputs": info.task.outputs,
        "answer": info.task.answer,
        "examples": info.sizes._asdict(),
        "options": spelled(entry.options),
        "classes": list(info.classes),
        "licence": info.licence,
        "citation": info.citation,
        "url": info.url,
    }
