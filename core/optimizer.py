"""What an optimizer is: one pass over one vector."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from neuralzoo.core.layer import Gradients
from neuralzoo.core.module import Array, Module, State, load_arrays

Schedule = Callable[[int], float]


class Diverged(RuntimeError):
    """Training left the range of finite numbers; the message names the step and the measure."""


class Optimizer(ABC):
    """Changes the trainable parameters of a module, which it packs into one vector.

    `lr` is the learning rate or a function from the step (0, 1, ...) to it; `clip` is the largest norm of the
    gradient: a longer one is scaled down to it. What an optimizer remembers is in `memory`, vectors by name.
    """

    def __init__(self, module: Module, lr: float | Schedule, *, clip: float | None = None) -> None:
        if clip is not None and clip <= 0:
            raise ValueError(f"{type(self).__name__} got clip={clip}; it needs a positive norm or None")
        self.weights = module.pack()
        self.module = module
        self.parameters = list(module.trainable().values())
        self.schedule: Schedule = lr if callable(lr) else lambda step: lr
        self.clip = clip
        self.steps = 0
        self.memory: State = {}

    def step(self, grads: Gradients) -> dict[str, float]:
        """Change the parameters once and return the gradient's norm and the learning rate.

        Raises: Diverged when the norm is not finite; the parameters are as they were then. RuntimeError when the
        parameters have been moved out of the optimizer's vector; ValueError when the gradients are of other ones.
        """
        if any(parameter.value.base is not self.weights for parameter in self.parameters):
            raise RuntimeError(
                f"{type(self).__name__} got a {type(self.module).__name__} whose weights were moved (converted, copied "
                f"or packed with others) after it was made; it needs to be made after that"
            )
        if grads.parameters != self.parameters or not all([parameter.trainable for parameter in self.parameters]):
            raise ValueError(
                f"{type(self).__name__} got gradients of {len(grads.parameters)} parameters; it needs those of the "
                f"{len(self.parameters)} of its {type(self.module).__name__} alone, none of them frozen since"
            )
        gradient = grads.vector
        norm = float(np.sqrt(np.dot(gradient, gradient)))
        if not np.isfinite(norm):
            raise Diverged(f"the gradient at step {self.steps} has norm {norm}; training needs finite gradients")
        if self.clip is not None and norm > self.clip:
            gradient *= self.clip / norm
        lr = self.schedule(self.steps)
        self.steps += 1
        self.update(gradient, lr)
        return {"grad_norm": norm, "lr": lr}

    @abstractmethod
    def update(self, gradient: Array, lr: float) -> None:
        """Change `self.weights` in place; `self.steps` counts this step already. `gradient` may be overwritten."""

    def state(self) -> State:
        """Return a copy of the memory and the step count."""
        return {name: vector.copy() for name, vector in self.memory.items()} | {"steps": np.array(self.steps)}

    def load_state(self, state: State) -> None:
        """Set memory and step count.

        Raises: ValueError when it is the state of another optimizer or module.
        """
        load_arrays(type(self).__name__, self.memory | {"steps": (steps := np.array(0))}, state)
        self.steps = int(steps)
