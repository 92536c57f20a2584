"""Tiny random data for a task."""

from typing import Any

import numpy as np

from neuralzoo.core.batches import Batch
from neuralzoo.core.module import Array


def tiny_data(task: Any, examples: int = 8, seed: int = 0) -> Batch:
    """Return random examples and targets of the shapes and dtypes that a task has.

    Images are pixels from 0 to 1 (0 or 1 where they are to be reconstructed), other numbers are normal.

    Shapes: x is (N, *task.shape); the target is (N,) classes, (N, outputs) numbers, (N, T) labels or tokens, or x.
    Raises: ValueError when the kind of task is unknown.
    """
    rng = np.random.default_rng([seed, 5])
    x = _inputs(task, examples, rng)
    match task.kind:
        case "classification":
            target = rng.permutation(np.arange(examples) % task.outputs)
        case "regression":
            target = rng.standard_normal((examples, task.outputs)).astype(np.float32)
        case "reconstruction" | "generation":
            target = x
        case "language-modelling":
            target = np.concatenate([x[:, 1:], rng.integers(0, task.vocabulary, (examples, 1))], axis=1)
        case "sequence-labelling":
            target = rng.integers(0, task.outputs, (examples, task.shape[0]))
        case _:
            raise ValueError(f"tiny_data got a task of kind {task.kind!r}; it knows no data for it")
    return x, target


def prediction_shape(task: Any, examples: int) -> tuple[int, ...]:
    """Return the shape that predictions for a task have."""
    if task.kind in ("reconstruction", "generation"):
        return (examples, *task.shape)
    if task.kind in ("language-modelling", "sequence-labelling"):
        return (examples, task.shape[0], task.outputs)
    return (examples, task.outputs)


def _inputs(task: Any, examples: int, rng: np.random.Generator) -> Array:
    shape = (examples, *task.shape)
    if task.input == "tokens":
        return rng.integers(0, task.vocabulary, shape)
    if task.input == "image":
        pixels = rng.random(shape, np.float32)
        return pixels.round() if task.kind in ("reconstruction", "generation") else pixels
    return rng.standard_normal(shape, np.float32)
