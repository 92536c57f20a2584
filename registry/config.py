"""Settings that people choose, and what they read when they choose wrongly."""

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from neuralzoo.registry.errors import SettingError, nearest

M = TypeVar("M", bound=BaseModel)


class Settings(BaseModel):
    """A frozen pydantic model that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Config(Settings):
    """The settings of one architecture; every field has a description and a default."""


def parse(model: type[M], settings: Mapping[str, Any], owner: str) -> M:
    """Return the validated settings.

    Raises: SettingError with one sentence about the first thing that is wrong: the key, what it got, what is
    allowed, and the nearest name.
    """
    try:
        return model.model_validate(dict(settings))
    except ValidationError as error:
        raise SettingError(explain(model, error.errors()[0], owner)) from None


def explain(model: type[BaseModel], error: ErrorDetails, owner: str) -> str:
    """Say in one sentence what pydantic found wrong."""
    parents, path = _walk(model, error["loc"])
    key = ".".join(path)
    if error["type"] == "extra_forbidden":
        names = list(dict.fromkeys(name for parent in parents for name in parent.model_fields))
        return f"{owner} has no setting {key!r}{nearest(path[-1], names)} (it has {', '.join(names)})"
    if error["type"] == "missing":
        return f"{owner} got no value for {key!r}; it needs one"
    if error["type"] == "union_tag_invalid" and (context := error.get("ctx")):
        expected = str(context["expected_tags"]).replace("'", "")
        close = nearest(str(context["tag"]), expected.split(", "))
        return f"{owner} got {key}.name={context['tag']!r}; it needs one of {expected}{close}"
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "it needs to be")
    allowed = str((error.get("ctx") or {}).get("expected", "")).replace("'", "").replace(" or ", ", ")
    close = nearest(str(error["input"]), allowed.split(", ")) if allowed else ""
    return f"{owner} got {key}={error['input']!r}; {message}{close}"


def override(settings: Mapping[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """Return nested settings with dotted assignments such as `optimizer.lr=0.01` applied; values are TOML.

    A value that is not TOML is taken as text, so that `model.activation=relu` needs no quotes.

    Raises: SettingError when an assignment has no `=` or goes through something that has no settings.
    """
    result = _copied(settings)
    for assignment in assignments:
        key, sign, text = assignment.partition("=")
        if not sign or not key.strip():
            raise SettingError(f"--set got {assignment!r}; it needs KEY=VALUE, such as optimizer.lr=0.01")
        *parents, last = key.strip().split(".")
        place = result
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise SettingError(
                    f"--set got {key!r}, but {parent!r} is a value without settings of its own"
                )
        place[last] = _value(text.strip())
    return result


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _copied(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, Mapping) else value for key, value in settings.items()}


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _tag(model: type[BaseModel]) -> Any:
    field = model.model_fields.get("name")
    return field.default if field is not None else None


def _walk(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[list[type[BaseModel]], list[str]]:
    """Return the models that hold the last key of a location, and the path to it as people write it."""
    parents, models, path = [model], [model], []
    for part in loc:
        if len(models) > 1 and (tagged := [m for m in models if _tag(m) == part]):
            models = tagged  # pydantic names the member of a tagged union; people do not
            continue
        path.append(str(part))
        parents = models
        fields = [f for m in models if (f := m.model_fields.get(str(part))) is not None]
        models = [m for field in fields for m in _models_in(field.annotation)]
    return parents, path
