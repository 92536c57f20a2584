"""The parameters and tags of a run in MLflow."""

from collections.abc import Mapping
from typing import Any

from neuralzoo import __version__
from neuralzoo.experiments.running.assembly import Assembly
from neuralzoo.experiments.running.colours import architecture_colour
from neuralzoo.experiments.running.run_folder import RunFolder
from neuralzoo.experiments.tracking.provenance import git_commit, process_identity, user_name
from neuralzoo.registry import entries

PARAM_NAMES = {"optimizer.name": "optimizer", "optimizer.lr": "lr", "schedule.name": "schedule"}
"""Names of settings that all runs share, as the charts of MLflow show them."""


def flat_params(a: Assembly) -> dict[str, Any]:
    """Return every setting of a run by a flat name: two runs that differ in a setting differ in a parameter.

    The model's have their defaults; the schedule stands beside the optimizer, not within it.
    """
    settings = a.experiment.model_dump(mode="json") | {"model": a.config.model_dump(mode="json")}
    settings["schedule"] = settings["optimizer"].pop("schedule")
    return {PARAM_NAMES.get(name, name): value for name, value in _flat(settings).items()}


def _flat(group: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in group.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{path}{key}.")
        elif not isinstance(value, Mapping):
            flat[f"{path}{key}"] = value
    return flat


def run_tags(a: Assembly, folder: RunFolder) -> dict[str, str]:
    """Return the tags of a run: what the MLflow UI shows, and where the run comes from."""
    short = a.experiment.architecture.rpartition(":")[2]
    plugin = [entry.distribution for entry in entries().get(short, [])]
    tags = {
        "mlflow.runColor": architecture_colour(a.architecture.name),
        "mlflow.note.content": f"**{a.architecture.name}** on {a.data.info.name}: {a.architecture.summary}.\n\n"
        f"{a.architecture.citation}, {a.architecture.url}",
        "mlflow.source.name": "neuralzoo run",
        "mlflow.user": user_name(),
        "neuralzoo.version": __version__,
        "neuralzoo.plugin": " or ".join(plugin),
        "neuralzoo.folder": str(folder.path.absolute()),
        "seed": str(a.experiment.seed),
    }
    if commit := git_commit():
        tags["mlflow.source.git.commit"] = commit
    return tags | process_identity()
