"""Scaled workloads: a training step of an architecture at multiples of the sizes of its reference experiment."""

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

STEPS_PER_EPOCH = 100  # for the learning rate schedule; it does not affect the time
MIN_RUNS, MIN_TOTAL_S = 5, 0.2
MIN_LONG_RUNS, LONG_TOTAL_S = 3, 1.0


@dataclass(frozen=True)
class ScaledWorkload:
    """A learner and a batch."""

    learner: Learner
    batch: Batch

    def step(self) -> Callable[[], object]:
        """Return a training step: forward, backward, optimizer, and the metrics that a run logs."""
        ctx = Context(training=True, rng=np.random.default_rng(0))
        return lambda: self.learner.learn(self.batch, ctx)


def axes(name: str) -> tuple[str, ...]:
    """Return the axes along which an architecture's reference experiment can be scaled."""
    scalable = get(name).scale_width is not None
    is_sequence = task_of(reference(name)).input in ("sequence", "tokens")
    return ("batch", *["width"] * scalable, *["length"] * is_sequence)


def scaled(name: str, axis: str, factor: float) -> ScaledWorkload:
    """Return the quick experiment of an architecture with its batch, its widths or its sequences times a factor.

    Examples are repeated where there are too few; sequences are repeated or truncated.

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
        task, arrays = _scale_length(task, arrays, factor)
    # Copies, as in a run: a view of another array would not be recognised as the inputs by `Context.needs_grad`.
    batch = tuple(array[np.arange(examples) % len(array)] for array in arrays)
    return assembled(experiment, config.model_dump(mode="json"), task, batch)


def with_random_batch(name: str, profile: str) -> ScaledWorkload:
    """Return the workload of an experiment with random inputs instead of its data, which may need a download."""
    experiment = get(name).experiments[profile]
    task = task_of(experiment)
    batch = random_batch(task, experiment.batch_size, np.random.default_rng(0))
    return assembled(experiment, experiment.model, task, batch)


def random_batch(task: Task, examples: int, rng: np.random.Generator) -> Batch:
    """Return random examples of a classification or language-modelling task."""
    classes = rng.integers(task.outputs, size=(examples, *task.shape * (task.input == "tokens")))
    if task.input == "tokens":
        return rng.integers(task.vocab_size or 1, size=(examples, *task.shape)), classes
    return rng.random((examples, *task.shape), np.float32), classes


def seconds(function: Callable[[], object]) -> float:
    """Return the median time of a function in seconds, after two warm-up runs; slow functions are run less often."""
    function()
    function()
    spent: list[float] = []
    while len(spent) < MIN_RUNS or sum(spent) < MIN_TOTAL_S:
        since = time.perf_counter()
        function()
        spent.append(time.perf_counter() - since)
        if len(spent) >= MIN_LONG_RUNS and sum(spent) > LONG_TOTAL_S:
            break
    return statistics.median(spent)


def assembled(experiment: Experiment, settings: dict[str, Any], task: Task, batch: Batch) -> ScaledWorkload:
    """Return the workload of an experiment with given settings and task."""
    architecture = get(experiment.architecture)
    module = build(architecture, settings, task, experiment.seed)
    optimizers = optimizer_factory(experiment, STEPS_PER_EPOCH)
    return ScaledWorkload(learner(architecture, module, architecture.configure(settings), task, optimizers), batch)


def _scale_length(task: Task, arrays: Batch, factor: float) -> tuple[Task, Batch]:
    """Return a task and its examples with the time axis repeated or truncated, and the lengths scaled."""
    before = task.shape[0]
    after = max(1, round(before * factor))

    def scaled_length(array: Array) -> Array:
        if array.ndim < 2 or array.shape[1] != before:
            return array
        repeated: Array = array[:, np.arange(after) % before]
        return repeated

    scaled_arrays = [scaled_length(array) for array in arrays]
    if task.variable_length:
        scaled_arrays[-2] = np.clip(np.round(arrays[-2] * factor), 1, after).astype(arrays[-2].dtype)
    return task.model_copy(update={"shape": (after, *task.shape[1:])}), tuple(scaled_arrays)


def reference(name: str) -> Experiment:
    """Return the reference experiment of an architecture for benchmarks."""
    return get(name).experiments[PROFILE].set(SETTINGS.get(name, []))


@cache
def _data(name: str) -> Dataset:
    return load(reference(name))
