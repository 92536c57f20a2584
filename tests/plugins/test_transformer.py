import numpy as np
import pytest

from neuralzoo.core.blocks.init import normal
from neuralzoo.core.layer import Context
from neuralzoo.core.testing import checks_for_architecture, checks_for_layer
from neuralzoo.plugins.transformer.config import TransformerConfig
from neuralzoo.plugins.transformer.figures import attention_weights
from neuralzoo.plugins.transformer.layers.attention import AttentionConfig, Cache, CrossAttention, SelfAttention
from neuralzoo.plugins.transformer.layers.block import Block, BlockConfig
from neuralzoo.plugins.transformer.layers.dot_product import (
    AttentionMask,
    attend,
    excluded_pairs,
    scaled_dot_product_attention,
)
from neuralzoo.plugins.transformer.layers.embedding import ClassToken, Patches, Positions, sinusoidal_positions
from neuralzoo.plugins.transformer.seq2seq import EncoderDecoder, VocabSizes
from neuralzoo.registry import SettingError, Task, create, get

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 5, 8))
SMALL = RNG.normal(size=(3, 5, 4))
LENGTHS = np.array([5, 2, 4])

NUMBERS = {"input": "sequence", "shape": (5, 3), "outputs": 2}
TOKENS = {"input": "tokens", "shape": (6,), "vocab_size": 7}
TEXT = Task(kind="language-modelling", outputs=7, **TOKENS)
IMAGES = Task(kind="classification", input="image", shape=(8, 8, 1), outputs=3)

TASKS = {
    "classes of sequences": (get("transformer").example, {}),
    "multilabel sequences, last readout": (
        Task(kind="classification", target="multilabel", variable_length=True, **NUMBERS),
        {"readout": "last", "causal": True},
    ),
    "classes of texts, class token": (
        Task(kind="classification", outputs=3, variable_length=True, **TOKENS),
        {"readout": "class", "positions": "sinusoidal"},
    ),
    "continuous targets, norms after": (Task(kind="regression", variable_length=True, **NUMBERS), {"norm": "after"}),
    "multilabel steps, tiled attention": (
        Task(kind="sequence-labelling", target="multilabel", variable_length=True, **NUMBERS),
        {"attention_block_size": 2, "dropout": 0.1},
    ),
    "a label for each token": (
        Task(kind="sequence-labelling", outputs=3, variable_length=True, **TOKENS),
        {"bias": False},
    ),
    "the next token": (TEXT, {"dropout": 0.1, "activation": "exact_gelu"}),
    "the next token of texts": (
        Task(kind="language-modelling", outputs=7, variable_length=True, **TOKENS),
        {"tie": False},
    ),
    "labels predicted by a decoder": (
        Task(kind="sequence-labelling", outputs=3, variable_length=True, **TOKENS),
        {"decoder": True, "dropout": 0.1},
    ),
    "labels predicted by a decoder, norms after": (
        Task(kind="sequence-labelling", outputs=3, **TOKENS),
        {"decoder": True, "norm": "after"},
    ),
    "images": (IMAGES, {"activation": "relu"}),
}
DECLARATIONS = {"name_is_valid", "citation_has_a_year_and_a_url", "example_is_a_declared_task"}
CHECKS = {
    f"{what}-{check}": check
    for what, (task, settings) in TASKS.items()
    for check in checks_for_architecture(get("transformer"), task, settings={"width": 32} | settings)
    if (str(check) not in DECLARATIONS or what == "classes of sequences")
    and (task.variable_length or str(check) != "padding_does_not_matter")
}


@pytest.mark.parametrize("name", CHECKS)
def test_the_transformer_conforms(name):
    CHECKS[name]()


def attention(causal=False, block_size=128, dropout=0.0, width=8, heads=2):
    return SelfAttention(AttentionConfig(width, heads, causal, dropout, block_size), np.random.default_rng(1))


