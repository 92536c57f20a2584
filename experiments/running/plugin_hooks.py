"""Trainer hooks that plugins bring: each is watched, so that an exception of its own costs nothing but itself."""

import inspect
import warnings
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from neuralzoo.core.hooks import TrainerHooks, hook_caller, hookimpl
from neuralzoo.core.optimizer import Diverged
from neuralzoo.registry import BrokenPlugin, Entry, Experiment, MakeHook, ZooError
from neuralzoo.registry.errors import Terminated
from neuralzoo.registry.loading import reason


class GuestWarning(UserWarning):
    """A trainer hook of a plugin failed; training goes on without it."""


PASSED = (Diverged, KeyboardInterrupt, Terminated)
HOOKS = {
    name: tuple(inspect.signature(spec).parameters)[1:]
    for name, spec in vars(TrainerHooks).items()
    if not name.startswith("_")
}
"""The hooks of a trainer with their arguments."""


def guests(makers: Sequence[tuple[Entry, MakeHook]], experiment: Experiment, folder: Path) -> list["Guest"]:
    """Make the hook objects of one run.

    Raises: BrokenPlugin when one can't be made: nothing is lost before the first step.
    """
    made = []
    for entry, make in makers:
        try:
            made.append(Guest(entry, make(experiment, folder)))
        except ZooError:
            raise
        except (Exception, SystemExit) as error:
            raise BrokenPlugin(
                f"{_named(entry)} can't be used: making it failed with {reason(error, entry)}"
            ) from error
    return made


class Guest:
    """A hook object of another package, as a trainer sees it.

    It implements what the object implements, but watches the calls: at the first exception it warns, once, and the
    object is not called again, except that a wrapper which has begun is finished. What a wrapper returns or swallows
    changes nothing. Divergence, Ctrl-C and SIGTERM go through.

    Raises: BrokenPlugin when the object has no hook, or one that a trainer can't call.
    """

    def __init__(self, entry: Entry, hook: Any) -> None:
        self.entry = entry
        self.failed = False
        try:
            caller = hook_caller((hook,))
        except ValueError as error:
            raise BrokenPlugin(f"{_named(entry)} can't be used: {error}") from error
        found = {name: impl for name in HOOKS for impl in getattr(caller, name).get_hookimpls()}
        if not found or any(impl.hookwrapper for impl in found.values()):
            wrong = "has a hook with hookwrapper=True; it needs wrapper=True" if found else "has none marked @hookimpl"
            raise BrokenPlugin(f"{_named(entry)} can't be used: {type(hook).__name__} {wrong}")
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
                return None if result is None else bool(result) or None  # False would hide the answers of the others
            except PASSED:
                raise
            except BaseException as error:
                self._leave_out(name, error)
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
        except PASSED:
            raise
        except BaseException as error:
            self._leave_out(name, RuntimeError("it needs to yield once") if type(error) is StopIteration else error)
            return None
        return begun

    def _finish(self, name: str, begun: Any, result: Any, error: BaseException | None) -> None:
        if begun is None:
            return
        try:
            begun.send(result) if error is None else begun.throw(error)
            begun.close()
            self._leave_out(name, RuntimeError("it needs to yield once, not twice"))
        except StopIteration:
            return
        except BaseException as own:
            if own is error:
                return
            if isinstance(own, PASSED):
                raise
            self._leave_out(name, own)

    def _leave_out(self, name: str, error: BaseException) -> None:
        if not self.failed:
            self.failed = True
            told = f"{_named(self.entry)} is left out from here on: {name} failed with {reason(error, self.entry)}"
            warnings.warn(told, GuestWarning, stacklevel=2)


def _named(entry: Entry) -> str:
    return f"trainer hook {entry.name!r} from {entry.origin}"


def _arguments(impl: Any, given: dict[str, Any]) -> list[Any]:
    """Return what an implementation asks for; metrics as a copy, which it may change as it likes."""
    return [dict(given[name]) if name == "metrics" else given[name] for name in impl.argnames]


def _with_arguments(names: tuple[str, ...], call: Callable[..., Any], wrapper: bool) -> Callable[..., Any]:
    """Return the call as a function whose arguments, and whether it yields, can be seen by pluggy."""
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
