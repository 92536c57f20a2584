"""What plugins hand over, and how they are found, created and refused."""

from neuralzoo.registry.architecture import CONTRACT, Architecture, Figure, MakeOptimizer
from neuralzoo.registry.claim import Claim, ClaimFigure, Condition, Contestant, Published
from neuralzoo.registry.config import Config, Settings
from neuralzoo.registry.discovery import (
    Status,
    build,
    create,
    figure,
    get,
    learner,
    matching,
    statuses,
    trainer_hook,
)
from neuralzoo.registry.errors import BrokenPlugin, Clash, DataError, SettingError, UnknownName, ZooError
from neuralzoo.registry.experiment import SGD, Adam, AdamW, Constant, Cosine, Experiment, RMSprop, StepDecay
from neuralzoo.registry.hookspecs import MakeHook, hookimpl
from neuralzoo.registry.installed import GROUP, Entry, Kind, entries, find, names
from neuralzoo.registry.task import Answer, InputKind, Task, TaskKind

__all__ = [
    "CONTRACT",
    "GROUP",
    "SGD",
    "Adam",
    "AdamW",
    "Answer",
    "Architecture",
    "BrokenPlugin",
    "Claim",
    "ClaimFigure",
    "Clash",
    "Condition",
    "Config",
    "Constant",
    "Contestant",
    "Cosine",
    "DataError",
    "Entry",
    "Experiment",
    "Figure",
    "InputKind",
    "Kind",
    "MakeHook",
    "MakeOptimizer",
    "Published",
    "RMSprop",
    "SettingError",
    "Settings",
    "Status",
    "StepDecay",
    "Task",
    "TaskKind",
    "UnknownName",
    "ZooError",
    "build",
    "create",
    "entries",
    "figure",
    "find",
    "get",
    "hookimpl",
    "learner",
    "matching",
    "names",
    "statuses",
    "trainer_hook",
]
