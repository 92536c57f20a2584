"""Importing one plugin and asking its hook; whatever goes wrong is its own fault, told in one line with a remedy."""

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
from neuralzoo.registry.errors import BrokenPlugin, Terminated, ZooError
from neuralzoo.registry.explain import explain
from neuralzoo.registry.installed import NOUNS, Entry, Kind

HOOKS: dict[Kind, str] = {
    "architecture": "architecture",
    "data": "data_set",
    "hook": "trainer_hook",
    "figure": "figure",
}
RETURNS: dict[Kind, tuple[str, type | None]] = {
    "architecture": ("an Architecture", Architecture),
    "data": ("an Entry of neuralzoo.registry.dataset", dataset.Entry),
    "hook": ("a function of (experiment, folder) that returns a hook object", None),
    "figure": ("a Figure", Figure),
}

import_seconds: dict[EntryPoint, float] = {}
"""How long it took to load a plugin, the first time."""


def load(entry: Entry) -> Any:
    """Return what a plugin brings: an Architecture, an Entry of a data set, a maker of hook objects, or a Figure.

    Raises: BrokenPlugin with the package, the reason and a remedy.
    """
    try:
        if entry.fault:
            raise BrokenPlugin(entry.fault)
        # What a plugin prints must not get between the lines of `list --json`; what it sets is everybody's.
        with redirect_stdout(sys.stderr), warnings.catch_warnings(), np.errstate():
            found = _load_point(entry.point, entry.kind, entry.name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # some libraries raise errors of their own that are no Exception
        raise BrokenPlugin(entry.unusable(reason(error, entry))) from error
    return _with_its_own_faults(found, entry)


@cache
def _load_point(point: EntryPoint, kind: Kind, name: str) -> Any:
    since = time.perf_counter()
    manager = pluggy.PluginManager("neuralzoo")  # its own, so that a fault can't reach another plugin
    manager.add_hookspecs(hookspecs)
    plugin = point.load()
    manager.register(plugin, point.name)
    manager.check_pending()
    results = getattr(manager.hook, HOOKS[kind])()
    if len(results) != 1:
        raise BrokenPlugin(f"{point.value} has no hook; {needed(kind)}")
    found = results[0]
    words, wanted = RETURNS[kind]
    if not (callable(found) if wanted is None else isinstance(found, wanted)):
        raise BrokenPlugin(
            f"the hook {HOOKS[kind]} of {point.value} returned {found!r:.80}; it needs to return {words}"
        )
    if isinstance(found, dataset.Entry) and (fault := dataset.fault(found)):
        raise BrokenPlugin(fault)
    if (given := _name_of(found, name)) != name:
        noun = HOOKS[kind].replace("_", " ")
        raise BrokenPlugin(f"its {noun} is named {given!r}; it needs the entry point's name {name!r}")
    import_seconds[point] = time.perf_counter() - since
    return found


def needed(kind: Kind) -> str:
    """Say which hook a plugin of a kind needs."""
    return f"it needs a function {HOOKS[kind]}() marked with @hookimpl"


def _name_of(found: Any, name: str) -> str:
    if isinstance(found, dataset.Entry):
        return found.info.name
    return found.name if isinstance(found, Architecture | Figure) else name


def _with_its_own_faults(found: Any, entry: Entry) -> Any:
    """Return what a plugin brings with functions whose faults are told as those of its package."""
    if isinstance(found, Figure):
        return found.model_copy(update={"draw": _watched(found.draw, entry, "drawing")})
    if isinstance(found, dataset.Entry):
        return replace(found, loader=_watched(found.loader, entry, "loader", dataset.trouble))
    return found  # an architecture's are called by `build` and `learner`, a hook object is watched by whoever calls it


def _watched(
    function: Callable[..., Any], entry: Entry, what: str, trouble: Callable[[Any], str] = lambda result: ""
) -> Callable[..., Any]:
    broken = f"{NOUNS[entry.kind]} {entry.name!r} from {entry.origin} can't be used: its {what}"

    @wraps(function)  # its signature says which options there are
    def call(*args: Any, **options: Any) -> Any:
        try:
            result = function(*args, **options)
        except (ZooError, Terminated):
            raise
        except (Exception, SystemExit) as error:
            raise BrokenPlugin(f"{broken} failed with {reason(error, entry)}") from error
        if wrong := trouble(result):
            raise BrokenPlugin(f"{broken} returned {wrong}")
        return result

    return call


def reason(error: BaseException, entry: Entry | None = None) -> str:
    """Say in one line what a plugin did wrong, and what may help."""
    package = entry.package if entry is not None else "the plugin"
    text = " ".join(str(error).split())[:200] or "no message"
    match error:
        case SystemExit():
            return f"it ended the program (exit {error.code}); it needs to leave that to whoever runs it"
        case ZooError():  # in our own words
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
            if entry is not None and entry.kind == "architecture":  # the others are only used by those who name them
                block = f", NEURALZOO_BLOCK={entry.point.name} leaves it out"
            text += f"{_where(error, entry)}; a newer {package} may help{block}"
    return f"{type(error).__name__}: {text}"


def _where(error: BaseException, entry: Entry | None) -> str:
    """Return the last place in the plugin's own code that an error came through."""
    root = entry.root if entry is not None else ""
    places = [
        f" ({Path(frame.f_code.co_filename).name}, line {line})"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if root and frame.f_globals.get("__name__", "").partition(".")[0] == root
    ]
    return places[-1] if places and not isinstance(error, SyntaxError) else ""
