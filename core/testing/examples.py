"""Tiny random data for a task."""

from typing import Any

import numpy as np

from neuralzoo.core.batches import Batch
from neuralzoo.core.module import Array

COPIES = ("reconstruction", "generation")
STEP_BY_STEP = ("language-modelling", "sequence-labelling")


def tiny_data(task: Any, examples: int = 8, seed: int = 0) -> Batch:
    """Return random examples and targets of the shapes and dtypes that a task has, all of which can be learned.

    Images are pixels from 0 to 1 (0 or 1 where they are to be reconstructed), other numbers are normal. Where each
    token has an answer of its own, sequences that begin alike are alike.

    Shapes: x is (N, *task.shape); the target is (N,) classes, (N, outputs) numbers, (N, T) labels or tokens, or x.
    Raises: ValueError when the kind of task is unknown.
    """
    rng = np.random.default_rng([seed, 5])
    rows = np.arange(examples)
    if task.input == "tokens" and task.kind in STEP_BY_STEP:
        rows %= task.vocabulary
    x = _inputs(task, rows, rng)
    match task.kind:
        case "classification":
            target = rng.permutation(rows % task.outputs)
        case "regression":
            target = rng.standard_normal((examples, task.outputs)).astype(np.float32)
        case "reconstruction" | "generation":
            target = x
        case "language-modelling":
            target = np.concatenate([x[:, 1:], rng.integers(0, task.vocabulary, (examples, 1))[rows]], axis=1)
        case "sequence-labelling":
            target = rng.integers(0, task.outputs, (examples, task.shape[0]))[rows]
        case _:
            raise ValueError(f"tiny_data got a task of kind {task.kind!r}; it knows no data for it")
    return x, target


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
