"""The trainer: feeds batches to a learner, counts, and calls the hooks."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from neuralzoo.core.batches import Batches
from neuralzoo.core.hooks import hook_caller, hookimpl
from neuralzoo.core.layer import Context
from neuralzoo.core.learner import Learner, Mean, MetricValues

COUNTERS = ("seed", "epoch", "batch", "step", "seconds", "stopped")


class Trainer:
    """Runs a learner over data for a number of epochs.

    All of its state is in `state()`: with the learner's it makes a checkpoint complete, and a run that was
    interrupted at any batch resumes bit-identically. The data order of an epoch depends on the seed and the epoch
    alone. `history` has the metrics of each finished epoch.

    Raises: ValueError when a hook object implements a hook that does not exist.
    """

    def __init__(self, learner: Learner, *, epochs: int, seed: int = 0, hooks: Sequence[Any] = ()) -> None:
        self.learner = learner
        self.epochs = epochs
        self.seed = seed
        self.rng = np.random.default_rng([seed, 1])
        self.epoch = 0  # finished epochs
        self.batch = 0  # training steps in this epoch
        self.step = 0  # training steps in all
        self.seconds = 0.0  # of training, `prepare` included, evaluation not
        self.stopped = False
        self.history: list[MetricValues] = []
        self.epoch_metrics = Mean()
        self.test_metrics: MetricValues = {}
        self.hook = hook_caller((self, *hooks))

    def run(self, train: Batches, validation: Batches | None = None, test: Batches | None = None) -> list[MetricValues]:
        """Train, evaluate once on the test split at the end, and return the history; `fit` wrappers enclose it all."""
        self.train, self.validation, self.test = train, validation, test
        self.hook.fit(trainer=self)
        return self.history

    @hookimpl
    def fit(self, trainer: "Trainer") -> bool:
        """Train: the innermost of the `fit` hooks. A network that was trained or loaded is not prepared again."""
        if self.step == 0 and not self.learner.module.trained:
            since = time.perf_counter()
            self.learner.prepare(self.train, Context(training=True, rng=self.rng))
            self.seconds = time.perf_counter() - since
        while self.epoch < self.epochs and not self.stopped:
            self._epoch()
        if self.test is not None:
            self.test_metrics = self._evaluate("test", self.test)
            self.hook.test_ended(trainer=self, metrics=self.test_metrics)
        return True

    def _epoch(self) -> None:
        ctx = Context(training=True, rng=self.rng)
        since = time.perf_counter()
        for batch in self.train.epoch(np.random.default_rng([self.seed, 2, self.epoch]), start=self.batch):
            metrics = self.learner.learn(batch, ctx)
            self.batch += 1
            self.step += 1
            self.epoch_metrics.add(metrics, self.learner.num_examples(batch))
            self.seconds += time.perf_counter() - since
            self.hook.batch_ended(trainer=self, metrics=metrics)
            since = time.perf_counter()  # loading the next batch is training time, hooks are not
        summary = {f"train/{name}": value for name, value in self.epoch_metrics.value().items()}
        summary |= self._evaluate("val", self.validation) if self.validation is not None else {}
        summary["time/train_s"] = self.seconds
        self.history.append(summary)
        self.epoch, self.batch, self.epoch_metrics = self.epoch + 1, 0, Mean()
        self.stopped = bool(self.hook.should_stop(trainer=self))
        self.hook.epoch_ended(trainer=self, metrics=summary)

    def _evaluate(self, split: str, data: Batches) -> MetricValues:
        metrics = self.learner.evaluate_all(data.epoch(np.random.default_rng([self.seed, 3])))
        return {f"{split}/{name}": value for name, value in metrics.items()}

    def state(self, since: int = 0) -> dict[str, Any]:
        """Return counters, history from the epoch `since` on, and random generator, JSON-serialisable."""
        return {name: getattr(self, name) for name in COUNTERS} | {
            "history": [dict(epoch) for epoch in self.history[since:]],
            "epoch_metrics": {"sums": dict(self.epoch_metrics.sums), "weights": dict(self.epoch_metrics.weights)},
            "rng": self.rng.bit_generator.state,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Set what `state` returned.

        Raises: ValueError when it is the state of a run with another seed, of a longer run, or none.
        """
        if state["seed"] != self.seed:  # it decides the data order
            raise ValueError(f"Trainer got the state of a run with seed {state['seed']}; it needs {self.seed}")
        for name in COUNTERS:
            kind = type(getattr(self, name))
            if type(state[name]) is not kind or not state[name] >= 0:
                raise ValueError(f"Trainer got {name} {state[name]!r}; it needs a {kind.__name__} of at least 0")
            setattr(self, name, state[name])
        self.history = [dict(epoch) for epoch in state["history"]]
        if not len(self.history) == self.epoch <= self.epochs:
            raise ValueError(f"Trainer got a state of {self.epoch} epochs; it needs all of at most {self.epochs}")
        self.epoch_metrics.sums = dict(state["epoch_metrics"]["sums"])
        self.epoch_metrics.weights = dict(state["epoch_metrics"]["weights"])
        self.rng.bit_generator.state = state["rng"]
