"""A zoo of neural networks written from scratch in NumPy.

```python
import neuralzoo

neuralzoo.names()                                      # which architectures are there
network = neuralzoo.create("fnn", inputs=(2,), outputs=2)
result = neuralzoo.run("fnn")                          # the reference experiment
```

The names below are imported on first use, so that `import neuralzoo` costs next to nothing.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

_here = Path(__file__).parent
if not (_here / "core").is_dir():  # a checkout where git wrote the links as text files
    __path__.append(str(_here.parent.parent))

__version__ = "0.1.0"

_PUBLIC = {
    "neuralzoo.core.hooks": "hookimpl",
    "neuralzoo.core.layer": "Context Gradients Layer",
    "neuralzoo.core.module": "Module Parameter",
    "neuralzoo.core.trainer": "Trainer",
    "neuralzoo.experiments.run": "run",
    "neuralzoo.experiments.running.model_file": "load_model",
    "neuralzoo.registry": "Architecture Config Experiment Task create get matching names",
}
_MODULE_OF = {name: module for module, names in _PUBLIC.items() for name in names.split()}
__all__ = ["__version__", *_MODULE_OF]

if TYPE_CHECKING:
    from neuralzoo.core.hooks import hookimpl as hookimpl
    from neuralzoo.core.layer import Context as Context
    from neuralzoo.core.layer import Gradients as Gradients
    from neuralzoo.core.layer import Layer as Layer
    from neuralzoo.core.module import Module as Module
    from neuralzoo.core.module import Parameter as Parameter
    from neuralzoo.core.trainer import Trainer as Trainer
    from neuralzoo.experiments.run import run as run
    from neuralzoo.experiments.running.model_file import load_model as load_model
    from neuralzoo.registry import Architecture as Architecture
    from neuralzoo.registry import Config as Config
    from neuralzoo.registry import Experiment as Experiment
    from neuralzoo.registry import Task as Task
    from neuralzoo.registry import create as create
    from neuralzoo.registry import get as get
    from neuralzoo.registry import matching as matching
    from neuralzoo.registry import names as names


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(import_module(_MODULE_OF[name]), name)
    raise AttributeError(f"module 'neuralzoo' has no attribute {name!r}; it has {', '.join(sorted(__all__))}")


def __dir__() -> list[str]:
    return sorted(__all__)
