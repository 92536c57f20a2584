"""FLOP utilization: the rate of a training step as a fraction of the peak rate of a matrix product."""

import time
from typing import Any

import numpy as np

from neuralzoo.experiments.benchmark import isolated
from neuralzoo.experiments.benchmark.parts.scaling import count
from neuralzoo.experiments.benchmark.scaled_workload import ScaledWorkload, scaled, seconds, with_random_batch

PEAK_SIZE, PEAK_RUNS = 2048, 3
FULL_PROFILE = ("fnn", "transformer", "capsnet")
"""Architectures whose full experiments are measured as well."""


def measure(name: str, profile: str, kernels: str | None = None) -> dict[str, Any]:
    """Return the FLOP utilization of a training step: its multiply-adds per second, divided by the peak rate.

    Raises: MeasurementError when the step cannot be measured.
    """
    counted: int = isolated.measure("parts.flop_utilization", "counts", name, profile, kernels=kernels, counted=True)
    timed: dict[str, float] = isolated.measure("parts.flop_utilization", "times", name, profile, kernels=kernels)
    rate = counted / timed["seconds"]
    return {
        "architecture": name,
        "profile": profile,
        "multiply_adds": counted,
        "utilization": rate / timed["peak_rate"],
        **timed,
    }


def counts(name: str, profile: str) -> int:
    """Return the multiply-adds of the matrix products of a step; it needs a counting process."""
    return count(_work(name, profile).step())


def times(name: str, profile: str) -> dict[str, float]:
    """Return the seconds of a step, and the peak rate measured before and after it."""
    before = peak_rate()
    step_seconds = seconds(_work(name, profile).step())
    return {"seconds": step_seconds, "peak_rate": max(before, peak_rate())}


def peak_rate(size: int = PEAK_SIZE, runs: int = PEAK_RUNS) -> float:
    """Return the highest rate, in multiply-adds per second, of a product of two square float32 matrices."""
    a, b = np.random.default_rng(0).random((2, size, size), np.float32)
    out = np.empty_like(a)
    np.matmul(a, b, out=out)
    spent = []
    for _ in range(runs):
        since = time.perf_counter()
        np.matmul(a, b, out=out)
        spent.append(time.perf_counter() - since)
    return float(size**3 / min(spent))


def _work(name: str, profile: str) -> ScaledWorkload:
    return scaled(name, "batch", 1.0) if profile == "quick" else with_random_batch(name, profile)
