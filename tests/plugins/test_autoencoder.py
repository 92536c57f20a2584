import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.core.testing import checks_for_architecture, checks_for_layer
from neuralzoo.core.trainer import Trainer
from neuralzoo.plugins.autoencoder.layers import GaussianNoise, MaskingNoise, TiedDense
from neuralzoo.registry import SettingError, Task, create, get

RNG = np.random.default_rng(0)
VARIANTS = {
    "default": {},
    "variational": {"variational": True, "code": 4},
    "tied": {"tied": True, "hidden": (20,)},
    "denoising": {"noise": 0.3, "loss": "squared_error", "output": "identity"},
    "masking": {"noise": 0.3, "noise_kind": "masking", "sparsity": 0.01},
    "sparse": {"sparsity": 0.1, "sparsity_kind": "kl", "code_activation": "sigmoid", "sparsity_target": 0.3},
}
TASKS = {
    "tabular": (Task(kind="reconstruction", input="tabular", shape=(6,), outputs=6), {"code": 5}),
    "sequence": (Task(kind="reconstruction", input="sequence", shape=(5, 3), outputs=15), {"code": 12}),
    "generation": (
        Task(kind="generation", input="image", shape=(4, 4, 3), outputs=48),
        {"code": 8, "variational": True},
    ),
}


def cases():
    for name, settings in VARIANTS.items():
        for check in checks_for_architecture(get("autoencoder"), settings=settings):
            yield pytest.param(check, id=f"{name}-{check}")
    for name, (task, settings) in TASKS.items():
        for check in checks_for_architecture(get("autoencoder"), task, settings=settings):
            yield pytest.param(check, id=f"{name}-{check}")


@pytest.mark.parametrize("check", list(cases()))
def test_autoencoder_conforms(check):
    check()


LAYERS = {
    "gaussian": (lambda rng: GaussianNoise(0.5), {}),
    "masking": (lambda rng: MaskingNoise(0.5), {}),
    "plain": (lambda rng: create("autoencoder", inputs=(5,), outputs=5, code=3, hidden=(4,), activation="tanh"), {}),
}


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{name}-{check}")
        for name, (make, skipped) in LAYERS.items()
        for check in checks_for_layer(make, RNG.normal(size=(4, 5)), not_applicable=skipped)
    ],
)
def test_its_layers_conform(check):
    check()


def rows(*shape):
    return RNG.normal(size=shape)


def small(task="reconstruction", kind="tabular", shape=(6,), **settings):
    """Return a small network with random parameters in float64, and its learner."""
    architecture = get("autoencoder")
    task = Task(kind=task, input=kind, shape=shape, outputs=int(np.prod(shape)))
    config = architecture.configure({"hidden": (7,), "code": 3, "activation": "tanh"} | settings)
    network = architecture.build(config, task, np.random.default_rng(1)).astype(np.float64)
    for parameter in network.named_parameters().values():
        parameter.value += 0.1 * RNG.normal(size=parameter.value.shape)
    return network, architecture.learner(network, config, task, lambda module: Adam(module, 0.01))


def principal_angles(a, b):
    """Return the principal angles in degrees between the column spaces of two matrices."""
    cosines = np.linalg.svd(np.linalg.qr(a)[0].T @ np.linalg.qr(b)[0])[1]
    return np.degrees(np.arccos(np.clip(cosines, -1, 1)))


@pytest.mark.parametrize("tied", [False, True])
def test_a_linear_autoencoder_spans_the_subspace_of_the_first_principal_components(tied):
    x = rows(200, 6) * [5, 4, 3, 1, 0.5, 0.2] @ np.linalg.qr(rows(6, 6))[0] + rows(6)
    network, learner = small(hidden=(), tied=tied, output="identity")
    learner.optimizers["main"].schedule = lambda step: 0.05 * 0.997**step
    Trainer(learner, epochs=2500).run(ArrayBatches((x, x), len(x)))
    components = np.linalg.svd(x - x.mean(axis=0))[2][:3]
    last = network.decoder.layers[0].weight.value
    spanned = last if tied else last.T  # (6, 3)
    assert principal_angles(spanned, components.T).max() < 0.1
    centred = x - x.mean(axis=0)
    best = np.square(centred - centred @ components.T @ components).sum(axis=1).mean()
    assert learner.evaluate((x, x))["sse_per_example"] == pytest.approx(best, rel=5e-3)


def test_the_gradients_of_tied_weights_are_the_sum_of_both_uses():
    tied, _ = small(tied=True)
    free, _ = small(tied=False)
    x, dy = rows(5, 6), rows(5, 6)
    encoder = [tied.encoder.layers[1], tied.mean]
    for own, theirs in zip(encoder, [free.encoder.layers[1], free.mean], strict=True):
        theirs.weight.value[...], theirs.bias.value[...] = own.weight.value, own.bias.value
    mirrors = [layer for layer in tied.decoder.layers if isinstance(layer, TiedDense)]
    copies = [layer for layer in free.decoder.layers if hasattr(layer, "weight")]
    for own, theirs in zip(mirrors, copies, strict=True):
        theirs.weight.value[...], theirs.bias.value[...] = own.weight.value.T, own.bias.value
    found = {}
    for name, network in (("tied", tied), ("free", free)):
        found[name] = Gradients(network)
        y, pull = network(x, Context(training=True, grads=found[name]))
        found[name + " y"], _ = y, pull(dy)
    np.testing.assert_allclose(found["tied y"], found["free y"], atol=1e-12)
    free_encoder = [free.encoder.layers[1], free.mean]
    for own, before, after in zip(encoder, free_encoder, reversed(copies), strict=True):
        both = found["free"][before.weight] + found["free"][after.weight].T
        np.testing.assert_allclose(found["tied"][own.weight], both, atol=1e-12)
    assert tied.num_parameters == free.num_parameters - sum(layer.weight.value.size for layer in copies)


