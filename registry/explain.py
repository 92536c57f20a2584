"""Validation errors of pydantic as one sentence: the key, what it got, what it needs, the nearest name."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from neuralzoo.registry.errors import nearest, shown

# What a setting needs to be, by the prefix of pydantic's error type; {} is filled from the error's context.
NEEDS = {
    "int_": "a whole number",
    "float_": "a number",
    "finite_number": "a finite number",
    "bool_": "true or false",
    "string_type": "text",
    "string_pattern_mismatch": "text of the pattern {pattern}",
    "string_too_short": "text of at least {min_length} characters",
    "string_too_long": "text of at most {max_length} characters",
    "too_short": "a list of at least {min_length} values",
    "too_long": "a list of at most {max_length} values",
    "tuple_type": "a list",
    "list_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a group of settings",
    "model_": "a group of settings",
    "greater_than_equal": "greater than or equal to {ge}",
    "greater_than": "greater than {gt}",
    "less_than_equal": "less than or equal to {le}",
    "less_than": "less than {lt}",
    "multiple_of": "a multiple of {multiple_of}",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "is_instance_of": "a {class}",
    "is_subclass_of": "a class that is a {class}",
    "callable_type": "a function",
}


@dataclass(frozen=True)
class Location:
    """Where an error is: the dotted key, the types that hold it, the types that it may have."""

    key: str
    holders: list[Any]
    types: list[Any]


def explain(error: ValidationError, owner: str, model: type[BaseModel] | None = None) -> str:
    """Return an error as one sentence; the model gives the dotted key and the nearest one.

    A key that does not exist comes first: one that is misspelt is also missing where it belongs.
    """
    problems = [(problem, _location(model, problem["loc"])) for problem in error.errors()]
    first, location = min(problems, key=lambda pair: pair[0]["type"] != "extra_forbidden")
    for problem, inner in problems:  # a member of a union that came further says more than one that did not start
        if inner.key.startswith((f"{location.key}[", f"{location.key}.")):
            first, location = problem, inner
    tags = [tag for kind in location.types if (tag := _tag(kind))]
    match first["type"]:
        case "extra_forbidden":
            return _unknown(owner, location, model)
        case "missing":
            return f"{owner} got no value for {location.key!r}; it needs one"
        case "union_tag_not_found":
            return f"{owner} got no value for '{location.key}.name'; it needs one of {', '.join(tags)}"
        case "union_tag_invalid":
            tag = str(first["input"]["name"])
            known = f"{', '.join(tags)}{nearest(tag, tags)}"
            return f"{owner} got {location.key}.name={shown(tag)}; it needs to be one of {known}"
        case "value_error" if isinstance(first["input"], dict):  # about several settings together
            return f"{owner}{' ' + location.key if location.key else ''}: {_message(first)}"
    same = [problem for problem, other in problems if other.key == location.key]  # one for each member of a union
    needs = list(dict.fromkeys(need for problem in same if (need := _need(problem))))
    if needs and NoneType in location.types:
        needs.append("none")
    such = f", such as {location.key}.name={tags[0]}" if tags else ""
    words = f"it needs to be {' or '.join(needs)}{such}" if needs else _message(first)
    close = nearest(str(first["input"]), [option for problem in same for option in _options(problem)])
    return f"{owner} got {location.key}={shown(first['input'])}; {words}{close}"


def _need(problem: ErrorDetails) -> str:
    text = next((text for kind, text in NEEDS.items() if problem["type"].startswith(kind)), None)
    if text is None:
        return ""
    options = _options(problem)
    values = {key: f"{value:g}" if isinstance(value, float) else value for key, value in _context(problem).items()}
    expected = f"one of {', '.join(options)}" if len(options) > 1 else "".join(options)
    return text.format_map({**values, "expected": expected})


def _context(problem: ErrorDetails) -> dict[str, Any]:
    return problem.get("ctx") or {}


def _message(problem: ErrorDetails) -> str:
    return problem["msg"].removeprefix("Value error, ")


def _options(problem: ErrorDetails) -> list[str]:
    expected = str(_context(problem).get("expected", ""))
    return [option.strip("'") for option in expected.replace(" or ", ", ").split(", ") if option]


def _unknown(owner: str, location: Location, model: type[BaseModel] | None) -> str:
    last = location.key.rpartition(".")[2]
    names = list(dict.fromkeys(name for holder in location.holders for name in _fields(holder)))
    below = [path for path in dict.fromkeys(_paths(model)) if path.endswith(f".{last}") and path != location.key]
    hint = f"; did you mean {' or '.join(below)}?" if below else nearest(last, names)
    holder = "".join(map(_tag, location.holders)) or "it"  # such as adam, where the key is one that sgd has
    known = f" ({holder} has {', '.join(names)})" if names else ""
    return f"{owner} has no setting {shown(location.key)}{hint}{known}"


def _location(model: type[BaseModel] | None, loc: tuple[int | str, ...]) -> Location:
    key = ""
    holders: list[Any] = []
    types: list[Any] = [model]
    for part in loc:
        groups = [kind for kind in types if kind is not NoneType]
        if len(groups) > 1 and isinstance(part, str):  # pydantic names the member of a union, the dotted key does not
            types = [kind for kind in groups if part in (_tag(kind), getattr(kind, "__name__", ""))] or groups[:1]
            continue
        key += f"[{part}]" if isinstance(part, int) else f".{part}"
        holders, types = types, [inner for kind in types for inner in _inside(kind, part)]
    return Location(key.removeprefix("."), holders, types)


def _inside(kind: Any, part: int | str) -> Iterator[Any]:
    """Yield the types that a value may have below a value of this type: a field's, or an element's."""
    if fields := _fields(kind):
        yield from _members(fields[part].annotation) if part in fields else ()
    else:
        elements = [argument for argument in get_args(kind) if argument is not Ellipsis]
        yield from _members(elements[-1]) if elements else ()


def _members(annotation: Any) -> Iterator[Any]:
    """Yield the types that an annotation allows."""
    if get_origin(annotation) is Annotated:
        yield from _members(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _members(member)
    else:
        yield annotation


def _fields(kind: Any) -> dict[str, Any]:
    return kind.model_fields if isinstance(kind, type) and issubclass(kind, BaseModel) else {}


def _tag(kind: Any) -> str:
    """Return the name by which a group of settings is chosen among several."""
    field = _fields(kind).get("name")
    return str(field.default) if field is not None and get_origin(field.annotation) is Literal else ""


def _paths(model: Any) -> Iterator[str]:
    """Yield the dotted keys of all settings below a model's own."""
    for name, field in _fields(model).items():
        for kind in _members(field.annotation):
            for inner in _fields(kind):
                yield f"{name}.{inner}"
            yield from (f"{name}.{path}" for path in _paths(kind))