SMALL_CONFIG = TransformerConfig(width=4, heads=2, layers=2, decoder=True, hidden=5, init=0.3)
LAYERS = {
    "attention": (lambda rng: SelfAttention(AttentionConfig(4, 2), rng), (SMALL, LENGTHS)),
    "causal attention": (lambda rng: SelfAttention(AttentionConfig(4, 2, True), rng), (SMALL, LENGTHS)),
    "tiled attention": (lambda rng: SelfAttention(AttentionConfig(4, 2, False, 0.3, 2), rng), (SMALL, LENGTHS)),
    "causal tiled attention": (lambda rng: SelfAttention(AttentionConfig(4, 2, True, 0.3, 2), rng), (SMALL, LENGTHS)),
    "a block": (
        lambda rng: Block(BlockConfig(AttentionConfig(4, 2, True, 0.1), 8, dropout=0.1), rng),
        (SMALL, LENGTHS),
    ),
    "a block with norms after": (
        lambda rng: Block(BlockConfig(AttentionConfig(4, 2), 8, norm="after"), rng),
        (SMALL, LENGTHS),
    ),
    "an encoder and a decoder": (
        lambda rng: EncoderDecoder(SMALL_CONFIG, VocabSizes(7, 3, 6), rng),
        (RNG.integers(7, size=(3, 6)), np.array([6, 2, 4]), RNG.integers(4, size=(3, 5))),
    ),
    "patches": (lambda rng: Patches(2), RNG.normal(size=(3, 4, 6, 2))),
    "positions": (lambda rng: Positions(normal(0.1)((7, 8), rng), learned=True), X),
    "class token": (lambda rng: ClassToken(8, rng, init=normal(0.1)), X),
}
LAYER_CHECKS = {
    f"{name}-{check}": check
    for name, (make, x) in LAYERS.items()
    for check in checks_for_layer(make, x)
    if isinstance(x, tuple) or str(check) != "padding_does_not_matter"
}


@pytest.mark.parametrize("name", LAYER_CHECKS)
def test_layers_of_the_transformer_conform(name):
    LAYER_CHECKS[name]()


def test_self_attention_is_the_reference_attention_of_each_head():
    layer = attention(heads=2).astype(np.float64)
    for parameter in layer.named_parameters().values():
        parameter.value[...] = RNG.normal(size=parameter.value.shape)
    qkv = X @ layer.project.weight.value + layer.project.bias.value
    needed = np.zeros_like(X)
    for head in range(2):
        q, k, v = (qkv[:, :, 8 * part + 4 * head : 8 * part + 4 * head + 4] for part in range(3))
        needed[:, :, 4 * head : 4 * head + 4], _ = scaled_dot_product_attention(q, k, v)
    needed = needed @ layer.output.weight.value + layer.output.bias.value
    np.testing.assert_allclose(layer.predict(X), needed, atol=1e-12)


