"""What plugins hand over, and how they are found, created and refused.

The names below are imported on first use, so that whoever only lists plugins waits for nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neuralzoo.core.hooks import hookimpl as hookimpl
    from neuralzoo.core.kinds import Answer as Answer
    from neuralzoo.core.kinds import InputKind as InputKind
    from neuralzoo.core.kinds import TaskKind as TaskKind
    from neuralzoo.core.task import Task as Task
    from neuralzoo.registry.architecture import CONTRACT as CONTRACT
    from neuralzoo.registry.architecture import Architecture as Architecture
    from neuralzoo.registry.architecture import Figure as Figure
    from neuralzoo.registry.architecture import MakeOptimizer as MakeOptimizer
    from neuralzoo.registry.claim import Claim as Claim
    from neuralzoo.registry.claim import ClaimFigure as ClaimFigure
    from neuralzoo.registry.claim import Condition as Condition
    from neuralzoo.registry.claim import Contestant as Contestant
    from neuralzoo.registry.claim import Published as Published
    from neuralzoo.registry.config import Config as Config
    from neuralzoo.registry.config import Settings as Settings
    from neuralzoo.registry.discovery import Status as Status
    from neuralzoo.registry.discovery import build as build
    from neuralzoo.registry.discovery import create as create
    from neuralzoo.registry.discovery import figure as figure
    from neuralzoo.registry.discovery import get as get
    from neuralzoo.registry.discovery import learner as learner
    from neuralzoo.registry.discovery import matching as matching
    from neuralzoo.registry.discovery import statuses as statuses
    from neuralzoo.registry.discovery import trainer_hook as trainer_hook
    from neuralzoo.registry.errors import BrokenPlugin as BrokenPlugin
    from neuralzoo.registry.errors import Clash as Clash
    from neuralzoo.registry.errors import DataError as DataError
    from neuralzoo.registry.errors import SettingError as SettingError
    from neuralzoo.registry.errors import UnknownName as UnknownName
    from neuralzoo.registry.errors import ZooError as ZooError
    from neuralzoo.registry.experiment import SGD as SGD
    from neuralzoo.registry.experiment import Adam as Adam
    from neuralzoo.registry.experiment import AdamW as AdamW
    from neuralzoo.registry.experiment import Constant as Constant
    from neuralzoo.registry.experiment import Cosine as Cosine
    from neuralzoo.registry.experiment import Experiment as Experiment
    from neuralzoo.registry.experiment import RMSprop as RMSprop
    from neuralzoo.registry.experiment import StepDecay as StepDecay
    from neuralzoo.registry.hookspecs import MakeHook as MakeHook
    from neuralzoo.registry.installed import GROUP as GROUP
    from neuralzoo.registry.installed import Entry as Entry
    from neuralzoo.registry.installed import Kind as Kind
    from neuralzoo.registry.installed import entries as entries
    from neuralzoo.registry.installed import find as find
    from neuralzoo.registry.installed import names as names
    from neuralzoo.registry.static_metadata import Glance as Glance
    from neuralzoo.registry.static_metadata import glances as glances

_PUBLIC = {
    "hookimpl": "neuralzoo.core.hooks",
    "Architecture": "neuralzoo.registry.architecture",
    "CONTRACT": "neuralzoo.registry.architecture",
    "Figure": "neuralzoo.registry.architecture",
    "MakeOptimizer": "neuralzoo.registry.architecture",
    "Claim": "neuralzoo.registry.claim",
    "ClaimFigure": "neuralzoo.registry.claim",
    "Condition": "neuralzoo.registry.claim",
    "Contestant": "neuralzoo.registry.claim",
    "Published": "neuralzoo.registry.claim",
    "Config": "neuralzoo.registry.config",
    "Settings": "neuralzoo.registry.config",
    "Status": "neuralzoo.registry.discovery",
    "build": "neuralzoo.registry.discovery",
    "create": "neuralzoo.registry.discovery",
    "figure": "neuralzoo.registry.discovery",
    "get": "neuralzoo.registry.discovery",
    "learner": "neuralzoo.registry.discovery",
    "matching": "neuralzoo.registry.discovery",
    "statuses": "neuralzoo.registry.discovery",
    "trainer_hook": "neuralzoo.registry.discovery",
    "BrokenPlugin": "neuralzoo.registry.errors",
    "Clash": "neuralzoo.registry.errors",
    "DataError": "neuralzoo.registry.errors",
    "SettingError": "neuralzoo.registry.errors",
    "UnknownName": "neuralzoo.registry.errors",
    "ZooError": "neuralzoo.registry.errors",
    "Adam": "neuralzoo.registry.experiment",
    "AdamW": "neuralzoo.registry.experiment",
    "Constant": "neuralzoo.registry.experiment",
    "Cosine": "neuralzoo.registry.experiment",
    "Experiment": "neuralzoo.registry.experiment",
    "RMSprop": "neuralzoo.registry.experiment",
    "SGD": "neuralzoo.registry.experiment",
    "StepDecay": "neuralzoo.registry.experiment",
    "Glance": "neuralzoo.registry.static_metadata",
    "glances": "neuralzoo.registry.static_metadata",
    "MakeHook": "neuralzoo.registry.hookspecs",
    "Entry": "neuralzoo.registry.installed",
    "GROUP": "neuralzoo.registry.installed",
    "Kind": "neuralzoo.registry.installed",
    "entries": "neuralzoo.registry.installed",
    "find": "neuralzoo.registry.installed",
    "names": "neuralzoo.registry.installed",
    "Task": "neuralzoo.core.task",
    "Answer": "neuralzoo.core.kinds",
    "InputKind": "neuralzoo.core.kinds",
    "TaskKind": "neuralzoo.core.kinds",
}
__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(sorted(_PUBLIC))}")
    found = globals()[name] = getattr(import_module(_PUBLIC[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted(_PUBLIC)
