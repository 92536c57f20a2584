"""The networks of the zoo written plainly in JAX, as a user of it would, with our weights.

A network is a function of (weights, key, *inputs); without a key nothing is dropped.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn import log_softmax, relu, sigmoid, softplus

from neuralzoo.experiments.benchmark.peers import arrays
from neuralzoo.experiments.benchmark.workload import Workload

ACTIVATIONS = {"relu": relu, "tanh": jnp.tanh, "silu": jax.nn.silu}

Network = Callable[..., Any]
Built = tuple[Any, Network, Network]
"""The weights, the network, and the loss of a batch, a function of (weights, key, *batch)."""


def _dense(ours: Any) -> tuple[Any, Any]:
    return jnp.asarray(ours.weight.value), jnp.asarray(ours.bias.value)


def _dropped(x: Any, share: float, key: Any) -> Any:
    """Return x with a share of its numbers silenced and the others scaled up."""
    if key is None or not share:
        return x
    return jnp.where(jax.random.bernoulli(key, 1 - share, x.shape), x / (1 - share), 0)


def _keys(key: Any, count: int) -> list[Any]:
    return [None] * count if key is None else list(jax.random.split(key, count))


def _classes(network: Network) -> Network:
    def loss(weights: Any, key: Any, *batch: Any) -> Any:
        logits = log_softmax(network(weights, key, *batch[:-1]))
        return -jnp.take_along_axis(logits, batch[-1][:, None], axis=1).mean()

    return loss


def _numbers(network: Network) -> Network:
    return lambda weights, key, x, target: ((network(weights, key, x) - target) ** 2).mean()


def fnn(workload: Workload) -> Built:
    """Return the feed-forward network."""
    config: Any = workload.assembly.config
    ours: Any = workload.assembly.module
    activation = ACTIVATIONS[config.activation]

    def network(weights: Any, key: Any, x: Any) -> Any:
        keys = _keys(key, len(weights))
        x = _dropped(x.reshape(len(x), -1), config.input_dropout, keys[0])
        for (weight, bias), one in zip(weights[:-1], keys[1:], strict=True):
            x = _dropped(activation(x @ weight + bias), config.dropout, one)
        return x @ weights[-1][0] + weights[-1][1]

    return [_dense(dense) for dense in ours.dense], network, _classes(network)


def _rnn_step(weights: Any, states: Any, z: Any) -> Any:
    (h,) = states
    return (jnp.tanh(z + h @ weights["state"]),)


def _lstm_step(weights: Any, states: Any, z: Any) -> Any:
    h, c = states
    i, f, g, o = jnp.split(z + h @ weights["state"], 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
    return sigmoid(o) * jnp.tanh(c), c


def _gru_step(weights: Any, states: Any, z: Any) -> Any:
    (h,) = states
    z_r, z_u, z_n = jnp.split(z, 3, axis=1)
    a_r, a_u, a_n = jnp.split(h @ weights["state"], 3, axis=1)
    u = sigmoid(z_u + a_u)
    return ((1 - u) * jnp.tanh(z_n + sigmoid(z_r + a_r) * (a_n + weights["bias_state"])) + u * h,)


def recurrent(workload: Workload) -> Built:
    """Return the recurrent network, LSTM or GRU, that reads in both directions: one level, with a mask of lengths."""
    config: Any = workload.assembly.config
    ours: Any = workload.assembly.module
    step = {"rnn": _rnn_step, "lstm": _lstm_step, "gru": _gru_step}[workload.name]
    memories, hidden = ours.recurrent.cells[0].memories, config.hidden

    def last(weights: Any, x: Any, inside: Any) -> Any:
        def one(states: Any, now: Any) -> Any:
            z, here = now
            after = step(weights, states, z)
            return tuple(jnp.where(here[:, None], new, old) for new, old in zip(after, states, strict=True)), None

        start = tuple(jnp.zeros((x.shape[0], hidden)) for _ in range(memories))
        z = x @ weights["input"] + weights["bias"]
        return jax.lax.scan(one, start, (z.swapaxes(0, 1), inside.T))[0][0]

    def network(weights: Any, key: Any, x: Any, lengths: Any) -> Any:
        inside = jnp.arange(x.shape[1]) < lengths[:, None]
        forth = last(weights["cells"][0], x, inside)
        back = last(weights["cells"][1], x[:, ::-1], inside[:, ::-1])
        h = _dropped(jnp.concatenate([forth, back], axis=1), config.dropout, key)
        return h @ weights["head"][0] + weights["head"][1]

    names = {"input": "weight_input", "state": "weight_state", "bias": "bias", "bias_state": "bias_state"}
    cells = [
        {name: jnp.asarray(getattr(cell, own).value) for name, own in names.items() if getattr(cell, own, None)}
        for cell in ours.recurrent.cells
    ]
    return {"cells": cells, "head": _dense(ours.head)}, network, _classes(network)


def autoencoder(workload: Workload) -> Built:
    """Return the dense autoencoder; its loss is the cross-entropy of pixels, summed over each picture."""
    config: Any = workload.assembly.config
    ours: Any = workload.assembly.module
    activation = ACTIVATIONS[config.activation]
    found = arrays(workload)
    order = [name.removesuffix(".weight") for name in found if name.endswith(".weight")]
    weights = [(jnp.asarray(found[f"{name}.weight"]), jnp.asarray(found[f"{name}.bias"])) for name in order]
    code = order.index("mean")
    shape = ours.shape

    def network(weights: Any, key: Any, x: Any) -> Any:
        x = x.reshape(len(x), -1)
        for number, (weight, bias) in enumerate(weights):
            x = x @ weight + bias
            x = x if number in (code, len(weights) - 1) else activation(x)
        return x.reshape(-1, *shape)

    def loss(weights: Any, key: Any, x: Any, target: Any) -> Any:
        logits = network(weights, key, x)
        return (softplus(logits) - logits * target).sum() / len(x)

    return weights, network, loss


def rbfn(workload: Workload) -> Built:
    """Return the radial basis function network."""
    ours: Any = workload.assembly.module
    weights = {
        "centres": jnp.asarray(ours.units.centres.value),
        "log_width": jnp.asarray(ours.units.log_width.value),
        "output": _dense(ours.output),
    }

    def network(weights: Any, key: Any, x: Any) -> Any:
        x, c = x.reshape(len(x), -1), weights["centres"]
        squares = (x * x).sum(1, keepdims=True) - 2 * x @ c.T + (c * c).sum(1)
        h = jnp.exp(-jnp.maximum(squares, 0) * jnp.exp(-2 * weights["log_width"]) / 2)
        return h @ weights["output"][0] + weights["output"][1]

    return weights, network, _numbers(network)


NETWORKS: dict[str, Callable[[Workload], Built]] = {
    "autoencoder": autoencoder,
    "fnn": fnn,
    "gru": recurrent,
    "lstm": recurrent,
    "rbfn": rbfn,
    "rnn": recurrent,
}
