"""Preflight: find an experiment, assemble it, and check it before the first training step."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import create_model

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.experiments import datasets
from neuralzoo.experiments.running.assembly import Assembly, assemble
from neuralzoo.experiments.running.trial_step import check_last_batch, training_metrics
from neuralzoo.registry import Experiment, SettingError, TaskKind, get
from neuralzoo.registry.config import Settings, parse, path_of, text_settings
from neuralzoo.registry.errors import nearest, shown


def reference(name: str, profile: str = "quick") -> Experiment:
    """Return the reference experiment of an architecture.

    Raises: UnknownNameError, NameConflictError or PluginError for the name; SettingError when it has no such profile.
    """
    architecture = get(name)
    known = list(architecture.experiments)
    if profile not in known:
        raise SettingError(
            f"{name} got profile {shown(profile)}; it has {', '.join(known)}{nearest(str(profile), known)}"
        )
    return architecture.experiments[profile].model_copy(update={"architecture": name})


def experiment_of(what: Experiment | str | Path, profile: str | None = None) -> Experiment:
    """Return an experiment, read from a TOML file, or the reference experiment of an architecture.

    Raises: the errors of `reference`; SettingError for a file that is wrong, or for a profile beside an experiment.
    """
    if not isinstance(what, Experiment) and path_of(what, "run").suffix.lower() != ".toml":
        return reference(str(what), "quick" if profile is None else profile)
    if profile is not None:
        name = what.architecture if isinstance(what, Experiment) else what
        raise SettingError(f"{name} got profile {profile!r} too; an experiment has no profiles, it needs none")
    return what if isinstance(what, Experiment) else Experiment.from_file(what)


def changed(experiment: Experiment, assignments: Sequence[str] = ()) -> Experiment:
    """Return an experiment with assignments, such as those of `--set`, and a primary metric that fits its task.

    The metric is only chosen where none was given, or where the assignments lead to another kind of task.

    Raises: SettingError when a setting is unknown, with the right name for one that lacks its `model.`, or a value is
    not allowed; UnknownNameError, NameConflictError or PluginError for a name.
    """
    keys = [assignment.partition("=")[0].strip() for assignment in assignments]
    named = experiment.set(
        a for key, a in zip(keys, assignments, strict=True) if key in ("architecture", "dataset", "task")
    )
    config = get(named.architecture).config
    for key in keys:
        if key not in type(experiment).model_fields and key in config.model_fields:
            raise SettingError(f"the experiment has no setting {key!r}; did you mean model.{key}?")
    options = datasets.entry(named.dataset).options_model
    found = experiment.set(assignments, text_settings(config, "model.") | text_settings(options, "data."))
    own = "primary_metric" in experiment.model_fields_set and kind_of(experiment) == kind_of(found)
    return found if own or "primary_metric" in keys else found.set([f"primary_metric={metric_of(kind_of(found))}"])


def kind_of(experiment: Experiment) -> TaskKind:
    """Return the kind of task of an experiment."""
    return experiment.task or datasets.info(experiment.dataset).task.kind


def metric_of(kind: TaskKind) -> str:
    """Return the metric to compare runs by where none was chosen."""
    return "test/accuracy" if kind in ("classification", "sequence-labelling") else "test/loss"


def prepare(experiment: Experiment) -> Assembly:
    """Assemble an experiment and check that it can be trained and evaluated.

    Raises: the errors of `assemble`; SettingError when its examples can't be evaluated with its settings, its last
    batch can't be trained on, or its primary metric or stopping metric is not among the evaluated ones.
    """
    architecture = get(experiment.architecture)
    named = create_model("Named", __base__=Settings, model=(architecture.config, ...))  # for the keys of `--set`
    parse(named, {"model": experiment.model}, architecture.name)
    assembly = assemble(experiment)
    known = metrics_of(assembly)
    check_last_batch(assembly)
    required = [("primary_metric", experiment.primary_metric, known)]
    if experiment.stop_condition is not None:
        metric = experiment.stop_condition[0]
        required.append(("stop_when", metric, _metrics_of_epoch(assembly, metric, known)))
    for key, metric, available in required:
        if metric not in available:
            raise SettingError(
                f"{architecture.name} on {experiment.dataset} got {key}={metric!r}; "
                f"it has {', '.join(available)}{nearest(metric, available)}"
            )
    return assembly


def _metrics_of_epoch(assembly: Assembly, wanted: str, evaluated: list[str]) -> list[str]:
    """Return the metrics that an epoch has: the evaluated ones of validation, and those of the training steps.

    The latter are known after a trial step, which is only done if one of them is wanted.
    """
    validation = [name for name in evaluated if name.startswith("val/")]
    training = [name for name in evaluated if name.startswith("train/")]
    if not wanted.startswith("train/"):
        return validation + training
    reported = training_metrics(assembly)
    return validation + (reported if reported is not None else [*training, wanted])


def metrics_of(assembly: Assembly) -> list[str]:
    """Return the metrics that a run evaluates, by their full names, from a few examples.

    Raises: SettingError when its examples can't be evaluated with its settings.
    """
    held_out = assembly.validation or assembly.train  # never the test split, which is evaluated once
    few = ArrayBatches(held_out.arrays, 8).epoch(np.random.default_rng(0))
    try:
        measured = next((found for batch in few if (found := assembly.learner.evaluate(batch))), None)
    except ValueError as error:
        name, dataset = assembly.architecture.name, assembly.experiment.dataset
        raise SettingError(f"{name} can't learn {dataset}: {error.__cause__ or error}") from error
    if measured is None:  # a fraction that was drawn at random
        raise SettingError(
            f"the validation split of {assembly.data.name} is nothing but padding; it needs more examples"
        )
    splits = ("test", "val", "train") if assembly.validation is not None else ("test", "train")
    return [f"{split}/{name}" for split in splits for name in measured]
