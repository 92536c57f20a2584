"""Which network and which learner a config and a task ask for."""

import numpy as np

from neuralzoo.core.blocks.supervised import supervised
from neuralzoo.core.learner import Learner
from neuralzoo.core.module import Module
from neuralzoo.plugins.transformer.config import TransformerConfig
from neuralzoo.plugins.transformer.network import Transformer, context_of
from neuralzoo.plugins.transformer.seq2seq import TeacherForced, Translator, Vocabularies
from neuralzoo.registry import MakeOptimizer, Task


def build(config: TransformerConfig, task: Task, rng: np.random.Generator) -> Module:
    """Build the network for a task.

    Raises: ValueError when a decoder is asked for and the task is not to label tokens, or the config does not fit the
    task.
    """
    if not config.decoder:
        return Transformer(config, task, rng)
    if task.kind != "sequence-labelling" or task.vocabulary is None or task.answer != "class":
        raise ValueError(
            f"decoder got True for {task.kind} of {task.input}; it needs sequence-labelling of tokens, with classes"
        )
    return Translator(config, Vocabularies(task.vocabulary, task.outputs, context_of(config, task)), rng)


def learner(module: Module, config: TransformerConfig, task: Task, make_optimizer: MakeOptimizer) -> Learner:
    """Return what trains the network."""
    if isinstance(module, Translator):
        return TeacherForced(module, make_optimizer(module))
    if not isinstance(module, Transformer):
        raise ValueError(f"a transformer's learner got {type(module).__name__}; it needs a Transformer or Translator")
    return supervised(module, config, task, make_optimizer)
