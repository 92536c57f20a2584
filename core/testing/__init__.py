"""The conformance checks, shipped: whoever writes a layer or an architecture runs the same ones.

```python
@pytest.mark.parametrize("check", checks_for_layer(lambda rng: Dense(4, 3, rng), x), ids=str)
def test_dense_conforms(check):
    check()
```

A program calls `check.run()` instead and gets an `Outcome`: pass, fail with a message, or not applicable with a reason.
"""

from neuralzoo.core.testing.architecture_checks import checks_for_architecture
from neuralzoo.core.testing.checks import Check, CheckFailed, NotApplicable, Outcome, Status
from neuralzoo.core.testing.examples import tiny_data
from neuralzoo.core.testing.layer_checks import checks_for_layer

__all__ = [
    "Check",
    "CheckFailed",
    "NotApplicable",
    "Outcome",
    "Status",
    "checks_for_architecture",
    "checks_for_layer",
    "tiny_data",
]
