"""Trainer hooks of plugins, isolated: an exception disables the hook and training continues."""

import inspect
import warnings
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from neuralzoo.core.hooks import TrainerHooks, hook_caller, hookimpl
from neuralzoo.core.optimizer import DivergenceError
from neuralzoo.registry import Experiment, HookFactory, PluginEntry, PluginError, ZooError
from neuralzoo.registry.errors import Terminated
from neuralzoo.registry.loading import problem


class PluginHookWarning(UserWarning):
    """A trainer hook of a plugin failed; training continues without it."""


PROPAGATED = (DivergenceError, KeyboardInterrupt, Terminated)
HOOKS = {
    name: tuple(inspect.signature(spec).parameters)[1:]
    for name, spec in vars(TrainerHooks).items()
    if not name.startswith("_")
}
"""The trainer hooks and their arguments."""


def isolated_hooks(
    factories: Sequence[tuple[PluginEntry, HookFactory]], experiment: Experiment, folder: Path
) -> list["IsolatedHook"]:
    """Create the hook objects of one run.

    Raises: PluginError when one can't be created; that is before the first step.
    """
    hooks = []
    for entry, factory in factories:
        try:
            hooks.append(IsolatedHook(entry, factory(experiment, folder)))
        except (ZooError, Terminated):
            raise
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"{_named(entry)} can't be used: creating it failed with {problem(error, entry)}"
            ) from error
    return hooks


class IsolatedHook:
    """A proxy of a plugin's hook object that catches its exceptions.

    At the first exception it warns, once, and disables the object; a wrapper that has begun is still finished. Return
    values and swallowed exceptions of wrappers are ignored. DivergenceError, Ctrl-C and other signals propagate.

    Raises: PluginError when the object has no hook, or one that a trainer can't call.
    """

    def __init__(self, entry: PluginEntry, hook: Any) -> None:
        self.entry = entry
        self.failed = False
        try:
            caller = hook_caller((hook,))
        except ValueError as error:
            raise PluginError(f"{_named(entry)} can't be used: {error}") from error
        found = {name: impl for name in HOOKS for impl in getattr(caller, name).get_hookimpls()}
        if not found or any(impl.hookwrapper for impl in found.values()):
            wrong = "has a hook with hookwrapper=True; it needs wrapper=True" if found else "has none marked @hookimpl"
            raise PluginError(f"{_named(entry)} can't be used: {type(hook).__name__} {wrong}")
        for name, impl in found.items():
            function = self._wrapper(name, impl) if impl.wrapper else self._plain(name, impl)
            mark = hookimpl(wrapper=impl.wrapper, tryfirst=impl.tryfirst, trylast=impl.trylast)
            setattr(self, name, mark(_with_arguments(HOOKS[name], function, impl.wrapper)))

    def _plain(self, name: str, impl: Any) -> Callable[..., bool | None]:
        def call(**given: Any) -> bool | None:
            if self.failed:
                return None
            try:
                result = impl.function(*_arguments(impl, given))
                return None if result is None else bool(result) or None  # False would hide the results of the others
            except PROPAGATED:
                raise
            except BaseException as error:
                self._disable(name, error)
                return None

        return call

    def _wrapper(self, name: str, impl: Any) -> Callable[..., Generator[None, Any, Any]]:
        def call(**given: Any) -> Generator[None, Any, Any]:
            begun = None if self.failed else self._begin(name, impl, given)
            try:
                result = yield
            except BaseException as error:
                self._finish(name, begun, None, error)
                raise
            self._finish(name, begun, result, None)
            return result

        return call

    def _begin(self, name: str, impl: Any, given: dict[str, Any]) -> Any:
        try:
            begun = impl.function(*_arguments(impl, given))
            next(begun)
        except PROPAGATED:
            raise
        except BaseException as error:
            self._disable(name, RuntimeError("it needs to yield once") if type(error) is StopIteration else error)
            return None
        return begun

    def _finish(self, name: str, begun: Any, result: Any, error: BaseException | None) -> None:
        if begun is None:
            return
        try:
            begun.send(result) if error is None else begun.throw(error)
            begun.close()
            self._disable(name, RuntimeError("it needs to yield once, not twice"))
        except StopIteration:
            return
        except BaseException as own:
            if own is error:
                return
            if isinstance(own, PROPAGATED):
                raise
            self._disable(name, own)

    def _disable(self, name: str, error: BaseException) -> None:
        if not self.failed:
            self.failed = True
            failure = f"{name} failed with {problem(error, self.entry)}"
            message = f"{_named(self.entry)} is disabled for the rest of the run: {failure}"
            warnings.warn(message, PluginHookWarning, stacklevel=2)


def _named(entry: PluginEntry) -> str:
    return f"trainer hook {entry.name!r} from {entry.distribution}"


def _arguments(impl: Any, given: dict[str, Any]) -> list[Any]:
    """Return the arguments of an implementation; metrics as a copy, which it may edit."""
    return [dict(given[name]) if name == "metrics" else given[name] for name in impl.argnames]


def _with_arguments(names: tuple[str, ...], call: Callable[..., Any], wrapper: bool) -> Callable[..., Any]:
    """Return the call as a function with the signature that pluggy inspects, a generator for a wrapper."""
    if names == ("trainer",):

        def about_trainer(trainer: Any) -> Any:
            return call(trainer=trainer)

        def around_trainer(trainer: Any) -> Any:
            return (yield from call(trainer=trainer))

        return around_trainer if wrapper else about_trainer

    def about_metrics(trainer: Any, metrics: Any) -> Any:
        return call(trainer=trainer, metrics=metrics)

    def around_metrics(trainer: Any, metrics: Any) -> Any:
        return (yield from call(trainer=trainer, metrics=metrics))

    return around_metrics if wrapper else about_metrics
