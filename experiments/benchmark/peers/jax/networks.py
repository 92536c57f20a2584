"""The networks of the zoo in JAX, in its usual style, with our weights.

A network is a function of (weights, key, *inputs); without a key there is no dropout.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn import log_softmax, logsumexp, relu, sigmoid, softplus

from neuralzoo.experiments.benchmark.peers import weights_by_name
from neuralzoo.experiments.benchmark.peers.jax import attention, capsules
from neuralzoo.experiments.benchmark.peers.jax.layers import (
    ACTIVATIONS,
    Built,
    conv2d,
    cross_entropy,
    dense,
    dropout,
    mean_squared_error,
    negative_log_likelihood,
    split_key,
)
from neuralzoo.experiments.benchmark.workload import Workload


def fnn(workload: Workload) -> Built:
    """Return the feed-forward network."""
    config: Any = workload.assembly.config
    ours: Any = workload.assembly.module
    activation = ACTIVATIONS[config.activation]

    def network(weights: Any, key: Any, x: Any) -> Any:
        each = split_key(key, len(weights))
        x = dropout(x.reshape(len(x), -1), config.input_dropout, each[0])
        for (weight, bias), one in zip(weights[:-1], each[1:], strict=True):
            x = dropout(activation(x @ weight + bias), config.dropout, one)
        return x @ weights[-1][0] + weights[-1][1]

    return Built([dense(layer) for layer in ours.dense], network, cross_entropy(network))


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
    return ((1 - u) * jnp.tanh(z_n + sigmoid(z_r + a_r) * (a_n + weights["bias_hh"])) + u * h,)


def recurrent(workload: Workload) -> Built:
    """Return the bidirectional RNN, LSTM or GRU of one layer, with a mask of lengths."""
    config: Any = workload.assembly.config
    ours: Any = workload.assembly.module
    step = {"rnn": _rnn_step, "lstm": _lstm_step, "gru": _gru_step}[workload.name]
    num_states, hidden = ours.recurrent.cells[0].num_states, config.hidden

    def last(weights: Any, x: Any, inside: Any) -> Any:
        def one(states: Any, now: Any) -> Any:
            z, here = now
            after = step(weights, states, z)
            return tuple(jnp.where(here[:, None], new, old) for new, old in zip(after, states, strict=True)), None

        start = tuple(jnp.zeros((x.shape[0], hidden)) for _ in range(num_states))
        z = x @ weights["input"] + weights["bias"]
        return jax.lax.scan(one, start, (z.swapaxes(0, 1), inside.T))[0][0]

    def network(weights: Any, key: Any, x: Any, lengths: Any) -> Any:
        inside = jnp.arange(x.shape[1]) < lengths[:, None]
        forth = last(weights["cells"][0], x, inside)
        back = last(weights["cells"][1], x[:, ::-1], inside[:, ::-1])
        h = dropout(jnp.concatenate([forth, back], axis=1), config.dropout, key)
        return h @ weights["head"][0] + weights["head"][1]

    names = {"input": "weight_ih", "state": "weight_hh", "bias": "bias", "bias_hh": "bias_hh"}
    cells = [
        {name: jnp.asarray(getattr(cell, own).value) for name, own in names.items() if getattr(cell, own, None)}
        for cell in ours.recurrent.cells
    ]
    return Built({"cells": cells, "head": dense(ours.head)}, network, cross_entropy(network))


def autoencoder(workload: Workload) -> Built:
    """Return the dense autoencoder; its loss is the cross-entropy of pixels, summed over each image."""
    config: Any = workload.assembly.config
    activation = ACTIVATIONS[config.activation]
    arrays = weights_by_name(workload)
    order = [name.removesuffix(".weight") for name in arrays if name.endswith(".weight")]
    weights = [(jnp.asarray(arrays[f"{name}.weight"]), jnp.asarray(arrays[f"{name}.bias"])) for name in order]
    code = order.index("mean")

    def logits_of(weights: Any, x: Any) -> Any:
        h = x.reshape(len(x), -1)
        for number, (weight, bias) in enumerate(weights):
            h = h @ weight + bias
            h = h if number in (code, len(weights) - 1) else activation(h)
        return h.reshape(x.shape)

    def network(weights: Any, key: Any, x: Any) -> Any:
        return sigmoid(logits_of(weights, x))

    def loss(weights: Any, key: Any, x: Any, target: Any) -> Any:
        logits = logits_of(weights, x)
        return (softplus(logits) - logits * target).sum() / len(x)

    return Built(weights, network, loss)


def rbfn(workload: Workload) -> Built:
    """Return the radial basis function network."""
    ours: Any = workload.assembly.module
    weights = {
        "centres": jnp.asarray(ours.units.centres.value),
        "log_width": jnp.asarray(ours.units.log_width.value),
        "output": dense(ours.output),
    }

    def network(weights: Any, key: Any, x: Any) -> Any:
        x, c = x.reshape(len(x), -1), weights["centres"]
        squares = (x * x).sum(1, keepdims=True) - 2 * x @ c.T + (c * c).sum(1)
        h = jnp.exp(-jnp.maximum(squares, 0) * jnp.exp(-2 * weights["log_width"]) / 2)
        return h @ weights["output"][0] + weights["output"][1]

    return Built(weights, network, mean_squared_error(network))


def cnn(workload: Workload) -> Built:
    """Return the convolutional network: convolution, batch normalisation, ReLU and pooling by 2 in each stage."""
    config: Any = workload.assembly.config
    ours: Any = workload.assembly.module
    # A stage is a convolution without bias, a batch normalisation, and layers without parameters.
    stages = [[layer for layer in stage.layers if layer.named_parameters()] for stage in ours.stages]
    norms = [norm for _, norm in stages]
    weights = {
        "stages": [tuple(jnp.asarray(p.value) for p in (one.weight, norm.gain, norm.bias)) for one, norm in stages],
        "running": [tuple(jnp.asarray(part.value) for part in (n.running_mean, n.running_variance)) for n in norms],
        "dense": [dense(layer) for layer in ours.head.layers if hasattr(layer, "weight")],
    }

    def run(weights: Any, key: Any, x: Any) -> Any:
        running = []
        for (kernel, gain, bias), old, norm in zip(weights["stages"], weights["running"], norms, strict=True):
            x = conv2d(x, kernel, 1, "SAME")
            mean, variance = old if key is None else (x.mean((0, 1, 2)), x.var((0, 1, 2)))
            count = x.size // x.shape[-1]
            now = mean, variance * (count / (count - 1))
            running.append(tuple(a + norm.momentum * (b - a) for a, b in zip(old, now, strict=True)))
            x = relu((x - mean) * (gain * jax.lax.rsqrt(variance + norm.epsilon)) + bias)
            n, height, width, channels = x.shape
            x = x.reshape(n, height // 2, 2, width // 2, 2, channels).max((2, 4))
        x, each = x.reshape(len(x), -1), split_key(key, len(weights["dense"]))
        for number, ((weight, bias), one) in enumerate(zip(weights["dense"], each, strict=True)):
            x = dropout(relu(x) if number else x, config.dropout, one) @ weight + bias
        return x, running

    def training_loss(weights: Any, key: Any, x: Any, target: Any) -> Any:
        logits, running = run(weights, key, x)
        return negative_log_likelihood(log_softmax(logits), target), {"running": running}

    def network(weights: Any, key: Any, x: Any) -> Any:
        return run(weights, key, x)[0]

    return Built(weights, network, cross_entropy(network), training_loss)


def modular(workload: Workload) -> Built:
    """Return the mixture of experts; its loss is the negative log-likelihood of the mixture."""
    ours: Any = workload.assembly.module
    layers = zip(*([dense(layer) for layer in expert.dense] for expert in ours.experts), strict=True)
    experts = [tuple(jnp.stack(parts) for parts in zip(*layer, strict=True)) for layer in layers]

    def network(weights: Any, key: Any, x: Any) -> Any:
        (inner, inner_bias), (outer, outer_bias) = weights["experts"]
        h = jnp.tanh(jnp.einsum("nd,edh->enh", x, inner) + inner_bias[:, None])
        log_p = log_softmax(jnp.einsum("enh,ehk->enk", h, outer) + outer_bias[:, None])
        log_gate = log_softmax(x @ weights["gate"][0] + weights["gate"][1])
        return logsumexp(log_p + log_gate.T[:, :, None], axis=0)

    def loss(weights: Any, key: Any, x: Any, target: Any) -> Any:
        return negative_log_likelihood(network(weights, key, x), target)

    return Built({"experts": experts, "gate": dense(ours.gate.dense[0])}, network, loss)


NETWORKS: dict[str, Callable[[Workload], Built]] = {
    "autoencoder": autoencoder,
    "capsnet": capsules.capsnet,
    "cnn": cnn,
    "fnn": fnn,
    "gru": recurrent,
    "lstm": recurrent,
    "modular": modular,
    "rbfn": rbfn,
    "rnn": recurrent,
    "transformer": attention.transformer,
}
