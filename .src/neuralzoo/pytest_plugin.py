"""`pytest --neuralzoo my_net`: the conformance checks of an installed architecture as tests.

Every pytest in an environment with neuralzoo imports this module, so it imports nothing before it is asked for.
"""

from collections.abc import Iterable
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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the checks before the tests that were found, where -k and the like can still choose among them."""
    names = list(dict.fromkeys(config.getoption("neuralzoo")))
    items[:0] = [item for name in names for item in Conformance.of(session, name).collect()]


class Conformance(pytest.Collector):
    """An architecture, as something that has tests."""

    @classmethod
    def of(cls, session: pytest.Session, name: str) -> "Conformance":
        """Return the collector of a name; it belongs to no file."""
        return cls.from_parent(session, name=name, nodeid=f"neuralzoo::{name}")

    def collect(self) -> Iterable[pytest.Item]:
        """Return an item for each check.

        Raises: pytest.UsageError when there is no such architecture, or it can't be used.
        """
        from neuralzoo.registry import ZooError
        from neuralzoo.testing import checks_for

        try:
            checks = checks_for(self.name)
        except ZooError as error:
            raise pytest.UsageError(f"--neuralzoo {self.name}: {error}") from None
        return [CheckItem.from_parent(self, name=check.name, check=check) for check in checks]


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
        """Return what is wrong and how to mend it; with the traceback where the plugin's code raised something."""
        from neuralzoo.testing import CheckFailed

        if isinstance(excinfo.value, CheckFailed) and excinfo.value.__cause__ is None:
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where a report says that the test is."""
        return self.path, None, f"{self.parent.name if self.parent else ''}: {self.name}"
