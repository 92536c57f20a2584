"""nanoGPT's CPU recipe, a training step or the whole training, against PyTorch in the same run.

    python -m neuralzoo.experiments.benchmark.against_torch.transformer [--whole]

It needs PyTorch (`pip install "neuralzoo[parity]"`). The recipe is the profile `nanogpt`: 12 windows of 64
characters, 4 blocks, 4 heads, width 128. PyTorch runs eagerly, with its fused attention and its fused AdamW. Both
start from the same weights and train on the same batches, and their losses are compared over the first steps. `--whole`
trains both to the end, interleaved by a hundred steps, and prints the test loss and the training time of each. For
two threads each set OPENBLAS_NUM_THREADS=2 and OMP_NUM_THREADS=2.
"""

import argparse
import itertools
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from neuralzoo.core.layer import Context
from neuralzoo.experiments.benchmark.timing import PAUSE_S, time_interleaved
from neuralzoo.experiments.running.assembly import Assembly, assemble, schedule
from neuralzoo.registry import get

COMPARED_STEPS = 5  # whose losses must be equal
TOLERANCE = 1e-4
INTERLEAVED_STEPS = 100

Arrays = tuple[Any, ...]
Step = Callable[[Arrays], float]


@dataclass(frozen=True)
class Contender:
    """A training step that returns the loss, and the loss without training."""

    name: str
    step: Step
    loss: Step


def main() -> None:
    """Print the times of a step and their ratio, or train both to the end and print losses and times."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--whole", action="store_true", help="train both to the end")
    parser.add_argument("--seed", type=int, default=0, help="decides the weights and the order of the windows")
    chosen = parser.parse_args()
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    print(f"NumPy {np.__version__}, PyTorch {torch.__version__}, {threads} threads, float32, seed {chosen.seed}")
    assembly = assemble(get("transformer").experiments["nanogpt"].set([f"seed={chosen.seed}"]))
    both = ours(assembly), theirs(torch, assembly, len(assembly.train))
    batches = list(assembly.train.epoch(np.random.default_rng(chosen.seed)))
    if chosen.whole:
        whole(both, batches, list(assembly.test.epoch(np.random.default_rng(0))))
    else:
        one_step(both, batches[0], len(batches))


def one_step(both: tuple[Contender, Contender], batch: Arrays, steps: int) -> None:
    """Print the times of a step, their ratio, and what all steps would take.

    Raises: RuntimeError when the losses of the first steps differ.
    """
    for step in range(COMPARED_STEPS):
        check(step, [contender.step(batch) for contender in both])
    timing = time_interleaved(partial(both[0].step, batch), partial(both[1].step, batch))
    low, high = timing.interval
    seconds = [float(np.median(each)) for each in (timing.ours, timing.theirs)]
    print(f"ours {1e3 * seconds[0]:.1f} ms, PyTorch {1e3 * seconds[1]:.1f} ms", end="")
    print(f", ratio {timing.ratio:.2f} ({low:.2f} to {high:.2f})")
    print(f"{steps:,} steps: ours {steps * seconds[0]:.0f} s, PyTorch {steps * seconds[1]:.0f} s")


def whole(both: tuple[Contender, Contender], batches: Sequence[Arrays], test: Sequence[Arrays]) -> None:
    """Train both, interleaved, and print the loss of each on the test windows and the seconds of its steps.

    Raises: RuntimeError when the losses of the first steps differ.
    """
    seconds = dict.fromkeys((contender.name for contender in both), 0.0)
    for first in range(0, len(batches), INTERLEAVED_STEPS):
        losses = {}
        for contender in both:
            time.sleep(PAUSE_S)
            since = time.perf_counter()
            losses[contender.name] = [contender.step(batch) for batch in batches[first : first + INTERLEAVED_STEPS]]
            seconds[contender.name] += time.perf_counter() - since
        if first == 0:
            for step, pair in enumerate(zip(*losses.values(), strict=True)):
                if step < COMPARED_STEPS:
                    check(step, pair)
        mean_losses = ", ".join(f"{name} {np.mean(values):.3f}" for name, values in losses.items())
        print(f"steps to {min(first + INTERLEAVED_STEPS, len(batches)):,}: {mean_losses}", flush=True)
    weights = [len(batch[0]) for batch in test]
    for contender in both:
        loss = np.average([contender.loss(batch) for batch in test], weights=weights)
        print(f"{contender.name}: test loss {loss:.4f} after {len(batches):,} steps in {seconds[contender.name]:.0f} s")


def check(step: int, losses: Sequence[float]) -> None:
    """Check that both compute the same loss.

    Raises: RuntimeError when they do not.
    """
    if abs(losses[0] - losses[1]) > TOLERANCE:
        raise RuntimeError(
            f"the losses of step {step} are {losses[0]:g} here and {losses[1]:g} in PyTorch; a comparison of times "
            f"needs equal results"
        )


def ours(assembly: Assembly) -> Contender:
    """Return ours, untrained."""
    learner, ctx = assembly.learner, Context(training=True, rng=np.random.default_rng(0))
    return Contender("ours", lambda batch: learner.learn(batch, ctx)["loss"], lambda b: learner.evaluate(b)["loss"])


def theirs(torch: Any, assembly: Assembly, steps: int) -> Contender:
    """Return PyTorch's, with our weights and learning rate schedule."""
    from neuralzoo.experiments.benchmark.peers.torch.layers import decay_groups

    network: Any = gpt(torch, assembly.module)
    settings: Any = assembly.experiment.optimizer
    optimizer = torch.optim.AdamW(
        decay_groups(network.parameters(), settings),
        lr=settings.lr,
        betas=(settings.beta1, settings.beta2),
        fused=True,
    )
    rate, taken = schedule(assembly.experiment, steps), itertools.count()

    def loss_of(batch: Arrays) -> Any:
        x, y = map(torch.from_numpy, map(np.array, batch))
        return torch.nn.functional.cross_entropy(network(x).flatten(0, 1), y.flatten())

    def step(batch: Arrays) -> float:
        for group in optimizer.param_groups:
            group["lr"] = rate(next(taken))
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
        optimizer.step()
        return float(loss.item())

    def loss(batch: Arrays) -> float:
        with torch.inference_mode():
            return float(loss_of(batch))

    return Contender("PyTorch", step, loss)


