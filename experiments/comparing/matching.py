"""What contestants have in equal amount: parameters, optimizer steps, or training time."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.layer import Context
from neuralzoo.core.trainer import Trainer
from neuralzoo.experiments.running.assembly import assemble
from neuralzoo.registry import Contestant, Cosine, Experiment, SettingError, StepDecay, Task, build, get

TOLERANCE = 0.02
HALVINGS = 40
PILOT_STEPS, PILOT_WARMUP, PILOT_S = 40, 5, 2.0


@dataclass
class Budget:
    """A trainer hook that ends the training at the epoch whose end is nearest to a number of training seconds."""

    seconds: float | None = None

    @hookimpl
    def should_stop(self, trainer: Trainer) -> bool | None:
        """Stop when another epoch would lead further away from the budget."""
        if self.seconds is None:
            return None
        return trainer.seconds + trainer.seconds / trainer.epoch / 2 >= self.seconds or None


def size(contestant: Contestant, task: Task) -> int:
    """Return a contestant's number of parameters."""
    experiment = contestant.experiment
    return build(get(experiment.architecture), experiment.model, task, experiment.seed).size


def equal_parameters(contestants: Sequence[Contestant], task: Task) -> list[Contestant]:
    """Shrink contestants to the smallest one's number of parameters, within 2 %, with their architecture's `resize`.

    Raises: SettingError when an architecture has no `resize` or its widths do not lead there.
    """
    sizes = {c.label: size(c, task) for c in contestants}
    target = min(sizes.values())
    return [c if sizes[c.label] <= target * (1 + TOLERANCE) else _resized(c, task, target) for c in contestants]


def _resized(contestant: Contestant, task: Task, target: int) -> Contestant:
    architecture = get(contestant.experiment.architecture)
    if architecture.resize is None:
        raise SettingError(
            f"{contestant.label} has {size(contestant, task):,} parameters and {architecture.name} declares no resize;"
            f" equal parameters need {target:,}: choose its settings by hand, or --match none"
        )
    full = architecture.configure(contestant.experiment.model)
    best, nearest = contestant, size(contestant, task)
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        factor = (low + high) / 2
        model = architecture.resize(full, factor).model_dump(mode="json")
        experiment = contestant.experiment.model_validate(contestant.experiment.settings() | {"model": model})
        tried = contestant.model_copy(update={"experiment": experiment})
        count = size(tried, task)
        if abs(count - target) < abs(nearest - target):
            best, nearest = tried, count
        low, high = (factor, high) if count < target else (low, factor)
        if count == target:
            break
    if abs(nearest - target) > TOLERANCE * target:
        raise SettingError(
            f"{contestant.label} can't be sized to {target:,} parameters within {TOLERANCE:.0%}; the nearest is "
            f"{nearest:,}: choose its settings by hand, or --match none"
        )
    return best


def equal_steps(contestants: Sequence[Contestant]) -> list[Contestant]:
    """Give all contestants as many epochs as make the number of optimizer steps of the one with the fewest."""
    per_epoch = {c.label: len(assemble(c.experiment).train) for c in contestants}
    fewest = min(c.experiment.epochs * per_epoch[c.label] for c in contestants)
    return [lasting(c, round(fewest / per_epoch[c.label])) for c in contestants]


def epoch_seconds(contestant: Contestant) -> float:
    """Return how long an epoch of a contestant takes, estimated from a few steps."""
    assembly = assemble(contestant.experiment)
    trainer = Trainer(assembly.learner, epochs=1)
    ctx = Context(training=True, rng=trainer.rng)
    assembly.learner.prepare(assembly.train, ctx)
    since, steps = time.perf_counter(), [time.perf_counter()]
    for batch in assembly.train.epoch(trainer.rng):
        assembly.learner.learn(batch, ctx)
        steps.append(time.perf_counter())
        if len(steps) > PILOT_STEPS or steps[-1] - since > PILOT_S:
            break
    spent = [after - before for before, after in pairwise(steps)]
    return statistics.median(spent[PILOT_WARMUP:] or spent) * len(assembly.train)


def lasting(contestant: Contestant, epochs: int) -> Contestant:
    """Return a contestant that trains for a number of epochs; its learning rate's schedule shrinks along."""
    experiment, epochs = contestant.experiment, max(1, epochs)
    if epochs == experiment.epochs:
        return contestant
    changed = experiment.set([f"epochs={epochs}", *_shrunk(experiment, epochs / experiment.epochs)])
    return contestant.model_copy(update={"experiment": changed})


def _shrunk(experiment: Experiment, share: float) -> list[str]:
    match experiment.optimizer.schedule:
        case StepDecay(every=every):
            return [f"optimizer.schedule.every={max(1, round(every * share))}"]
        case Cosine(warmup=warmup):
            return [f"optimizer.schedule.warmup={round(warmup * share)}"]
    return []
