"""A training step of the transformer's reference recipe, beside PyTorch's in the same run.

    python -m neuralzoo.experiments.benchmark.transformer

It needs PyTorch (`pip install "neuralzoo[parity]"`). The recipe is that of the full profile: 12 windows of 64
characters, 4 blocks, 4 heads, 128 numbers. PyTorch runs eagerly, with its fused attention and its fused AdamW. Both
begin with the same weights and read the same batch, and their losses are compared over the first steps. For two threads
each set OPENBLAS_NUM_THREADS=2 and OMP_NUM_THREADS=2.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from neuralzoo.core.layer import Context
from neuralzoo.experiments.assembly import optimizer_maker, task_of
from neuralzoo.experiments.benchmark.sidebyside import side_by_side
from neuralzoo.registry import create, get

STEPS = 2_000  # of which the recipe has so many
COMPARED = 5  # steps whose losses must be the same
TOLERANCE = 1e-4

Step = Callable[[], float]


def main() -> None:
    """Print the times of a step, their ratio, and what the recipe takes."""
    import torch

    threads = os.environ.get("OMP_NUM_THREADS", "all")
    print(f"NumPy {np.__version__}, PyTorch {torch.__version__}, {threads} threads, one step of training, float32")
    ours, theirs = pair(torch)
    for step in range(COMPARED):
        losses = ours(), theirs()
        if abs(losses[0] - losses[1]) > TOLERANCE:
            raise RuntimeError(
                f"the losses of step {step} are {losses[0]:g} here and {losses[1]:g} in PyTorch; a comparison of times "
                f"needs equal results"
            )
    timing = side_by_side(ours, theirs)
    low, high = timing.interval
    seconds = [float(np.median(each)) for each in (timing.ours, timing.theirs)]
    print(f"ours {1e3 * seconds[0]:.1f} ms, PyTorch {1e3 * seconds[1]:.1f} ms", end="")
    print(f", ratio {timing.ratio:.2f} ({low:.2f} to {high:.2f})")
    print(f"{STEPS:,} steps: ours {STEPS * seconds[0]:.0f} s, PyTorch {STEPS * seconds[1]:.0f} s")


def pair(torch: Any) -> tuple[Step, Step]:
    """Return a training step of ours and of PyTorch's, which return the loss, with the same weights and batch."""
    experiment = get("transformer").experiments["full"]
    examples, task = experiment.batch_size, task_of(experiment)
    network = create("transformer", task=task, **experiment.model)
    architecture = get("transformer")
    constant = experiment.set(["optimizer.schedule.name=constant"])
    learner = architecture.learner(
        network, architecture.configure(experiment.model), task, optimizer_maker(constant, STEPS)
    )
    x, y = np.random.default_rng(0).integers(task.outputs, size=(2, examples, *task.shape))
    theirs = their_step(torch, network, constant, x, y)
    ctx = Context(training=True, rng=np.random.default_rng(0))
    return lambda: learner.learn((x, y), ctx)["loss"], theirs


def their_step(torch: Any, ours: Any, experiment: Any, x: Any, y: Any) -> Step:
    """Return PyTorch's step."""
    network = _network(torch, ours)
    settings = experiment.optimizer
    optimizer = torch.optim.AdamW(
        network.parameters(),
        lr=settings.lr,
        betas=(settings.beta1, settings.beta2),
        weight_decay=settings.weight_decay,
        fused=True,
    )
    x, y = torch.from_numpy(x), torch.from_numpy(y)

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(network(x).flatten(0, 1), y.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
        optimizer.step()
        return float(loss.item())

    return step


def _network(torch: Any, ours: Any) -> Any:
    """Return the network as a user of PyTorch would write it, with our weights."""
    from torch import nn
    from torch.nn import functional

    heads = ours.blocks[0].attention.heads

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self, block: Any) -> None:
            super().__init__()
            self.norm1, self.norm2 = _norm(torch, block.norm_attention), _norm(torch, block.norm_feed)
            self.project, self.output = _linear(torch, block.attention.project), _linear(torch, block.attention.output)
            self.wide, self.narrow = _linear(torch, block.feed.wide), _linear(torch, block.feed.narrow)

        def forward(self, x: Any) -> Any:
            n, t, width = x.shape
            parts = self.project(self.norm1(x)).split(width, dim=2)
            q, k, v = (part.view(n, t, heads.heads, width // heads.heads).transpose(1, 2) for part in parts)
            o = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.output(o.transpose(1, 2).reshape(n, t, width))
            return x + self.narrow(functional.gelu(self.wide(self.norm2(x)), approximate="tanh"))

    class GPT(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Parameter(torch.tensor(ours.read.weight.value))
            self.positions = nn.Parameter(torch.tensor(ours.positions.weight.value))
            self.blocks = nn.ModuleList(Block(block) for block in ours.blocks)
            self.norm = _norm(torch, ours.norm)

        def forward(self, tokens: Any) -> Any:
            x = functional.embedding(tokens, self.tokens) + self.positions[: tokens.shape[1]]
            for block in self.blocks:
                x = block(x)
            return functional.linear(self.norm(x), self.tokens)

    return GPT()


def _linear(torch: Any, ours: Any) -> Any:
    layer = torch.nn.Linear(*ours.weight.value.shape, bias=ours.bias is not None)
    return _filled(torch, layer, ours.weight.value.T, ours.bias)


def _norm(torch: Any, ours: Any) -> Any:
    layer = torch.nn.LayerNorm(len(ours.gain.value), eps=ours.epsilon, bias=ours.bias is not None)
    return _filled(torch, layer, ours.gain.value, ours.bias)


def _filled(torch: Any, layer: Any, weight: Any, bias: Any) -> Any:
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
        if bias is not None:
            layer.bias.copy_(torch.tensor(bias.value))
    return layer


if __name__ == "__main__":
    main()
