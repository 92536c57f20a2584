"""Tiny random data for a task."""

import numpy as np

from neuralzoo.core.batches import Batch
from neuralzoo.core.blocks.targets import IGNORE_INDEX
from neuralzoo.core.module import Array
from neuralzoo.core.task import PER_STEP_TASKS, TARGETLESS_TASKS, Task


def tiny_data(task: Task, examples: int = 8, seed: int = 0) -> Batch:
    """Return random examples and targets of a task's shapes and dtypes, all of which can be learned.

    Images are pixels from 0 to 1 (0 or 1 where they are to be reconstructed), other values are normal. Where each
    token has a target, sequences with the same first token are equal; equal examples have equal targets. Where
    examples differ in length, the first one has the maximum length; padding is 0, and its targets are -1, or 0 for
    multilabel targets.

    Shapes: x is (N, *task.shape); the target is (N,) classes, (N, 2) two classes, (N, outputs) values or multilabel,
    (N, T) classes or tokens, (N, T, outputs) multilabel, or x; with lengths (N,) between x and target where a task has
    them.
    Raises: ValueError when the kind of task is unknown.
    """
    rng = np.random.default_rng([seed, 5])
    rows = np.arange(examples)
    if task.input == "tokens" and task.kind in PER_STEP_TASKS:
        rows %= task.vocab_size or examples  # a task of tokens has a vocabulary
    x = _inputs(task, rows, rng)
    target = _targets(task, x, rows, rng)
    *inputs, target = _padded(task, x, target, rng) if task.variable_length else (x, target)
    return *inputs, target if task.kind in TARGETLESS_TASKS else target[_first_alike(inputs)]


def by_step(task: Task) -> bool:
    """Return whether predictions for a task have a time axis."""
    return task.kind in (*TARGETLESS_TASKS, *PER_STEP_TASKS)


def prediction_shape(task: Task, examples: int) -> tuple[int, ...]:
    """Return the shape of predictions for a task."""
    if task.kind in TARGETLESS_TASKS:
        return (examples, *task.shape)
    if task.kind in PER_STEP_TASKS:
        return (examples, task.shape[0], task.outputs)
    return (examples, task.outputs)


def _inputs(task: Task, rows: Array, rng: np.random.Generator) -> Array:
    shape = (len(rows), *task.shape)
    if task.input == "tokens":
        tokens = rng.integers(0, task.vocab_size, shape)
        if task.kind in PER_STEP_TASKS:
            tokens[:, 0] = rows
        return tokens[rows]
    if task.input == "image":
        pixels = rng.random(shape, np.float32)
        return pixels.round() if task.kind in TARGETLESS_TASKS else pixels
    return rng.standard_normal(shape, np.float32)


def _targets(task: Task, x: Array, rows: Array, rng: np.random.Generator) -> Array:
    examples, outputs = len(rows), task.outputs
    match task.kind, task.target:
        case "classification", "multilabel":
            return rng.integers(0, 2, (examples, outputs)).astype(np.float32)
        case "classification", "classes":
            first = rng.permutation(rows % outputs)
            return np.stack([first, (first + rng.integers(1, max(outputs, 2), examples)) % outputs], axis=1)
        case "classification", _:
            return rng.permutation(rows % outputs)
        case "regression", _:
            return rng.standard_normal((examples, outputs)).astype(np.float32)
        case "reconstruction" | "generation", _:
            return x
        case "language-modelling", _ if task.input == "tokens":
            return np.concatenate([x[:, 1:], rng.integers(0, task.vocab_size, (examples, 1))[rows]], axis=1)
        case "sequence-labelling", "multilabel":
            return rng.integers(0, 2, (examples, task.shape[0], outputs)).astype(np.float32)[rows]
        case "language-modelling" | "sequence-labelling", _:
            return rng.integers(0, outputs, (examples, task.shape[0]))[rows]
    raise ValueError(f"tiny_data got a task of kind {task.kind!r}; it knows no data for it")


def _first_alike(inputs: list[Array]) -> list[int]:
    """Return for each example the index of the first equal one: equal examples need equal targets to be learnable."""
    first: dict[bytes, int] = {}
    rows = zip(*inputs, strict=True)
    return [first.setdefault(b"".join(part.tobytes() for part in row), number) for number, row in enumerate(rows)]


def _padded(task: Task, x: Array, target: Array, rng: np.random.Generator) -> Batch:
    """Return the examples truncated at random lengths, the lengths, and the targets."""
    steps = x.shape[1]
    lengths = rng.integers(1, steps + 1, len(x))
    lengths[:1] = steps
    beyond = np.arange(steps) >= lengths[:, None]  # (N, T)
    x = x.copy()
    x[beyond] = 0
    if task.kind in TARGETLESS_TASKS:
        return x, lengths, x
    if task.kind in PER_STEP_TASKS:
        target[beyond] = IGNORE_INDEX if task.target == "class" else 0
    return x, lengths, target
