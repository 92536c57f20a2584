"""Configuration of a mixture of experts."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from neuralzoo.core.capacity import MOST_LAYERS
from neuralzoo.registry import Config, ZooError, get
from neuralzoo.registry.config import Settings, to_toml_value

PlainSettings = dict[str, Any]


class Expert(Settings):
    """Architecture and settings of one expert."""

    name: str = Field(description="registry name of its architecture")
    settings: PlainSettings = Field(default_factory=dict, description="settings of its architecture")


class ModularConfig(Config):
    """Configuration of a mixture of experts."""

    experts: int = Field(default=4, ge=1, le=MOST_LAYERS, description="number of experts of the architecture `expert`")
    expert: str = Field(default="fnn", description="registry name of the experts' architecture")
    expert_settings: PlainSettings = Field(
        default_factory=lambda: {"hidden": [16]}, description="settings of the experts' architecture"
    )
    extra_experts: tuple[Expert, ...] = Field(default=(), description="further experts of any architecture, one by one")
    gate: str = Field(default="fnn", description="registry name of the gate's architecture, a classifier")
    gate_settings: PlainSettings = Field(
        default_factory=lambda: {"hidden": []}, description="settings of the gate's architecture"
    )
    task_columns: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        default=(),
        description="tabular inputs: columns that identify the sub-task; the gate reads them, experts do not",
    )
    fixed_routing: bool = Field(
        default=False,
        description="the task columns select the expert, instead of a gate that learns: a single column has its index, "
        "as many columns as experts have the largest value at its own",
    )
    top_k: int | None = Field(
        default=None, ge=1, description="number of experts that are computed for an example; none is all of them"
    )
    noise: float = Field(
        default=0.0, ge=0, description="standard deviation of the noise on the gate's logits in training"
    )
    load_balance_weight: float = Field(
        default=0.0, ge=0, description="weight of the load-balancing loss, which keeps the experts' loads equal"
    )
    loss: Literal["competitive", "cooperative"] = Field(
        default="competitive",
        description="competitive: negative log-likelihood of one expert sampled by the gate; cooperative: the error of "
        "the mixed output",
    )
    output_std: float = Field(
        default=1.0, gt=0, description="regression: standard deviation of the targets given the expert"
    )
    update: Literal["gradient", "em"] = Field(
        default="gradient", description="em: the experts' responsibilities stay fixed for `m_steps` optimizer steps"
    )
    m_steps: int = Field(default=5, ge=1, description="optimizer steps on each batch with the update em")

    @property
    def all_experts(self) -> tuple[Expert, ...]:
        """Every expert, those of the same architecture first."""
        return (Expert(name=self.expert, settings=self.expert_settings),) * self.experts + self.extra_experts

    @field_validator("expert_settings", "gate_settings", mode="before")
    @classmethod
    def _is_plain(cls, settings: Any) -> Any:
        return to_toml_value(settings)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        count = self.experts + len(self.extra_experts)
        named = {"expert": (self.expert, self.expert_settings), "gate": (self.gate, self.gate_settings)}
        named |= {f"extra_experts[{i}]": (one.name, one.settings) for i, one in enumerate(self.extra_experts)}
        for key, (name, settings) in named.items():
            try:
                get(name).configure(settings)
            except ZooError as error:
                raise ValueError(f"{key}: {error}") from None
        if self.top_k is not None and self.top_k > count:
            raise ValueError(f"top_k is {self.top_k}; it needs at most {count}, the number of experts")
        columns = self.task_columns
        if self.fixed_routing and len(columns) not in (1, count):
            raise ValueError(
                f"fixed_routing is true and task_columns has {len(columns)}; it needs 1 or {count} of them"
            )
        if len(set(columns)) < len(columns):
            raise ValueError(f"task_columns has {', '.join(map(str, columns))}; it needs each column once")
        if self.update == "em" and self.loss == "cooperative":
            raise ValueError("update is em; it needs the competitive loss, whose likelihood it maximises")
        return self
