"""Learning-rate schedules: functions of the step (0, 1, ...)."""

import math

from neuralzoo.core.optimizer import Schedule
from neuralzoo.core.ranges import require_not_negative


def constant(lr: float) -> Schedule:
    """Constant learning rate.

    Raises: ValueError when it is negative, infinite or NaN.
    """
    require_not_negative("constant", lr=lr)
    return lambda step: lr


def step_decay(lr: float, every: int, factor: float) -> Schedule:
    """Step decay, by `factor` after every `every` steps: lr factor^floor(step / every).

    Raises: ValueError when `every` is not positive, or a number is negative, infinite or NaN.
    """
    if not 1 <= every < math.inf:
        raise ValueError(f"step_decay got every={every}; it needs at least 1 step")
    require_not_negative("step_decay", lr=lr, factor=factor)
    return lambda step: lr * factor ** (step // every)


def cosine(lr: float, steps: int, warmup: int = 0, floor: float = 0.0) -> Schedule:
    """Cosine decay with linear warmup: up for `warmup` steps, then along half a cosine to `floor` times lr at `steps`.

        step < warmup:   lr (step + 1) / warmup
        from there on:   lr (floor + (1 - floor) (1 + cos(pi p)) / 2),   p = (step - warmup) / (steps - warmup)

    After `steps` the rate stays at the floor; when the warmup is as long as the run or longer there is no decay.

    Raises: ValueError when `steps` is not positive, or another number is negative, infinite or NaN.
    Source: Loshchilov and Hutter (2016), SGDR, https://arxiv.org/abs/1608.03983 (one period)
    """
    if not 1 <= steps < math.inf or not 0 <= warmup < math.inf:
        raise ValueError(f"cosine got steps={steps}, warmup={warmup}; it needs at least 1 step and no negative warmup")
    require_not_negative("cosine", lr=lr, floor=floor)

    def rate(step: int) -> float:
        if step < warmup:
            return lr * (step + 1) / warmup
        progress = min((step - warmup) / (steps - warmup), 1.0) if steps > warmup else 1.0
        return lr * (floor + (1 - floor) * (1 + math.cos(math.pi * progress)) / 2)

    return rate
