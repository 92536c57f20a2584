"""`pytest --neuralzoo my_net`: the conformance checks of an installed architecture as tests.

Every pytest in an environment with neuralzoo imports this module, so it imports nothing else until the option is given.
"""

from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from neuralzoo.core.testing import Check


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("neuralzoo").addoption(
        "--neuralzoo",
        action="append",
        default=[],
        metavar="NAME",
        help="run the conformance checks of an installed architecture, too; may be given more than once",
    )


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Put the architectures before the files: their checks are then tests like any other.

    Raises: pytest.UsageError when there is no such architecture, or it can't be loaded.
    """
    report = yield
    if isinstance(collector, pytest.Session) and report.passed:
        names = list(dict.fromkeys(collector.config.getoption("neuralzoo")))
        report.result[:0] = [Conformance.of(collector, name) for name in names]
    return report


class Conformance(pytest.Collector):
    """Collector of the conformance checks of an architecture."""

    def __init__(self, *, checks: "list[Check]", **rest: Any) -> None:
        super().__init__(**rest)
        self.checks = checks

    @classmethod
    def of(cls, session: pytest.Session, name: str) -> "Conformance":
        """Return the collector of an architecture; it belongs to no file."""
        from neuralzoo.registry import ZooError
        from neuralzoo.testing import checks_for

        try:
            checks = checks_for(name)
        except ZooError as error:
            raise pytest.UsageError(f"--neuralzoo {name}: {error}") from None
        return cls.from_parent(session, name=name, nodeid=f"neuralzoo::{name}", checks=checks)

    def collect(self) -> Iterable[pytest.Item]:
        """Return an item for each check."""
        return [CheckItem.from_parent(self, name=check.name, check=check) for check in self.checks]


class CheckItem(pytest.Item):
    """One check as a test."""

    def __init__(self, *, check: "Check", **rest: Any) -> None:
        super().__init__(**rest)
        self.check = check

    def runtest(self) -> None:
        """Run the check; one that does not apply is a skip with its reason."""
        from neuralzoo.testing import NotApplicable

        try:
            self.check()
        except NotApplicable as reason:
            pytest.skip(str(reason))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the message of a failed check; with the traceback where the plugin's code raised an exception."""
        from neuralzoo.testing import CheckFailedError

        if isinstance(excinfo.value, CheckFailedError) and excinfo.value.__cause__ is None:
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return the location of the test in reports."""
        return self.path, None, f"{self.parent.name if self.parent else ''}: {self.name}"
