"""Training an architecture on tiny data, in the ways that its checks need."""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzoo.core.batches import ArrayBatches, Batch, inputs_of
from neuralzoo.core.checkpoint import load_checkpoint, save_checkpoint
from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.layer import Context, Gradients, Layer, Pullback
from neuralzoo.core.learner import Learner
from neuralzoo.core.module import Array, Module
from neuralzoo.core.optimizer import Optimizer
from neuralzoo.core.task import Task
from neuralzoo.core.testing._probes import DtypeGradients
from neuralzoo.core.testing.checks import CheckFailedError, NotApplicable, require
from neuralzoo.core.testing.examples import tiny_data
from neuralzoo.core.testing.inputs import first_of, with_first
from neuralzoo.core.trainer import Trainer

EPOCHS = 2
BATCH = 3  # of eight examples: three batches in an epoch, the last one smaller
INTERRUPTED_AFTER = 5  # steps: in mid-epoch, and odd, so that state of period two shows


@dataclass(frozen=True)
class ArchitectureCase:
    """An architecture to check, for which task, with which optimizer, and settings where they are not the defaults."""

    architecture: Any
    task: Task
    optimizer_factory: Callable[[Module], Optimizer]
    settings: Mapping[str, Any]

    @property
    def config(self) -> Any:
        """The validated settings."""
        return self.architecture.config.model_validate(dict(self.settings))

    def build(self, seed: int = 0) -> Module:
        """Return a fresh module."""
        module = self.architecture.build(self.config, self.task, np.random.default_rng(seed))
        require(isinstance(module, Module), f"build returned {type(module).__name__}; it needs to be a Module")
        module.reads_tokens = module.reads_tokens or self.task.input == "tokens"
        return module  # type: ignore[no-any-return]

    def learner(self, module: Module) -> Learner:
        """Return the learner of a module."""
        learner = self.architecture.learner(module, self.config, self.task, self.optimizer_factory)
        require(isinstance(learner, Learner), f"learner returned {type(learner).__name__}; it needs to be a Learner")
        return learner  # type: ignore[no-any-return]

    def data(self) -> Batch:
        """Return fresh copies of the tiny data, always the same."""
        return tuple(array.copy() for array in tiny_data(self.task))

    def inputs(self, dtype: npt.DTypeLike = np.float32) -> Any:
        """Return the inputs of the tiny data in the dtype."""
        x = inputs_of(self.data())
        first = first_of(x)
        return with_first(x, first.astype(dtype)) if first.dtype.kind == "f" else x

    def context(self) -> Context:
        """Return a freshly seeded training context."""
        return Context(training=True, rng=np.random.default_rng(11))

    def prepare(self, learner: Learner, batch: Batch | None = None) -> None:
        """Call `prepare` with the tiny data, in one batch."""
        batch = self.data() if batch is None else batch
        learner.prepare(ArrayBatches(batch, len(batch[0])), self.context())

    def steps(self, learner: Learner, count: int, batch: Batch | None = None) -> None:
        """Do `count` training steps on the tiny data, or on a batch."""
        ctx = self.context()
        for _ in range(count):
            learner.learn(self.data() if batch is None else batch, ctx)


def learn(case: ArchitectureCase, steps: int, batch: Batch | None = None) -> Learner:
    """Return a learner after `prepare` and some training steps, on the tiny data or on a batch."""
    learner = case.learner(case.build())
    case.prepare(learner, batch)
    case.steps(learner, steps, batch)
    return learner


def predicts(module: Module) -> bool:
    """Whether a module should have `predict`: a Layer should, one of several networks (generator, critic) may."""
    return isinstance(module, Layer) or hasattr(module, "predict")


