"""Commands that show what there is: list, show, datasets, doctor."""

import os
from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from neuralzoo.core.kinds import InputKind, TaskKind
from neuralzoo.experiments.cli.output import say
from neuralzoo.registry.static_metadata import Glance, glances

if TYPE_CHECKING:
    from neuralzoo.registry import Architecture, Entry, Experiment, Status
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
    load: Annotated[bool, typer.Option("--load", help="Import them all, to see whether they can be used.")] = False,
    as_json: Json = False,
) -> None:
    """List the architectures as they declare themselves; only what declares itself in another way is imported."""
    load = load or os.environ.get("NEURALZOO_STRICT") == "1"
    asked = task is not None or input is not None
    rows = [row for row in _architectures(pattern, load, asked) if _fits(row, task, input)]
    if as_json:
        say.json(rows)
        return
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        origin = f"{row['package']} {row['version']}"
        known = " · ".join(", ".join(row[key]) for key in ("tasks", "inputs") if row.get(key))
        unknown = f"`neuralzoo show {row['name']}` imports it"
        _entry(row, f"{known or unknown} · {origin}", width)
    if not rows:
        say.line("nothing matches; `neuralzoo list` without filters shows all")


def _architectures(pattern: str, load: bool, asked: bool) -> Iterator[dict[str, Any]]:
    """Yield what `list` says about each: seen from outside, or imported where that has to be or says too little."""
    if load:
        from neuralzoo.registry import statuses

        yield from map(_row, statuses(pattern))
        return
    for seen in glances(pattern):
        if seen.reason or seen.tasks or not (asked or seen.entry.is_built_in):
            yield _seen(seen)
        else:
            from neuralzoo.registry import statuses

            yield from map(_row, statuses(seen.entry.name))


def show(
    name: Annotated[str, typer.Argument(help="Name of an architecture.")],
    profile: Annotated[str, typer.Option(help="Which reference experiment: quick or full.")] = "quick",
    toml: Annotated[bool, typer.Option("--toml", help="Print the reference experiment, to edit and run.")] = False,
    as_json: Json = False,
) -> None:
    """Show an architecture: what it is, its settings, its reference experiments."""
    from neuralzoo.experiments.run import reference
    from neuralzoo.registry import get

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
        epochs = "1 epoch" if experiment.epochs == 1 else f"{experiment.epochs} epochs"
        say.line(
            f"\n{key}: {experiment.dataset}, {epochs} of batches of {experiment.batch_size}, "
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
    ours, brought = sets.built_in(), [_seen(seen) for seen in sets.glances()]
    if as_json:
        rows = [_dataset_row(sets.plugin(f"neuralzoo:{key}"), entry) for key, entry in ours.items()]
        say.json(sorted([*rows, *brought], key=lambda row: str(row["name"])))
        return
    width = max(len(key) for key in sets.names())
    for key in sets.names():
        if key in ours:
            info = ours[key].info
            shape = "x".join(map(str, info.task.shape))
            counts = f"{info.sizes.train:,}/{info.sizes.test:,} examples of {shape}"
            say.entry(key, info.summary, f"{info.task.kind} · {counts} · {info.kind} · {info.licence}", width)
        for row in brought:
            if row["name"] == key:
                facts = f"`neuralzoo datasets {key}` imports it · {row['package']} {row['version']}"
                _entry(row, facts, width)


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


def _fits(row: dict[str, Any], task: Any, input: Any) -> bool:
    given = ((task, row.get("tasks", ())), (input, row.get("inputs", ())))
    return all(choice is None or choice.value in able for choice, able in given)


def _entry(row: dict[str, Any], facts: str, width: int) -> None:
    """Print a plugin with what is known about it."""
    if row["state"] == "unusable":
        say.entry(row["name"], f"not loaded: {row['reason']}", f"{row['package']} {row['version']}", width, style="red")
    else:
        say.entry(row["name"], row["summary"] or "its package says nothing about it", facts, width)


def _seen(seen: Glance) -> dict[str, Any]:
    """Return what is known about a plugin that was not imported."""
    row = {"name": seen.entry.name, "package": seen.entry.package, "version": seen.entry.version}
    if seen.reason:
        return row | {"state": "unusable", "reason": seen.reason}
    row |= {"state": "not imported", "summary": seen.summary}
    return row | ({"tasks": list(seen.tasks), "inputs": list(seen.inputs)} if seen.tasks else {})


def _row(status: "Status") -> dict[str, Any]:
    """Return what is known about a plugin that was imported."""
    row = {"name": status.entry.name, "package": status.entry.package, "version": status.entry.version}
    if (a := status.architecture) is None:
        return row | {"state": "unusable", "reason": status.reason}
    return row | {"state": "ready", "summary": a.summary, "tasks": sorted(a.tasks), "inputs": sorted(a.inputs)}


def _card(a: "Architecture") -> dict[str, Any]:
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


def _toml(experiment: "Experiment") -> str:
    """Return an experiment as TOML with every setting of the architecture, each with its description."""
    from neuralzoo.registry import get
    from neuralzoo.registry.config import spelled

    config = get(experiment.architecture).configure(experiment.model)
    whole = experiment.model_copy(update={"model": spelled(config.model_dump(mode="json"))})
    lines, table = [], ""
    for line in whole.to_toml().splitlines():
        table = line[1:].partition("]")[0] if line.startswith("[") else table
        key, sign, _ = line.partition(" = ")
        field = type(config).model_fields.get(key) if sign and table == "model" else None
        lines.append(f"{line}  # {field.description}" if field is not None and field.description else line)
    return "\n".join(lines) + "\n"


def _size(architecture: "Architecture", profile: str) -> str:
    from neuralzoo.experiments.running.assembly import task_of
    from neuralzoo.registry import ZooError, build

    experiment = architecture.experiments[profile]
    try:
        module = build(architecture, experiment.model, task_of(experiment), seed=0)
    except ZooError as error:  # of its data set; everything else can still be shown
        return f"size unknown: {error}"
    return f"{module.size:,} parameters"


def _dataset_row(plugin: "Entry", entry: "DataSetEntry") -> dict[str, Any]:
    from neuralzoo.registry.config import spelled

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
