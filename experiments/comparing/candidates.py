"""Candidates as written on the command line, on one dataset, checked before anything is trained."""

import re
from collections.abc import Sequence
from pathlib import Path

from neuralzoo.experiments import datasets
from neuralzoo.experiments.datasets import DatasetInfo
from neuralzoo.experiments.running.assembly import primary_metric_info, task_of
from neuralzoo.experiments.running.metrics import MetricInfo
from neuralzoo.experiments.running.preflight import changed, experiment_of, kind_of, metric_of
from neuralzoo.registry import Candidate, Experiment, SettingError, build, get, matching
from neuralzoo.registry.config import parse

SETTING = re.compile(r"\s+(?=[\w.]+\s*=)")


def candidates_of(
    words: Sequence[str], profile: str = "quick", dataset: str | None = None, settings: Sequence[str] = ()
) -> list[Candidate]:
    """Read candidates as written on the command line, on one dataset.

    Each is `NAME` or `FILE.toml`, with settings after it and a label before it if wanted:
    `linear: fnn model.hidden=[]`. `settings` are for all; a candidate's own override them.

    Raises: UnknownNameError, NameConflictError, PluginError or SettingError for a mistake, in one sentence.
    """
    read = [_read(word, profile) for word in words]
    if dataset is None:
        known = {experiment.dataset for _, experiment, _ in read}
        if len(known) > 1:
            raise SettingError(
                f"compare got no --dataset and candidates with the datasets {', '.join(sorted(known))}; it needs one"
            )
        dataset = known.pop()
    primary_metric = primary_metric_of([experiment for _, experiment, _ in read], datasets.info(dataset))
    found = []
    for label, experiment, own in read:
        placed = experiment.model_copy(update={"dataset": dataset, "primary_metric": primary_metric})
        found.append(candidate(label, changed(placed, [*settings, *own])))
    labels = [c.label for c in found]
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise SettingError(f"two candidates are named {twice[0]}; one needs another name: 'other: {twice[0]} ...'")
    return found


def candidate(label: str, experiment: Experiment) -> Candidate:
    """Return a candidate.

    Raises: SettingError when the label can't name a folder.
    """
    return parse(Candidate, {"label": label, "experiment": experiment}, f"the candidate {label!r}")


def primary_metric_of(experiments: Sequence[Experiment], info: DatasetInfo) -> str:
    """Return the metric to compare by on a dataset: the candidates' own if it fits, or the default of the task."""
    own = {experiment.primary_metric for experiment in experiments}
    kinds = {kind_of(experiment) for experiment in experiments}
    if len(own) == 1 and kinds == {info.task.kind}:
        return own.pop()
    return metric_of(info.task.kind)


def check(candidates: Sequence[Candidate]) -> str:
    """Check, before anything is trained, that all candidates can do the task of their dataset, and return its name.

    Raises: SettingError that names the candidates that can't and the architectures that can; UnknownNameError.
    """
    for key in ("dataset", "primary_metric", "task", "data"):
        if len(found := sorted({str(getattr(c.experiment, key)) for c in candidates})) > 1:
            raise SettingError(f"candidates have {key} {' and '.join(found)}; a comparison needs one for all")
    dataset = candidates[0].experiment.dataset
    task = task_of(candidates[0].experiment)
    unable = [c.label for c in candidates if get(c.experiment.architecture).unsupported(task)]
    if unable:
        able = [a.name for a in matching(task=task.kind, input=task.input) if not a.unsupported(task)]
        raise SettingError(
            f"{' and '.join(unable)} can't do {task.kind} of {task.input} inputs ({dataset}); "
            f"it needs one of {', '.join(able) or 'none that is installed'}"
        )
    for c in candidates:
        build(get(c.experiment.architecture), c.experiment.model, task, c.experiment.seed)
    return dataset


def compared_by(candidates: Sequence[Candidate]) -> MetricInfo | None:
    """Return the declaration of the candidates' primary metric, or None where one of them does not declare it.

    Raises: SettingError when it measures different things, such as the losses of two learners.
    """
    found = {c.label: primary_metric_info(c.experiment) for c in candidates}
    measured = {label: info.quantity for label, info in found.items() if info is not None}
    if len(set(measured.values())) > 1:
        metric = candidates[0].experiment.primary_metric
        each = ", ".join(f"{label}: {quantity}" for label, quantity in measured.items())
        raise SettingError(
            f"{metric} measures different things ({each}); a comparison needs --set primary_metric=... that is the "
            "same for all"
        )
    return next(iter(found.values())) if len(measured) == len(found) else None


def _read(word: str, profile: str) -> tuple[str, Experiment, list[str]]:
    label, _, rest = word.rpartition(": ")
    what, *own = SETTING.split(rest.strip())
    file = what.lower().endswith(".toml")
    experiment = experiment_of(what, None if file else profile)
    base = Path(what).stem if file else what.replace(":", "-")
    return label.strip() or "-".join([base, *map(_slug, own)]), experiment, own


def _slug(assignment: str) -> str:
    """Return a setting as part of a name: hidden-64-64 for model.hidden=[64, 64]."""
    key, _, value = assignment.partition("=")
    short = re.sub(r"[^a-z0-9.]+", "-", value.lower()).strip("-")
    return f"{key.rpartition('.')[2].strip().lower()}-{short or 'none'}"
