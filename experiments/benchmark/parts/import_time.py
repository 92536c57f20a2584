"""How long it takes until a library can be used: imports in fresh processes."""

import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from neuralzoo.experiments.benchmark import isolated as apart

TIMES = 11
TARGET_S = 0.15
OURS = {
    "neuralzoo": "import neuralzoo",
    "neuralzoo, ready": "from neuralzoo import Context, Trainer, create",
    "numpy": "import numpy",
}
"""What is imported; the public names come on first use, so that a bare import does little."""
THEIRS = {"torch": "import torch", "jax": "import jax.numpy"}
CLOCK = "import time; since = time.perf_counter(); {}; print(time.perf_counter() - since)"


def measure(statements: Mapping[str, str], times: int = TIMES) -> list[dict[str, Any]]:
    """Return a row for each statement: the median of its seconds in processes of their own, in turns, and its interval.

    A first round is dropped: it reads the files from the disk, and writes the compiled ones.

    Raises: MeasurementError when a statement does.
    """
    spent: dict[str, list[float]] = {name: [] for name in statements}
    for _ in range(times + 1):
        for name, statement in statements.items():
            spent[name].append(_once(statement))
    return [
        {"library": name, "statement": statements[name], **median_and_interval(seconds[1:])}
        for name, seconds in spent.items()
    ]


def median_and_interval(seconds: Sequence[float]) -> dict[str, float]:
    """Return the median and the values next to the least and the greatest.

    Between those the median lies with 98 % confidence or more where there are ten values at least.
    """
    ordered = sorted(seconds)
    return {"seconds": statistics.median(ordered), "low": ordered[1], "high": ordered[-2]}


def _once(statement: str) -> float:
    command = [sys.executable, "-P", "-c", CLOCK.format(statement)]
    ended = subprocess.run(command, env=apart.environment(), capture_output=True, text=True, check=False)
    if ended.returncode:
        raise apart.MeasurementError(f"{statement!r} failed: {ended.stderr.strip().splitlines()[-1]}")
    return float(ended.stdout)
