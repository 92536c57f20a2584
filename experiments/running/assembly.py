"""Assembly: build the data, the module, the learner and the hooks of an experiment's settings."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from neuralzoo.core import kernels
from neuralzoo.core.batches import ArrayBatches, Batch
from neuralzoo.core.blocks import optimizers, schedules
from neuralzoo.core.blocks.stopping import StopWhen
from neuralzoo.core.learner import Learner
from neuralzoo.core.module import Module
from neuralzoo.core.optimizer import Optimizer, Schedule
from neuralzoo.experiments import datasets
from neuralzoo.experiments.datasets import Dataset
from neuralzoo.experiments.running.data_checks import checked
from neuralzoo.experiments.running.metrics import MetricInfo, metric_info
from neuralzoo.registry import (
    Architecture,
    Config,
    Constant,
    Cosine,
    Experiment,
    Figure,
    HookFactory,
    OptimizerFactory,
    PluginEntry,
    SettingError,
    Settings,
    StepDecay,
    Task,
    build,
    figure,
    get,
    learner,
    trainer_hook,
)
from neuralzoo.registry.dataset import digest
from neuralzoo.registry.experiment import OPTIMIZERS as OPTIMIZER_SETTINGS

EVALUATION_BATCH = 500  # examples
SIZE_OPTIONS = {"train", "test", "stride"}
"""Options of datasets that set the number of examples and do not change the task."""

OPTIMIZERS: dict[type[Settings], Callable[..., Optimizer]] = {
    kind: getattr(optimizers, kind.__name__) for kind in OPTIMIZER_SETTINGS.values()
}
"""The optimizer of each kind of settings: the class of the same name."""


@dataclass(frozen=True)
class Assembly:
    """The objects of an experiment, ready to train."""

    experiment: Experiment
    architecture: Architecture
    config: Config
    data: Dataset
    module: Module
    learner: Learner
    train: ArrayBatches
    validation: ArrayBatches | None
    test: ArrayBatches
    hooks: tuple[tuple[PluginEntry, HookFactory], ...] = ()
    """Trainer hooks of plugins: entry and factory."""
    figures: tuple[Figure, ...] = ()
    """Figures of plugins, beside those of the architecture."""

    @property
    def about(self) -> dict[str, object]:
        """The metadata of checkpoints: only one with the same is resumed."""
        return {"architecture": self.architecture.name, "experiment": self.experiment.settings(), "data": self.digest}

    @cached_property
    def digest(self) -> str:
        """The digest of the data, read once."""
        return digest(self.data)


def assemble(experiment: Experiment) -> Assembly:
    """Load, split and build the objects of an experiment.

    Raises: UnknownNameError, NameConflictError, PluginError, SettingError, DataError or UnknownBackendError.
    """
    kernels.backend()  # raises for an unknown one before anything is built
    architecture = get(experiment.architecture)
    config = architecture.configure(experiment.model)  # before the data, which may be a long download
    hooks = tuple(trainer_hook(name) for name in experiment.hooks)
    figures = figures_of(experiment, architecture)
    if not experiment.data.keys() - SIZE_OPTIONS and (reason := architecture.unsupported(task_of(experiment))):
        raise SettingError(f"{reason}{_other_task(experiment, architecture)}")
    data = checked(load(experiment))
    module = build(architecture, experiment.model, data.task, experiment.seed)
    train, validation = split(data, experiment.validation, experiment.seed)
    batches = ArrayBatches(train, experiment.batch_size, shuffle=True)
    return Assembly(
        experiment=experiment,
        architecture=architecture,
        config=config,
        data=data,
        module=module,
        learner=learner(architecture, module, config, data.task, optimizer_factory(experiment, len(batches))),
        train=batches,
        validation=ArrayBatches(validation, EVALUATION_BATCH) if validation is not None else None,
        test=ArrayBatches(data.test, EVALUATION_BATCH),
        hooks=hooks,
        figures=figures,
    )


def _other_task(experiment: Experiment, architecture: Architecture) -> str:
    """Return the setting of another task of the dataset that the architecture supports, or nothing."""
    info = datasets.info(experiment.dataset)
    for kind in sorted(architecture.tasks):
        try:
            if not architecture.unsupported(info.with_task(kind)):
                return f"; this dataset serves that with `--set task={kind}`"
        except SettingError:
            continue
    return ""


def figures_of(experiment: Experiment, architecture: Architecture) -> tuple[Figure, ...]:
    """Return the figures of plugins that an experiment names.

    Raises: UnknownNameError, NameConflictError or PluginError; SettingError when two have the same name.
    """
    taken = {declared.name for declared in architecture.figures}
    found = [figure(name) for name in experiment.figures]
    for name, one in zip(experiment.figures, found, strict=True):
        if one.name in taken:
            owner = architecture.name
            raise SettingError(f"{owner} got the figure {name!r}; it has one named {one.name}, it needs another")
        taken.add(one.name)
    return tuple(found)


def load(experiment: Experiment) -> Dataset:
    """Return the dataset of an experiment, with its options and its task.

    Raises: UnknownNameError, SettingError or DataError.
    """
    data = datasets.entry(experiment.dataset).load(experiment.seed, experiment.data)
    return data if experiment.task is None else data.with_task(experiment.task)


def task_of(experiment: Experiment) -> Task:
    """Return the task of an experiment; the dataset is loaded only if options other than sizes may change it.

    Raises: UnknownNameError, SettingError or DataError.
    """
    if experiment.data.keys() - SIZE_OPTIONS:
        return load(experiment).task
    info = datasets.info(experiment.dataset)
    return info.task if experiment.task is None else info.with_task(experiment.task)


def split(data: Dataset, fraction: float, seed: int) -> tuple[Batch, Batch | None]:
    """Return training and validation examples: the dataset's own split, or a random fraction held out.

    Raises: SettingError when a fraction that is not 0 leaves no training or no validation examples.
    """
    if data.validation is not None:
        return data.train, data.validation
    examples = len(data.train[0])
    held = round(fraction * examples)
    if fraction == 0:
        return data.train, None
    if not 0 < held < examples:
        raise SettingError(
            f"{data.info.name} got validation={fraction:g}, which holds out {held} of its {examples} training "
            "examples; it needs to hold out one at least, and to leave one to train on, or to be 0"
        )
    order = np.random.default_rng([seed, 4]).permutation(examples)
    return tuple(a[order[held:]] for a in data.train), tuple(a[order[:held]] for a in data.train)


def optimizer_factory(experiment: Experiment, steps_per_epoch: int) -> OptimizerFactory:
    """Return a function that creates the experiment's optimizer for a module."""
    settings = experiment.optimizer
    arguments = settings.model_dump(exclude={"name", "lr", "schedule"})
    lr = schedule(experiment, steps_per_epoch)
    return lambda module: OPTIMIZERS[type(settings)](module, lr, **arguments)


