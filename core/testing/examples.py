"""Tiny random data for a task."""

from typing import Any

import numpy as np

from neuralzoo.core.batches import Batch
from neuralzoo.core.blocks.losses import PADDING
from neuralzoo.core.module import Array

COPIES = ("reconstruction", "generation")
STEP_BY_STEP = ("language-modelling", "sequence-labelling")


def tiny_data(task: Any, examples: int = 8, seed: int = 0) -> Batch:
    """Return random examples and targets of the shapes and dtypes that a task has, all of which can be learned.

    Images are pixels from 0 to 1 (0 or 1 where they are to be reconstructed), other numbers are normal. Where each
    token has an answer of its own, sequences that begin alike are alike; equal examples have equal answers. Where
    examples differ in length, the first one is as long as can be; beyond its end an example is 0, and the answers of
    its steps are -1, or marks of 0.

    Shapes: x is (N, *task.shape); the target is (N,) classes, (N, 2) two classes, (N, outputs) numbers or marks,
    (N, T) labels or tokens, (N, T, outputs) marks, or x; with lengths (N,) between x and target where a task has them.
    Raises: ValueError when the kind of task is unknown.
    """
    rng = np.random.default_rng([seed, 5])
    rows = np.arange(examples)
    if task.input == "tokens" and task.kind in STEP_BY_STEP:
        rows %= task.vocabulary
    x = _inputs(task, rows, rng)
    target = _targets(task, x, rows, rng)
    *inputs, target = _padded(task, x, target, rng) if task.lengths else (x, target)
    return *inputs, target if task.kind in COPIES else target[_first_alike(inputs)]


def by_step(task: Any) -> bool:
    """Return whether predictions for a task of sequences have an axis of time."""
    return task.kind in (*COPIES, *STEP_BY_STEP)


def prediction_shape(task: Any, examples: int) -> tuple[int, ...]:
    """Return the shape that predictions for a task have."""
    if task.kind in COPIES:
        return (examples, *task.shape)
    if task.kind in STEP_BY_STEP:
        return (examples, task.shape[0], task.outputs)
    return (examples, task.outputs)


def _inputs(task: Any, rows: Array, rng: np.random.Generator) -> Array:
    shape = (len(rows), *task.shape)
    if task.input == "tokens":
        tokens = rng.integers(0, task.vocabulary, shape)
        if task.kind in STEP_BY_STEP:
            tokens[:, 0] = rows
        return tokens[rows]
    if task.input == "image":
        pixels = rng.random(shape, np.float32)
        return pixels.round() if task.kind in COPIES else pixels
    return rng.standard_normal(shape, np.float32)


def _targets(task: Any, x: Array, rows: Array, rng: np.random.Generator) -> Array:
    examples, outputs = len(rows), task.outputs
    match task.kind, task.answer:
        case "classification", "marks":
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
            return np.concatenate([x[:, 1:], rng.integers(0, task.vocabulary, (examples, 1))[rows]], axis=1)
        case "sequence-labelling", "marks":
            return rng.integers(0, 2, (examples, task.shape[0], outputs)).astype(np.float32)[rows]
        case "language-modelling" | "sequence-labelling", _:
            return rng.integers(0, outputs, (examples, task.shape[0]))[rows]
    raise ValueError(f"tiny_data got a task of kind {task.kind!r}; it knows no data for it")


def _first_alike(inputs: list[Array]) -> list[int]:
    """Return for each example the number of the first one that is equal: nobody can learn two answers for both."""
    first: dict[bytes, int] = {}
    rows = zip(*inputs, strict=True)
    return [first.setdefault(b"".join(part.tobytes() for part in row), number) for number, row in enumerate(rows)]


def _padded(task: Any, x: Array, target: Array, rng: np.random.Generator) -> Batch:
    """Return the examples cut off at random lengths, the lengths, and the targets."""
    steps = x.shape[1]
    lengths = rng.integers(1, steps + 1, len(x))
    lengths[:1] = steps
    beyond = np.arange(steps) >= lengths[:, None]  # (N, T)
    x = x.copy()
    x[beyond] = 0
    if task.kind in COPIES:
        return x, lengths, x
    if task.kind in STEP_BY_STEP:
        target[beyond] = PADDING if task.answer == "class" else 0
    return x, lengths, target
