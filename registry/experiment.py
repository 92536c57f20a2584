"""An experiment: everything that decides the outcome of a run, as data."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from neuralzoo.registry.config import Settings, override, parse
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


ScheduleSettings = Annotated[Constant | StepDecay | Cosine, Field(discriminator="name")]


class _Optimizer(Settings):
    lr: Positive = Field(default=1e-3, description="learning rate")
    schedule: ScheduleSettings = Field(
        default=Constant(), description="how the learning rate goes with the step"
    )
    clip: Positive | None = Field(
        default=None, description="largest norm of the gradient; a longer one is scaled down"
    )


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


OptimizerSettings = Annotated[SGD | RMSprop | Adam | AdamW, Field(discriminator="name")]


class Experiment(Settings):
    """One training run: two runs of the same experiment on one machine give the same bits."""

    architecture: str = Field(description="registry name of the architecture")
    dataset: str = Field(description="name of the data set")
    epochs: int = Field(ge=1, description="times that every training example is used")
    batch_size: int = Field(ge=1, description="examples in a training step")
    optimizer: OptimizerSettings = Field(default=Adam(), description="how gradients change the weights")
    seed: int = Field(
        default=0, ge=0, description="decides weights, data order, dropout and the validation split"
    )
    validation: Share = Field(
        default=0.1, description="share of the training examples held out to watch and to tune"
    )
    headline: str = Field(default="test/accuracy", description="the metric that runs are compared by")
    model: dict[str, Any] = Field(default_factory=dict, description="settings of the architecture")

    def set(self, assignments: Iterable[str]) -> Self:
        """Return an experiment with dotted assignments such as `optimizer.lr=0.01` applied.

        Raises: SettingError when a key does not exist or a value is not allowed.
        """
        settings = override(self.settings(), assignments)
        optimizer = settings.get("optimizer")
        if isinstance(optimizer, dict) and optimizer.get("name") != self.optimizer.name:
            shared = _Optimizer.model_fields.keys() | {"name"}
            given = {a.split("=")[0].strip().removeprefix("optimizer.").split(".")[0] for a in assignments}
            settings["optimizer"] = {k: v for k, v in optimizer.items() if k in shared | given}
        return parse(type(self), settings, "the experiment")

    def settings(self) -> dict[str, Any]:
        """Return all settings as plain values; what is None is left out, as TOML has no word for it."""
        return _without_none(self.model_dump(mode="json"))

    def to_toml(self) -> str:
        """Return the experiment as TOML, each setting with its description."""
        import tomli_w

        lines: list[str] = []
        for line in tomli_w.dumps(self.settings()).splitlines():
            field = type(self).model_fields.get(line.split(" = ")[0].strip("[]"))
            lines.append(f"{line}  # {field.description}" if field is not None else line)
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
    def from_file(cls, path: Path) -> Self:
        """Read an experiment from a TOML file.

        Raises: SettingError when the file can't be read or its content is wrong.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(f"{path} can't be read ({error}); it needs to be a TOML file") from None
        return cls.from_toml(text, str(path))

    @model_validator(mode="after")
    def _headline_is_a_metric(self) -> Self:
        if "/" not in self.headline:
            raise ValueError(
                f"headline is {self.headline!r}; it needs a split and a metric, such as test/accuracy"
            )
        return self


def _without_none(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in settings.items()
        if value is not None
    }
