"""PyTorch as most people run it: eager, with its fused Adam."""

from collections.abc import Callable
from typing import Any

import numpy as np

from neuralzoo.experiments.benchmark.peers import Rival
from neuralzoo.experiments.benchmark.workload import Workload

PACKAGE = "torch"


def rival(workload: Workload, compiled: Callable[[Any], Any] | None = None) -> Rival | None:
    """Return the workload in PyTorch with our weights; `compiled` wraps the loss, if given."""
    import torch

    from neuralzoo.experiments.benchmark.peers import torch_networks

    if workload.name not in torch_networks.NETWORKS:
        return None
    network, loss_of = torch_networks.NETWORKS[workload.name](workload)
    optimizer = _optimizer(torch, network, workload)
    batch = tuple(map(_tensor, workload.batch))
    clip = workload.assembly.experiment.optimizer.clip
    train_loss, predict = loss_of, network
    if compiled is not None:
        train_loss, predict = compiled(loss_of), compiled(network)

    def step() -> Any:
        optimizer.zero_grad(set_to_none=True)
        loss = train_loss(*batch)
        loss.backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(network.parameters(), clip)
        optimizer.step()
        return loss.item()

    def prediction(examples: int) -> Callable[[], object]:
        inputs = workload.inputs(examples)
        x = tuple(map(_tensor, inputs)) if isinstance(inputs, tuple) else (_tensor(inputs),)

        def predict_some() -> Any:
            network.eval()
            with torch.inference_mode():
                return predict(*x)

        return predict_some

    def loss() -> float:
        network.eval()
        with torch.no_grad():
            value = float(loss_of(*batch))
        network.train()
        return value

    def train_step() -> Any:
        network.train()
        return step()

    return Rival(train_step, prediction, loss)


def _tensor(array: Any) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(array))


def _optimizer(torch: Any, network: Any, workload: Workload) -> Any:
    """Return the fused optimizer with the settings of the experiment, at the rate of its first step."""
    settings: Any = workload.assembly.experiment.optimizer
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.name]
    more = {"weight_decay": settings.weight_decay} if settings.name == "adamw" else {}
    betas = (settings.beta1, settings.beta2)
    return kind(network.parameters(), lr=settings.lr, betas=betas, eps=settings.epsilon, fused=True, **more)
