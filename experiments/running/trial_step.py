"""Trial steps before training, on a network of their own: that of the run stays as it is."""

import numpy as np

from neuralzoo.core.batches import ArrayBatches, Batch
from neuralzoo.core.layer import Context
from neuralzoo.core.learner import MetricValues
from neuralzoo.core.optimizer import DivergenceError
from neuralzoo.experiments.running.assembly import Assembly, optimizer_factory
from neuralzoo.registry import SettingError, ZooError, build, learner

TRIAL_EXAMPLES = 8


def check_last_batch(assembly: Assembly) -> None:
    """Check that a network can be trained on a last batch of one example, where there is one.

    Batch normalisation can't, which would end the run after the first epoch's other batches.

    Raises: SettingError with the batch size and the number of examples.
    """
    batches, experiment = assembly.train, assembly.experiment
    if batches.examples - (len(batches) - 1) * batches.size != 1:
        return
    try:
        _learn(assembly, tuple(array[:1] for array in batches.arrays))
    except DivergenceError:  # the run itself will report it
        return
    except ValueError as error:
        raise SettingError(
            f"{assembly.architecture.name} got batch_size={batches.size}, which leaves one of {batches.examples} "
            f"training examples of {experiment.dataset} for the last batch: {error.__cause__ or error}"
        ) from error


def training_metrics(assembly: Assembly) -> list[str] | None:
    """Return the metrics that a training step reports, or None where it fails without `prepare`."""
    few = ArrayBatches(assembly.train.arrays, TRIAL_EXAMPLES).epoch(np.random.default_rng(0))
    try:
        reported = next((found for batch in few if (found := _learn(assembly, batch))), {})
    except (ZooError, DivergenceError):
        return None
    return [f"train/{name}" for name in reported]


def _learn(assembly: Assembly, batch: Batch) -> MetricValues:
    experiment, architecture, task = assembly.experiment, assembly.architecture, assembly.data.task
    module = build(architecture, experiment.model, task, experiment.seed)
    factory = optimizer_factory(experiment, len(assembly.train))
    trial = learner(architecture, module, assembly.config, task, factory)
    return trial.learn(batch, Context(training=True, rng=np.random.default_rng(0)))
