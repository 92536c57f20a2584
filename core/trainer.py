"""The trainer: feeds batches to a learner, counts, and tells the hooks."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from neuralzoo.core.batches import Batches
from neuralzoo.core.hooks import hook_caller, hookimpl
from neuralzoo.core.layer import Context
from neuralzoo.core.learner import Learner, Mean, Metrics

COUNTS = ("seed", "epoch", "batch", "step", "seconds", "stopped")


class Trainer:
    """Runs a learner over data for a number of epochs.

    All of its state is in `state()`: with the learner's it makes a checkpoint complete, and a run that was cut
    off at any batch goes on as if nothing had happened. The data order of an epoch depends on the seed and
    the epoch alone. `history` has the metrics of each finished epoch.

    Raises: ValueError when a hook object implements a hook that does not exist.
    """

    def __init__(self, learner: Learner, *, epochs: int, seed: int = 0, hooks: Sequence[Any] = ()) -> None:
        self.learner = learner
        self.epochs = epochs
        self.seed = seed
        self.rng = np.random.default_rng([seed, 1])
        self.epoch = 0  # finished epochs
        self.batch = 0  # batches learned from in this epoch
        self.step = 0  # batches learned from in all
        self.seconds = 0.0  # spent learning, a start from the data included and evaluation not
        self.stopped = False
        self.history: list[Metrics] = []
        self.running = Mean()
        self.test_metrics: Metrics = {}
        self.hook = hook_caller((self, *hooks))

    def run(self, train: Batches, validation: Batches | None = None, test: Batches | None = None) -> list[Metrics]:
        """Train, look at the test data once at the end, and return the history; `fit` wrappers are around it all."""
        self.train, self.validation, self.test = train, validation, test
        self.hook.fit(trainer=self)
        return self.history

    @hookimpl
    def fit(self, trainer: "Trainer") -> bool:
        """Do the training itself: the innermost of the `fit` hooks."""
        if self.step == 0:
            since = time.perf_counter()
            self.learner.prepare(self.train, Context(training=True, rng=self.rng))
            self.seconds = time.perf_counter() - since
        while self.epoch < self.epochs and not self.stopped:
            self._epoch()
        if self.test is not None:
            self.test_metrics = self._evaluate("test", self.test)
            self.hook.tested(trainer=self, metrics=self.test_metrics)
        return True

    def _epoch(self) -> None:
        ctx = Context(training=True, rng=self.rng)
        since = time.perf_counter()
        for batch in self.train.epoch(np.random.default_rng([self.seed, 2, self.epoch]), start=self.batch):
            metrics = self.learner.learn(batch, ctx)
            self.batch += 1
            self.step += 1
            self.running.add(metrics, self.learner.count(batch))
            self.seconds += time.perf_counter() - since
            self.hook.batch_ended(trainer=self, metrics=metrics)
            since = time.perf_counter()  # what observers do is not learning, getting the next batch is
        summary = {f"train/{name}": value for name, value in self.running.value().items()}
        summary |= self._evaluate("val", self.validation) if self.validation is not None else {}
        summary["time/train_s"] = self.seconds
        self.history.append(summary)
        self.epoch, self.batch, self.running = self.epoch + 1, 0, Mean()
        self.stopped = bool(self.hook.should_stop(trainer=self))
        self.hook.epoch_ended(trainer=self, metrics=summary)

    def _evaluate(self, split: str, data: Batches) -> Metrics:
        metrics = self.learner.evaluate_all(data.epoch(np.random.default_rng([self.seed, 3])))
        return {f"{split}/{name}": value for name, value in metrics.items()}

    def state(self) -> dict[str, Any]:
        """Return the counts, the history and the random generator, as JSON can hold them."""
        return {name: getattr(self, name) for name in COUNTS} | {
            "history": [dict(epoch) for epoch in self.history],
            "running": {"sums": dict(self.running.sums), "weights": dict(self.running.weights)},
            "rng": self.rng.bit_generator.state,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Set what `state` returned.

        Raises: ValueError when it is the state of a run with another seed, of a longer run, or of none.
        """
        if state["seed"] != self.seed:  # it decides the order of the data
            raise ValueError(f"Trainer got the state of a run with seed {state['seed']}; it needs {self.seed}")
        for name in COUNTS:
            kind = type(getattr(self, name))
            if type(state[name]) is not kind or not state[name] >= 0:
                raise ValueError(f"Trainer got {name} {state[name]!r}; it needs a {kind.__name__} of at least 0")
            setattr(self, name, state[name])
        self.history = [dict(epoch) for epoch in state["history"]]
        if not len(self.history) == self.epoch <= self.epochs:
            raise ValueError(f"Trainer got a state of {self.epoch} epochs; it needs all of at most {self.epochs}")
        self.running.sums = dict(state["running"]["sums"])
        self.running.weights = dict(state["running"]["weights"])
        self.rng.bit_generator.state = state["rng"]
