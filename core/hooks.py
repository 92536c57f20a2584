"""Trainer hooks (callbacks in Keras and Lightning): progress bars, tracking, checkpoints, early stopping."""

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from neuralzoo.core.trainer import Trainer

hookspec = pluggy.HookspecMarker("neuralzoo")
hookimpl = pluggy.HookimplMarker("neuralzoo")


class TrainerHooks:
    """Hook specifications of a trainer; a hook object implements the ones it needs, marked with `@hookimpl`."""

    @hookspec(firstresult=True)
    def fit(self, trainer: "Trainer") -> bool | None:
        """Run the whole training; hook objects wrap it (`@hookimpl(wrapper=True)`) to set up and tear down."""

    @hookspec
    def batch_ended(self, trainer: "Trainer", metrics: dict[str, float]) -> None:
        """Called after each training step; `trainer.step` counts it."""

    @hookspec
    def epoch_ended(self, trainer: "Trainer", metrics: dict[str, float]) -> None:
        """Called after each epoch; metrics are named `train/...`, `val/...` and `time/...`."""

    @hookspec
    def test_ended(self, trainer: "Trainer", metrics: dict[str, float]) -> None:
        """Called after the one evaluation on the test split, after training; metrics are named `test/...`."""

    @hookspec(firstresult=True)
    def should_stop(self, trainer: "Trainer") -> bool | None:
        """Return True after an epoch to end the training early."""


def hook_caller(hooks: tuple[Any, ...]) -> Any:
    """Return the object whose methods call those of all hook objects.

    Raises: ValueError when a hook object implements a method that is no trainer hook, or has other arguments.
    """
    manager = pluggy.PluginManager("neuralzoo")
    manager.add_hookspecs(TrainerHooks)
    try:
        for hook in hooks:
            manager.register(hook)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        known = ", ".join(name for name in vars(TrainerHooks) if not name.startswith("_"))
        owner, reason = type(error.plugin).__name__, " ".join(str(error).split())
        raise ValueError(f"{owner} has a hook that a Trainer can't call: {reason}; it calls {known}") from None
    return manager.hook
