"""From an experiment's settings to the objects that it names: data, network, learner."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neuralzoo.core import kernels
from neuralzoo.core.batches import ArrayBatches, Batch
from neuralzoo.core.blocks import optimizers, schedules
from neuralzoo.core.learner import Learner
from neuralzoo.core.module import Module
from neuralzoo.core.optimizer import Optimizer, Schedule
from neuralzoo.experiments import datasets
from neuralzoo.experiments.datasets import DataSet
from neuralzoo.registry import (
    SGD,
    Adam,
    AdamW,
    Architecture,
    Config,
    Constant,
    Cosine,
    Entry,
    Experiment,
    Figure,
    MakeHook,
    MakeOptimizer,
    RMSprop,
    SettingError,
    StepDecay,
    Task,
    build,
    figure,
    get,
    learner,
    trainer_hook,
)

EVALUATION_BATCH = 500
SIZES = {"train", "test", "stride"}
"""Options of data sets that say how many examples there are, and leave the task as it is."""

OPTIMIZERS: dict[type[SGD | RMSprop | Adam | AdamW], Callable[..., Optimizer]] = {
    SGD: optimizers.SGD,
    RMSprop: optimizers.RMSprop,
    Adam: optimizers.Adam,
    AdamW: optimizers.AdamW,
}


@dataclass(frozen=True)
class Assembly:
    """Everything that an experiment names, ready to train."""

    experiment: Experiment
    architecture: Architecture
    config: Config
    data: DataSet
    module: Module
    learner: Learner
    train: ArrayBatches
    validation: ArrayBatches | None
    test: ArrayBatches
    hooks: tuple[tuple[Entry, MakeHook], ...] = ()
    """Where the trainer hooks of plugins come from, and what makes them."""
    figures: tuple[Figure, ...] = ()
    """The figures of plugins that the experiment names."""

    @property
    def about(self) -> dict[str, object]:
        """What a checkpoint must agree on to be resumed."""
        return {"architecture": self.architecture.name, "experiment": self.experiment.settings()}


def assemble(experiment: Experiment) -> Assembly:
    """Load, split and build everything that an experiment names.

    Raises: UnknownName, Clash, BrokenPlugin, SettingError, DataError or UnknownForm for what its user can mend.
    """
    kernels.form()  # a wrong one is told before anything is made
    architecture = get(experiment.architecture)
    config = architecture.configure(experiment.model)  # before the data: a mistake should not wait for a download
    hooks = tuple(trainer_hook(name) for name in experiment.hooks)
    figures = figures_of(experiment, architecture)
    if not experiment.data.keys() - SIZES and (reason := architecture.refusal(task_of(experiment))):
        raise SettingError(f"{reason}{_other_task(experiment, architecture)}")
    data = load(experiment)
    module = build(architecture, experiment.model, data.task, experiment.seed)
    train, validation = split(data, experiment.validation, experiment.seed)
    batches = ArrayBatches(train, experiment.batch_size, shuffle=True)
    make_optimizer = optimizer_maker(experiment, len(batches))
    return Assembly(
        experiment=experiment,
        architecture=architecture,
        config=config,
        data=data,
        module=module,
        learner=learner(architecture, module, config, data.task, make_optimizer),
        train=batches,
        validation=ArrayBatches(validation, EVALUATION_BATCH) if validation is not None else None,
        test=ArrayBatches(data.test, EVALUATION_BATCH),
        hooks=hooks,
        figures=figures,
    )


def _other_task(experiment: Experiment, architecture: Architecture) -> str:
    """Return how to ask the data set for something that the architecture can do, or nothing."""
    info = datasets.info(experiment.dataset)
    for kind in sorted(architecture.tasks):
        try:
            if not architecture.refusal(info.asked_for(kind)):
                return f"; this data set serves that with `--set task={kind}`"
        except SettingError:
            continue
    return ""


def figures_of(experiment: Experiment, architecture: Architecture) -> tuple[Figure, ...]:
    """Return the figures of plugins that an experiment names, to be drawn beside those of the architecture.

    Raises: UnknownName, Clash or BrokenPlugin; SettingError when two have one file name.
    """
    taken = {declared.name for declared in architecture.figures}
    found = [figure(name) for name in experiment.figures]
    for name, one in zip(experiment.figures, found, strict=True):
        if one.name in taken:
            owner = architecture.name
            raise SettingError(f"{owner} got the figure {name!r}; it has one named {one.name}, it needs another")
        taken.add(one.name)
    return tuple(found)


def load(experiment: Experiment) -> DataSet:
    """Return the data set of an experiment with its options, asked for what the experiment asks for.

    Raises: UnknownName, SettingError or DataError for what its user can mend.
    """
    data = datasets.entry(experiment.dataset).load(experiment.seed, experiment.data)
    return data if experiment.task is None else data.asked_for(experiment.task)


def task_of(experiment: Experiment) -> Task:
    """Return the task of an experiment; the data set is read only where options other than sizes may change its task.

    Raises: UnknownName, SettingError or DataError for what its user can mend.
    """
    if experiment.data.keys() - SIZES:
        return load(experiment).task
    info = datasets.info(experiment.dataset)
    return info.task if experiment.task is None else info.asked_for(experiment.task)


def split(data: DataSet, share: float, seed: int) -> tuple[Batch, Batch | None]:
    """Return training and validation examples: the data set's own split, or a random share held out.

    Raises: SettingError when the share leaves nothing to train on, or holds nothing out although it is not 0.
    """
    if data.validation is not None:
        return data.train, data.validation
    examples = len(data.train[0])
    held = round(share * examples)
    if share == 0:
        return data.train, None
    if not 0 < held < examples:
        raise SettingError(
            f"{data.info.name} got validation={share:g}, which holds out {held} of its {examples} training examples; "
            "it needs to hold out one at least, and to leave one to train on, or to be 0"
        )
    order = np.random.default_rng([seed, 4]).permutation(examples)
    return tuple(a[order[held:]] for a in data.train), tuple(a[order[:held]] for a in data.train)


def optimizer_maker(experiment: Experiment, steps_per_epoch: int) -> MakeOptimizer:
    """Return the function that makes the experiment's optimizer for a module."""
    settings = experiment.optimizer
    arguments = settings.model_dump(exclude={"name", "lr", "schedule"})
    lr = schedule(experiment, steps_per_epoch)
    return lambda module: OPTIMIZERS[type(settings)](module, lr, **arguments)


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
