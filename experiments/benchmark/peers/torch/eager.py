"""PyTorch as most people run it: eager, with its fused Adam."""

from collections.abc import Callable
from typing import Any

from neuralzoo.experiments.benchmark.peers import Rival
from neuralzoo.experiments.benchmark.workload import Workload

PACKAGE = "torch"


def rival(workload: Workload, compiled: Callable[[Any], Any] | None = None) -> Rival | None:
    """Return the workload in PyTorch with our weights; `compiled` wraps the loss, if given."""
    import torch

    from neuralzoo.experiments.benchmark.peers.torch import gan as torch_games
    from neuralzoo.experiments.benchmark.peers.torch import networks as torch_networks

    if workload.name == "gan":
        return torch_games.gan(workload, compiled)
    if workload.name not in torch_networks.NETWORKS:
        return None
    network, loss_of = torch_networks.NETWORKS[workload.name](workload)
    adam = optimizer(torch, network.parameters(), workload)
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

    return torch.tensor(array)


def optimizer(torch: Any, parameters: Any, workload: Workload, share: float = 1.0) -> Any:
    """Return the fused optimizer with the settings of the experiment, at a share of the rate of its first step."""
    settings: Any = workload.assembly.experiment.optimizer
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.name]
    groups = decay_groups(parameters, settings) if settings.name == "adamw" else parameters
    betas = (settings.beta1, settings.beta2)
    return kind(groups, lr=share * settings.lr, betas=betas, eps=settings.epsilon, fused=True)


def decay_groups(parameters: Any, settings: Any) -> list[dict[str, Any]]:
    """Return the parameter groups of PyTorch's AdamW: those that weight decay is for, and those without."""
    parameters = list(parameters)
    decayed = [p for p in parameters if not settings.decay_only_matrices or p.dim() > 1]
    undecayed = [p for p in parameters if settings.decay_only_matrices and p.dim() <= 1]
    groups = [(decayed, settings.weight_decay), (undecayed, 0.0)]
    return [{"params": params, "weight_decay": decay} for params, decay in groups if params]
