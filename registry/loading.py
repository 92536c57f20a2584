"""Importing one plugin and calling its hook; its errors are isolated, and reported in one line with a remedy."""

import sys
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from functools import cache, wraps
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pluggy
from pydantic import ValidationError

from neuralzoo.registry import dataset, hookspecs
from neuralzoo.registry.architecture import Architecture, Figure
from neuralzoo.registry.errors import PluginError, Terminated, ZooError
from neuralzoo.registry.explain import explain
from neuralzoo.registry.installed import NOUNS, Kind, PluginEntry

HOOKS: dict[Kind, str] = {
    "architecture": "architecture",
    "dataset": "dataset",
    "hook": "trainer_hook",
    "figure": "figure",
}
RETURNS: dict[Kind, tuple[str, type | None]] = {
    "architecture": ("an Architecture", Architecture),
    "dataset": ("a DatasetEntry of neuralzoo.registry.dataset", dataset.DatasetEntry),
    "hook": ("a function of (experiment, folder) that returns a hook object", None),
    "figure": ("a Figure", Figure),
}

import_seconds: dict[EntryPoint, float] = {}
"""How long the first load of each plugin took."""


def load(entry: PluginEntry) -> Any:
    """Return what a plugin provides: an Architecture, a DatasetEntry, a hook factory, or a Figure.

    Raises: PluginError with the package, the problem and a remedy.
    """
    try:
        if entry.problem:
            raise PluginError(entry.problem)
        # What a plugin prints must not get between the lines of `list --json`; what it sets would hold for all.
        with redirect_stdout(sys.stderr), warnings.catch_warnings(), np.errstate():
            found = _load_point(entry.point, entry.kind, entry.name)
    except (KeyboardInterrupt, Terminated):
        raise
    except BaseException as error:  # some libraries raise errors of their own that are no Exception
        raise PluginError(entry.unusable(problem(error, entry))) from error
    return _isolated(found, entry)


@cache
def _load_point(point: EntryPoint, kind: Kind, name: str) -> Any:
    since = time.perf_counter()
    manager = pluggy.PluginManager("neuralzoo")  # its own, so that an error can't reach another plugin
    manager.add_hookspecs(hookspecs)
    plugin = point.load()
    manager.register(plugin, point.name)
    manager.check_pending()
    results = getattr(manager.hook, HOOKS[kind])()
    if len(results) != 1:
        raise PluginError(f"{point.value} has no hook; {needed(kind)}")
    found = results[0]
    expected, cls = RETURNS[kind]
    if not (callable(found) if cls is None else isinstance(found, cls)):
        raise PluginError(
            f"the hook {HOOKS[kind]} of {point.value} returned {found!r:.80}; it needs to return {expected}"
        )
    if isinstance(found, dataset.DatasetEntry) and (wrong := dataset.entry_problem(found)):
        raise PluginError(wrong)
    if (own_name := _name_of(found, name)) != name:
        noun = HOOKS[kind].replace("_", " ")
        raise PluginError(f"its {noun} is named {own_name!r}; it needs the entry point's name {name!r}")
    import_seconds[point] = time.perf_counter() - since
    return found


def needed(kind: Kind) -> str:
    """Return which hook a plugin of a kind needs."""
    return f"it needs a function {HOOKS[kind]}() marked with @hookimpl"


def _name_of(found: Any, name: str) -> str:
    if isinstance(found, dataset.DatasetEntry):
        return found.info.name
    return found.name if isinstance(found, Architecture | Figure) else name


def _isolated(found: Any, entry: PluginEntry) -> Any:
    """Return what a plugin provides with functions whose errors are raised as those of its package."""
    if isinstance(found, Figure):
        return found.model_copy(update={"draw": _wrapped(found.draw, entry, "drawing")})
    if isinstance(found, dataset.DatasetEntry):
        return replace(found, loader=_wrapped(found.loader, entry, "loader", dataset.dataset_problem))
    return found  # an architecture's are called by `build` and `learner`, a hook object is isolated by the runner


def _wrapped(
    function: Callable[..., Any],
    entry: PluginEntry,
    what: str,
    problem_of: Callable[[Any], str] = lambda result: "",
) -> Callable[..., Any]:
    broken = f"{NOUNS[entry.kind]} {entry.name!r} from {entry.distribution} can't be used: its {what}"

    @wraps(function)  # its signature has the options
    def call(*args: Any, **options: Any) -> Any:
        try:
            result = function(*args, **options)
        except (ZooError, Terminated):
            raise
        except (Exception, SystemExit) as error:
            raise PluginError(f"{broken} failed with {problem(error, entry)}") from error
        if wrong := problem_of(result):
            raise PluginError(f"{broken} returned {wrong}")
        return result

    return call


def problem(error: BaseException, entry: PluginEntry | None = None) -> str:
    """Return in one line what went wrong in a plugin, and a remedy."""
    package = entry.package if entry is not None else "the plugin"
    text = " ".join(str(error).split())[:200] or "no message"
    match error:
        case SystemExit():
            return f"it called sys.exit({error.code}); it needs to raise an error instead"
        case ZooError():  # a sentence already
            return str(error)
        case ValidationError():
            owner = f"its {error.title}"
            model = next((kind for kind in (Architecture, Figure) if kind.__name__ == error.title), None)
            return explain(error, owner, model).removeprefix(f"{owner}: ")
        case pluggy.PluginValidationError():
            return f"{text}; {needed(entry.kind if entry is not None else 'architecture')}"
        case ImportError() if (error.name or "").partition(".")[0] == "neuralzoo":
            text += f"; it may have been written for another version of neuralzoo, a newer {package} may help"
        case ModuleNotFoundError():
            own = entry is not None and entry.root == (error.name or "").partition(".")[0]
            text += f"; it needs {package} installed anew" if own else f"; it needs {error.name} installed"
        case _:
            block = ""
            if entry is not None and entry.kind == "architecture":  # the others are only loaded by name
                block = f", NEURALZOO_BLOCK={entry.point.name} skips it"
            text += f"{_location(error, entry)}; a newer {package} may help{block}"
    return f"{type(error).__name__}: {text}"


def _location(error: BaseException, entry: PluginEntry | None) -> str:
    """Return the innermost line of the plugin's own code in an error's traceback."""
    root = entry.root if entry is not None else ""
    lines = [
        f" ({Path(frame.f_code.co_filename).name}, line {line})"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if root and frame.f_globals.get("__name__", "").partition(".")[0] == root
    ]
    return lines[-1] if lines and not isinstance(error, SyntaxError) else ""
