"""The transformer against PyTorch: outputs and every gradient. `pytest -s` shows the worst error."""

import math
from itertools import product

import numpy as np
import pytest
from safetensors.numpy import save_file

from neuralzoo.core.blocks.init import normal
from neuralzoo.core.blocks.norm import LayerNorm
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.plugins.transformer.gpt2_weights import gpt2_state, load_gpt2_state, read_gpt2
from neuralzoo.plugins.transformer.layers.attention import AttentionConfig, CrossAttention, SelfAttention
from neuralzoo.plugins.transformer.layers.block import Block, BlockConfig
from neuralzoo.plugins.transformer.layers.embedding import Patches
from neuralzoo.registry import Task, create

torch = pytest.importorskip("torch", reason="agreement with PyTorch needs the extra 'parity'")

TOLERANCE = {"float32": 1e-4, "float64": 1e-10}
N, T, M, WIDTH = 3, 7, 5, 12
CAUSAL, PADDED, SMALL_BLOCKS, NORM, ACTIVATION = (
    (False, True),
    (False, True),
    (False, True),
    ("before", "after"),
    ("exact_gelu", "relu"),
)


@pytest.fixture(autouse=True)
def one_thread():
    """Small products on several threads wait for one another most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def differences(ours, theirs):
    """Return the largest difference in each array, in units of its largest number."""
    assert ours.keys() == theirs.keys()
    assert all(ours[name].dtype == theirs[name].dtype for name in ours)
    return {name: abs(ours[name] - theirs[name]).max() / max(abs(theirs[name]).max(), 1e-3) for name in theirs}


def report(what, errors, tolerance):
    worst = max((error, name) for each in errors for name, error in each.items())
    print(f"\n{what}: {len(errors)} layers, {sum(map(len, errors))} arrays, worst relative error {worst[0]:.1e}")
    assert worst[0] < tolerance, worst


def set_to(parameter, theirs):
    parameter.value[...] = theirs.detach().numpy().T


def load_attention(ours, theirs):
    set_to(ours.project.weight, theirs.in_proj_weight)
    set_to(ours.project.bias, theirs.in_proj_bias)
    set_to(ours.output.weight, theirs.out_proj.weight)
    set_to(ours.output.bias, theirs.out_proj.bias)


def gradients_of(grads, ours, theirs):
    """Return the gradients of a dense layer or norm, ours and theirs, by name."""
    weight = ours.gain if isinstance(ours, LayerNorm) else ours.weight
    return (grads[weight], grads[ours.bias]), (theirs.weight.grad.numpy().T, theirs.bias.grad.numpy())


def random(rng, *shape, dtype):
    return rng.standard_normal(shape).astype(dtype)


def randomise(module, rng):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.tensor(rng.standard_normal(parameter.shape) * 0.5))


def masks(causal, lengths):
    mask = torch.triu(torch.ones(T, T, dtype=torch.bool), 1) if causal else None
    padding = None if lengths is None else torch.arange(T) >= torch.tensor(lengths)[:, None]
    return mask, padding


def compare_attention(dtype, causal, padded, small, rng):
    theirs = torch.nn.MultiheadAttention(WIDTH, 3, batch_first=True, dtype=getattr(torch, dtype))
    randomise(theirs, rng)
    ours = SelfAttention(AttentionConfig(WIDTH, 3, causal, block_size=2 if small else 128), rng).astype(dtype)
    load_attention(ours, theirs)
    lengths = rng.integers(1, T + 1, N) if padded else None
    x, dy = (random(rng, N, T, WIDTH, dtype=dtype) for _ in range(2))
    xt = torch.tensor(x, requires_grad=True)
    mask, padding = masks(causal, lengths)
    yt, _ = theirs(xt, xt, xt, key_padding_mask=padding, attn_mask=mask, need_weights=False)
    yt.backward(torch.tensor(dy))
    grads = Gradients(ours)
    y, pull = ours(x if lengths is None else (x, lengths), Context(training=True, grads=grads))
    dx = pull(dy)
    return differences(
        {
            "y": y,
            "dx": dx,
            "project": grads[ours.project.weight],
            "project bias": grads[ours.project.bias],
            "output": grads[ours.output.weight],
            "output bias": grads[ours.output.bias],
        },
        {
            "y": yt.detach().numpy(),
            "dx": xt.grad.numpy(),
            "project": theirs.in_proj_weight.grad.numpy().T,
            "project bias": theirs.in_proj_bias.grad.numpy(),
            "output": theirs.out_proj.weight.grad.numpy().T,
            "output bias": theirs.out_proj.bias.grad.numpy(),
        },
    )


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_attention_and_all_its_gradients_agree_with_pytorch(dtype):
    rng = np.random.default_rng(0)
    cases = list(product(CAUSAL, PADDED, SMALL_BLOCKS)) * 4
    report(f"MultiheadAttention {dtype}", [compare_attention(dtype, *case, rng) for case in cases], TOLERANCE[dtype])


def compare_cross_attention(dtype, padded, small, rng):
    theirs = torch.nn.MultiheadAttention(WIDTH, 3, batch_first=True, dtype=getattr(torch, dtype))
    randomise(theirs, rng)
    ours = CrossAttention(AttentionConfig(WIDTH, 3, block_size=2 if small else 128), rng).astype(dtype)
    weight, bias = theirs.in_proj_weight.detach().numpy().T, theirs.in_proj_bias.detach().numpy()
    ours.query.weight.value[...], ours.key_value.weight.value[...] = np.split(weight, [WIDTH], axis=1)
    ours.query.bias.value[...], ours.key_value.bias.value[...] = np.split(bias, [WIDTH])
    set_to(ours.output.weight, theirs.out_proj.weight)
    set_to(ours.output.bias, theirs.out_proj.bias)
    lengths = rng.integers(1, M + 1, N) if padded else None
    x, dy, memory = (random(rng, N, steps, WIDTH, dtype=dtype) for steps in (T, T, M))
    xt, memory_t = (torch.tensor(array, requires_grad=True) for array in (x, memory))
    padding = None if lengths is None else torch.arange(M) >= torch.tensor(lengths)[:, None]
    yt, _ = theirs(xt, memory_t, memory_t, key_padding_mask=padding, need_weights=False)
    yt.backward(torch.tensor(dy))
    grads = Gradients(ours)
    y, pull = ours.run(x, memory, Context(training=True, grads=grads), lengths)
    dx, dmemory = pull(dy)
    projections = (ours.query, ours.key_value)
    return differences(
        {
            "y": y,
            "dx": dx,
            "dmemory": dmemory,
            "project": np.concatenate([grads[layer.weight] for layer in projections], axis=1),
            "project bias": np.concatenate([grads[layer.bias] for layer in projections]),
        },
        {
            "y": yt.detach().numpy(),
            "dx": xt.grad.numpy(),
            "dmemory": memory_t.grad.numpy(),
            "project": theirs.in_proj_weight.grad.numpy().T,
            "project bias": theirs.in_proj_bias.grad.numpy(),
        },
    )


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_cross_attention_and_all_its_gradients_agree_with_pytorch(dtype):
    rng = np.random.default_rng(1)
    cases = list(product(PADDED, SMALL_BLOCKS)) * 4
    errors = [compare_cross_attention(dtype, *case, rng) for case in cases]
    report(f"MultiheadAttention of a memory {dtype}", errors, TOLERANCE[dtype])


def compare_block(dtype, causal, padded, norm, activation, rng):
    theirs = torch.nn.TransformerEncoderLayer(
        WIDTH,
        3,
        20,
        dropout=0.0,
        activation={"exact_gelu": "gelu", "relu": "relu"}[activation],
        batch_first=True,
        norm_first=norm == "before",
        dtype=getattr(torch, dtype),
    )
    randomise(theirs, rng)
    heads = AttentionConfig(WIDTH, 3, causal)
    ours = Block(BlockConfig(heads, 20, activation=activation, norm=norm, init=normal(1)), rng).astype(dtype)
    load_attention(ours.attention, theirs.self_attn)
    pairs = {
        "norm1": (ours.norm_attention, theirs.norm1),
        "norm2": (ours.norm_feed, theirs.norm2),
        "linear1": (ours.feed.up, theirs.linear1),
        "linear2": (ours.feed.down, theirs.linear2),
    }
    for mine, layer in pairs.values():
        set_to(mine.gain if isinstance(mine, LayerNorm) else mine.weight, layer.weight)
        set_to(mine.bias, layer.bias)
    lengths = rng.integers(1, T + 1, N) if padded else None
    x, dy = (random(rng, N, T, WIDTH, dtype=dtype) for _ in range(2))
    xt = torch.tensor(x, requires_grad=True)
    mask, padding = masks(causal, lengths)
    yt = theirs(xt, src_mask=mask, src_key_padding_mask=padding)
    yt.backward(torch.tensor(dy))
    grads = Gradients(ours)
    y, pull = ours(x if lengths is None else (x, lengths), Context(training=True, grads=grads))
    found, needed = {"y": y, "dx": pull(dy)}, {"y": yt.detach().numpy(), "dx": xt.grad.numpy()}
    found["project"] = grads[ours.attention.project.weight]
    needed["project"] = theirs.self_attn.in_proj_weight.grad.numpy().T
    for name, (mine, layer) in pairs.items():
        both = gradients_of(grads, mine, layer)
        found[name], needed[name] = both[0][0], both[1][0]
        found[f"{name} bias"], needed[f"{name} bias"] = both[0][1], both[1][1]
    return differences(found, needed)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_block_and_all_its_gradients_agree_with_pytorch(dtype):
    rng = np.random.default_rng(2)
    cases = list(product(CAUSAL, PADDED, NORM, ACTIVATION)) * 2
    errors = [compare_block(dtype, *case, rng) for case in cases]
    report(f"TransformerEncoderLayer {dtype}", errors, TOLERANCE[dtype])


def test_patches_are_those_of_pytorch():
    images = np.random.default_rng(4).random((2, 6, 9, 2))
    theirs = torch.nn.functional.unfold(torch.tensor(images).permute(0, 3, 1, 2), 3, stride=3)  # (N, C p p, squares)
    theirs = theirs.reshape(2, 2, 9, 6).permute(0, 3, 2, 1).reshape(2, 6, 18).numpy()
    np.testing.assert_array_equal(Patches(3).predict(images), theirs)


class GPT2(torch.nn.Module):
    """GPT-2 in plain PyTorch, with Hugging Face's names and its (inputs, outputs) matrices."""

    def __init__(self, layers, heads, width, context, vocab_size, rng):
        super().__init__()
        self.layers, self.heads = layers, heads
        shapes = {"wte.weight": (vocab_size, width), "wpe.weight": (context, width)}
        shapes |= {"ln_f.weight": (width,), "ln_f.bias": (width,)}
        for i in range(layers):
            for norm in ("ln_1", "ln_2"):
                shapes |= {f"h.{i}.{norm}.weight": (width,), f"h.{i}.{norm}.bias": (width,)}
            dense = {"attn.c_attn": (1, 3), "attn.c_proj": (1, 1), "mlp.c_fc": (1, 4), "mlp.c_proj": (4, 1)}
            for name, (inputs, outputs) in dense.items():
                shapes[f"h.{i}.{name}.weight"] = (inputs * width, outputs * width)
                shapes[f"h.{i}.{name}.bias"] = (outputs * width,)
        self.weights = {name: torch.tensor(rng.standard_normal(shape) * 0.3) for name, shape in shapes.items()}
        self.weights = {name: value.float() for name, value in self.weights.items()}

    def dense(self, x, name):
        return x @ self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def norm(self, x, name):
        shape = x.shape[-1:]
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return torch.nn.functional.layer_norm(x, shape, weight, bias, 1e-5)

    def forward(self, tokens):
        n, t = tokens.shape
        x = self.weights["wte.weight"][tokens] + self.weights["wpe.weight"][:t]
        future = torch.triu(torch.ones(t, t, dtype=torch.bool), 1)
        for i in range(self.layers):
            parts = self.dense(self.norm(x, f"h.{i}.ln_1"), f"h.{i}.attn.c_attn").chunk(3, dim=-1)
            q, k, v = (part.view(n, t, self.heads, -1).transpose(1, 2) for part in parts)
            scores = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).masked_fill(future, -torch.inf)
            o = (scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(x.shape)
            x = x + self.dense(o, f"h.{i}.attn.c_proj")
            u = self.dense(self.norm(x, f"h.{i}.ln_2"), f"h.{i}.mlp.c_fc")
            u = 0.5 * u * (1 + torch.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * u**3)))
            x = x + self.dense(u, f"h.{i}.mlp.c_proj")
        return self.norm(x, "ln_f") @ self.weights["wte.weight"].T


