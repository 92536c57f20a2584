"""Commands that show what is installed: list, show, datasets, doctor."""

import os
from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from neuralzoo.core.kinds import InputKind, TaskKind
from neuralzoo.experiments.cli.output import out
from neuralzoo.registry.static_metadata import PluginSummary, summaries

if TYPE_CHECKING:
    from neuralzoo.registry import Architecture, Config, Experiment, PluginEntry, PluginStatus
    from neuralzoo.registry.dataset import DatasetEntry

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
    pattern: Annotated[str, typer.Argument(help="Only names that match a pattern, such as 'c*'.")] = "*",
    task: Annotated[TaskChoice | None, typer.Option(help="Only architectures with this task.")] = None,
    input: Annotated[InputChoice | None, typer.Option(help="Only architectures with this kind of input.")] = None,
    load: Annotated[bool, typer.Option("--load", help="Import every plugin, to see whether it is usable.")] = False,
    as_json: Json = False,
) -> None:
    """List the architectures from their static declarations; others are imported."""
    load = load or os.environ.get("NEURALZOO_STRICT") == "1"
    filtered = task is not None or input is not None
    rows = [row for row in _architectures(pattern, load, filtered) if _fits(row, task, input)]
    if as_json:
        out.json(rows)
        return
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        origin = f"{row['package']} {row['version']}"
        known = " · ".join(", ".join(row[key]) for key in ("tasks", "inputs") if row.get(key))
        hint = f"`neuralzoo show {row['name']}` imports it"
        _entry(row, f"{known or hint} · {origin}", width)
    if not rows:
        out.print("no architecture matches; `neuralzoo list` without filters shows all")


def _architectures(pattern: str, load: bool, filtered: bool) -> Iterator[dict[str, Any]]:
    """Yield the row of each architecture, from its static metadata where these suffice."""
    if load:
        from neuralzoo.registry import statuses

        yield from map(_status_row, statuses(pattern))
        return
    for summary in summaries(pattern):
        if summary.problem or summary.tasks or not (filtered or summary.entry.is_built_in):
            yield _summary_row(summary)
        else:
            from neuralzoo.registry import statuses

            yield from map(_status_row, statuses(summary.entry.name))


