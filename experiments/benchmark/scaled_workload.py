"""One training step of an architecture at other sizes than its reference experiment's."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from neuralzoo.core.batches import Batch
from neuralzoo.core.layer import Context
from neuralzoo.core.learner import Learner
from neuralzoo.core.module import Array
from neuralzoo.experiments.benchmark.workload import PROFILE, SETTINGS
from neuralzoo.experiments.datasets import Dataset
from neuralzoo.experiments.running.assembly import load, optimizer_factory, task_of
from neuralzoo.registry import Experiment, SettingError, Task, build, get, learner

STEPS_PER_EPOCH = 100  # the rate's schedule needs a number; it has no part in the time
ENOUGH, ENOUGH_S, TOO_LONG_S = 5, 0.2, 1.0


@dataclass(frozen=True)
class Sized:
    """A network that learns, and a batch."""

    learner: Learner
    batch: Batch

    def step(self) -> Callable[[], object]:
        """Return a training step: forward, backward, optimizer, and the metrics that a run logs."""
        ctx = Context(training=True, rng=np.random.default_rng(0))
        return lambda: self.learner.learn(self.batch, ctx)


def axes(name: str) -> tuple[str, ...]:
    """Return along what an architecture's reference experiment can be made larger."""
    resizable = get(name).scale_width is not None
    steps = task_of(reference(name)).input in ("sequence", "tokens")
    return ("batch", *["width"] * resizable, *["length"] * steps)


def sized(name: str, axis: str, factor: float) -> Sized:
    """Return the quick experiment of an architecture with its batch, its widths or its sequences times a factor.

    Examples are repeated where there are not enough; sequences are repeated or cut.

    Raises: SettingError when the architecture has no such axis.
    """
    experiment, architecture = reference(name), get(name)
    if axis not in axes(name):
        raise SettingError(f"{name} got the axis {axis!r}; it needs one of {', '.join(axes(name))}")
    data = _data(name)
    task, examples, config = data.task, experiment.batch_size, architecture.configure(experiment.model)
    arrays = data.train
    if axis == "batch":
        examples = max(1, round(examples * factor))
    elif axis == "width" and architecture.scale_width is not None:
        config = architecture.scale_width(config, factor)
    else:
        task, arrays = _lengthened(task, arrays, factor)
    # Arrays of their own, as those of a run: a view of another would not be known as the data (`Context.needs_grad`).
    batch = tuple(array[np.arange(examples) % len(array)] for array in arrays)
    return assembled(experiment, config.model_dump(mode="json"), task, batch)


def with_random_data(name: str, profile: str) -> Sized:
    """Return an experiment of an architecture with random numbers instead of its data, which may need a download."""
    experiment = get(name).experiments[profile]
    task = task_of(experiment)
    batch = random_batch(task, experiment.batch_size, np.random.default_rng(0))
    return assembled(experiment, experiment.model, task, batch)


def random_batch(task: Task, examples: int, rng: np.random.Generator) -> Batch:
    """Return random examples of a task that asks for a class, of each example or of each token."""
    classes = rng.integers(task.outputs, size=(examples, *task.shape * (task.input == "tokens")))
    if task.input == "tokens":
        return rng.integers(task.vocab_size or 1, size=(examples, *task.shape)), classes
    return rng.random((examples, *task.shape), np.float32), classes


def seconds(function: Callable[[], object]) -> float:
    """Return the median seconds of a function: of five runs at least and a fifth of a second, or of three long ones."""
    function()
    function()
    spent: list[float] = []
    while len(spent) < ENOUGH or sum(spent) < ENOUGH_S:
        since = time.perf_counter()
        function()
        spent.append(time.perf_counter() - since)
        if len(spent) >= 3 and sum(spent) > TOO_LONG_S:
            break
    return statistics.median(spent)


def assembled(experiment: Experiment, settings: dict[str, Any], task: Task, batch: Batch) -> Sized:
    """Return the network of an experiment with other settings, for a task that need not be its own."""
    architecture = get(experiment.architecture)
    module = build(architecture, settings, task, experiment.seed)
    optimizers = optimizer_factory(experiment, STEPS_PER_EPOCH)
    return Sized(learner(architecture, module, architecture.configure(settings), task, optimizers), batch)


def _lengthened(task: Task, arrays: Batch, factor: float) -> tuple[Task, Batch]:
    """Return a task and its examples with time repeated or cut; one with lengths has them in the array before last."""
    before = task.shape[0]
    after = max(1, round(before * factor))

    def changed(array: Array) -> Array:
        if array.ndim < 2 or array.shape[1] != before:
            return array
        longer: Array = array[:, np.arange(after) % before]
        return longer

    found = [changed(array) for array in arrays]
    if task.variable_length:
        found[-2] = np.clip(np.round(arrays[-2] * factor), 1, after).astype(arrays[-2].dtype)
    return task.model_copy(update={"shape": (after, *task.shape[1:])}), tuple(found)


def reference(name: str) -> Experiment:
    """Return the experiment of an architecture that is timed."""
    return get(name).experiments[PROFILE].set(SETTINGS.get(name, []))


@cache
def _data(name: str) -> Dataset:
    return load(reference(name))
