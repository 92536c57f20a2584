"""What a conformance check is, and what comes out of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar
from unittest import SkipTest

Status = Literal["pass", "fail", "not applicable"]
Subject = TypeVar("Subject")

NAMES = "not_applicable_names_real_checks"


class CheckFailed(AssertionError):
    """A check found something wrong; the message says what, and how to mend it."""


class NotApplicable(SkipTest):
    """A check has nothing to check here; test runners report it as skipped."""


@dataclass(frozen=True)
class Outcome:
    """What a check found: for `fail` the message says what is wrong, for `not applicable` why."""

    name: str
    status: Status
    message: str = ""


@dataclass(frozen=True)
class Check:
    """A named check, to be called by a test runner or run and counted by a program."""

    name: str
    description: str
    body: Callable[[], None]

    def __str__(self) -> str:
        return self.name

    def __call__(self) -> None:
        """Run the check.

        Raises: CheckFailed when something is wrong; NotApplicable, which test runners take as a skip.
        """
        try:
            self.body()
        except (CheckFailed, NotApplicable):
            raise
        except Exception as error:
            text = " ".join(str(error).split()) or "no message"
            raise CheckFailed(f"it raised {type(error).__name__}: {text}; no error is due here") from error

    def run(self) -> Outcome:
        """Run the check and say what came out; never raises."""
        try:
            self()
        except CheckFailed as failure:
            return Outcome(self.name, "fail", str(failure))
        except NotApplicable as reason:
            return Outcome(self.name, "not applicable", str(reason))
        return Outcome(self.name, "pass")


def make_checks(
    functions: Iterable[Callable[[Subject], None]], subject: Subject, not_applicable: Mapping[str, str]
) -> list[Check]:
    """Return a check of the subject for each function, named like it, with the declared exceptions."""
    checks: list[Check] = []
    for function in functions:
        name = function.__name__
        body = partial(function, subject)
        if name in not_applicable:
            body = partial(_skip, not_applicable[name])
        checks.append(Check(name, (function.__doc__ or "").strip().split("\n")[0], body))
    names = frozenset(check.name for check in checks)
    body = partial(_check_names, not_applicable, names)
    return [*checks, Check(NAMES, "Every declared exception is of a check that exists, with a reason.", body)]


def require(condition: bool, message: str) -> None:
    """Raise CheckFailed with the message unless the condition holds."""
    if not condition:
        raise CheckFailed(message)


def _skip(reason: str) -> None:
    raise NotApplicable(reason)


def _check_names(not_applicable: Mapping[str, str], names: frozenset[str]) -> None:
    unknown = sorted(not_applicable.keys() - names)
    require(
        not unknown,
        f"not_applicable names {', '.join(unknown)}, which is no check; it needs one of {', '.join(sorted(names))}",
    )
    silent = sorted(name for name, reason in not_applicable.items() if len(reason.strip()) < 10)
    require(
        not silent,
        f"not_applicable gives no reason for {', '.join(silent)}; it needs a sentence that says why",
    )
