"""Validated settings: parsing, overriding, and their values in TOML."""

import math
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from os import PathLike, fspath
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.fields import FieldInfo

from neuralzoo.registry.errors import SettingError, shown
from neuralzoo.registry.explain import explain

M = TypeVar("M", bound=BaseModel)
MAX_NESTING = 20
"""How deep lists and groups of settings may be nested."""


class Settings(BaseModel):
    """A frozen pydantic model that refuses unknown keys.

    TOML has no null: where a setting may be None, it is written "none".
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _read_plain(cls, data: Any) -> Any:
        """Read "none" as None where that is allowed, and refuse true and false as numbers."""
        if not isinstance(data, Mapping):
            return data
        fields = {key: set(_parts(field.annotation)) for key, field in cls.model_fields.items()}
        for key, value in data.items():
            if _holds_bool(value) and (parts := fields.get(key, set())) & {int, float} and not parts & {bool, Any}:
                raise ValueError(f"{key} is {shown(value)}; it needs a number, which true and false are not")
        return {
            key: _from_toml_value(value) if NoneType in fields.get(key, ()) else value for key, value in data.items()
        }


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


def path_of(value: Any, owner: str) -> Path:
    """Return a path.

    Raises: SettingError when it is neither text nor a path.
    """
    if not isinstance(value, str | PathLike) or isinstance(fspath(value), bytes) or "\0" in fspath(value):
        raise SettingError(f"{owner} got {shown(value)}; it needs a path")
    return Path(value)


def read_toml(text: str, owner: str) -> dict[str, Any]:
    """Return TOML as a dictionary.

    Raises: SettingError when it is not TOML, is nested too deep, or has an integer of more than 64 bits.
    """
    too_deep = SettingError(f"{owner} is nested too deep; it needs at most {MAX_NESTING} levels of lists and groups")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"{owner} is not TOML: {error}") from None
    except RecursionError:
        raise too_deep from None
    except ValueError:  # Python reads integers of some thousand digits only
        raise SettingError(f"{owner} {_TOO_LARGE}") from None
    todo: list[tuple[Any, int]] = [(document, 0)]
    while todo:
        value, depth = todo.pop()
        if depth > MAX_NESTING:
            raise too_deep
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise SettingError(f"{owner} {_TOO_LARGE}")
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        todo += [(each, depth + 1) for each in inner]
    return document


_TOO_LARGE = "has an integer of more than 64 bits; it needs a smaller one"


def text_settings(model: type[BaseModel], prefix: str = "") -> set[str]:
    """Return the dotted keys of the settings that hold nothing but text: what is written for them needs no quotes."""
    return {f"{prefix}{key}" for key, field in model.model_fields.items() if all(_texts(field.annotation))}


def override(settings: Mapping[str, Any], assignments: Iterable[str], texts: Collection[str] = ()) -> dict[str, Any]:
    """Return nested settings with dotted assignments such as `optimizer.lr=0.01` applied; values are TOML.

    A value that is not TOML is taken as text, so that `model.activation=relu` needs no quotes. So is every value of
    the keys in `texts`: there `nan` and `1e3` are words.

    Raises: SettingError when an assignment has no `=`, goes through something that has no settings, or is too large.
    """
    result = _copied(settings)
    for assignment in assignments:
        key, sign, text = assignment.partition("=")
        *parents, last = (part.strip() for part in key.split("."))
        if not sign or not all([*parents, last]) or len(parents) >= MAX_NESTING:
            raise SettingError(f"set got {shown(assignment)}; it needs KEY=VALUE, such as optimizer.lr=0.01")
        table = result
        for parent in parents:
            table = table.setdefault(parent, {})
            if not isinstance(table, dict):
                raise SettingError(
                    f"set got {shown(assignment)}, but {parent} has no settings of its own; it needs a value"
                )
        value = _value(text.strip(), f"set {shown(key.strip())}")
        table[last] = value if isinstance(value, str) or ".".join([*parents, last]) not in texts else text.strip()
    return result


def to_toml_value(value: Any, depth: int = 0) -> Any:
    """Return settings as values that TOML has: a tuple becomes a list, None becomes "none".

    Raises: ValueError when a value is neither a number, text, true or false, nor a list or table of these, or when it
    is nested too deep.
    """
    if depth > MAX_NESTING:
        raise ValueError(f"it is nested too deep; it needs at most {MAX_NESTING} levels of lists and groups")
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return {str(key): to_toml_value(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_toml_value(inner, depth + 1) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):  # JSON, in between, would make it none
        raise ValueError(f"{value} is not finite; a setting needs a finite number")
    if isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"{value!r} can't be written as TOML; it needs numbers, texts, true, false, or lists of them")


def _from_toml_value(value: Any, depth: int = 0) -> Any:
    if isinstance(value, list | tuple) and depth <= MAX_NESTING:
        return [_from_toml_value(inner, depth + 1) for inner in value]
    return None if value == "none" else value


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield the types that an annotation mentions, at any depth."""
    yield annotation
    for part in () if get_origin(annotation) in (Literal, Callable) else get_args(annotation):
        if part is not Ellipsis and not isinstance(part, FieldInfo):
            yield from _parts(part)


def _holds_bool(value: Any, depth: int = 0) -> bool:
    if isinstance(value, list | tuple) and depth <= MAX_NESTING:
        return any(_holds_bool(inner, depth + 1) for inner in value)
    return isinstance(value, bool)


def _texts(annotation: Any) -> Iterator[bool]:
    """Yield for each type that an annotation allows, None aside, whether its values are text."""
    if get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _texts(member)
    elif get_origin(annotation) is Literal:
        yield from (isinstance(option, str) for option in get_args(annotation))
    elif annotation is not NoneType:
        yield annotation is str


def _value(text: str, owner: str) -> Any:
    try:
        document = read_toml(f"value = {text}", owner)
    except SettingError as error:
        if isinstance(error.__context__, tomllib.TOMLDecodeError):
            return text
        raise
    value = document["value"]
    plain = len(document) == 1 and isinstance(value, bool | int | float | str | list | dict)
    return value if plain else text  # a date is text here, and so are several lines


def _copied(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, Mapping) else value for key, value in settings.items()}
