"""Declarations of plugins, and functions that find and create them.

The names below are imported on first use: listing plugins imports nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neuralzoo.core.hooks import hookimpl as hookimpl
    from neuralzoo.core.kinds import InputKind as InputKind
    from neuralzoo.core.kinds import TargetKind as TargetKind
    from neuralzoo.core.kinds import TaskKind as TaskKind
    from neuralzoo.core.task import Task as Task
    from neuralzoo.registry.architecture import PLUGIN_API as PLUGIN_API
    from neuralzoo.registry.architecture import Architecture as Architecture
    from neuralzoo.registry.architecture import Figure as Figure
    from neuralzoo.registry.architecture import OptimizerFactory as OptimizerFactory
    from neuralzoo.registry.claim import Candidate as Candidate
    from neuralzoo.registry.claim import Claim as Claim
    from neuralzoo.registry.claim import ClaimFigure as ClaimFigure
    from neuralzoo.registry.claim import Condition as Condition
    from neuralzoo.registry.claim import Published as Published
    from neuralzoo.registry.config import Config as Config
    from neuralzoo.registry.config import Settings as Settings
    from neuralzoo.registry.discovery import PluginStatus as PluginStatus
    from neuralzoo.registry.discovery import build as build
    from neuralzoo.registry.discovery import create as create
    from neuralzoo.registry.discovery import figure as figure
    from neuralzoo.registry.discovery import get as get
    from neuralzoo.registry.discovery import learner as learner
    from neuralzoo.registry.discovery import matching as matching
    from neuralzoo.registry.discovery import statuses as statuses
    from neuralzoo.registry.discovery import trainer_hook as trainer_hook
    from neuralzoo.registry.errors import DataError as DataError
    from neuralzoo.registry.errors import NameConflictError as NameConflictError
    from neuralzoo.registry.errors import PluginError as PluginError
    from neuralzoo.registry.errors import SettingError as SettingError
    from neuralzoo.registry.errors import UnknownNameError as UnknownNameError
    from neuralzoo.registry.errors import ZooError as ZooError
    from neuralzoo.registry.experiment import SGD as SGD
    from neuralzoo.registry.experiment import Adam as Adam
    from neuralzoo.registry.experiment import AdamW as AdamW
    from neuralzoo.registry.experiment import Constant as Constant
    from neuralzoo.registry.experiment import Cosine as Cosine
    from neuralzoo.registry.experiment import Experiment as Experiment
    from neuralzoo.registry.experiment import RMSprop as RMSprop
    from neuralzoo.registry.experiment import StepDecay as StepDecay
    from neuralzoo.registry.hookspecs import HookFactory as HookFactory
    from neuralzoo.registry.installed import GROUP as GROUP
    from neuralzoo.registry.installed import Kind as Kind
    from neuralzoo.registry.installed import PluginEntry as PluginEntry
    from neuralzoo.registry.installed import entries as entries
    from neuralzoo.registry.installed import find as find
    from neuralzoo.registry.installed import names as names
    from neuralzoo.registry.static_metadata import PluginSummary as PluginSummary
    from neuralzoo.registry.static_metadata import summaries as summaries

_PUBLIC = {
    "neuralzoo.core.hooks": "hookimpl",
    "neuralzoo.core.kinds": "InputKind TargetKind TaskKind",
    "neuralzoo.core.task": "Task",
    "neuralzoo.registry.architecture": "PLUGIN_API Architecture Figure OptimizerFactory",
    "neuralzoo.registry.claim": "Candidate Claim ClaimFigure Condition Published",
    "neuralzoo.registry.config": "Config Settings",
    "neuralzoo.registry.discovery": "PluginStatus build create figure get learner matching statuses trainer_hook",
    "neuralzoo.registry.errors": "DataError NameConflictError PluginError SettingError UnknownNameError ZooError",
    "neuralzoo.registry.experiment": "SGD Adam AdamW Constant Cosine Experiment RMSprop StepDecay",
    "neuralzoo.registry.hookspecs": "HookFactory",
    "neuralzoo.registry.installed": "GROUP Kind PluginEntry entries find names",
    "neuralzoo.registry.static_metadata": "PluginSummary summaries",
}
_MODULE_OF = {name: module for module, names in _PUBLIC.items() for name in names.split()}
__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(sorted(__all__))}")
    found = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