@pytest.fixture
def gpt2():
    return GPT2(layers=3, heads=4, width=32, context=20, vocab_size=50, rng=np.random.default_rng(5))


def saved(gpt2, folder, prefix="", **others):
    arrays = {f"{prefix}{name}": value.numpy().copy() for name, value in gpt2.weights.items()} | others
    save_file({name: array for name, array in arrays.items() if array is not None}, folder / "model.safetensors")
    return folder / "model.safetensors"


@pytest.mark.parametrize("prefix", ["", "transformer."])
def test_logits_with_weights_of_gpt2_are_those_of_pytorch(gpt2, tmp_path, prefix):
    masks = {f"{prefix}h.{i}.attn.bias": np.ones((1, 1, 20, 20), np.float32) for i in range(3)}
    head = gpt2.weights["wte.weight"].numpy().copy()
    network = read_gpt2(saved(gpt2, tmp_path, prefix, **masks, **{"lm_head.weight": head}), heads=4)
    tokens = np.random.default_rng(6).integers(50, size=(2, 20))
    needed = gpt2(torch.tensor(tokens)).numpy()
    error = abs(network.predict(tokens) - needed).max() / abs(needed).max()
    print(f"\nGPT-2 with prefix {prefix!r}: worst relative error of {needed.size} logits {error:.1e}")
    assert error < 1e-4
    assert abs(needed).max() > 1


