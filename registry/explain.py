"""What pydantic found wrong, in one sentence for people: the key, what it got, what it needs, the nearest name."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from neuralzoo.registry.errors import nearest

# What a setting needs to be, by the beginning of pydantic's name for the error; {} is what the error is about.
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
class Place:
    """Where something is wrong: the key as people write it, the types that hold it, the types that it may have."""

    key: str
    holders: list[Any]
    types: list[Any]


def explain(error: ValidationError, owner: str, model: type[BaseModel] | None = None) -> str:
    """Say in one sentence what is wrong; the model knows how people write the key, and the nearest one.

    A key that does not exist comes first: one that is misspelt is also missing where it belongs.
    """
    problems = [(problem, _place(model, problem["loc"])) for problem in error.errors()]
    first, place = min(problems, key=lambda pair: pair[0]["type"] != "extra_forbidden")
    for problem, inner in problems:  # a member of a union that came further says more than one that did not start
        if inner.key.startswith((f"{place.key}[", f"{place.key}.")):
            first, place = problem, inner
    tags = [tag for kind in place.types if (tag := _tag(kind))]
    match first["type"]:
        case "extra_forbidden":
            return _unknown(owner, place, model)
        case "missing":
            return f"{owner} got no value for {place.key!r}; it needs one"
        case "union_tag_not_found":
            return f"{owner} got no value for '{place.key}.name'; it needs one of {', '.join(tags)}"
        case "union_tag_invalid":
            tag = str(first["input"]["name"])
            return f"{owner} got {place.key}.name={tag!r}; it needs to be one of {', '.join(tags)}{nearest(tag, tags)}"
        case "value_error" if isinstance(first["input"], dict):  # about several settings together
            return f"{owner}{' ' + place.key if place.key else ''}: {_own_words(first)}"
    same = [problem for problem, other in problems if other.key == place.key]  # one for each member of a union
    needs = list(dict.fromkeys(need for problem in same if (need := _need(problem))))
    if needs and NoneType in place.types:
        needs.append("none")
    such = f", such as {place.key}.name={tags[0]}" if tags else ""
    words = f"it needs to be {' or '.join(needs)}{such}" if needs else _own_words(first)
    close = nearest(str(first["input"]), [option for problem in same for option in _options(problem)])
    return f"{owner} got {place.key}={_shown(first['input'])}; {words}{close}"


def _need(problem: ErrorDetails) -> str:
    text = next((text for kind, text in NEEDS.items() if problem["type"].startswith(kind)), None)
    if text is None:
        return ""
    options = _options(problem)
    numbers = {key: f"{value:g}" if isinstance(value, float) else value for key, value in _context(problem).items()}
    expected = f"one of {', '.join(options)}" if len(options) > 1 else "".join(options)
    return text.format_map({**numbers, "expected": expected})


def _context(problem: ErrorDetails) -> dict[str, Any]:
    return problem.get("ctx") or {}


def _own_words(problem: ErrorDetails) -> str:
    return problem["msg"].removeprefix("Value error, ")


def _options(problem: ErrorDetails) -> list[str]:
    expected = str(_context(problem).get("expected", ""))
    return [option.strip("'") for option in expected.replace(" or ", ", ").split(", ") if option]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _unknown(owner: str, place: Place, model: type[BaseModel] | None) -> str:
    last = place.key.rpartition(".")[2]
    names = list(dict.fromkeys(name for holder in place.holders for name in _fields(holder)))
    below = [path for path in dict.fromkeys(_paths(model)) if path.endswith(f".{last}") and path != place.key]
    hint = f"; did you mean {' or '.join(below)}?" if below else nearest(last, names)
    holder = "".join(map(_tag, place.holders)) or "it"  # such as adam, where the key is one that sgd has
    known = f" ({holder} has {', '.join(names)})" if names else ""
    return f"{owner} has no setting {place.key!r}{hint}{known}"


def _place(model: type[BaseModel] | None, loc: tuple[int | str, ...]) -> Place:
    key = ""
    holders: list[Any] = []
    types: list[Any] = [model]
    for part in loc:
        groups = [kind for kind in types if kind is not NoneType]
        if len(groups) > 1 and isinstance(part, str):  # pydantic names the member of a union; people do not
            types = [kind for kind in groups if part in (_tag(kind), getattr(kind, "__name__", ""))] or groups[:1]
            continue
        key += f"[{part}]" if isinstance(part, int) else f".{part}"
        holders, types = types, [inner for kind in types for inner in _inside(kind, part)]
    return Place(key.removeprefix("."), holders, types)


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
