"""Import time of libraries, in fresh processes."""

import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from neuralzoo.experiments.benchmark import isolated

REPETITIONS = 11
TARGET_S = 0.15
OURS = {
    "neuralzoo": "import neuralzoo",
    "neuralzoo, ready": "from neuralzoo import Context, Trainer, create",
    "numpy": "import numpy",
}
"""Statements by name; public names are imported on first use, so that a bare import does little."""
THEIRS = {"torch": "import torch", "jax": "import jax.numpy"}
TIMED = "import time; since = time.perf_counter(); {}; print(time.perf_counter() - since)"


def measure(statements: Mapping[str, str], repetitions: int = REPETITIONS) -> list[dict[str, Any]]:
    """Return a row for each statement: the median of its seconds in fresh processes, interleaved, and its interval.

    The first round is discarded: it reads files from the disk and writes compiled ones.

    Raises: MeasurementError when a statement fails.
    """
    spent: dict[str, list[float]] = {name: [] for name in statements}
    for _ in range(repetitions + 1):
        for name, statement in statements.items():
            spent[name].append(_once(statement))
    return [
        {"library": name, "statement": statements[name], **median_and_interval(seconds[1:])}
        for name, seconds in spent.items()
    ]


def median_and_interval(seconds: Sequence[float]) -> dict[str, float]:
    """Return the median and its confidence interval, from the second least to the second greatest value.

    Its confidence is at least 98 % for ten values or more.
    """
    ordered = sorted(seconds)
    return {"seconds": statistics.median(ordered), "low": ordered[1], "high": ordered[-2]}


def _once(statement: str) -> float:
    command = [sys.executable, "-P", "-c", TIMED.format(statement)]
    ended = subprocess.run(command, env=isolated.environment(), capture_output=True, text=True, check=False)
    if ended.returncode:
        raise isolated.MeasurementError(f"{statement!r} failed: {ended.stderr.strip().splitlines()[-1]}")
    return float(ended.stdout)
