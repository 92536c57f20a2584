"""Conformance checks of an installed architecture, or of the package in a folder."""

import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import invalidate_caches
from pathlib import Path
from typing import Any

from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.testing import Check, CheckFailedError, checks_for_architecture
from neuralzoo.core.testing import CheckResult as CheckResult
from neuralzoo.core.testing.training import ArchitectureCase
from neuralzoo.experiments.running.assembly import task_of
from neuralzoo.experiments.tracking.names import NAME_LIMIT, accepted_name
from neuralzoo.registry import Architecture, SettingError, UnknownNameError, ZooError, entries, get
from neuralzoo.registry.errors import nearest
from neuralzoo.registry.installed import join_distributions

GROUP = "neuralzoo.plugins"


@dataclass(frozen=True)
class Subject:
    """An architecture to check, and its package or folder."""

    architecture: Architecture
    origin: str


@contextmanager
def subjects(what: str) -> Iterator[list[Subject]]:
    """Yield the architecture of a name, or those of the package in a folder, which need not be installed.

    An installed name takes precedence over a folder; `./my_net` is always the folder.

    Raises: UnknownNameError when it is neither; SettingError when the folder holds no plugin; NameConflictError;
    PluginError.
    """
    known = entries()
    if what.rpartition(":")[2] in known:
        found = get(what)
        yield [Subject(found, join_distributions(known[what.rpartition(":")[2]]))]
    elif (folder := Path(what)).is_dir():
        with importable(folder) as names:
            yield [Subject(get(name), f"{folder.resolve()}, not installed") for name in names]
    else:
        raise UnknownNameError(f"{what!r} is neither an installed architecture nor a folder{nearest(what, known)}")


@contextmanager
def importable(folder: Path) -> Iterator[list[str]]:
    """Make the package in a folder importable as if it were installed, and yield the full names of its plugins.

    Raises: SettingError when its pyproject.toml is missing, is wrong, or names no plugin.
    """
    package, version, points = declared(folder)
    roots = [str(root) for root in (folder / "src", folder) if root.is_dir()]
    with tempfile.TemporaryDirectory() as temporary:
        metadata = Path(temporary, "package-0.dist-info")
        metadata.mkdir()
        header = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
        (metadata / "METADATA").write_text(header, encoding="utf-8")
        lines = [f"[{GROUP}]", *(f"{name} = {module}" for name, module in points.items())]
        (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        before = list(sys.path)
        sys.path[:0] = [temporary, *map(str, (Path(root).resolve() for root in roots))]
        invalidate_caches()
        try:
            yield [f"{package}:{name}" for name in points]
        finally:
            sys.path[:] = before


def declared(folder: Path) -> tuple[str, str, dict[str, str]]:
    """Return name and version of the package in a folder, and the module of each of its plugins by name.

    Raises: SettingError when its pyproject.toml is missing, is wrong, or names no plugin.
    """
    path = folder / "pyproject.toml"
    try:
        project: Any = tomllib.loads(path.read_text(encoding="utf-8")).get("project", {})
    except OSError as error:
        raise SettingError(f"{path} can't be read ({error.strerror}); check needs the folder of a package") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} is not TOML: {error}") from None
    points = project.get("entry-points", {}).get(GROUP) or {}
    if "name" not in project or not points:
        raise SettingError(
            f'{path} names no plugin; it needs a name, and NAME = "MODULE" under [project.entry-points."{GROUP}"]'
        )
    return project["name"], project.get("version", "?"), points


def checks_for(architecture: Architecture) -> list[Check]:
    """Return the conformance checks, and those of the declared experiments and claims."""
    declared_checks = (
        experiments_fit_their_datasets,
        claims_name_installed_architectures,
        metrics_have_names_that_mlflow_accepts,
    )
    more = [Check(f.__name__, (f.__doc__ or "").split("\n")[0], partial(f, architecture)) for f in declared_checks]
    return [*checks_for_architecture(architecture), *more]


def experiments_fit_their_datasets(architecture: Architecture) -> None:
    """Every reference experiment names a known dataset, with a task that the architecture supports."""
    for profile, experiment in architecture.experiments.items():
        try:
            problem = architecture.unsupported(task_of(experiment))
        except ZooError as error:
            problem = str(error)
        if problem:
            raise CheckFailedError(f"the {profile} experiment can't be run: {problem}")


def claims_name_installed_architectures(architecture: Architecture) -> None:
    """Every candidate of every claim names an installed architecture, with settings that it has."""
    for claim in architecture.claims:
        for candidate in claim.candidates:
            experiment = candidate.experiment
            try:
                other = architecture if experiment.architecture == architecture.name else get(experiment.architecture)
                other.configure(experiment.model)
                problem = other.unsupported(task_of(experiment))
            except ZooError as error:
                problem = str(error)
            if problem:
                raise CheckFailedError(
                    f"claim {claim.name!r} can't be decided, candidate {candidate.label!r}: {problem}"
                )


def metrics_have_names_that_mlflow_accepts(architecture: Architecture) -> None:
    """Every metric, of the learner on its example task and of the claims, has a name that MLflow accepts."""
    case = ArchitectureCase(architecture, architecture.example, lambda module: Adam(module, 0.01), {})
    learner = case.learner(case.build())
    case.prepare(learner)
    reported = learner.learn(case.data(), case.context()) | learner.evaluate(case.data())
    claimed = [name for claim in architecture.claims for name in claim.evaluators]
    if refused := {name: accepted_name(name) for name in (*reported, *claimed) if accepted_name(name) != name}:
        each = ", ".join(f"{name!r} (it would be {accepted!r})" for name, accepted in refused.items())
        raise CheckFailedError(
            f"MLflow refuses the metric names {each}; they need letters, digits, spaces, and _ - . / : only, at most "
            f"{NAME_LIMIT} characters, and no parts that are empty or dots"
        )
