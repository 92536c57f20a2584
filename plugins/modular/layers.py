"""What a mixture is put together from: networks by their registry names, who may not see all, and a gate by hand."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from neuralzoo.core.layer import Context, Layer, Pullback, no_gradient
from neuralzoo.core.module import Array
from neuralzoo.plugins.modular.config import Expert
from neuralzoo.registry import SettingError, Task, get


class Assignment(Layer):
    """A gate by hand: a field of the example says which expert is asked, with weight 1.

    Without parameters; y is 0 for that expert and minus infinity for the others. One place in the example has the
    expert's number; as many places as there are experts have the largest number at its own.

    Shapes: x is (N, D), y is (N, experts).
    Raises: ValueError when a number is not whole or no expert's.
    """

    def __init__(self, places: Sequence[int], experts: int) -> None:
        self.places = list(places)
        self.experts = experts

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the logits that leave one expert, and a pullback without a gradient."""
        field = x[:, self.places]
        if len(self.places) == 1 and not np.equal(field, np.rint(field)).all():
            raise ValueError(
                f"Assignment got numbers at place {self.places[0]} that are not whole; it needs the numbers of experts"
            )
        expert = field.argmax(axis=1) if len(self.places) > 1 else np.rint(field[:, 0]).astype(np.int64)
        if expert.min() < 0 or expert.max() >= self.experts:
            raise ValueError(
                f"Assignment got experts from {expert.min()} to {expert.max()} at place {self.places[0]}; it needs "
                f"numbers from 0 to {self.experts - 1}"
            )
        y = np.where(np.arange(self.experts) == expert[:, None], x.dtype.type(0), x.dtype.type(-np.inf))
        return y, lambda dy: no_gradient(x)


class Blind(Layer):
    """A layer that does not see some columns.

    Shapes: x is (N, D), the layer reads (N, D - hidden columns).
    """

    def __init__(self, layer: Layer, hidden: Sequence[int], inputs: int) -> None:
        self.layer = layer
        self.seen = [place for place in range(inputs) if place not in hidden]

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the layer's output and its pullback, which is 0 in the columns that it does not see."""
        rest = x[:, self.seen]
        y, pull_layer = self.layer(rest, replace(ctx, data=rest) if ctx.skips(x) else ctx)

        def pull(dy: Array) -> Array:
            through = pull_layer(dy)
            if ctx.skips(x):
                return no_gradient(x)
            dx = np.zeros_like(x)
            dx[:, self.seen] = through
            return dx

        return y, pull


def without_field(task: Task, field: Sequence[int]) -> Task:
    """Return the task that experts see, who do not read the field.

    Raises: SettingError when an example has no such field, or nothing but the field.
    """
    if not field:
        return task
    if task.input != "tabular" or max(field) >= task.shape[0] or len(field) >= task.shape[0]:
        raise SettingError(
            f"modular got field={list(field)} and {task.input} examples of shape {task.shape}; it needs places in "
            f"tabular examples that leave the experts something to read"
        )
    return task.model_copy(update={"shape": (task.shape[0] - len(field),)})


def part(one: Expert, task: Task, rng: np.random.Generator) -> Layer:
    """Build a network by its registry name as a part of this one.

    Raises: SettingError when it can't do the task, or is no function from examples to answers.
    """
    architecture = get(one.name)
    if reason := architecture.refusal(task):
        raise SettingError(reason)
    module = architecture.build(architecture.configure(one.settings), task, rng)
    if not isinstance(module, Layer):
        raise SettingError(f"modular got {one.name}, a {type(module).__name__}; it needs networks that are a Layer")
    return module
