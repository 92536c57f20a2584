"""What plugins hand over, and how they are found, created and refused."""

from neuralzoo.registry.architecture import CONTRACT, Architecture, Figure, MakeOptimizer
from neuralzoo.registry.claim import Claim, ClaimFigure, Condition, Contestant, Published
from neuralzoo.registry.config import Config, Settings
from neuralzoo.registry.discovery import Entry, Status, build, create, entries, get, matching, names, statuses
from neuralzoo.registry.errors import BrokenPlugin, Clash, DataError, SettingError, UnknownName, ZooError
from neuralzoo.registry.experiment import SGD, Adam, AdamW, Constant, Cosine, Experiment, RMSprop, StepDecay
from neuralzoo.registry.hookspecs import hookimpl
from neuralzoo.registry.task import Answer, InputKind, Task, TaskKind

__all__ = [
    "CONTRACT",
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
    "get",
    "hookimpl",
    "matching",
    "names",
    "statuses",
]