def test_weights_come_back_as_they_went_in(gpt2, tmp_path):
    network = read_gpt2(saved(gpt2, tmp_path), heads=4)
    state = gpt2_state(network)
    assert state.keys() == gpt2.weights.keys()
    for name, array in state.items():
        np.testing.assert_array_equal(array, gpt2.weights[name].numpy())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"wte.weight": None}, r"weights of GPT-2 have no wte\.weight; they need all names"),
        ({"wte.weight": np.zeros(3, np.float32)}, r"wte\.weight of shape \(3,\); it needs to be a matrix"),
        ({"ln_f.bias": None}, r"got no value for ln_f\.bias; it needs all of its 40 arrays"),
        ({"h.1.attn.c_attn.weight": np.zeros((96, 32), np.float32)}, r"c_attn\.weight of shape \(96, 32\); .*\(32, 96"),
        ({"lm_head.weight": np.zeros((50, 32), np.float32)}, r"a lm_head\.weight of its own; .* equal to wte\.weight"),
        ({"h.1.attn.c_attn.gain": np.zeros(3, np.float32)}, r"got h\.1\.attn\.c_attn\.gain, which it does not have"),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_one_sentence(gpt2, tmp_path, changes, words):
    path = saved(gpt2, tmp_path, **changes)
    with pytest.raises(ValueError, match=words) as caught:
        read_gpt2(path, heads=4)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_no_safetensors_is_named(tmp_path):
    (tmp_path / "text").write_text("no weights")
    for name in ("none", "text"):
        with pytest.raises(ValueError, match=rf"{name} can't be read .*; it needs to be a safetensors file"):
            read_gpt2(tmp_path / name)


def test_a_network_of_another_kind_takes_no_weights_of_gpt2(gpt2):
    task = Task(kind="language-modelling", input="tokens", shape=(20,), outputs=50, vocab_size=50)
    network = create("transformer", task=task, norm="after")
    with pytest.raises(ValueError, match=r"it needs to be a language model with tied weights"):
        load_gpt2_state(network, {name: value.numpy() for name, value in gpt2.weights.items()})
