"""Preflight: find an experiment, assemble it, and check it before the first training step."""

from pathlib import Path

import numpy as np
from pydantic import create_model

from neuralzoo.experiments.datasets import DataError, Dataset
from neuralzoo.experiments.running.assembly import Assembly, assemble
from neuralzoo.registry import Experiment, SettingError, get
from neuralzoo.registry.config import Settings, parse
from neuralzoo.registry.errors import nearest


def reference(name: str, profile: str = "quick") -> Experiment:
    """Return the reference experiment of an architecture.

    Raises: UnknownNameError, NameConflictError or PluginError for the name; SettingError when it has no such profile.
    """
    architecture = get(name)
    if profile not in architecture.experiments:
        known = list(architecture.experiments)
        raise SettingError(f"{name} got profile {profile!r}; it has {', '.join(known)}{nearest(profile, known)}")
    return architecture.experiments[profile].model_copy(update={"architecture": name})


def experiment_of(what: Experiment | str | Path, profile: str | None = None) -> Experiment:
    """Return an experiment, read from a TOML file, or the reference experiment of an architecture.

    Raises: the errors of `reference`; SettingError for a file that is wrong, or for a profile beside an experiment.
    """
    if not isinstance(what, Experiment) and Path(what).suffix.lower() != ".toml":
        return reference(str(what), profile or "quick")
    if profile is not None:
        name = what.architecture if isinstance(what, Experiment) else what
        raise SettingError(f"{name} got profile {profile!r} too; an experiment has no profiles, it needs none")
    return what if isinstance(what, Experiment) else Experiment.from_file(what)


def prepare(experiment: Experiment) -> Assembly:
    """Assemble an experiment and check that it can be trained and evaluated.

    Raises: the errors of `assemble`; DataError when its data are not finite; SettingError when its examples can't be
    evaluated with its settings, or when its primary metric or stopping metric is not among the evaluated ones.
    """
    architecture = get(experiment.architecture)
    named = create_model("Named", __base__=Settings, model=(architecture.config, ...))  # for the keys of `--set`
    parse(named, {"model": experiment.model}, architecture.name)
    assembly = assemble(experiment)
    check_finite(assembly.data)
    held_out = assembly.validation or assembly.train  # never the test split, which is evaluated once
    try:
        measured = assembly.learner.evaluate(tuple(array[:8] for array in held_out.arrays))
    except ValueError as error:
        raise SettingError(f"{architecture.name} can't learn {experiment.dataset}: {error}") from error
    splits = ("test", "val", "train") if assembly.validation is not None else ("test", "train")
    known = [f"{split}/{name}" for split in splits for name in measured]
    required = [("primary_metric", experiment.primary_metric, known)]
    if experiment.stop_condition is not None:
        required.append(
            ("stop_when", experiment.stop_condition[0], [name for name in known if not name.startswith("test/")])
        )
    for key, metric, available in required:
        if metric not in available:
            raise SettingError(
                f"{architecture.name} on {experiment.dataset} got {key}={metric!r}; "
                f"it has {', '.join(available)}{nearest(metric, available)}"
            )
    return assembly


def check_finite(data: Dataset) -> None:
    """Check that all values of a dataset are finite.

    Raises: DataError with the split and the count of its examples that are not.
    """
    splits = {"train": data.train, "validation": data.validation or (), "test": data.test, **data.extra_test_sets}
    for split, arrays in splits.items():
        values = [array for array in arrays if array.dtype.kind == "f"]
        if all(np.isfinite(array.min()) and np.isfinite(array.max()) for array in values if array.size):
            continue
        finite = [np.isfinite(array).reshape(len(array), -1).all(axis=1) for array in values]
        bad = np.count_nonzero(~np.logical_and.reduce(finite))
        raise DataError(
            f"dataset {data.name} has {bad} of {len(arrays[0])} examples in its {split} split with values that are "
            "NaN or infinite; training needs finite ones"
        )
