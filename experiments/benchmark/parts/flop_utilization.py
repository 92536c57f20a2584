"""How much of the speed at which the machine multiplies matrices a training step reaches."""

import time
from typing import Any

import numpy as np

from neuralzoo.experiments.benchmark import isolated as apart
from neuralzoo.experiments.benchmark.parts.scaling import count
from neuralzoo.experiments.benchmark.scaled_workload import Sized, seconds, sized, with_random_data

SIZE, RUNS = 2048, 3
LARGE = ("fnn", "transformer", "capsnet")
"""Whose full experiments are measured, too."""


def measure(name: str, profile: str, kernels: str | None = None) -> dict[str, Any]:
    """Return the share of one training step: its multiply-adds by its seconds, by the best rate of a large product.

    Raises: MeasurementError when the step can't be measured.
    """
    counted: int = apart.measure("share", "counts", name, profile, kernels=kernels, counted=True)
    timed: dict[str, float] = apart.measure("share", "times", name, profile, kernels=kernels)
    rate = counted / timed["seconds"]
    return {
        "architecture": name,
        "profile": profile,
        "multiply_adds": counted,
        "share": rate / timed["best"],
        **timed,
    }


def counts(name: str, profile: str) -> int:
    """Return the multiply-adds of the matrix products of a step; it needs a process that counts."""
    return count(_work(name, profile).step())


def times(name: str, profile: str) -> dict[str, float]:
    """Return the seconds of a step, and the multiply-adds a second of the best of a few large products around it."""
    before = best_rate()
    found = seconds(_work(name, profile).step())
    return {"seconds": found, "best": max(before, best_rate())}


def best_rate(size: int = SIZE, runs: int = RUNS) -> float:
    """Return the most multiply-adds a second that a product of two square float32 matrices reached."""
    a, b = np.random.default_rng(0).random((2, size, size), np.float32)
    out = np.empty_like(a)
    np.matmul(a, b, out=out)
    spent = []
    for _ in range(runs):
        since = time.perf_counter()
        np.matmul(a, b, out=out)
        spent.append(time.perf_counter() - since)
    return float(size**3 / min(spent))


def _work(name: str, profile: str) -> Sized:
    return sized(name, "batch", 1.0) if profile == "quick" else with_random_data(name, profile)