def show(
    name: Annotated[str, typer.Argument(help="Name of an architecture.")],
    profile: Annotated[str, typer.Option(help="Profile of the reference experiment: quick or full.")] = "quick",
    toml: Annotated[
        bool, typer.Option("--toml", help="Print the reference experiment as TOML, to edit and run.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show an architecture: its paper, settings and reference experiments."""
    from neuralzoo.experiments.running.preflight import reference
    from neuralzoo.registry import get

    if toml:
        print(_toml(reference(name, profile)), end="")
        return
    architecture = get(name)
    if as_json:
        out.json(_card(architecture))
        return
    out.print(f"{architecture.name}: {architecture.summary}", style="bold")
    out.print(f"{architecture.citation}\n{architecture.url}\n")
    table = out.table("setting", "default", "description")
    for key, field in architecture.config.model_fields.items():
        out.row(table, f"model.{key}", str(field.get_default(call_default_factory=True)), field.description or "")
    out.show(table)
    for key, experiment in architecture.experiments.items():
        epochs = "1 epoch" if experiment.epochs == 1 else f"{experiment.epochs} epochs"
        out.print(
            f"\n{key}: {experiment.dataset}, {epochs} of batches of {experiment.batch_size}, "
            f"{experiment.optimizer.name} lr {experiment.optimizer.lr}, {_size(architecture, key)}"
        )
        option = "" if key == "quick" else f" --profile {key}"
        out.print(f"  neuralzoo run {name}{option}", style="cyan")


def datasets(
    name: Annotated[str | None, typer.Argument(help="Show every field of one dataset.")] = None, as_json: Json = False
) -> None:
    """List the datasets, or show one; those of other packages are imported only to show them."""
    from neuralzoo.experiments import datasets as sets

    if name is not None:
        row = _dataset_row(sets.plugin(name), sets.entry(name))
        if as_json:
            out.json([row])
            return
        table = out.table("", "")
        table.show_header = False
        for key, value in row.items():
            out.row(table, key, str(value))
        out.show(table)
        return
    built_in, others = sets.built_in(), [_summary_row(summary) for summary in sets.summaries()]
    if as_json:
        rows = [_dataset_row(sets.plugin(f"neuralzoo:{key}"), entry) for key, entry in built_in.items()]
        out.json(sorted([*rows, *others], key=lambda row: str(row["name"])))
        return
    width = max(len(key) for key in sets.names())
    for key in sets.names():
        if key in built_in:
            info = built_in[key].info
            shape = "x".join(map(str, info.task.shape))
            counts = f"{info.sizes.train:,}/{info.sizes.test:,} examples of {shape}"
            out.entry(key, info.summary, f"{info.task.kind} · {counts} · {info.kind} · {info.licence}", width)
        for row in others:
            if row["name"] == key:
                facts = f"`neuralzoo datasets {key}` imports it · {row['package']} {row['version']}"
                _entry(row, facts, width)


def doctor(as_json: Json = False) -> None:
    """Show versions, threads, extras, the tracking store and the state of every plugin."""
    from neuralzoo.experiments.doctor import examine

    with out.spinner("importing every plugin"):
        findings = examine()
    if as_json:
        out.json(findings)
        return
    for heading, facts in findings.items():
        out.print(heading, style="bold")
        for key, value in facts.items() if isinstance(facts, dict) else ():
            out.print(f"  {key:<13}{value}")
        for plugin in facts if isinstance(facts, list) else ():
            style = "red" if plugin["state"] == "unusable" else "yellow" if plugin["problem"] else None
            point = plugin["name"] if plugin["kind"] == "architecture" else f"{plugin['kind']}.{plugin['name']}"
            state = f"{plugin['state']}: {plugin['problem']}" if plugin["problem"] else plugin["state"]
            out.print(f"  {point} ({plugin['package']} {plugin['version']}) {state}", style=style)
            out.print(f"    {plugin['path']}", style="dim")


def _fits(row: dict[str, Any], task: Any, input: Any) -> bool:
    given = ((task, row.get("tasks", ())), (input, row.get("inputs", ())))
    return all(choice is None or choice.value in able for choice, able in given)


def _entry(row: dict[str, Any], facts: str, width: int) -> None:
    """Print a plugin with its state or summary."""
    if row["state"] == "unusable":
        out.entry(
            row["name"], f"not loaded: {row['problem']}", f"{row['package']} {row['version']}", width, style="red"
        )
    else:
        out.entry(row["name"], row["summary"] or "(no summary)", facts, width)


def _summary_row(summary: PluginSummary) -> dict[str, Any]:
    """Return the row of a plugin that was not imported."""
    row = {"name": summary.entry.name, "package": summary.entry.package, "version": summary.entry.version}
    if summary.problem:
        return row | {"state": "unusable", "problem": summary.problem}
    row |= {"state": "not imported", "summary": summary.summary}
    return row | ({"tasks": list(summary.tasks), "inputs": list(summary.inputs)} if summary.tasks else {})


def _status_row(status: "PluginStatus") -> dict[str, Any]:
    """Return the row of a plugin that was imported."""
    row = {"name": status.entry.name, "package": status.entry.package, "version": status.entry.version}
    if (a := status.architecture) is None:
        return row | {"state": "unusable", "problem": status.problem}
    return row | {"state": "ready", "summary": a.summary, "tasks": sorted(a.tasks), "inputs": sorted(a.inputs)}


def _card(a: "Architecture") -> dict[str, Any]:
    return {
        "name": a.name,
        "summary": a.summary,
        "citation": a.citation,
        "url": a.url,
        "api_version": a.api_version,
        "tasks": sorted(a.tasks),
        "inputs": sorted(a.inputs),
        "config": _schema(a.config),
        "experiments": {key: experiment.settings() for key, experiment in a.experiments.items()},
    }


def _schema(config: "type[Config]") -> dict[str, Any]:
    """Return the JSON schema of a config with all defaults, those that are made anew each time included."""
    from neuralzoo.registry.config import to_toml_value

    schema = config.model_json_schema()
    for key, field in config.model_fields.items():
        if field.default_factory is not None:
            schema["properties"][key]["default"] = to_toml_value(field.get_default(call_default_factory=True))
    return schema


def _toml(experiment: "Experiment") -> str:
    """Return an experiment as TOML with every setting of the architecture, each with its description."""
    from neuralzoo.registry import get
    from neuralzoo.registry.config import to_toml_value

    config = get(experiment.architecture).configure(experiment.model)
    whole = experiment.model_copy(update={"model": to_toml_value(config.model_dump(mode="json"))})
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
    except ZooError as error:  # of its dataset; everything else can still be shown
        return f"size unknown: {error}"
    return f"{module.num_parameters:,} parameters"


def _dataset_row(plugin: "PluginEntry", entry: "DatasetEntry") -> dict[str, Any]:
    from neuralzoo.registry.config import to_toml_value

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
        "variable_length": info.task.variable_length,
        "outputs": info.task.outputs,
        "target": info.task.target,
        "examples": info.sizes._asdict(),
        "options": to_toml_value(entry.options),
        "classes": list(info.classes),
        "licence": info.licence,
        "citation": info.citation,
        "url": info.url,
    }
