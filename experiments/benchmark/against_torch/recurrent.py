"""Forward and backward pass of recurrent layers, against PyTorch's in the same run.

    python -m neuralzoo.experiments.benchmark.against_torch.recurrent

It needs PyTorch (`pip install "neuralzoo[parity]"`). Both compute in float32 with the same weights and inputs, and the
outputs are compared first. For two threads each set OPENBLAS_NUM_THREADS=2 and OMP_NUM_THREADS=2.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from neuralzoo.core.blocks.recurrent.layer import Recurrent
from neuralzoo.core.blocks.recurrent.torch_weights import load_torch_state
from neuralzoo.core.layer import Context, Gradients, Workspace
from neuralzoo.experiments.benchmark.timing import time_interleaved
from neuralzoo.registry import Task, create

SIZES = ((100, 32, 2, 128), (64, 32, 64, 128), (28, 128, 28, 128), (64, 64, 64, 256))
"""(T, N, D, H): steps, sequences, inputs, hidden units."""
TOLERANCE = 1e-4


def main() -> None:
    """Print a table of times and ratios."""
    import torch

    threads = os.environ.get("OMP_NUM_THREADS", "all")
    print(f"NumPy {np.__version__}, PyTorch {torch.__version__}, {threads} threads, forward and backward, float32")
    print(f"{'layer':6}{'(T, N, D, H)':20}{'ours ms':>9}{'PyTorch ms':>12}{'ratio':>8}  interval")
    for name in ("rnn", "lstm", "gru"):
        for size in SIZES:
            timing = time_interleaved(*_pair(torch, name, *size))
            low, high = timing.interval
            ours, theirs = (1e3 * float(np.median(seconds)) for seconds in (timing.ours, timing.theirs))
            print(
                f"{name:6}{size!s:20}{ours:9.2f}{theirs:12.2f}{timing.ratio:8.2f}  {low:.2f} to {high:.2f}", flush=True
            )


def _pair(
    torch: Any, name: str, steps: int, examples: int, inputs: int, hidden: int
) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return a forward and a backward pass of ours and of PyTorch's, with the same weights and data."""
    x = np.random.default_rng(0).standard_normal((examples, steps, inputs), np.float32)
    theirs = getattr(torch.nn, name.upper())(inputs, hidden, batch_first=True)
    ours: Recurrent = _recurrent(name, inputs, hidden)
    load_torch_state(ours, {key: value.detach().numpy() for key, value in theirs.state_dict().items()})
    grads, workspace = Gradients(ours), Workspace()
    dy = np.ones((examples, steps, hidden), np.float32)
    xt, dyt = torch.from_numpy(x), torch.from_numpy(dy)

    def our_pass() -> Any:
        grads.zero()
        workspace.reset()
        y, pull = ours(x, Context(training=True, grads=grads, inputs_without_grad=x, workspace=workspace))
        pull(dy)
        return y

    def their_pass() -> Any:
        theirs.zero_grad()
        y, _ = theirs(xt)
        y.backward(dyt)
        return y

    if (error := float(np.abs(our_pass() - their_pass().detach().numpy()).max())) > TOLERANCE:
        raise RuntimeError(f"{name} differs from PyTorch's by {error:g}; a timing needs equal results")
    return our_pass, their_pass


def _recurrent(name: str, inputs: int, hidden: int) -> Recurrent:
    task = Task(kind="sequence-labelling", input="sequence", shape=(1, inputs), outputs=1)
    network: Any = create(name, task=task, hidden=hidden)
    found: Recurrent = network.recurrent
    return found


if __name__ == "__main__":
    main()
