"""Memory stays flat over 20,000 predictions of every architecture, with compiled kernels and without."""

import json
import os
import subprocess
import sys

import pytest

from neuralzoo.registry import names

PREDICT = """
import json, sys
import numpy as np, psutil
from neuralzoo.registry import create, get

process, name = psutil.Process(), sys.argv[1]
shape, network, rng = get(name).example.shape, create(name), np.random.default_rng(0)
batches = [rng.integers(0, 2, (size % 4, *shape)).astype(dtype) for size in range(4) for dtype in ("f4", "u1", ">f4")]
seen = []
for call in range(22_000):
    if name == "gan":
        network.sample(call % 4, rng)
    else:
        network.predict(batches[call % len(batches)])
    if call % 2_000 == 1_999:
        seen.append(process.memory_info().rss)
print(json.dumps(seen))
"""
MOST_GROWTH = 1_000_000  # bytes: 50 for each prediction, less than any array


@pytest.mark.slow
@pytest.mark.parametrize("kernels", ["numpy", "numba"])
@pytest.mark.parametrize("name", names())
def test_memory_stays_flat_over_twenty_thousand_predictions(name, kernels):
    pytest.importorskip("psutil")
    if kernels == "numba":
        pytest.importorskip("numba")
    environment = os.environ | {"NEURALZOO_KERNELS": kernels}
    command = [sys.executable, "-P", "-c", PREDICT, name]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seen = json.loads(result.stdout)
    assert seen[-1] - seen[0] < MOST_GROWTH, seen
