"""An experiment: everything that decides the outcome of a run, as data."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator

from neuralzoo.core.task import TaskKind
from neuralzoo.registry.config import Settings, override, parse, spelled
from neuralzoo.registry.errors import SettingError

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]


class Constant(Settings):
    """The same learning rate at every step."""

    name: Literal["constant"] = "constant"


class StepDecay(Settings):
    """Multiply the learning rate by a factor every so many epochs."""

    name: Literal["step"] = "step"
    every: int = Field(default=10, ge=1, description="epochs between two decays")
    factor: Positive = Field(default=0.1, description="what each decay multiplies with")


class Cosine(Settings):
    """Rise linearly to the learning rate, then fall along half a cosine until the last step."""

    name: Literal["cosine"] = "cosine"
    warmup: int = Field(default=0, ge=0, description="steps of the linear rise")
    floor: Share = Field(default=0.0, description="share of the learning rate at the last step")


SCHEDULES: dict[str, type[Settings]] = {"constant": Constant, "step": StepDecay, "cosine": Cosine}
ScheduleSettings = Annotated[Constant | StepDecay | Cosine, Field(discriminator="name")]


class _Optimizer(Settings):
    lr: Positive = Field(default=1e-3, description="learning rate")
    schedule: ScheduleSettings = Field(default=Constant(), description="how the learning rate goes with the step")
    clip: Positive | None = Field(default=None, description="largest norm of the gradient; a longer one is scaled down")


class SGD(_Optimizer):
    """Stochastic gradient descent."""

    name: Literal["sgd"] = "sgd"
    lr: Positive = Field(default=0.1, description="learning rate")
    momentum: Share = Field(default=0.0, description="share of the last step that is kept")
    nesterov: bool = Field(default=False, description="look ahead along the momentum")
    weight_decay: float = Field(default=0.0, ge=0, description="pull of the weights towards zero")


class RMSprop(_Optimizer):
    """Gradient divided by a running root mean square."""

    name: Literal["rmsprop"] = "rmsprop"
    decay: Share = Field(default=0.99, description="share of the running mean that is kept")
    epsilon: Positive = Field(default=1e-8, description="added to the root")


class _Moments(_Optimizer):
    beta1: Share = Field(default=0.9, description="share of the running mean that is kept")
    beta2: Share = Field(default=0.999, description="share of the running mean square that is kept")
    epsilon: Positive = Field(default=1e-8, description="added to the root")


class Adam(_Moments):
    """Running mean over running root mean square, both corrected for their start."""

    name: Literal["adam"] = "adam"


class AdamW(_Moments):
    """Adam with weight decay apart from the gradient."""

    name: Literal["adamw"] = "adamw"
    weight_decay: float = Field(default=0.01, ge=0, description="pull of the weights towards zero")


OPTIMIZERS: dict[str, type[Settings]] = {"sgd": SGD, "rmsprop": RMSprop, "adam": Adam, "adamw": AdamW}
OptimizerSettings = Annotated[SGD | RMSprop | Adam | AdamW, Field(discriminator="name")]


class Experiment(Settings):
    """One training run: two runs of the same experiment on one machine give the same bits."""

    architecture: str = Field(description="registry name of the architecture")
    dataset: str = Field(description="name of the data set")
    epochs: int = Field(ge=1, description="times that every training example is used")
    batch_size: int = Field(ge=1, description="examples in a training step")
    optimizer: OptimizerSettings = Field(default=Adam(), description="how gradients change the weights")
    seed: int = Field(default=0, ge=0, description="decides weights, data order, dropout and the validation split")
    validation: Share = Field(default=0.1, description="share of the training examples held out to watch and to tune")
    headline: str = Field(default="test/accuracy", description="the metric that runs are compared by")
    model: dict[str, Any] = Field(default_factory=dict, description="settings of the architecture")
    data: dict[str, Any] = Field(default_factory=dict, description="options of the data set")
    task: TaskKind | None = Field(default=None, description="what is asked for; none is what the data set asks for")
    until: str | None = Field(
        default=None, description="ends training at the first epoch where it holds, such as train/accuracy >= 0.9"
    )
    hooks: tuple[str, ...] = Field(default=(), description="trainer hooks of plugins by name")
    figures: tuple[str, ...] = Field(default=(), description="figures of plugins by name, beside the architecture's")

    def set(self, assignments: Iterable[str]) -> Self:
        """Return an experiment with dotted assignments such as `optimizer.lr=0.01` applied.

        Another optimizer or schedule takes over the settings that it knows; the others are dropped.

        Raises: SettingError when a key does not exist or a value is not allowed.
        """
        names: list[str] = []
        others: list[str] = []
        for assignment in assignments:
            (names if assignment.partition("=")[0].strip() in _CHOICES else others).append(assignment)
        settings = override(self.settings(), names)
        _drop_unknown(settings, "optimizer", OPTIMIZERS)
        _drop_unknown(settings["optimizer"], "schedule", SCHEDULES)
        return parse(type(self), override(settings, others), "the experiment")

    def settings(self) -> dict[str, Any]:
        """Return all settings as plain values; None is "none", as TOML has no word for it.

        Without what came later where it is the default, so that checkpoints of earlier versions still fit.
        """
        plain: dict[str, Any] = spelled(self.model_dump(mode="json"))
        return {key: value for key, value in plain.items() if key not in _LATER or value != _LATER[key]}

    @property
    def goal(self) -> tuple[str, str, float] | None:
        """The metric, the sign and the bound that `until` is made of."""
        match = _GOAL.fullmatch(self.until or "")
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
        try:
            settings = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise SettingError(f"{owner} is not TOML: {error}") from None
        return parse(cls, settings, owner)

    @classmethod
    def from_file(cls, path: Path | str) -> Self:
        """Read an experiment from a TOML file.

        Raises: SettingError when the file can't be read or its content is wrong.
        """
        try:
            text = Path(path).read_text(encoding="utf-8-sig")  # Windows editors begin a file with a mark
        except OSError as error:
            raise SettingError(f"{path} can't be read ({error.strerror}); it needs to be a TOML file") from None
        except UnicodeDecodeError:
            raise SettingError(f"{path} is not text; it needs to be a TOML file") from None
        return cls.from_toml(text, str(path))

    @field_validator("headline")
    @classmethod
    def _is_a_metric(cls, headline: str) -> str:
        if "/" not in headline:
            raise ValueError("it needs to be a split and a metric, such as test/accuracy")
        return headline

    @field_validator("until")
    @classmethod
    def _is_a_goal(cls, until: str | None) -> str | None:
        if until is not None and not _GOAL.fullmatch(until):
            raise ValueError("it needs a metric of training or validation, >= or <=, and a number")
        return until

    @field_validator("hooks", "figures")
    @classmethod
    def _is_named_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("it needs each name once")
        return names

    @field_validator("model", "data", mode="before")
    @classmethod
    def _is_plain(cls, settings: Any) -> Any:
        return spelled(settings)


# Fields that came after the first checkpoints, with their defaults as settings.
_LATER: dict[str, Any] = {"data": {}, "task": "none", "until": "none", "hooks": [], "figures": []}
_GOAL = re.compile(r"((?:train|val)/\w+) *(>=|<=) *([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")
_CHOICES = ("optimizer.name", "optimizer.schedule.name")


def _drop_unknown(settings: dict[str, Any], key: str, choices: Mapping[str, type[Settings]]) -> None:
    """Leave out of a group of settings what the chosen one does not have."""
    chosen = choices.get(settings[key]["name"])
    if chosen is not None:  # else the validation says what is wrong with the name
        settings[key] = {name: value for name, value in settings[key].items() if name in chosen.model_fields}
