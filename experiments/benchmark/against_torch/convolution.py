"""Forward and backward pass of convolutions, against PyTorch's in the same run.

    python -m neuralzoo.experiments.benchmark.against_torch.convolution

It needs PyTorch (`pip install "neuralzoo[parity]"`). Both compute in float32 with the same weights and inputs, PyTorch
eagerly; outputs and all gradients are compared first. For two threads each set OPENBLAS_NUM_THREADS=2 and
OMP_NUM_THREADS=2.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from neuralzoo.core.blocks.conv import Conv2D
from neuralzoo.core.layer import Context, Gradients, Workspace
from neuralzoo.core.module import Array
from neuralzoo.experiments.benchmark.timing import time_interleaved

SIZES = (
    (64, 28, 1, 5, 6, 1),
    (64, 12, 6, 5, 16, 1),
    (64, 14, 32, 3, 64, 1),
    (64, 14, 64, 4, 128, 2),
    (64, 20, 64, 9, 64, 2),
    (64, 16, 64, 3, 64, 1),
)
"""(N, H, C, k, O, stride): images, their height and width, channels in, kernel, channels out, stride."""
TOLERANCE = 1e-4


def main() -> None:
    """Print a table of times and ratios."""
    import torch

    threads = os.environ.get("OMP_NUM_THREADS", "all")
    print(f"NumPy {np.__version__}, PyTorch {torch.__version__}, {threads} threads, forward and backward, float32")
    print(f"{'(N, H, C, k, O, stride)':26}{'ours ms':>9}{'PyTorch ms':>12}{'ratio':>8}  interval")
    for size in SIZES:
        timing = time_interleaved(*_pair(torch, *size))
        low, high = timing.interval
        ours, theirs = (1e3 * float(np.median(seconds)) for seconds in (timing.ours, timing.theirs))
        print(f"{size!s:26}{ours:9.2f}{theirs:12.2f}{timing.ratio:8.2f}  {low:.2f} to {high:.2f}", flush=True)


def _pair(
    torch: Any, examples: int, size: int, inputs: int, kernel: int, outputs: int, stride: int
) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return a forward and a backward pass of ours and of PyTorch's, with the same weights and data."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((examples, size, size, inputs), np.float32)
    layer = Conv2D(inputs, outputs, kernel, rng, stride=stride)
    dy = rng.standard_normal((examples, *layer.output_shape((size, size)), outputs), np.float32)
    grads, workspace = Gradients(layer), Workspace()
    weight, bias = (parameter.value for parameter in layer.named_parameters().values())
    theirs = [_tensor(torch, array) for array in (_channels_first(x), weight.transpose(3, 2, 0, 1), bias)]
    dyt = torch.from_numpy(np.ascontiguousarray(_channels_first(dy)))

    def our_pass() -> list[Array]:
        grads.zero()
        workspace.reset()
        y, pull = layer(x, Context(training=True, grads=grads, workspace=workspace))
        return [y, pull(dy)]

    def their_pass() -> Any:
        for tensor in theirs:
            tensor.grad = None
        y = torch.nn.functional.conv2d(*theirs, stride)
        y.backward(dyt)
        return y

    mine = [_channels_first(array) for array in our_pass()]
    mine += [gradient.transpose(3, 2, 0, 1) if gradient.ndim > 1 else gradient for gradient in _gradients(layer, grads)]
    needed = [their_pass().detach().numpy(), *(tensor.grad.numpy() for tensor in theirs)]
    error = max(float(abs(a - b).max() / abs(b).max()) for a, b in zip(mine, needed, strict=True))
    if error > TOLERANCE:
        raise RuntimeError(f"ours differs from PyTorch's by {error:g}; a timing needs equal results")
    return our_pass, their_pass


def _gradients(layer: Conv2D, grads: Gradients) -> list[Array]:
    return [grads[parameter] for parameter in layer.named_parameters().values()]


def _channels_first(images: Array) -> Array:
    return images.transpose(0, 3, 1, 2)


def _tensor(torch: Any, array: Array) -> Any:
    return torch.from_numpy(np.ascontiguousarray(array)).requires_grad_()


if __name__ == "__main__":
    main()
