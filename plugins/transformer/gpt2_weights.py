"""GPT-2 weights: read from and written as Hugging Face's safetensors files.

    wte.weight (vocab_size, width)        wpe.weight (context, width)
    h.0.ln_1, h.0.ln_2, ln_f              weight and bias (width,)
    h.0.attn.c_attn                       weight (width, 3 width) and bias: queries, keys, values side by side
    h.0.attn.c_proj, h.0.mlp.c_fc, h.0.mlp.c_proj          weight (inputs, outputs) and bias

All names may begin with `transformer.`. A `lm_head.weight` is the same as `wte.weight`, and the causal masks that some
files hold (`h.0.attn.bias`, `h.0.attn.masked_bias`) are redundant and left out.

    network = read_gpt2("model.safetensors")  # of https://huggingface.co/openai-community/gpt2
    logits = network.predict(tokens)  # (N, T, 50257), tokens (N, T) of GPT-2's byte-pair encoding
    save_file(gpt2_state(network), "fine-tuned.safetensors")  # from safetensors.numpy

Source: Radford et al. (2019), Language models are unsupervised multitask learners,
https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf
"""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.norm import LayerNorm
from neuralzoo.core.module import Array, Parameter, StateDict, load_arrays
from neuralzoo.plugins.transformer.config import TransformerConfig
from neuralzoo.plugins.transformer.layers.embedding import TokenEmbedding
from neuralzoo.plugins.transformer.network import Transformer
from neuralzoo.registry import Task

PREFIX = "transformer."
HEAD_WIDTH = 64  # of all sizes of GPT-2
HEAD = "lm_head.weight"
REDUNDANT = re.compile(r"lm_head\.weight|h\.\d+\.attn\.(masked_)?bias")


def read_gpt2(path: Path | str, heads: int | None = None) -> Transformer:
    """Return the language model of a safetensors file; the sizes are those of its arrays.

    The number of heads is not in the file: by default there is one for each 64 features of the width, as in GPT-2.

    Raises: ValueError when the file can't be read, a name is missing or unknown, a shape does not fit the others, or
    the heads do not divide the width.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            state = without_prefix({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError, TypeError) as error:
        raise ValueError(f"{path} can't be read ({error}); it needs to be a safetensors file") from None
    vocab_size, width = _matrix(state, "wte.weight")
    context, _ = _matrix(state, "wpe.weight")
    layers = len({name.split(".")[1] for name in state if name.startswith("h.")})
    hidden = _matrix(state, "h.0.mlp.c_fc.weight")[1]
    config = TransformerConfig(
        layers=layers,
        heads=heads or max(1, width // HEAD_WIDTH),
        width=width,
        hidden=hidden,
    )
    task = Task(kind="language-modelling", input="tokens", shape=(context,), outputs=vocab_size, vocab_size=vocab_size)
    network = Transformer(config, task, np.random.default_rng(0))
    load_gpt2_state(network, state)
    return network


def load_gpt2_state(network: Transformer, state: Mapping[str, Array]) -> None:
    """Set the weights from GPT-2's; nothing is changed unless all of it fits.

    Raises: ValueError when a name is missing or unknown, a shape differs, the head's weight is not that of the tokens,
    or the network is no such language model.
    """
    state = without_prefix(state)
    if HEAD in state and not np.array_equal(state[HEAD], state.get("wte.weight", state[HEAD])):
        raise ValueError(f"weights of GPT-2 have a {HEAD} of its own; it needs to be equal to wte.weight")
    state = {name: array for name, array in state.items() if not REDUNDANT.fullmatch(name)}
    parameters = _named(network)
    current = {name: np.empty_like(parameter.value) for name, parameter in parameters.items()}
    load_arrays("a transformer with the names of GPT-2", current, state)
    for name, parameter in parameters.items():
        parameter.value[...] = current[name]


def gpt2_state(network: Transformer) -> StateDict:
    """Return copies of the weights by GPT-2's names.

    Raises: ValueError when the network is no such language model.
    """
    return {name: parameter.value.copy() for name, parameter in _named(network).items()}


def without_prefix(state: Mapping[str, Array]) -> StateDict:
    """Return the arrays with names that do not begin with `transformer.`."""
    return {name.removeprefix(PREFIX): array for name, array in state.items()}


def _named(network: Transformer) -> dict[str, Parameter]:
    """Return the parameters by GPT-2's names."""
    if (
        not network.tied
        or not isinstance(network.embedding, TokenEmbedding)
        or network.norm is None
        or network.norm.bias is None
    ):
        raise ValueError(
            "a transformer got weights of GPT-2; it needs to be a language model with tied weights, norms before, and "
            "biases"
        )
    found = {"wte.weight": network.embedding.weight, "wpe.weight": network.positions.weight}
    for number, block in enumerate(network.blocks):
        name = f"h.{number}"
        found |= _norm(f"{name}.ln_1", block.norm_attention) | _dense(f"{name}.attn.c_attn", block.attention.project)
        found |= _dense(f"{name}.attn.c_proj", block.attention.output) | _norm(f"{name}.ln_2", block.norm_feed)
        found |= _dense(f"{name}.mlp.c_fc", block.feed.up) | _dense(f"{name}.mlp.c_proj", block.feed.down)
    return found | _norm("ln_f", network.norm)


def _dense(name: str, layer: Dense) -> dict[str, Parameter]:
    return _both(name, layer.weight, layer.bias)


def _norm(name: str, layer: LayerNorm) -> dict[str, Parameter]:
    return _both(name, layer.gain, layer.bias)


def _both(name: str, weight: Parameter, bias: Parameter | None) -> dict[str, Parameter]:
    return {f"{name}.weight": weight} | ({} if bias is None else {f"{name}.bias": bias})


def _matrix(state: Mapping[str, Array], name: str) -> tuple[int, int]:
    """Return the shape of a matrix that must be there."""
    if name not in state:
        raise ValueError(f"weights of GPT-2 have no {name}; they need all names, such as wte.weight and ln_f.bias")
    if state[name].ndim != 2 or 0 in state[name].shape:
        raise ValueError(f"weights of GPT-2 have {name} of shape {state[name].shape}; it needs to be a matrix")
    rows, columns = state[name].shape
    return rows, columns
