"""Layers of a mixture: experts by their registry names, without task columns, and a gate with fixed routing."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from neuralzoo.core.layer import Context, Layer, Pullback, zero_grad_like
from neuralzoo.core.module import Array
from neuralzoo.plugins.modular.config import Expert
from neuralzoo.registry import SettingError, Task, get


class FixedGate(Layer):
    """Fixed routing: task columns of the example select one expert, with weight 1.

    Without parameters; y is 0 for that expert and minus infinity for the others. A single column has the index of the
    expert; as many columns as experts have their largest value at that of the expert.

    Shapes: x is (N, D), y is (N, experts).
    Raises: ValueError when an index is not whole or out of range.
    """

    def __init__(self, columns: Sequence[int], experts: int) -> None:
        self.columns = list(columns)
        self.experts = experts

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the logits, and a pullback without a gradient."""
        values = x[:, self.columns]
        if len(self.columns) == 1 and not np.equal(values, np.rint(values)).all():
            raise ValueError(
                f"FixedGate got values in column {self.columns[0]} that are not whole; it needs indices of experts"
            )
        expert = values.argmax(axis=1) if len(self.columns) > 1 else np.rint(values[:, 0]).astype(np.int64)
        if expert.min() < 0 or expert.max() >= self.experts:
            raise ValueError(
                f"FixedGate got experts from {expert.min()} to {expert.max()} in column {self.columns[0]}; it needs "
                f"indices from 0 to {self.experts - 1}"
            )
        y = np.where(np.arange(self.experts) == expert[:, None], x.dtype.type(0), x.dtype.type(-np.inf))
        return y, lambda dy: zero_grad_like(x)


class DropColumns(Layer):
    """Column selection: a layer that reads its input without some columns.

    Shapes: x is (N, D), the layer's input is (N, D - dropped columns).
    """

    def __init__(self, layer: Layer, dropped: Sequence[int], inputs: int) -> None:
        self.layer = layer
        self.kept = [column for column in range(inputs) if column not in dropped]

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the layer's output and its pullback, which is 0 in the dropped columns."""
        kept = x[:, self.kept]
        y, pull_layer = self.layer(kept, ctx if ctx.needs_grad(x) else replace(ctx, inputs_without_grad=kept))

        def pull(dy: Array) -> Array:
            dkept = pull_layer(dy)
            if not ctx.needs_grad(x):
                return zero_grad_like(x)
            dx = np.zeros_like(x)
            dx[:, self.kept] = dkept
            return dx

        return y, pull


def without_task_columns(task: Task, columns: Sequence[int]) -> Task:
    """Return the task of the experts, whose input lacks the task columns.

    Raises: SettingError when an example has no such columns, or no others.
    """
    if not columns:
        return task
    if task.input != "tabular" or max(columns) >= task.shape[0] or len(columns) >= task.shape[0]:
        raise SettingError(
            f"modular got task_columns={list(columns)} and {task.input} examples of shape {task.shape}; it needs "
            f"columns of tabular examples that leave the experts an input"
        )
    return task.model_copy(update={"shape": (task.shape[0] - len(columns),)})


def build_expert(one: Expert, task: Task, rng: np.random.Generator) -> Layer:
    """Build an expert or a gate by the registry name of its architecture.

    Raises: SettingError when it can't do the task, or its network is not a Layer.
    """
    architecture = get(one.name)
    if reason := architecture.unsupported(task):
        raise SettingError(reason)
    module = architecture.build(architecture.configure(one.settings), task, rng)
    if not isinstance(module, Layer):
        raise SettingError(f"modular got {one.name}, a {type(module).__name__}; it needs networks that are a Layer")
    return module
