"""Checks of what an architecture declares: name, paper, tasks, settings."""

import json
import re

from neuralzoo.core.testing.checks import CheckFailedError, require
from neuralzoo.core.testing.training import ArchitectureCase


def name_is_valid(case: ArchitectureCase) -> None:
    """The name is lower-case letters, digits, - and _, and starts with a letter."""
    name = case.architecture.name
    valid = re.fullmatch(r"[a-z][a-z0-9_-]*", name) is not None
    require(valid, f"the name is {name!r}; it needs lower-case letters, digits, - and _, and a letter first")


def citation_has_a_year_and_a_url(case: ArchitectureCase) -> None:
    """The paper can be found: the citation has a year, and there is a URL."""
    citation, url = case.architecture.citation, case.architecture.url
    require(
        re.search(r"\b(18|19|20)\d\d\b", citation) is not None,
        f"the citation is {citation!r}; it needs the year of publication",
    )
    found = re.fullmatch(r"https?://\S+\.\S+", url) is not None
    require(found, f"the url is {url!r}; it needs a web address of the paper")


def example_is_a_declared_task(case: ArchitectureCase) -> None:
    """The example task, and the one that is checked with, are among those that the architecture declares."""
    architecture = case.architecture
    for which, task in (("example", architecture.example), ("given", case.task)):
        unsupported = architecture.unsupported(task)
        require(not unsupported, f"the {which} task is not one that the architecture declares: {unsupported}")


def settings_are_described_and_defaulted(case: ArchitectureCase) -> None:
    """Every field of the config has a description and a default."""
    fields = case.architecture.config.model_fields
    bare = sorted(name for name, field in fields.items() if not (field.description or "").strip())
    require(not bare, f"the config does not describe {', '.join(bare)}; use Field(default=..., description='...')")
    required = sorted(name for name, field in fields.items() if field.is_required())
    require(not required, f"the config has no default for {', '.join(required)}; use Field(default=...)")


def settings_survive_json(case: ArchitectureCase) -> None:
    """The config is the same after a round trip through JSON."""
    config = case.config
    text = json.dumps(config.model_dump(mode="json"))
    again = case.architecture.config.model_validate(json.loads(text))
    require(again == config, f"the config is {config!r} and {again!r} after a round trip through JSON; use plain types")


def unknown_settings_are_refused(case: ArchitectureCase) -> None:
    """A misspelt setting is an error."""
    try:
        case.architecture.config.model_validate({"no_such_setting": 1})
    except ValueError:
        return
    raise CheckFailedError("the config takes a setting that it does not have; leave extra='forbid' as Config has it")
