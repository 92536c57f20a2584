"""The hooks of a trainer: how progress bars, tracking, checkpoints and early stopping watch a run."""

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from neuralzoo.core.trainer import Trainer

hookspec = pluggy.HookspecMarker("neuralzoo")
hookimpl = pluggy.HookimplMarker("neuralzoo")


class TrainerHooks:
    """Every hook of a trainer; an object implements the ones it needs, marked with `@hookimpl`."""

    @hookspec(firstresult=True)
    def fit(self, trainer: "Trainer") -> bool | None:
        """Run the whole training; observers wrap it (`@hookimpl(wrapper=True)`) to set up and tear down."""

    @hookspec
    def batch_ended(self, trainer: "Trainer", metrics: dict[str, float]) -> None:
        """Take note of a batch that was learned from; `trainer.step` counts it."""

    @hookspec
    def epoch_ended(self, trainer: "Trainer", metrics: dict[str, float]) -> None:
        """Take note of an epoch; metrics are named `train/...`, `val/...` and `time/...`."""

    @hookspec
    def tested(self, trainer: "Trainer", metrics: dict[str, float]) -> None:
        """Take note of the one look at the test split, after training; metrics are named `test/...`."""

    @hookspec(firstresult=True)
    def should_stop(self, trainer: "Trainer") -> bool | None:
        """Return True after an epoch to end the training early."""


def hook_caller(observers: tuple[Any, ...]) -> Any:
    """Return the object whose methods call the hooks of all observers.

    Raises: ValueError when an observer marks a method that is no hook of a trainer, or has other arguments.
    """
    manager = pluggy.PluginManager("neuralzoo")
    manager.add_hookspecs(TrainerHooks)
    try:
        for observer in observers:
            manager.register(observer)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        known = ", ".join(name for name in vars(TrainerHooks) if not name.startswith("_"))
        owner, reason = type(error.plugin).__name__, " ".join(str(error).split())
        raise ValueError(f"{owner} has a hook that a Trainer can't call: {reason}; it calls {known}") from None
    return manager.hook