def primary_metric_info(experiment: Experiment) -> MetricInfo | None:
    """Return the declaration of an experiment's primary metric, or None where there is none.

    Raises: UnknownNameError, NameConflictError, PluginError, SettingError or DataError.
    """
    architecture, task = get(experiment.architecture), task_of(experiment)
    module = build(architecture, experiment.model, task, experiment.seed)
    config = architecture.configure(experiment.model)
    learns = learner(architecture, module, config, task, optimizer_factory(experiment, 1))
    return metric_info(experiment.primary_metric, learns.metric_info, architecture.metrics)


def stop_hooks(experiment: Experiment) -> list[StopWhen]:
    """Return the hook that ends training where the experiment says so, if it does."""
    if experiment.stop_condition is None:
        return []
    metric, sign, bound = experiment.stop_condition
    return [StopWhen(metric, at_least=bound) if sign == ">=" else StopWhen(metric, at_most=bound)]


def schedule(experiment: Experiment, steps_per_epoch: int) -> Schedule:
    """Return the learning rate as a function of the step."""
    lr = experiment.optimizer.lr
    match experiment.optimizer.schedule:
        case Constant():
            return schedules.constant(lr)
        case StepDecay(every=every, factor=factor):
            return schedules.step_decay(lr, every * steps_per_epoch, factor)
        case Cosine(warmup=warmup, floor=floor):
            return schedules.cosine(lr, experiment.epochs * steps_per_epoch, warmup, floor)
