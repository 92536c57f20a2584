"""Experiments: everything that decides the outcome of a run, as data."""

import math
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator

from neuralzoo.core.task import TaskKind
from neuralzoo.registry.config import Settings, override, parse, path_of, read_toml, text_settings, to_toml_value
from neuralzoo.registry.errors import SettingError

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class Constant(Settings):
    """Constant learning rate."""

    name: Literal["constant"] = "constant"


class StepDecay(Settings):
    """Step decay: multiply the learning rate by `factor` every `every` epochs."""

    name: Literal["step"] = "step"
    every: int = Field(default=10, ge=1, description="epochs between two decays")
    factor: Positive = Field(default=0.1, description="factor of each decay")


class Cosine(Settings):
    """Cosine annealing: linear warm-up to the learning rate, then half a cosine down to the last step."""

    name: Literal["cosine"] = "cosine"
    warmup: int = Field(default=0, ge=0, description="steps of the linear warm-up")
    floor: Fraction = Field(default=0.0, description="fraction of the learning rate at the last step")


SCHEDULES: dict[str, type[Settings]] = {"constant": Constant, "step": StepDecay, "cosine": Cosine}
ScheduleSettings = Annotated[Constant | StepDecay | Cosine, Field(discriminator="name")]


class _Optimizer(Settings):
    lr: Positive = Field(default=1e-3, description="learning rate")
    schedule: ScheduleSettings = Field(default=Constant(), description="learning-rate schedule")
    clip: Positive | None = Field(default=None, description="largest gradient norm; a longer gradient is scaled down")


class SGD(_Optimizer):
    """Stochastic gradient descent with momentum."""

    name: Literal["sgd"] = "sgd"
    lr: Positive = Field(default=0.1, description="learning rate")
    momentum: Fraction = Field(default=0.0, description="momentum coefficient")
    nesterov: bool = Field(default=False, description="Nesterov momentum")
    weight_decay: float = Field(default=0.0, ge=0, description="weight decay")


class RMSprop(_Optimizer):
    """RMSprop: the gradient over its running root mean square."""

    name: Literal["rmsprop"] = "rmsprop"
    decay: Fraction = Field(default=0.99, description="decay rate of the running mean square")
    epsilon: Positive = Field(default=1e-8, description="added to the denominator")


class _Moments(_Optimizer):
    beta1: Fraction = Field(default=0.9, description="decay rate of the running mean")
    beta2: Fraction = Field(default=0.999, description="decay rate of the running mean square")
    epsilon: Positive = Field(default=1e-8, description="added to the denominator")


class Adam(_Moments):
    """Adam: running mean over running root mean square, both with bias correction."""

    name: Literal["adam"] = "adam"


class AdamW(_Moments):
    """AdamW: Adam with decoupled weight decay."""

    name: Literal["adamw"] = "adamw"
    weight_decay: float = Field(default=0.01, ge=0, description="weight decay")
    decay_only_matrices: bool = Field(
        default=False, description="decay only parameters of two or more axes, not biases and norm gains"
    )


OPTIMIZERS: dict[str, type[Settings]] = {"sgd": SGD, "rmsprop": RMSprop, "adam": Adam, "adamw": AdamW}
OptimizerSettings = Annotated[SGD | RMSprop | Adam | AdamW, Field(discriminator="name")]


