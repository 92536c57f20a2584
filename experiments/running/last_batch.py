"""The last batch of an epoch: a single example that is left over can't be normalised over the batch."""

import numpy as np

from neuralzoo.core.layer import Context
from neuralzoo.core.optimizer import DivergenceError
from neuralzoo.experiments.running.assembly import Assembly, optimizer_factory
from neuralzoo.registry import SettingError, build, learner


def check_last_batch(assembly: Assembly) -> None:
    """Check that a network can be trained on a last batch of one example, where there is one.

    Batch normalisation can't, which would end the run after the first epoch's other batches. The trial is on a
    network of its own: that of the run stays as it is.

    Raises: SettingError with the batch size and the number of examples.
    """
    batches, experiment, architecture = assembly.train, assembly.experiment, assembly.architecture
    if batches.examples - (len(batches) - 1) * batches.size != 1:
        return
    task, factory = assembly.data.task, optimizer_factory(experiment, len(batches))
    module = build(architecture, experiment.model, task, experiment.seed)
    trial = learner(architecture, module, assembly.config, task, factory)
    try:
        trial.learn(tuple(array[:1] for array in batches.arrays), Context(training=True, rng=np.random.default_rng(0)))
    except DivergenceError:  # the run itself will report it
        return
    except ValueError as error:
        raise SettingError(
            f"{architecture.name} got batch_size={batches.size}, which leaves one of {batches.examples} training "
            f"examples of {experiment.dataset} for the last batch: {error}"
        ) from error