def gpt(torch: Any, ours: Any) -> Any:
    """Return the network in PyTorch's usual style, with our weights."""
    from torch import nn
    from torch.nn import functional

    heads = ours.blocks[0].attention.config

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self, block: Any) -> None:
            super().__init__()
            self.norm1, self.norm2 = _norm(torch, block.norm_attention), _norm(torch, block.norm_feed)
            self.project, self.output = _linear(torch, block.attention.project), _linear(torch, block.attention.output)
            self.up, self.down = _linear(torch, block.feed.up), _linear(torch, block.feed.down)

        def forward(self, x: Any) -> Any:
            n, t, width = x.shape
            parts = self.project(self.norm1(x)).split(width, dim=2)
            q, k, v = (part.view(n, t, heads.heads, width // heads.heads).transpose(1, 2) for part in parts)
            o = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.output(o.transpose(1, 2).reshape(n, t, width))
            return x + self.down(functional.gelu(self.up(self.norm2(x)), approximate="tanh"))

    class GPT(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Parameter(torch.tensor(ours.embedding.weight.value))
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
    from neuralzoo.experiments.benchmark.peers.torch.layers import filled

    layer = torch.nn.Linear(*ours.weight.value.shape, bias=ours.bias is not None)
    return filled(layer, ours.weight.value.T, ours.bias)


def _norm(torch: Any, ours: Any) -> Any:
    from neuralzoo.experiments.benchmark.peers.torch.layers import filled

    layer = torch.nn.LayerNorm(len(ours.gain.value), eps=ours.epsilon, bias=ours.bias is not None)
    return filled(layer, ours.gain.value, ours.bias)


if __name__ == "__main__":
    main()
