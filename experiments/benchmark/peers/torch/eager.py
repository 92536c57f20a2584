"""PyTorch in eager mode, with its fused Adam."""

from collections.abc import Callable
from typing import Any

from neuralzoo.experiments.benchmark.peers import Counterpart
from neuralzoo.experiments.benchmark.workload import Workload

PACKAGE = "torch"


def counterpart(workload: Workload, compiled: Callable[[Any], Any] | None = None) -> Counterpart | None:
    """Return the workload in PyTorch with our weights; `compiled`, if given, wraps the loss and the network."""
    import torch

    from neuralzoo.experiments.benchmark.peers.torch.gan import gan
    from neuralzoo.experiments.benchmark.peers.torch.layers import optimizer
    from neuralzoo.experiments.benchmark.peers.torch.networks import NETWORKS

    if workload.name == "gan":
        return gan(workload, compiled)
    if workload.name not in NETWORKS:
        return None
    network, loss_of = NETWORKS[workload.name](workload)
    adam = optimizer(network.parameters(), workload)
    batch = tuple(map(_tensor, workload.batch))
    clip = workload.assembly.experiment.optimizer.clip
    train_loss, predict = loss_of, network
    if compiled is not None:
        train_loss, predict = compiled(loss_of), compiled(network)

    def step() -> Any:
        adam.zero_grad(set_to_none=True)
        loss = train_loss(*batch)
        loss.backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(network.parameters(), clip)
        adam.step()
        return loss.item()

    def prediction(examples: int) -> Callable[[], object]:
        inputs = workload.inputs(examples)
        x = tuple(map(_tensor, inputs)) if isinstance(inputs, tuple) else (_tensor(inputs),)

        def run_inference() -> Any:
            network.eval()
            with torch.inference_mode():
                return predict(*x)

        return run_inference

    def loss() -> float:
        network.eval()
        with torch.no_grad():
            value = float(loss_of(*batch))
        network.train()
        return value

    def train_step() -> Any:
        network.train()
        return step()

    return Counterpart(train_step, prediction, loss)


def _tensor(array: Any) -> Any:
    import torch

    return torch.tensor(array)
