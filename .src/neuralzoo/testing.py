"""Conformance checks of architectures and layers, for tests of third-party packages.

```python
import pytest
from neuralzoo.testing import checks_for


@pytest.mark.parametrize("check", checks_for("my_net"), ids=str)
def test_my_net_conforms(check):
    check()
```

`pytest --neuralzoo my_net` runs the same checks without a file.
"""

from neuralzoo.core.testing import (
    Check,
    CheckFailedError,
    CheckResult,
    CheckStatus,
    NotApplicable,
    checks_for_architecture,
    checks_for_layer,
    tiny_data,
)

__all__ = [
    "Check",
    "CheckFailedError",
    "CheckResult",
    "CheckStatus",
    "NotApplicable",
    "checks_for",
    "checks_for_architecture",
    "checks_for_layer",
    "tiny_data",
]


def checks_for(name: str) -> list[Check]:
    """Return all checks of an installed architecture: of its network, and of its experiments and claims.

    Raises: UnknownNameError, NameConflictError or PluginError for the name.
    """
    from neuralzoo.experiments.scaffold import conformance as checking
    from neuralzoo.registry import get

    return checking.checks_for(get(name))
