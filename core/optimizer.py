"""What an optimizer is: one pass over one vector."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from neuralzoo.core.layer import Gradients
from neuralzoo.core.module import Array, Module, StateDict, load_arrays
from neuralzoo.core.ranges import require_not_negative

Schedule = Callable[[int], float]


class DivergenceError(RuntimeError):
    """The loss or a gradient is not finite; the message names the step and the quantity."""


class Optimizer(ABC):
    """Base class of optimizers: updates a module's trainable parameters, packed into one vector.

    `lr` is the learning rate or a schedule, a function of the step (0, 1, ...); `clip` is the maximum norm of the
    gradient (clipping by global norm). `moments` is the optimizer's state, vectors by name.
    """

    def __init__(self, module: Module, lr: float | Schedule, *, clip: float | None = None) -> None:
        if clip is not None and not 0 < clip < math.inf:
            raise ValueError(f"{type(self).__name__} got clip={clip}; it needs a positive norm or None")
        if not callable(lr):
            require_not_negative(type(self).__name__, lr=lr)
        self.weights = module.pack()
        self.module = module
        self.parameters = list(module.trainable_parameters().values())
        self.schedule: Schedule = lr if callable(lr) else lambda step: lr
        self.clip = clip
        self.steps = 0
        self.moments: StateDict = {}

    def step(self, grads: Gradients) -> dict[str, float]:
        """Update the parameters once and return the gradient's norm and the learning rate.

        Raises: DivergenceError when a gradient is not finite, or their squares are too large for the dtype and are not
        clipped; the parameters are unchanged then. RuntimeError when the parameters have been moved out of the
        optimizer's vector; ValueError when the gradients are of other ones, or the schedule's rate is negative or NaN.
        """
        if any(parameter.value.base is not self.weights for parameter in self.parameters):
            raise RuntimeError(
                f"{type(self).__name__} got a {type(self.module).__name__} whose weights were moved (converted, copied "
                f"or packed with others) after it was made; it needs to be made after that"
            )
        if grads.parameters != self.parameters or not all(parameter.trainable for parameter in self.parameters):
            raise ValueError(
                f"{type(self).__name__} got gradients of {len(grads.parameters)} parameters; it needs those of the "
                f"{len(self.parameters)} of its {type(self.module).__name__} alone, none of them frozen since"
            )
        gradient = grads.vector
        lr = self.schedule(self.steps)
        require_not_negative(f"{type(self).__name__} at step {self.steps}", lr=lr)
        norm = float(np.sqrt(np.dot(gradient, gradient)))
        if not math.isfinite(norm):
            norm = self._large_norm(gradient)
        elif self.clip is not None and norm > self.clip:
            gradient *= self.clip / norm
        self.steps += 1
        self.update(gradient, lr)
        return {"grad_norm": norm, "lr": lr}

    def _large_norm(self, gradient: Array) -> float:
        """Return the norm of a gradient whose squares overflow, and clip it, scaled by its largest entry."""
        largest = float(np.abs(gradient).max())
        if not math.isfinite(largest):
            raise DivergenceError(
                f"the gradient at step {self.steps} has norm {largest}; training needs finite gradients"
            )
        gradient /= largest
        scaled = float(np.sqrt(np.dot(gradient, gradient)))
        if self.clip is None:
            raise DivergenceError(
                f"the gradient at step {self.steps} has norm {largest * scaled:.3g}, whose square is too large for "
                f"{gradient.dtype}; training needs `clip`, or a smaller learning rate"
            )
        gradient *= self.clip / scaled
        return largest * scaled

    @abstractmethod
    def update(self, gradient: Array, lr: float) -> None:
        """Update `self.weights` in place; `self.steps` counts this step already. `gradient` may be overwritten."""

    def state(self) -> StateDict:
        """Return a copy of the moments and the step count."""
        return {name: vector.copy() for name, vector in self.moments.items()} | {"steps": np.array(self.steps)}

    def load_state(self, state: StateDict) -> None:
        """Set moments and step count.

        Raises: ValueError when it is the state of another optimizer or module.
        """
        load_arrays(type(self).__name__, self.moments | {"steps": (steps := np.array(0))}, state)
        self.steps = int(steps)
