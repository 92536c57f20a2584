"""Matching candidates on a budget: parameters, optimizer steps, or training time."""

import statistics
import time
from collections.abc import Sequence
from itertools import pairwise

from neuralzoo.core.layer import Context
from neuralzoo.core.trainer import Trainer
from neuralzoo.experiments.running.assembly import assemble
from neuralzoo.registry import Candidate, Cosine, Experiment, SettingError, StepDecay, Task, build, get

TOLERANCE = 0.02
BISECTIONS = 40
PILOT_STEPS, PILOT_WARMUP, PILOT_S = 40, 5, 2.0


def num_parameters(candidate: Candidate, task: Task) -> int:
    """Return a candidate's number of parameters."""
    experiment = candidate.experiment
    return build(get(experiment.architecture), experiment.model, task, experiment.seed).num_parameters


def equal_parameters(candidates: Sequence[Candidate], task: Task) -> list[Candidate]:
    """Shrink candidates to the smallest one's number of parameters, within 2 %, by `scale_width` of their architecture.

    Raises: SettingError when an architecture has no `scale_width` or no width comes that near.
    """
    sizes = {c.label: num_parameters(c, task) for c in candidates}
    target = min(sizes.values())
    return [c if sizes[c.label] <= target * (1 + TOLERANCE) else _scaled(c, task, target) for c in candidates]


def _scaled(candidate: Candidate, task: Task, target: int) -> Candidate:
    architecture = get(candidate.experiment.architecture)
    if architecture.scale_width is None:
        raise SettingError(
            f"{candidate.label} has {num_parameters(candidate, task):,} parameters and {architecture.name} declares no "
            f"scale_width; equal parameters need {target:,}: choose its settings by hand, or --match none"
        )
    full = architecture.configure(candidate.experiment.model)
    best, nearest = candidate, num_parameters(candidate, task)
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        factor = (low + high) / 2
        model = architecture.scale_width(full, factor).model_dump(mode="json")
        experiment = candidate.experiment.model_validate(candidate.experiment.settings() | {"model": model})
        scaled = candidate.model_copy(update={"experiment": experiment})
        count = num_parameters(scaled, task)
        if abs(count - target) < abs(nearest - target):
            best, nearest = scaled, count
        low, high = (factor, high) if count < target else (low, factor)
        if count == target:
            break
    if abs(nearest - target) > TOLERANCE * target:
        raise SettingError(
            f"{candidate.label} can't be scaled to {target:,} parameters within {TOLERANCE:.0%}; the nearest is "
            f"{nearest:,}: choose its settings by hand, or --match none"
        )
    return best


def equal_steps(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Give all candidates the number of epochs that comes nearest to the fewest optimizer steps of any."""
    per_epoch = {c.label: len(assemble(c.experiment).train) for c in candidates}
    fewest = min(c.experiment.epochs * per_epoch[c.label] for c in candidates)
    return [with_epochs(c, round(fewest / per_epoch[c.label])) for c in candidates]


def epoch_seconds(candidate: Candidate) -> float:
    """Return the training seconds of an epoch of a candidate, estimated from a few steps."""
    assembly = assemble(candidate.experiment)
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


def with_epochs(candidate: Candidate, epochs: int) -> Candidate:
    """Return a candidate that trains for a number of epochs, with its learning rate schedule scaled alike."""
    experiment, epochs = candidate.experiment, max(1, epochs)
    if epochs == experiment.epochs:
        return candidate
    changed = experiment.set([f"epochs={epochs}", *_scaled_schedule(experiment, epochs / experiment.epochs)])
    return candidate.model_copy(update={"experiment": changed})


def _scaled_schedule(experiment: Experiment, factor: float) -> list[str]:
    match experiment.optimizer.schedule:
        case StepDecay(every=every):
            return [f"optimizer.schedule.every={max(1, round(every * factor))}"]
        case Cosine(warmup=warmup):
            return [f"optimizer.schedule.warmup={round(warmup * factor)}"]
    return []