@pytest.mark.parametrize("kind", ["gaussian", "masking"])
def test_noise_is_added_in_training_only_and_the_target_is_clean(kind):
    clean, _ = small()
    noisy, learner = small(noise=0.5, noise_kind=kind)
    noisy.load_state(clean.state())
    x = rows(4, 6)
    np.testing.assert_array_equal(noisy.predict(x), clean.predict(x))
    np.testing.assert_array_equal(noisy.encode(x), clean.encode(x))
    one, two = (noisy(x, Context(training=True, rng=np.random.default_rng(seed)))[0] for seed in (0, 1))
    assert not np.array_equal(one, two)
    drawn = noisy(x, Context(training=True, rng=np.random.default_rng(3)))[0]
    metrics = learner.learn((x, x), Context(training=True, rng=np.random.default_rng(3)))
    assert metrics["sse_per_example"] == pytest.approx(np.square(drawn - x).sum(axis=1).mean())


def test_noise_has_the_configured_standard_deviation_or_fraction():
    x = np.ones((300, 300))
    ctx = Context(training=True, rng=np.random.default_rng(0))
    added = GaussianNoise(0.5)(x, ctx)[0] - x
    assert added.mean() == pytest.approx(0, abs=0.01)
    assert added.std() == pytest.approx(0.5, abs=0.01)
    left = MaskingNoise(0.3)(x, ctx)[0]
    assert set(np.unique(left)) == {0.0, 1.0}
    assert left.mean() == pytest.approx(0.7, abs=0.01)


def test_squared_error_and_cross_entropy_agree_with_values_computed_by_hand():
    x = RNG.random((4, 2, 3, 1))
    for loss in ("squared_error", "cross_entropy"):
        network, learner = small(kind="image", shape=(2, 3, 1), loss=loss)
        y = network.predict(x)
        by_hand = {
            "squared_error": np.square(y - x).sum() / 4,
            "cross_entropy": -(x * np.log(y) + (1 - x) * np.log(1 - y)).sum() / 4,
        }
        metrics = learner.evaluate((x, x))
        assert metrics["loss"] == pytest.approx(by_hand[loss])
        assert metrics["sse_per_example"] == pytest.approx(by_hand["squared_error"])
        ratios = [10 * np.log10(1 / np.square(a - b).mean()) for a, b in zip(y, x, strict=True)]
        assert metrics["psnr"] == pytest.approx(np.mean(ratios))


def test_the_psnr_of_a_perfect_reconstruction_is_100_db():
    from neuralzoo.plugins.autoencoder.metrics import psnr

    x = RNG.random((2, 3, 3, 1))
    np.testing.assert_allclose(psnr(x, x), 100)
    np.testing.assert_allclose(psnr(x + 0.1, x), 20)


def test_the_labels_are_not_used_in_generation():
    _, learner = small(task="generation", kind="image", shape=(2, 3, 1))
    x = RNG.random((4, 2, 3, 1))
    assert learner.evaluate((x, np.arange(4))) == learner.evaluate((x, np.zeros(4, int)))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"code": 37}, ("code of 37", "36")),
        ({"code": 0}, ("code", "0", "greater than or equal to 1")),
        ({"noise": 1.5, "noise_kind": "masking"}, ("noise", "1.5", "below 1")),
        ({"loss": "cross_entropy", "output": "identity"}, ("cross_entropy", "sigmoid")),
        ({"sparsity": 0.1, "sparsity_kind": "kl"}, ("kl", "sigmoid")),
        ({"variational": True, "sparsity": 0.1}, ("variational", "0.1", "normal")),
        ({"hiden": (3,)}, ("hiden", "did you mean hidden")),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_needs(settings, words):
    with pytest.raises(SettingError) as caught:
        create("autoencoder", **settings)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("settings", [{"noise": 0.5}, {"sparsity": 0.1}, {"variational": True}])
def test_a_code_larger_than_the_example_is_allowed_with_regularisation(settings):
    assert create("autoencoder", code=50, **settings).encode(np.zeros((2, 6, 6, 1), np.float32)).shape == (2, 50)


def test_cross_entropy_with_an_identity_output_is_refused():
    with pytest.raises(ValueError, match=r"cross_entropy.*identity.*needs output='sigmoid'"):
        small(loss="cross_entropy")


def test_wrong_shapes_are_refused_in_one_sentence():
    network = create("autoencoder", code=5)
    with pytest.raises(ValueError, match=r"Autoencoder got x of shape \(2, 6, 5, 1\); it needs \('N', 6, 6, 1\)"):
        network.predict(np.zeros((2, 6, 5, 1), np.float32))
    with pytest.raises(ValueError, match=r"Autoencoder got codes of shape \(2, 4\); it needs \('N', 5\)"):
        network.decode(np.zeros((2, 4), np.float32))
    with pytest.raises(ValueError, match=r"sample with variational=False"):
        network.sample(2, np.random.default_rng(0))


def test_decoding_the_code_is_the_prediction():
    network = create("autoencoder", code=5)
    x = RNG.random((3, 6, 6, 1)).astype(np.float32)
    np.testing.assert_array_equal(network.decode(network.encode(x)), network.predict(x))


def test_scale_width_changes_the_widths_and_not_the_code():
    architecture = get("autoencoder")
    config = architecture.scale_width(architecture.configure({"hidden": (10, 4), "code": 3}), 0.5)
    assert (config.hidden, config.code) == ((5, 2), 3)
