"""Commands that show what there is: list, show, datasets, doctor."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from neuralzoo.experiments.cli.shared import say
from neuralzoo.registry import Architecture, Experiment, InputKind, Status, TaskKind, build, get, statuses
from neuralzoo.registry.config import spelled

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
    as_json: Json = False,
) -> None:
    """List the architectures."""
    found = [s for s in statuses() if _fits(s, pattern, task, input)]
    if as_json:
        say.json([_row(status) for status in found])
        return
    width = max((len(status.entry.name) for status in found), default=0)
    for status in found:
        if (a := status.architecture) is not None:
            facts = f"{', '.join(sorted(a.tasks))} · {', '.join(sorted(a.inputs))} · {status.entry.origin}"
            say.entry(a.name, a.summary, facts, width)
        else:
            say.entry(status.entry.name, f"not loaded: {status.reason}", status.entry.origin, width, style="red")
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
    """List the data sets, or show one."""
    from neuralzoo.experiments import datasets as sets

    infos = [sets.info(n) for n in (sets.names() if name is None else [name])]
    if as_json:
        say.json([_dataset_row(info) for info in infos])
        return
    if name is not None:
        table = say.table("", "")
        table.show_header = False
        for key, value in _dataset_row(infos[0]).items():
            say.row(table, key, str(value))
        say.show(table)
        return
    width = max(len(info.name) for info in infos)
    for info in infos:
        shape = "x".join(map(str, info.task.shape))
        counts = f"{info.sizes.train:,}/{info.sizes.test:,} examples of {shape}"
        say.entry(info.name, info.summary, f"{info.task.kind} · {counts} · {info.kind} · {info.licence}", width)


def doctor(as_json: Json = False) -> None:
    """Show versions, threads, extras, the store and the state of every plugin."""
    from neuralzoo.experiments.doctor import examine

    findings = examine(Path.cwd())
    if as_json:
        say.json(findings)
        return
    for heading, facts in findings.items():
        say.line(heading, style="bold")
        table = say.table("", "")
        table.show_header = False
        for key, value in facts.items():
            say.row(table, f"  {key}", str(value))
        say.show(table)


def _fits(status: Status, pattern: str, task: Any, input: Any) -> bool:
    from fnmatch import fnmatchcase

    a = status.architecture
    if not fnmatchcase(status.entry.name, pattern):
        return False
    if a is None:
        return task is None and input is None
    return (task is None or task.value in a.tasks) and (input is None or input.value in a.inputs)


def _row(status: Status) -> dict[str, Any]:
    entry = {"name": status.entry.name, "package": status.entry.package, "version": status.entry.version}
    if status.architecture is None:
        return entry | {"loaded": False, "reason": status.reason}
    a = status.architecture
    return entry | {
        "loaded": True,
        "summary": a.summary,
        "tasks": sorted(a.tasks),
        "inputs": sorted(a.inputs),
    }


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
    from neuralzoo.experiments import datasets as sets

    experiment = architecture.experiments[profile]
    module = build(architecture, experiment.model, sets.info(experiment.dataset).task, seed=0)
    return f"{module.size:,} parameters"


def _dataset_row(info: Any) -> dict[str, Any]:
    return {
        "name": info.name,
        "summary": info.summary,
        "kind": info.kind,
        "task": info.task.kind,
        "input": info.task.input,
        "shape": list(info.task.shape),
        "outputs": info.task.outputs,
        "examples": info.sizes._asdict(),
        "classes": list(info.classes),
        "licence": info.licence,
        "citation": info.citation,
        "url": info.url,
    }
