"""What a conformance check is, and its result."""

import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar
from unittest import SkipTest

CheckStatus = Literal["pass", "fail", "not applicable"]
Subject = TypeVar("Subject")

ROOT = Path(__file__).resolve().parents[2]  # of core, plugins, registry and experiments
NAMES = "not_applicable_names_real_checks"


class CheckFailedError(AssertionError):
    """A check failed; the message says why, and how to mend it."""


class NotApplicable(SkipTest):
    """A check does not apply; test runners report it as skipped."""


@dataclass(frozen=True)
class CheckResult:
    """Result of a check: the message says what is wrong or why it does not apply, `location` which line raised."""

    name: str
    status: CheckStatus
    message: str = ""
    location: str = ""


@dataclass(frozen=True)
class Check:
    """A named check: test runners call it, programs call `run`."""

    name: str
    description: str
    body: Callable[[], None]

    def __str__(self) -> str:
        return self.name

    def __call__(self) -> None:
        """Run the check.

        Raises: CheckFailedError when something is wrong; NotApplicable, which test runners take as a skip.
        """
        try:
            self.body()
        except (CheckFailedError, NotApplicable):
            raise
        except Exception as error:
            text = " ".join(str(error).split()) or "no message"
            raise CheckFailedError(f"it raised {type(error).__name__}: {text}; no error is due here") from error

    def run(self) -> CheckResult:
        """Run the check and return its result; never raises."""
        try:
            self()
        except CheckFailedError as failure:
            return CheckResult(self.name, "fail", str(failure), _location_of(failure.__cause__))
        except NotApplicable as reason:
            return CheckResult(self.name, "not applicable", str(reason))
        return CheckResult(self.name, "pass")


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
    """Raise CheckFailedError with the message unless the condition holds."""
    if not condition:
        raise CheckFailedError(message)


def _location_of(error: BaseException | None) -> str:
    """Return the innermost line of the traceback outside of neuralzoo and installed packages."""
    frames = traceback.extract_tb(error.__traceback__) if error is not None else []
    paths = [(Path(frame.filename), frame.lineno) for frame in frames]
    own = [p for p in paths if not p[0].resolve().is_relative_to(ROOT) and "site-packages" not in p[0].parts]
    return f"{own[-1][0]}:{own[-1][1]}" if own else ""


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
