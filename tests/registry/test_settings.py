"""Errors of wrong settings: one sentence with the key, what it got, what it needs, the nearest name."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError, field_validator, model_validator

from neuralzoo.registry import Config, SettingError, Settings
from neuralzoo.registry.config import override, parse


class Block(Settings):
    width: int = Field(default=4, ge=1)
    kind: Literal["dense", "conv"] = "dense"


class Plain(Settings):
    name: Literal["plain"] = "plain"


class Noisy(Settings):
    name: Literal["noisy"] = "noisy"
    level: float = Field(default=0.1, gt=0, le=1)


class Everything(Config):
    """A config with every sort of setting."""

    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(256, 128), max_length=3)
    activation: Literal["relu", "tanh", "leaky_relu"] = "relu"
    dropout: float = Field(default=0.0, ge=0, lt=1)
    patience: int | None = None
    clip: float | None = Field(default=1.0, gt=0)
    kernel: int | tuple[int, int] = 3
    steps: int | Literal["auto"] = "auto"
    flag: bool = False
    label: str = Field(default="net", pattern="^[a-z]+$")
    heads: int = Field(default=4, multiple_of=2)
    gaps: tuple[int | None, ...] = ()
    table: dict[str, int] = Field(default_factory=dict)
    block: Block = Block()
    blocks: tuple[Block, ...] = ()
    noise: Annotated[Plain | Noisy, Field(discriminator="name")] = Plain()
    noises: tuple[Annotated[Plain | Noisy, Field(discriminator="name")], ...] = ()
    extra: Block | None = None

    @field_validator("heads")
    @classmethod
    def _few(cls, heads: int) -> int:
        if heads > 100:
            raise ValueError("it needs to be a hundred at most")
        return heads

    @model_validator(mode="after")
    def _coherent(self) -> "Everything":
        if self.flag and self.dropout > 0.5:
            raise ValueError("flag is true with a dropout of more than 0.5; it needs less")
        return self


SENTENCES: list[tuple[dict[str, Any], str]] = [
    ({"hidden": 3}, "net got hidden=3; it needs to be a list"),
    ({"hidden": [8, "x"]}, "net got hidden[1]='x'; it needs to be a whole number"),
    ({"hidden": [8, 0]}, "net got hidden[1]=0; it needs to be greater than or equal to 1"),
    ({"hidden": [1, 2, 3, 4]}, "net got hidden=[1, 2, 3, 4]; it needs to be a list of at most 3 values"),
    (
        {"activation": "rleu"},
        "net got activation='rleu'; it needs to be one of relu, tanh, leaky_relu; did you mean relu?",
    ),
    ({"activation": 3}, "net got activation=3; it needs to be one of relu, tanh, leaky_relu"),
    ({"dropout": 1}, "net got dropout=1; it needs to be less than 1"),
    ({"dropout": -0.1}, "net got dropout=-0.1; it needs to be greater than or equal to 0"),
    ({"dropout": "much"}, "net got dropout='much'; it needs to be a number"),
    ({"dropout": float("nan")}, "net got dropout=nan; it needs to be a finite number"),
    ({"dropout": None}, "net got dropout=None; it needs to be a number"),
    ({"dropout": "none"}, "net got dropout='none'; it needs to be a number"),
    ({"patience": 1.5}, "net got patience=1.5; it needs to be a whole number or none"),
    ({"clip": 0}, "net got clip=0; it needs to be greater than 0 or none"),
    ({"kernel": "x"}, "net got kernel='x'; it needs to be a whole number or a list"),
    ({"kernel": [3, "x"]}, "net got kernel[1]='x'; it needs to be a whole number"),
    ({"steps": "aut"}, "net got steps='aut'; it needs to be a whole number or auto; did you mean auto?"),
    ({"flag": "maybe"}, "net got flag='maybe'; it needs to be true or false"),
    ({"label": 3}, "net got label=3; it needs to be text"),
    ({"label": "A1"}, "net got label='A1'; it needs to be text of the pattern ^[a-z]+$"),
    ({"heads": 3}, "net got heads=3; it needs to be a multiple of 2"),
    ({"heads": 102}, "net got heads=102; it needs to be a hundred at most"),
    ({"table": {"a": "x"}}, "net got table.a='x'; it needs to be a whole number"),
    ({"table": [1]}, "net got table=[1]; it needs to be a group of settings"),
    ({"block": 3}, "net got block=3; it needs to be a group of settings"),
    ({"block": {"width": 0}}, "net got block.width=0; it needs to be greater than or equal to 1"),
    ({"block": {"widht": 3}}, "net has no setting 'block.widht'; did you mean width? (it has width, kind)"),
    ({"extra": {"widht": 3}}, "net has no setting 'extra.widht'; did you mean width? (it has width, kind)"),
    ({"blocks": [{}, {"widht": 3}]}, "net has no setting 'blocks[1].widht'; did you mean width? (it has width, kind)"),
    (
        {"blocks": [{"kind": "cnov"}]},
        "net got blocks[0].kind='cnov'; it needs to be one of dense, conv; did you mean conv?",
    ),
    ({"noise": "noisy"}, "net got noise='noisy'; it needs to be a group of settings, such as noise.name=plain"),
    ({"noise": {"level": 1}}, "net got no value for 'noise.name'; it needs one of plain, noisy"),
    ({"noise": {"name": "nosy"}}, "net got noise.name='nosy'; it needs to be one of plain, noisy; did you mean noisy?"),
    ({"noise": {"name": "noisy", "level": 2}}, "net got noise.level=2; it needs to be less than or equal to 1"),
    ({"noise": {"name": "plain", "level": 1}}, "net has no setting 'noise.level' (plain has name)"),
    (
        {"noise": {"name": "noisy", "lvl": 1}},
        "net has no setting 'noise.lvl'; did you mean level? (noisy has name, level)",
    ),
    ({"noises": [{"name": "noisy", "level": 0}]}, "net got noises[0].level=0; it needs to be greater than 0"),
    ({"flag": True, "dropout": 0.7}, "net: flag is true with a dropout of more than 0.5; it needs less"),
]


@pytest.mark.parametrize(("settings", "sentence"), SENTENCES, ids=lambda value: str(value)[:40])
def test_a_wrong_setting_is_reported_in_one_sentence(settings, sentence):
    with pytest.raises(SettingError) as caught:
        parse(Everything, settings, "net")
    assert str(caught.value) == sentence


def test_an_unknown_setting_is_reported_with_the_nearest_and_all_known():
    with pytest.raises(SettingError) as caught:
        parse(Everything, {"hiden": [3]}, "net")
    names = ", ".join(Everything.model_fields)
    assert str(caught.value) == f"net has no setting 'hiden'; did you mean hidden? (it has {names})"


def test_a_setting_at_the_wrong_depth_is_reported_where_it_belongs():
    with pytest.raises(SettingError, match=r"no setting 'level'; did you mean noise\.level\? "):
        parse(Everything, {"level": 0.5}, "net")


def test_a_misspelt_key_is_reported_before_the_value_that_it_leaves_missing():
    class Needy(Config):
        width: int
        depth: int = 1

    with pytest.raises(SettingError, match="no setting 'widht'; did you mean width"):
        parse(Needy, {"widht": 3}, "net")
    with pytest.raises(SettingError, match=r"^net got no value for 'width'; it needs one$"):
        parse(Needy, {"depth": 3}, "net")


def test_a_long_value_is_abbreviated():
    with pytest.raises(SettingError) as caught:
        parse(Everything, {"hidden": "x" * 5000}, "net")
    assert len(str(caught.value)) < 150


def test_valid_values_are_taken_unchanged():
    config = parse(Everything, {"kernel": [3, 5], "steps": 7, "noise": {"name": "noisy"}, "dropout": 0}, "net")
    assert (config.kernel, config.steps, config.noise, config.dropout) == ((3, 5), 7, Noisy(), 0.0)


def test_the_text_none_is_none_where_a_setting_may_be_none():
    config = parse(Everything, {"clip": "none", "gaps": [1, "none", 2], "extra": "none", "label": "none"}, "net")
    assert (config.clip, config.gaps, config.extra, config.label) == (None, (1, None, 2), None, "none")


def test_settings_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        Everything().dropout = 2.0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1e-3", 1e-3),
        (".5", ".5"),
        ("true", True),
        ("relu", "relu"),
        ("'relu'", "relu"),
        ('"two words"', "two words"),
        ("two words", "two words"),
        ("[1, 2]", [1, 2]),
        ("['a', 'b']", ["a", "b"]),
        ("[]", []),
        ("{width = 3}", {"width": 3}),
        ("", ""),
        ("a=b", "a=b"),
        ("64 # many", 64),
        ("2024-01-01", "2024-01-01"),
        ("1\nother = 2", "1\nother = 2"),
    ],
)
def test_an_assigned_value_is_toml_or_else_text(text, value):
    result = override({}, [f"key={text}"])
    assert result == {"key": value}
    assert type(result["key"]) is type(value)


def test_an_assignment_reaches_any_depth_and_does_not_change_the_original():
    original = {"a": {"b": {"c": 1, "d": 2}}, "e": 3}
    changed = override(original, ["a.b.c=5", " a . x . y = 6 ", "e=[1]"])
    assert changed == {"a": {"b": {"c": 5, "d": 2}, "x": {"y": 6}}, "e": [1]}
    assert original == {"a": {"b": {"c": 1, "d": 2}}, "e": 3}


def test_the_last_assignment_wins():
    assert override({}, ["a=1", "a=2"]) == {"a": 2}


@pytest.mark.parametrize("assignment", ["lr", "", "=3", " = 3", "a..b=3", ".a=3", "a.=3"])
def test_a_malformed_assignment_is_reported_with_an_example(assignment):
    with pytest.raises(SettingError) as caught:
        override({}, [assignment])
    assert str(caught.value) == f"set got {assignment!r}; it needs KEY=VALUE, such as optimizer.lr=0.01"


def test_an_assignment_through_a_value_is_refused():
    with pytest.raises(SettingError) as caught:
        override({"epochs": 3}, ["epochs.x=1"])
    assert str(caught.value) == "set got 'epochs.x=1', but epochs has no settings of its own; it needs a value"
