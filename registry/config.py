"""Validated settings: parsing, overriding, and their values in TOML."""

import tomllib
from collections.abc import Iterable, Mapping
from types import NoneType
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from neuralzoo.registry.errors import SettingError
from neuralzoo.registry.explain import explain

M = TypeVar("M", bound=BaseModel)


class Settings(BaseModel):
    """A frozen pydantic model that refuses unknown keys.

    TOML has no null: where a setting may be None, it is written "none".
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _parse_none(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        optional = {key for key, field in cls.model_fields.items() if _mentions_none(field.annotation)}
        return {key: _from_toml_value(value) if key in optional else value for key, value in data.items()}


class Config(Settings):
    """The configuration of one architecture; every field has a description and a default."""


def parse(model: type[M], settings: Mapping[str, Any], owner: str) -> M:
    """Return the validated settings.

    Raises: SettingError with one sentence about the first thing that is wrong: the key, what it got, what is
    allowed, and the nearest name.
    """
    try:
        return model.model_validate(dict(settings))
    except ValidationError as error:
        raise SettingError(explain(error, owner, model)) from None


def override(settings: Mapping[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """Return nested settings with dotted assignments such as `optimizer.lr=0.01` applied; values are TOML.

    A value that is not TOML is taken as text, so that `model.activation=relu` needs no quotes.

    Raises: SettingError when an assignment has no `=` or goes through something that has no settings.
    """
    result = _copied(settings)
    for assignment in assignments:
        key, sign, text = assignment.partition("=")
        *parents, last = (part.strip() for part in key.split("."))
        if not sign or not all([*parents, last]):
            raise SettingError(f"set got {assignment!r}; it needs KEY=VALUE, such as optimizer.lr=0.01")
        table = result
        for parent in parents:
            table = table.setdefault(parent, {})
            if not isinstance(table, dict):
                raise SettingError(f"set got {assignment!r}, but {parent} has no settings of its own; it needs a value")
        table[last] = _value(text.strip())
    return result


def to_toml_value(value: Any) -> Any:
    """Return settings as values that TOML has: a tuple becomes a list, None becomes "none".

    Raises: ValueError when a value is neither a number, text, true or false, nor a list or table of these.
    """
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return {str(key): to_toml_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_toml_value(inner) for inner in value]
    if isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"{value!r} can't be written as TOML; it needs numbers, texts, true, false, or lists of them")


def _from_toml_value(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_from_toml_value(inner) for inner in value]
    return None if value == "none" else value


def _mentions_none(annotation: Any) -> bool:
    return annotation is NoneType or any(_mentions_none(part) for part in get_args(annotation))


def _value(text: str) -> Any:
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    value = document["value"]
    plain = len(document) == 1 and isinstance(value, bool | int | float | str | list | dict)
    return value if plain else text  # a date is text here, and so are several lines


def _copied(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, Mapping) else value for key, value in settings.items()}