def predict(module: Module, x: Any) -> Array:
    """Return a module's prediction.

    Raises: NotApplicable when it has no `predict` and is not a Layer either; CheckFailedError when a Layer has none.
    """
    if not predicts(module):
        raise NotApplicable("the module is not a Layer and has no predict(x)")
    if not hasattr(module, "predict"):
        raise CheckFailedError(
            f"{type(module).__name__} has no predict(x); give it one, or say in not_applicable why there is none"
        )
    return np.asarray(module.predict(x))


def evaluate_loss(learner: Learner, batch: Batch) -> float:
    """Return the loss in evaluation.

    Raises: CheckFailedError when the learner reports none.
    """
    metrics = learner.evaluate(batch)
    if "loss" not in metrics:
        raise CheckFailedError(f"evaluate returned {', '.join(metrics) or 'no metrics'}; it needs 'loss' among them")
    return metrics["loss"]


def differing(one: Mapping[str, Array], other: Mapping[str, Array]) -> list[str]:
    """Return the names whose arrays are not the same bit for bit."""
    return [
        name
        for name in sorted(one.keys() | other.keys())
        if name not in one or name not in other or one[name].tobytes() != other[name].tobytes()
    ]


def uninterrupted_run(case: ArchitectureCase) -> Trainer:
    """Train without interruption."""
    return _run(_trainer(case, seed=0), case)


def interrupted_run(case: ArchitectureCase) -> Trainer:
    """Train until a checkpoint in mid-epoch, then resume from it with a network that was made with another seed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.safetensors"
        settings = {"architecture": case.architecture.name}
        with suppress(_InterruptionError):
            _run(_trainer(case, seed=0, hooks=(_Interrupt(path, settings),)), case)
        resumed = _trainer(case, seed=1)
        load_checkpoint(path, resumed, settings)
    return _run(resumed, case)


class _InterruptionError(Exception):
    """Ends a run in mid-epoch."""


class _Interrupt:
    """Trainer hook that writes a checkpoint and interrupts the run."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        self.settings = settings

    @hookimpl
    def batch_ended(self, trainer: Trainer) -> None:
        """Save and interrupt at the step."""
        if trainer.step == INTERRUPTED_AFTER:
            save_checkpoint(self.path, trainer, self.settings)
            raise _InterruptionError


def _trainer(case: ArchitectureCase, seed: int, hooks: tuple[object, ...] = ()) -> Trainer:
    return Trainer(case.learner(case.build(seed)), epochs=EPOCHS, seed=5, hooks=hooks)


def _run(trainer: Trainer, case: ArchitectureCase) -> Trainer:
    trainer.run(ArrayBatches(case.data(), BATCH, shuffle=True), ArrayBatches(case.data(), BATCH))
    return trainer


def watch_dtypes(module: Module) -> list[str]:
    """Let every layer of a module record where float32 is lost; return the list of records."""
    found: list[str] = []
    for name, layer in list(module.named_modules()):
        if isinstance(layer, Layer) and not hasattr(type(layer), "_watched"):
            layer.__class__ = _watched(type(layer), name or type(layer).__name__, found)
    return found


def watch_gradients(learner: Learner) -> None:
    """Let a learner's gradients accept values of the parameters' dtype only."""
    for value in vars(learner).values():
        for grads in value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]:
            if type(grads) is Gradients:
                grads.__class__ = DtypeGradients


def _watched(kind: type[Layer], name: str, found: list[str]) -> type[Layer]:
    """Return a class like `kind` whose calls are watched."""

    def note(what: str, array: Array, before: Array) -> None:
        if before.dtype == np.float32 and array.dtype.kind == "f" and array.dtype != np.float32:
            found.append(f"the {what} of {name} is {array.dtype}")

    def call(self: Layer, x: Any, ctx: Context) -> tuple[Array, Pullback]:
        y, pull = kind.__call__(self, x, ctx)
        note("output", y, first_of(x))

        def watched_pull(dy: Array) -> Array:
            dx = pull(dy)
            note("input gradient", dx, dy)
            return dx

        return y, watched_pull

    return type(kind.__name__, (kind,), {"__call__": call, "_watched": True})
