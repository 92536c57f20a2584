"""Contestants as people write them, on one data set, checked before anything is trained."""

import re
from collections.abc import Sequence
from pathlib import Path

from neuralzoo.experiments import datasets
from neuralzoo.experiments.datasets import Info
from neuralzoo.experiments.run import experiment_of
from neuralzoo.experiments.running.assembly import task_of
from neuralzoo.registry import Contestant, Experiment, SettingError, build, get, matching
from neuralzoo.registry.config import parse

SETTING = re.compile(r"\s+(?=[\w.]+\s*=)")
HEADLINES = {"classification": "test/accuracy", "sequence-labelling": "test/accuracy"}


def contestants_of(
    words: Sequence[str], profile: str = "quick", dataset: str | None = None, settings: Sequence[str] = ()
) -> list[Contestant]:
    """Read contestants as people write them, on one data set.

    Each is `NAME` or `FILE.toml`, with settings after it and a label before it if wanted:
    `linear: fnn model.hidden=[]`. `settings` are for all; a contestant's own have the last word.

    Raises: UnknownName, Clash, BrokenPlugin or SettingError for what is written wrongly, one sentence each.
    """
    read = [_read(word, profile) for word in words]
    if dataset is None:
        known = {experiment.dataset for _, experiment, _ in read}
        if len(known) > 1:
            raise SettingError(
                f"compare got no --task and contestants with the data sets {', '.join(sorted(known))}; it needs one"
            )
        dataset = known.pop()
    headline = headline_of([experiment for _, experiment, _ in read], datasets.info(dataset))
    found = []
    for label, experiment, own in read:
        placed = experiment.model_copy(update={"dataset": dataset, "headline": headline})
        found.append(contestant(label, placed.set([*settings, *own])))
    labels = [c.label for c in found]
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise SettingError(f"two contestants are named {twice[0]}; one needs another name: 'other: {twice[0]} ...'")
    return found


def contestant(label: str, experiment: Experiment) -> Contestant:
    """Return a contestant.

    Raises: SettingError when the label can't name a folder.
    """
    return parse(Contestant, {"label": label, "experiment": experiment}, f"the contestant {label!r}")


def headline_of(experiments: Sequence[Experiment], info: Info) -> str:
    """Return the metric to compare by on a data set: the contestants' own if it fits, or the usual one of the task."""
    own = {experiment.headline for experiment in experiments}
    kinds = {datasets.info(experiment.dataset).task.kind for experiment in experiments}
    if len(own) == 1 and kinds == {info.task.kind}:
        return own.pop()
    return HEADLINES.get(info.task.kind, "test/loss")


def check(contestants: Sequence[Contestant]) -> str:
    """Return the data set of the contestants; make sure, before anything is trained, that all can do its task.

    Raises: SettingError that names those who can't and those who can, or what a network lacks; UnknownName.
    """
    for key in ("dataset", "headline", "task", "data"):
        if len(found := sorted({str(getattr(c.experiment, key)) for c in contestants})) > 1:
            raise SettingError(f"contestants have {key} {' and '.join(found)}; a comparison needs one for all")
    dataset = contestants[0].experiment.dataset
    task = task_of(contestants[0].experiment)
    able = [a.name for a in matching(task=task.kind, input=task.input) if not a.refusal(task)]
    unable = [c.label for c in contestants if get(c.experiment.architecture).refusal(task)]
    if unable:
        raise SettingError(
            f"{' and '.join(unable)} can't do {task.kind} of {task.input} inputs ({dataset}); "
            f"it needs one of {', '.join(able) or 'none that is installed'}"
        )
    for c in contestants:
        build(get(c.experiment.architecture), c.experiment.model, task, c.experiment.seed)
    return dataset


def _read(word: str, profile: str) -> tuple[str, Experiment, list[str]]:
    label, _, rest = word.rpartition(": ")
    what, *own = SETTING.split(rest.strip())
    file = what.lower().endswith(".toml")
    experiment = experiment_of(what, None if file else profile)
    base = Path(what).stem if file else what.replace(":", "-")
    return label.strip() or "-".join([base, *map(_slug, own)]), experiment, own


def _slug(assignment: str) -> str:
    """Return a setting as a part of a name: hidden-64-64 for model.hidden=[64, 64]."""
    key, _, value = assignment.partition("=")
    short = re.sub(r"[^a-z0-9.]+", "-", value.lower()).strip("-")
    return f"{key.rpartition('.')[2].strip().lower()}-{short or 'none'}"
