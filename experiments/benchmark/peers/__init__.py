"""Peers: the same networks in other libraries, in their usual style, to be timed against ours.

A peer is a module of this folder with `PACKAGE`, the distribution that it needs, and `counterpart(workload)`, which
builds the network with our weights. Peers that are not installed are skipped.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from neuralzoo.experiments.benchmark.workload import Workload

MODULES = {"torch": "torch.eager", "torch-compile": "torch.compiled", "jax": "jax.jit"}


@dataclass(frozen=True)
class Counterpart:
    """The workload in a peer: a training step, predictions of the first examples, and the loss of the batch."""

    step: Callable[[], object]
    prediction: Callable[[int], Callable[[], object]]
    loss: Callable[[], float]


@dataclass(frozen=True)
class Peer:
    """A library that we are timed against."""

    name: str
    version: str
    counterpart: Callable[[Workload], Counterpart | None]
    """Returns the workload in the peer with our weights, or None where it has no such network."""


def installed(names: list[str]) -> tuple[list[Peer], list[str]]:
    """Return the peers that are installed, and the names of those that are not."""
    peers, missing = [], []
    for name in names:
        module: Any = import_module(f"{__name__}.{MODULES[name]}")
        try:
            peers.append(Peer(name, version(module.PACKAGE), module.counterpart))
        except PackageNotFoundError:
            missing.append(name)
    return peers, missing


def weights_by_name(workload: Workload) -> Mapping[str, Any]:
    """Return the weights of our network by name."""
    return {name: parameter.value for name, parameter in workload.assembly.module.named_parameters().items()}
