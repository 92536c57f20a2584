"""Checks of a whole dataset before training: every value of every split, so that no batch ends a run."""

from dataclasses import replace

import numpy as np

from neuralzoo.core.blocks.targets import IGNORE_INDEX, mask_beyond
from neuralzoo.core.inputs import as_array
from neuralzoo.core.module import Array
from neuralzoo.core.task import PER_STEP_TASKS, TARGETLESS_TASKS, Task
from neuralzoo.experiments.datasets import DataError, Dataset
from neuralzoo.registry.dataset import Arrays

TARGET_DTYPES = {"class": np.int64, "classes": np.int64, "multilabel": np.float32, "continuous": np.float32}
NUMBERS = {"class": "biu", "classes": "biu", "multilabel": "biuf", "continuous": "biuf"}
"""The kinds of dtype that targets may come in."""
LARGEST = float(np.sqrt(np.finfo(np.float32).max))
"""Of the values of an example: what is larger has no finite square in float32, so no finite error and variance."""


def checked(data: Dataset) -> Dataset:
    """Return a dataset whose splits were checked, with targets in the dtype of their kind.

    Truth values and unsigned integers are classes, too. Padding, a target of -1, exists where targets have steps only.

    Raises: DataError with the split and the count of its examples that are not finite, no class, no token, or the like.
    """
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    found = {split: _checked_part(data, split, part) for split, part in parts.items() if part is not None}
    for split, part in data.extra_test_sets.items():
        _check_finite(data.name, split, part)
    return replace(data, train=found["train"], test=found["test"], validation=found.get("validation"))


def _checked_part(data: Dataset, split: str, part: Arrays) -> Arrays:
    """Return the arrays of a split, the target in the dtype of its kind."""
    name, task = f"dataset {data.name}", data.task
    try:
        *inputs, target = (as_array(name, a) if a is not part[-1] else np.asarray(a) for a in part)
    except ValueError as error:
        raise DataError(f"{error}, in its {split} split") from None
    _check_finite(data.name, split, (*inputs, target))
    x, *lengths = inputs
    if task.input == "tokens":
        if x.dtype.kind not in "iu":
            raise DataError(f"{name} has tokens of dtype {x.dtype} in its {split} split; it needs integers")
        _check_range(name, split, "tokens", x, 0, (task.vocab_size or 1) - 1)
    if lengths:
        if lengths[0].dtype.kind not in "iu" or lengths[0].shape != x.shape[:1]:
            raise DataError(
                f"{name} has lengths of dtype {lengths[0].dtype} and shape {lengths[0].shape} in its {split} split; "
                "it needs one integer for each example"
            )
        _check_range(name, split, "lengths", lengths[0], 1, x.shape[1])
    if task.kind in TARGETLESS_TASKS:
        return *inputs, target
    _check_target(name, split, task, target, lengths[0] if lengths else None)
    return *inputs, target.astype(TARGET_DTYPES[task.target], copy=False)


def _check_target(name: str, split: str, task: Task, target: Array, lengths: Array | None) -> None:
    by_step = task.kind in PER_STEP_TASKS
    axes = ("N", *["T"] * by_step, *{"class": (), "classes": ("k",)}.get(task.target, (str(task.outputs),)))
    if target.ndim != len(axes) or (axes[-1] == str(task.outputs) and target.shape[-1] != task.outputs):
        needed = f"({', '.join(axes)}{',' * (len(axes) == 1)})"
        raise DataError(f"{name} has targets of shape {target.shape} in its {split} split; its task needs {needed}")
    if target.dtype.kind not in NUMBERS[task.target]:
        needed = f"integers from 0 to {task.outputs - 1}" if NUMBERS[task.target] == "biu" else "numbers"
        raise DataError(
            f"{name} has targets of kind {task.target} and dtype {target.dtype} in its {split} split; it needs {needed}"
        )
    if by_step and lengths is not None:
        target = mask_beyond(target, lengths)
    if by_step and not (target != IGNORE_INDEX).any():
        raise DataError(f"{name} has nothing but padding as targets of its {split} split; it needs one that is not")
    if task.target != "continuous":
        noun = "values of multilabel targets" if task.target == "multilabel" else "classes"
        highest = 1 if task.target == "multilabel" else task.outputs - 1
        _check_range(name, split, noun, target, 0, highest, padding=by_step)


def _check_range(
    name: str, split: str, noun: str, values: Array, lowest: int, highest: int, *, padding: bool = False
) -> None:
    least = IGNORE_INDEX if padding else lowest
    if values.min() >= least and values.max() <= highest and (values.dtype.kind != "f" or not padding):
        return
    wrong = (values < lowest) | (values > highest)
    if padding:
        wrong &= values != IGNORE_INDEX
    bad = np.count_nonzero(wrong.reshape(len(values), -1).any(axis=1))
    if not bad:
        return
    known = ", or -1 in the padding" if padding else ""
    no_steps = "; -1 is padding where targets have steps only" if not padding and values.min() == IGNORE_INDEX else ""
    raise DataError(
        f"{name} has {bad} of {len(values)} examples in its {split} split with {noun} from {values.min()} to "
        f"{values.max()}; it needs {lowest} to {highest}{known}{no_steps}"
    )


def _check_finite(name: str, split: str, part: Arrays) -> None:
    values = [array for array in part if array.dtype.kind == "f"]
    if all(array.min() >= -LARGEST and array.max() <= LARGEST for array in values if array.size):  # false for NaN
        return
    for problem, holds, needed in (
        ("NaN or infinite", np.isfinite, "finite ones"),
        (f"beyond {LARGEST:.2g}", _has_square, "ones whose squares are finite in float32"),
    ):
        good = np.logical_and.reduce([holds(array).reshape(len(array), -1).all(axis=1) for array in values])
        if bad := np.count_nonzero(~good):
            raise DataError(
                f"dataset {name} has {bad} of {len(part[0])} examples in its {split} split with values that are "
                f"{problem}; training needs {needed}"
            )


def _has_square(array: Array) -> Array:
    """Return whether each value has a finite square in float32, in which networks compute."""
    return (array >= -LARGEST) & (array <= LARGEST)