class Experiment(Settings):
    """One training run: two runs of the same experiment on one machine give the same bits."""

    architecture: str = Field(description="registry name of the architecture")
    dataset: str = Field(description="name of the dataset")
    epochs: int = Field(ge=1, description="passes over the training examples")
    batch_size: int = Field(ge=1, description="examples in a training step")
    optimizer: OptimizerSettings = Field(default=Adam(), description="optimizer of the weights")
    seed: int = Field(default=0, ge=0, description="seed of weights, data order, dropout and the validation split")
    validation: Fraction = Field(default=0.1, description="fraction of the training examples held out for validation")
    primary_metric: str = Field(default="test/accuracy", description="metric that runs are compared by")
    model: dict[str, Any] = Field(default_factory=dict, description="settings of the architecture")
    data: dict[str, Any] = Field(default_factory=dict, description="options of the dataset")
    task: TaskKind | None = Field(default=None, description="kind of task; none for that of the dataset")
    stop_when: str | None = Field(
        default=None, description="stops training after the first epoch where it holds, such as train/accuracy >= 0.9"
    )
    hooks: tuple[str, ...] = Field(default=(), description="trainer hooks of plugins by name")
    figures: tuple[str, ...] = Field(default=(), description="figures of plugins by name, beside the architecture's")

    def set(self, assignments: Iterable[str], texts: Collection[str] = ()) -> Self:
        """Return an experiment with dotted assignments such as `optimizer.lr=0.01` applied.

        `texts` are the keys of model and data that hold nothing but text, for which `nan` is a word.
        Another optimizer or schedule takes over the settings that it knows; the others are dropped.

        Raises: SettingError when a key does not exist or a value is not allowed.
        """
        names: list[str] = []
        others: list[str] = []
        for assignment in assignments:
            (names if assignment.partition("=")[0].strip() in _CHOICES else others).append(assignment)
        settings = override(self.settings(), names, _CHOICES)
        _drop_unknown(settings, "optimizer", OPTIMIZERS)
        _drop_unknown(settings["optimizer"], "schedule", SCHEDULES)
        return parse(type(self), override(settings, others, {*text_settings(type(self)), *texts}), "the experiment")

    def settings(self) -> dict[str, Any]:
        """Return all settings as plain values; None is "none", as TOML has no null."""
        plain: dict[str, Any] = to_toml_value(self.model_dump(mode="json"))
        return plain

    @property
    def stop_condition(self) -> tuple[str, str, float] | None:
        """The metric, the sign and the bound of `stop_when`."""
        match = _STOP_CONDITION.fullmatch(self.stop_when or "")
        return (match[1], match[2], float(match[3])) if match else None

    def to_toml(self) -> str:
        """Return the experiment as TOML, each setting with its description."""
        import tomli_w

        tables = {"": self, "optimizer": self.optimizer, "optimizer.schedule": self.optimizer.schedule}
        lines: list[str] = []
        table, key = "", ""
        for line in tomli_w.dumps(self.settings()).splitlines():
            if line.startswith("["):
                table = line.strip("[]")
                holder, _, key = table.rpartition(".")
            else:
                holder, key = table, line.partition(" = ")[0]
            field = type(tables[holder]).model_fields.get(key) if holder in tables else None
            lines.append(f"{line}  # {field.description}" if field is not None and field.description else line)
        return "\n".join(lines) + "\n"

    @classmethod
    def from_toml(cls, text: str, owner: str = "the experiment") -> Self:
        """Read an experiment from TOML.

        Raises: SettingError when it is not TOML, a key does not exist, or a value is not allowed.
        """
        return parse(cls, read_toml(text, owner), owner)

    @classmethod
    def from_file(cls, path: Path | str) -> Self:
        """Read an experiment from a TOML file.

        Raises: SettingError when the file can't be read or its content is wrong.
        """
        try:
            # Windows editors begin a file with a byte order mark.
            text = path_of(path, "from_file").read_text(encoding="utf-8-sig")
        except OSError as error:
            raise SettingError(f"{path} can't be read ({error.strerror}); it needs to be a TOML file") from None
        except UnicodeDecodeError:
            raise SettingError(f"{path} is not text; it needs to be a TOML file") from None
        return cls.from_toml(text, str(path))

    @field_validator("primary_metric")
    @classmethod
    def _is_a_metric(cls, primary_metric: str) -> str:
        if "/" not in primary_metric:
            raise ValueError("it needs to be a split and a metric, such as test/accuracy")
        return primary_metric

    @field_validator("stop_when")
    @classmethod
    def _is_a_stop_condition(cls, stop_when: str | None) -> str | None:
        match = _STOP_CONDITION.fullmatch(stop_when or "")
        if stop_when is not None and not (match and math.isfinite(float(match[3]))):
            raise ValueError("it needs a metric of training or validation, >= or <=, and a finite number")
        return stop_when

    @field_validator("hooks", "figures")
    @classmethod
    def _is_named_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("it needs each name once")
        return names

    @field_validator("model", "data", mode="before")
    @classmethod
    def _is_plain(cls, settings: Any) -> Any:
        return to_toml_value(settings)


_STOP_CONDITION = re.compile(r"((?:train|val)/\w+) *(>=|<=) *([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")
_CHOICES = ("optimizer.name", "optimizer.schedule.name")


def _drop_unknown(settings: dict[str, Any], key: str, choices: Mapping[str, type[Settings]]) -> None:
    """Drop from a group of settings those that the chosen one does not have."""
    name = settings[key]["name"]
    chosen = choices.get(name) if isinstance(name, str) else None
    if chosen is not None:  # else the validation says what is wrong with the name
        settings[key] = {name: value for name, value in settings[key].items() if name in chosen.model_fields}