def test_reference_attention_is_a_weighted_mean_of_the_values():
    """Two equal keys share the weight; a key that is excluded has none."""
    q, k = np.ones((1, 3)), np.zeros((3, 3))
    v = np.array([[1.0], [2.0], [7.0]])
    o, p = scaled_dot_product_attention(q, k, v, np.array([[False, False, True]]))
    np.testing.assert_allclose(p, [[0.5, 0.5, 0]])
    np.testing.assert_allclose(o, [[1.5]])
    s = np.array([[1.0, 2.0, 3.0]]) / np.sqrt(3)
    _, p = scaled_dot_product_attention(np.array([[1.0, 0, 0]]), np.diag([1.0, 1, 1]) + np.array([[0], [2], [3]]), v)
    np.testing.assert_allclose(p, np.exp(s) / np.exp(s).sum())


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("queries", [5, 2])
@pytest.mark.parametrize("block_size", [128, 2])
def test_full_and_tiled_attention_agree_with_the_reference(causal, lengths, queries, block_size):
    q, k, v = RNG.normal(size=(3, 2, queries, 4)), RNG.normal(size=(3, 2, 5, 4)), RNG.normal(size=(3, 2, 5, 4))
    if lengths is not None and causal and queries < 5:
        lengths = np.maximum(lengths, 4)  # else a query has no key that is not padding
    excluded = excluded_pairs(queries, 5, causal=causal, lengths=lengths)
    needed, p = scaled_dot_product_attention(q, k, v, excluded)
    assert not p[np.broadcast_to(excluded, p.shape)].any()
    o = np.empty_like(q)
    attend(q, k, v, o, AttentionMask(causal, lengths, block_size=block_size), Context())
    np.testing.assert_allclose(o, needed, atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("causal", [False, True])
def test_tiled_attention_and_its_gradient_agree_with_full_attention(causal, size):
    x, dy = RNG.normal(size=(2, 3, 17, 8))
    lengths = np.array([17, 1, 9])
    found = []
    for block_size in (128, size):
        layer = attention(causal, block_size).astype(np.float64)
        y, pull = layer((x, lengths), Context(training=True))
        found += [y, pull(dy)]
    np.testing.assert_allclose(found[2], found[0], atol=1e-12)
    np.testing.assert_allclose(found[3], found[1], atol=1e-12)


def test_large_scores_do_not_overflow_in_full_and_in_tiles():
    x = 100 * RNG.normal(size=(1, 12, 8)).astype(np.float32)
    whole, blocks = (attention(True, size).predict(x) for size in (128, 4))
    assert np.isfinite(whole).all()
    np.testing.assert_allclose(blocks, whole, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [128, 3])
def test_a_causal_output_does_not_depend_on_later_tokens(size):
    network = create("transformer", task=Task(**dict(TEXT) | {"shape": (12,)}), attention_block_size=size, layers=3)
    x = RNG.integers(7, size=(4, 12))
    y = network.predict(x)
    for place in range(12):
        other = x.copy()
        other[:, place] = (x[:, place] + 1) % 7
        changed = network.predict(other)
        np.testing.assert_array_equal(changed[:, :place], y[:, :place])
        assert (changed[:, place] != y[:, place]).all()


@pytest.mark.parametrize("size", [128, 2])
@pytest.mark.parametrize("readout", ["mean", "last", "class"])
def test_outputs_do_not_depend_on_padding(readout, size):
    task = Task(kind="classification", variable_length=True, **NUMBERS)
    network = create("transformer", task=task, attention_block_size=size, readout=readout, init=0.3)
    x, lengths = RNG.normal(size=(3, 5, 3)).astype(np.float32), np.array([2, 5, 3])
    y = network.predict((x, lengths))
    for n, length in enumerate(lengths):
        alone = network.predict(x[n : n + 1, :length])  # nothing is padding here, so all of it is seen
        np.testing.assert_allclose(alone[0], y[n], atol=1e-5)
    x[0, 2:] = 1e3
    np.testing.assert_array_equal(network.predict((x, lengths)), y)


def test_without_positions_attention_does_not_know_the_order():
    network = create("transformer", task=Task(kind="classification", **NUMBERS))
    x = RNG.normal(size=(2, 5, 3)).astype(np.float32)
    assert not np.allclose(network.predict(x[:, ::-1]), network.predict(x), atol=1e-4)
    network.positions.weight.value[...] = 0
    np.testing.assert_allclose(network.predict(x[:, ::-1]), network.predict(x), atol=1e-6)


def test_dropout_of_attention_weights_keeps_the_mean():
    layer = attention(dropout=0.3).astype(np.float64)
    rng = np.random.default_rng(2)
    mean = np.mean([layer(X, Context(training=True, rng=rng))[0] for _ in range(1000)], axis=0)
    np.testing.assert_allclose(mean, layer.predict(X), atol=0.15)


def test_attention_weights_add_up_to_one_and_are_zero_where_the_causal_mask_excludes():
    network = create("transformer", task=TEXT, layers=3)
    p = attention_weights(network, RNG.integers(7, size=(2, 6)))
    assert p.shape == (3, 2, 4, 6, 6)
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=1e-6)
    assert not np.triu(p, 1).any()


def test_attention_with_a_key_value_cache_agrees_with_attention_over_the_whole_sequence():
    layer = attention(causal=True).astype(np.float64)
    y = layer.predict(X)
    cache = Cache(5)
    parts = [layer.run(X[:, part], Context(), cache=cache)[0] for part in (slice(0, 2), slice(2, 3), slice(3, 5))]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), y, atol=1e-12)
    with pytest.raises(ValueError, match=r"a cache got position 6 of its context of 5; it needs to begin anew"):
        layer.run(X[:, :1], Context(), cache=cache)


