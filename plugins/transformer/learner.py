"""How transformers learn: by plain supervision or, with a decoder, by teacher forcing."""

from typing import Any

import numpy as np

from neuralzoo.core.batches import Batch
from neuralzoo.core.blocks.losses import CrossEntropy
from neuralzoo.core.blocks.metrics import accuracy
from neuralzoo.core.blocks.supervised import any_target, mask_padding, supervised
from neuralzoo.core.blocks.targets import IGNORE_INDEX
from neuralzoo.core.layer import Context
from neuralzoo.core.learner import IGNORE_OVERFLOW, Learner, MetricValues
from neuralzoo.core.metric import loss_info
from neuralzoo.core.module import Array, Module
from neuralzoo.core.optimizer import Optimizer
from neuralzoo.plugins.transformer.config import TransformerConfig
from neuralzoo.plugins.transformer.network import Transformer
from neuralzoo.plugins.transformer.seq2seq import Seq2SeqTransformer
from neuralzoo.registry import OptimizerFactory, Task


class TeacherForcingLearner(Learner):
    """Teacher forcing: the decoder's input is the target, shifted by one position; evaluation does the same.

    A batch of nothing but padding has no metrics, and no step is done on it.

    Shapes: batches are (x, target) or (x, lengths, target), x and target (N, T), lengths (N,).
    """

    def __init__(self, network: Seq2SeqTransformer, optimizer: Optimizer) -> None:
        super().__init__(network, {"main": optimizer})
        self.stack = network.stack
        self.loss = CrossEntropy()
        self.metric_info = {"loss": loss_info(self.loss)}

    @IGNORE_OVERFLOW
    def learn(self, batch: Batch, ctx: Context) -> MetricValues:
        """Do one optimizer step on the gradient of the loss, a mean over all unmasked targets.

        Raises: DivergenceError when the loss or the gradient is not finite; the parameters are unchanged then.
        """
        if not any_target(masked := mask_padding(batch)):
            return {}
        inputs, target = self._forced(masked)
        y, pull = self.stack(inputs, self.training_context(inputs[0], ctx))
        loss, dy = self.loss(y, target)
        self.check_finite(loss)
        pull(dy)
        return {"loss": loss, "accuracy": accuracy(y, target)} | self.optimizers["main"].step(self.grads["main"])

    @IGNORE_OVERFLOW
    def evaluate(self, batch: Batch) -> MetricValues:
        """Return the loss and the accuracy, means over all unmasked targets, with the target tokens before each.

        Greedy decoding, as in `predict`, has the network's own errors as inputs and is correct less often.
        """
        if not any_target(masked := mask_padding(batch)):
            return {}
        inputs, target = self._forced(masked)
        y = self.stack.predict(inputs)
        return {"loss": self.loss(y, target)[0], "accuracy": accuracy(y, target)}

    def num_examples(self, batch: Batch) -> int:
        """Return the number of unmasked targets."""
        return int(np.count_nonzero(mask_padding(batch)[-1] != IGNORE_INDEX))

    def _forced(self, masked: Batch) -> tuple[Any, Array]:
        """Return source, lengths and the decoder's input, and the target, up to the longest target of the batch."""
        x, *lengths, target = masked
        steps = np.flatnonzero((target != IGNORE_INDEX).any(axis=0))
        target = target[:, : steps[-1] + 1]
        given = np.full_like(target, self.stack.bos)
        given[:, 1:] = np.maximum(target[:, :-1], 0)
        return (x, lengths[0] if lengths else np.full(len(x), x.shape[1]), given), target


def learner(module: Module, config: TransformerConfig, task: Task, optimizer_factory: OptimizerFactory) -> Learner:
    """Return the learner of a network.

    Raises: ValueError when the network is neither a Transformer nor a Seq2SeqTransformer.
    """
    if isinstance(module, Seq2SeqTransformer):
        return TeacherForcingLearner(module, optimizer_factory(module))
    if not isinstance(module, Transformer):
        raise ValueError(
            f"a transformer's learner got {type(module).__name__}; it needs a Transformer or Seq2SeqTransformer"
        )
    return supervised(module, config, task, optimizer_factory)
