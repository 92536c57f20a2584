"""Conformance checks of layers and architectures, for built-in and third-party ones alike.

```python
@pytest.mark.parametrize("check", checks_for_layer(lambda rng: Dense(4, 3, rng), x), ids=str)
def test_dense_conforms(check):
    check()
```

Programs call `check.run()` instead and get a `CheckResult`: pass, fail with a message, or not applicable with a reason.
"""

from neuralzoo.core.testing.architecture_checks import checks_for_architecture
from neuralzoo.core.testing.checks import Check, CheckFailedError, CheckResult, CheckStatus, NotApplicable
from neuralzoo.core.testing.examples import tiny_data
from neuralzoo.core.testing.layer_checks import checks_for_layer

__all__ = [
    "Check",
    "CheckFailedError",
    "CheckResult",
    "CheckStatus",
    "NotApplicable",
    "checks_for_architecture",
    "checks_for_layer",
    "tiny_data",
]