def test_cross_attention_to_itself_is_self_attention():
    own = attention().astype(np.float64)
    cross = CrossAttention(own.config, RNG).astype(np.float64)
    cross.query.weight.value[...], cross.key_value.weight.value[...] = np.split(own.project.weight.value, [8], axis=1)
    cross.output.weight.value[...] = own.output.weight.value
    y, pull = own((X, LENGTHS), Context(training=True))
    y_cross, pull_cross = cross.run(X, X, Context(training=True), LENGTHS)
    np.testing.assert_allclose(y_cross, y, atol=1e-12)
    np.testing.assert_allclose(sum(pull_cross(X)), pull(X), atol=1e-12)


def test_tied_weights_are_one_parameter():
    tied, untied = (create("transformer", task=TEXT, tie=tie) for tie in (True, False))
    assert untied.num_parameters - tied.num_parameters == 64 * 7 + 7
    assert not any(name.startswith("head") for name in tied.named_parameters())


def test_sizes_are_those_of_the_recipe():
    """GPT-2's count without biases: 12 D² + 2 D a block, an embedding of tokens and one of positions, a last norm."""
    task = Task(kind="language-modelling", input="tokens", shape=(64,), outputs=65, vocab_size=65)
    network = create("transformer", task=task, layers=4, width=128, bias=False)
    assert network.num_parameters == 4 * (12 * 128**2 + 2 * 128) + (65 + 64 + 1) * 128


def test_patches_are_squares_from_left_to_right_and_top_to_bottom():
    image = np.arange(16.0).reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(
        Patches(2).predict(image)[0], [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    )


def test_sinusoidal_positions_are_the_sines_and_cosines_of_the_paper():
    p = sinusoidal_positions(50, 7)
    assert p.shape == (50, 7)
    np.testing.assert_allclose(p[:, 0], np.sin(np.arange(50)), atol=1e-6)
    np.testing.assert_allclose(p[:, 3], np.cos(np.arange(50) / 10_000 ** (2 / 7)), atol=1e-5)


def test_scale_width_keeps_a_width_that_the_heads_divide():
    architecture = get("transformer")
    config = architecture.configure({"width": 64, "heads": 4})
    assert architecture.scale_width(config, 0.4).width == 24
    assert architecture.scale_width(config, 0.001).width == 4


@pytest.mark.parametrize(
    ("task", "settings", "x", "words"),
    [
        (TEXT, {"heads": 3}, None, r"attention got 3 heads for a width of 64; it needs a divisor of it"),
        (TEXT, {}, np.zeros((1, 7), int), r"a transformer got 7 positions; its context is 6 at most"),
        (TEXT, {}, np.full((1, 3), 7), r"Embedding got token 7; it needs tokens from 0 to 6"),
        (TEXT, {}, np.full((1, 3), -1), r"Embedding got token -1; it needs tokens from 0 to 6"),
        (TEXT, {}, np.zeros((1, 3)), r"Transformer got tokens of dtype float64; it needs integers"),
        (TEXT, {}, np.zeros(3, int), r"a transformer got x of shape \(3,\); it needs tokens \(N, T\), T at least 1"),
        (TEXT, {"context": 5}, None, r"context got 5; the data have sequences of 6, it needs as many or more"),
        (IMAGES, {"patch": 3}, None, r"Patches of 3 x 3 got images of shape \(8, 8, 1\); they need .* that they tile"),
        (IMAGES, {}, np.zeros((1, 8, 6, 1)), r"Patches of 4 x 4 got images of shape \(8, 6, 1\); they need"),
        (IMAGES, {}, np.zeros((8, 8)), r"a transformer got x of shape \(8, 8\); it needs images \(N, H, W, C\)"),
        (IMAGES, {}, np.full((1, 8, 8, 1), np.nan), r"a transformer got x with NaN"),
        (IMAGES, {"decoder": True}, None, r"decoder got True for classification of image; it needs sequence-labelling"),
        (IMAGES, {"readout": "class", "causal": True}, None, r"readout='class' with causal=True"),
        (get("transformer").example, {}, np.zeros((1, 5, 2)), r"got x of shape \(1, 5, 2\); it needs \(N, T, 3\)"),
    ],
)
def test_misfits_raise_an_error_of_one_sentence(task, settings, x, words):
    with pytest.raises(ValueError, match=words) as caught:
        create("transformer", task=task, **settings).predict(x)
    assert "\n" not in str(caught.value)


def test_a_misspelt_setting_suggests_the_right_one():
    with pytest.raises(SettingError, match=r"head.*did you mean heads"):
        create("transformer", head=4)
