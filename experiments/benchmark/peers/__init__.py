"""The same networks written plainly in other libraries, to be timed beside ours.

A peer is a module of this folder with `PACKAGE`, the name of what has to be installed, and `rival(workload)`, which
builds the network with our weights. A peer that is not installed is left out by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from neuralzoo.experiments.benchmark.workload import Workload

MODULES = {"torch": "torch.eager", "torch-compile": "torch.compiled", "jax": "jax.jit"}


@dataclass(frozen=True)
class Rival:
    """The workload in a peer: what takes one training step, what predicts the first examples, the loss of the batch."""

    step: Callable[[], object]
    prediction: Callable[[int], Callable[[], object]]
    loss: Callable[[], float]


@dataclass(frozen=True)
class Peer:
    """A library that is timed beside ours."""

    name: str
    version: str
    rival: Callable[[Workload], Rival | None]
    """Builds the workload with our weights; None where the peer has no such network."""


def installed(names: list[str]) -> tuple[list[Peer], list[str]]:
    """Return the peers that are installed, and the names of those that are not."""
    found, missing = [], []
    for name in names:
        module: Any = import_module(f"{__name__}.{MODULES[name]}")
        try:
            found.append(Peer(name, version(module.PACKAGE), module.rival))
        except PackageNotFoundError:
            missing.append(name)
    return found, missing


def arrays(workload: Workload) -> Mapping[str, Any]:
    """Return the weights of our network by name."""
    return {name: parameter.value for name, parameter in workload.assembly.module.named_parameters().items()}
