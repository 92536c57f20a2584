"""What can be chosen about a modular network."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from neuralzoo.registry import Config, ZooError, get
from neuralzoo.registry.config import Settings, spelled

PlainSettings = dict[str, Any]


class Expert(Settings):
    """An expert that is named one by one."""

    name: str = Field(description="registry name of its architecture")
    settings: PlainSettings = Field(default_factory=dict, description="settings of its architecture")


class ModularConfig(Config):
    """The settings of a modular network."""

    experts: int = Field(default=4, ge=1, description="number of experts of the architecture `expert`")
    expert: str = Field(default="fnn", description="registry name of the experts' architecture")
    expert_settings: PlainSettings = Field(
        default_factory=lambda: {"hidden": [16]}, description="settings of the experts' architecture"
    )
    others: tuple[Expert, ...] = Field(default=(), description="further experts of any architecture, one by one")
    gate: str = Field(default="fnn", description="registry name of the gate's architecture, a classifier")
    gate_settings: PlainSettings = Field(
        default_factory=lambda: {"hidden": []}, description="settings of the gate's architecture"
    )
    field: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        default=(),
        description="tables: places of the inputs that say which sub-task it is; the gate reads them, experts do not",
    )
    assigned: bool = Field(
        default=False,
        description="the field says by hand which expert is asked, instead of a gate that learns: one place has the "
        "expert's number, as many places as experts have the largest number at its own",
    )
    top: int | None = Field(
        default=None, ge=1, description="number of experts that are asked about an example; none is all of them"
    )
    noise: float = Field(
        default=0.0, ge=0, description="deviation of what is added to the gate's logits in training, to try others"
    )
    balance: float = Field(
        default=0.0, ge=0, description="weight of the term that keeps the experts' shares of a batch alike"
    )
    loss: Literal["competitive", "cooperative"] = Field(
        default="competitive",
        description="competitive: how likely the target is if the gate draws one expert; cooperative: the error of "
        "the experts' blended answer",
    )
    deviation: float = Field(
        default=1.0, gt=0, description="regression: how far from a target an expert's answer usually is"
    )
    update: Literal["gradient", "em"] = Field(
        default="gradient", description="em: the experts' responsibilities stay fixed for `m_steps` optimizer steps"
    )
    m_steps: int = Field(default=5, ge=1, description="optimizer steps on each batch with the update em")

    @property
    def all_experts(self) -> tuple[Expert, ...]:
        """Every expert, first those that are alike."""
        return (Expert(name=self.expert, settings=self.expert_settings),) * self.experts + self.others

    @field_validator("expert_settings", "gate_settings", mode="before")
    @classmethod
    def _is_plain(cls, settings: Any) -> Any:
        return spelled(settings)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        count = self.experts + len(self.others)
        named = {"expert": (self.expert, self.expert_settings), "gate": (self.gate, self.gate_settings)}
        named |= {f"others[{i}]": (other.name, other.settings) for i, other in enumerate(self.others)}
        for key, (name, settings) in named.items():
            try:
                get(name).configure(settings)
            except ZooError as error:
                raise ValueError(f"{key}: {error}") from None
        if self.top is not None and self.top > count:
            raise ValueError(f"top is {self.top}; it needs at most {count}, the number of experts")
        if self.assigned and len(self.field) not in (1, count):
            raise ValueError(f"assigned is true and field has {len(self.field)} places; it needs 1 or {count} of them")
        if len(set(self.field)) < len(self.field):
            raise ValueError(f"field has {', '.join(map(str, self.field))}; it needs each place once")
        if self.update == "em" and self.loss == "cooperative":
            raise ValueError("update is em; it needs the competitive loss, whose likelihood it climbs")
        return self
