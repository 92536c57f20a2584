import logging
import math

import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.optimizers import SGD, Adam
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.core.optimizer import DivergenceError
from neuralzoo.core.testing.differences import compare_with_differences
from neuralzoo.core.trainer import Trainer
from neuralzoo.plugins.gan import architecture
from neuralzoo.plugins.gan.layers import SpectralNorm
from neuralzoo.plugins.gan.learner import COLLAPSE_WINDOW, discriminator_loss, generator_loss
from neuralzoo.registry import Task

GAN = architecture()
RNG = np.random.default_rng(0)
PLANE = Task(kind="generation", input="tabular", shape=(2,), outputs=2)


def small(optimizer_factory=lambda module: SGD(module, 0.1), task=PLANE, **settings):
    """Return a small pair of networks in float64, and its learner."""
    config = GAN.configure({"latent": 3, "hidden": (7,)} | settings)
    networks = GAN.build(config, task, np.random.default_rng(1)).astype(np.float64)
    return networks, GAN.learner(networks, config, task, optimizer_factory)


def training(seed=0):
    return Context(training=True, rng=np.random.default_rng(seed))


def batch(n=6, *shape):
    x = RNG.normal(size=(n, *(shape or (2,))))
    return x, x


def ring(count, rng=RNG, std=0.02):
    labels = np.arange(count) % 8
    means = 2 * np.stack([np.cos(labels * math.pi / 4), np.sin(labels * math.pi / 4)], axis=1)
    return means + std * rng.normal(size=(count, 2)), labels


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"label_smoothing": 0.2},
        {"loss": "relativistic", "label_smoothing": 0.1},
        {"pack": 2, "minibatch_stddev": True},
        {"spectral_norm": True},
    ],
)
def test_the_gradients_of_both_losses_agree_with_finite_differences(settings):
    networks, _ = small(**settings)
    fake, real = RNG.normal(size=(6, 2)), RNG.normal(size=(6, 2))
    z = RNG.normal(size=(6, 3))
    options = settings.get("label_smoothing", 0.0), settings.get("loss") == "relativistic"

    def loss_of_discriminator():
        logits = [networks.discriminator(x, training())[0] for x in (real, fake)]
        return discriminator_loss(*logits, *options)[0]

    grads = Gradients(networks.discriminator)
    ctx = Context(training=True, grads=grads)
    passes = [networks.discriminator(x, ctx) for x in (real, fake)]
    _, *d = discriminator_loss(passes[0][0], passes[1][0], *options)
    for (_, pull), gradient in zip(passes, d, strict=True):
        pull(gradient)
    for name, parameter in networks.discriminator.trainable_parameters().items():
        compare_with_differences(name, grads[parameter], parameter.value, loss_of_discriminator)

    other = networks.discriminator.predict(real) if options[1] else None

    def loss_of_generator():
        fake, _ = networks.generator(z, training())
        return generator_loss(networks.discriminator(fake, training())[0], other)[0]

    grads = Gradients(networks.generator)
    fake, pull_generator = networks.generator(z, Context(training=True, grads=grads))
    logits, pull = networks.discriminator(fake, training())
    pull_generator(pull(generator_loss(logits, other)[1]))
    for name, parameter in networks.generator.trainable_parameters().items():
        compare_with_differences(name, grads[parameter], parameter.value, loss_of_generator)


def test_adversarial_steps_agree_with_pytorch():
    torch = pytest.importorskip("torch", reason="agreement with PyTorch needs the extra 'parity'")
    networks, learner = small(lambda module: Adam(module, 0.01, beta1=0.5), hidden=(7, 5), label_smoothing=0.1)

    def theirs(layers, slope):
        parts = []
        for layer in layers:
            if isinstance(layer, Dense):
                linear = torch.nn.Linear(*layer.weight.value.shape, dtype=torch.float64)
                linear.weight.data = torch.tensor(layer.weight.value.T.copy())
                linear.bias.data = torch.tensor(layer.bias.value.copy())
                parts += [linear, torch.nn.LeakyReLU(slope)]
        return torch.nn.Sequential(*parts[:-1])

    generator, discriminator = theirs(networks.generator.layers, 0.0), theirs(networks.discriminator.layers, 0.2)
    g_optimizer = torch.optim.Adam(generator.parameters(), 0.01, betas=(0.5, 0.999))
    d_optimizer = torch.optim.Adam(discriminator.parameters(), 0.01, betas=(0.5, 0.999))
    compare = torch.nn.functional.binary_cross_entropy_with_logits
    ours, rng = training(3), np.random.default_rng(3)
    for _ in range(3):
        x = RNG.normal(size=(6, 2))
        metrics = learner.learn((x, x), ours)
        real = discriminator(torch.tensor(x))
        fake = generator(torch.tensor(rng.standard_normal((6, 3), np.float32), dtype=torch.float64))
        false = discriminator(fake.detach())
        d_loss = compare(real, torch.full_like(real, 0.9)) + compare(false, torch.zeros_like(false))
        d_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()
        fake = generator(torch.tensor(rng.standard_normal((6, 3), np.float32), dtype=torch.float64))
        taken = discriminator(fake)
        g_loss = compare(taken, torch.ones_like(taken))
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
        assert metrics["discriminator_loss"] == pytest.approx(d_loss.item(), abs=1e-9)
        assert metrics["generator_loss"] == pytest.approx(g_loss.item(), abs=1e-9)
    for ours_part, theirs_part in ((networks.generator, generator), (networks.discriminator, discriminator)):
        dense = [layer for layer in ours_part.layers if isinstance(layer, Dense)]
        linear = [layer for layer in theirs_part if isinstance(layer, torch.nn.Linear)]
        for a, b in zip(dense, linear, strict=True):
            np.testing.assert_allclose(a.weight.value, b.weight.detach().numpy().T, atol=1e-7)
            np.testing.assert_allclose(a.bias.value, b.bias.detach().numpy(), atol=1e-7)


def test_each_step_changes_its_own_network_only():
    networks, learner = small()
    x, _ = batch()
    before = networks.state()
    learner._discriminator_step(x, training())
    after = networks.state()
    changed = {name.partition(".")[0] for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {"discriminator"}
    learner._generator_step(x, training())
    last = networks.state()
    changed = {name.partition(".")[0] for name in before if not np.array_equal(after[name], last[name])}
    assert changed == {"generator"}


def test_the_discriminator_has_its_own_steps_and_learning_rate_on_a_common_schedule():
    rates = {"generator": [], "discriminator": []}

    class Noted(SGD):
        def update(self, gradient, lr):
            rates[self.name].append(lr)
            super().update(gradient, lr)

    _, learner = small(
        lambda module: Noted(module, lambda step: 1 / (step + 1)), discriminator_steps=2, discriminator_lr_ratio=3.0
    )
    for name, optimizer in learner.optimizers.items():
        optimizer.name = name
    ctx = training()
    for _ in range(3):
        learner.learn(batch(), ctx)
    assert rates["generator"] == pytest.approx([1, 1 / 2, 1 / 3])
    assert rates["discriminator"] == pytest.approx([3, 3, 3 / 2, 3 / 2, 1, 1])


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.3])
def test_label_smoothing_scales_the_optimal_discriminator_probability(smoothing):
    # At one point real examples have density p, fake ones density q: one logit for both.
    p, q = 0.8, 0.3
    logit = np.zeros((1, 1))
    for _ in range(2000):
        _, dreal, dfake = discriminator_loss(logit, logit, smoothing)
        logit -= p * dreal + q * dfake
    assert 1 / (1 + math.exp(-logit[0, 0])) == pytest.approx((1 - smoothing) * p / (p + q), abs=1e-6)


def test_the_non_saturating_loss_has_a_gradient_where_the_minimax_loss_has_none():
    logits = np.full((1, 1), -20.0)
    assert generator_loss(logits)[1][0, 0] == pytest.approx(-1)
    saturating = -1 / (1 + math.exp(20))  # of mean log(1 - D), the minimax loss
    assert abs(saturating) < 1e-8


def test_spectral_norms_follow_the_weights_through_training_and_checkpoints():
    networks, learner = small(lambda module: Adam(module, 1e-3), spectral_norm=True, hidden=(9,))
    ctx = training()
    for _ in range(200):
        learner.learn(batch(), ctx)
    layers = [m for _, m in networks.discriminator.named_modules() if isinstance(m, SpectralNorm)]
    for layer in layers:
        assert layer.norm == pytest.approx(np.linalg.svd(layer.layer.weight.value)[1][0], rel=0.01)
    fresh, other = small(lambda module: Adam(module, 1e-3), spectral_norm=True, hidden=(9,))
    other.load_state(learner.state())
    assert [m.norm for _, m in fresh.discriminator.named_modules() if isinstance(m, SpectralNorm)] == [
        layer.norm for layer in layers
    ]


def test_the_moving_average_of_the_weights_is_the_formula_and_samples():
    networks, learner = small(ema_decay=0.6)
    mean = networks.generator.state()
    ctx = training()
    for step in range(1, 25):
        learner.learn(batch(), ctx)
        keep = min(0.6, (1 + step) / (10 + step))
        for name, value in networks.generator.state().items():
            mean[name] = keep * mean[name] + (1 - keep) * value
        for name, value in networks.ema_generator.state().items():
            np.testing.assert_allclose(value, mean[name], atol=1e-12)
    z = RNG.normal(size=(4, 3))
    own = networks.generate(z)
    fake = networks.ema_generator.predict(z) * networks.scale.value + networks.location.value
    np.testing.assert_array_equal(own, fake)
    assert np.abs(own - networks.generator.predict(z)).max() > 1e-3
    assert not networks.ema_generator.trainable_parameters()


def test_instance_noise_decays_linearly():
    _, learner = small(instance_noise=0.8, instance_noise_steps=10)
    x = np.zeros((4000, 2))
    for step, std in ((0, 0.8), (5, 0.4), (10, 0.0), (20, 0.0)):
        learner.optimizers["generator"].steps = step
        assert learner._noisy(x, training()).std() == pytest.approx(std, rel=0.05)


def test_samples_have_the_units_of_the_data():
    networks, learner = small()
    x = RNG.normal(size=(500, 2)) * [3, 0.1] + [10, -5]
    learner.prepare(ArrayBatches((x, x), 100), training())
    np.testing.assert_allclose(networks.standardised(x).mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(networks.standardised(x).std(axis=0), 1, atol=1e-6)
    z = RNG.normal(size=(4, 3))
    np.testing.assert_allclose(networks.standardised(networks.generate(z)), networks.generator.predict(z), atol=1e-6)


def test_generated_pixels_are_between_0_and_1():
    image = Task(kind="generation", input="image", shape=(3, 3, 1), outputs=9)
    networks, learner = small(task=image)
    learner.prepare(ArrayBatches(batch(6, 3, 3, 1), 3), training())
    fake = networks.generate(100 * RNG.normal(size=(50, 3)))
    assert fake.min() == pytest.approx(0, abs=1e-3)
    assert fake.max() == pytest.approx(1, abs=1e-3)
    assert fake.min() >= 0
    assert fake.max() <= 1


def test_divergence_is_reported_with_the_network_and_the_step():
    _, learner = small(lambda module: SGD(module, 1e200))
    batches = ArrayBatches(batch(), 3)
    with pytest.raises(DivergenceError, match=r"(generator|discriminator).* step [0-9]+ .*finite"):
        Trainer(learner, epochs=20).run(batches)


def test_mode_collapse_is_warned_about_once_with_the_step(caplog):
    networks, learner = small(lambda module: SGD(module, 1e-9))
    networks.generator.layers[-2].weight.value *= 1e-3
    ctx = training()
    with caplog.at_level(logging.WARNING):
        for _ in range(3 * COLLAPSE_WINDOW):
            learner.learn(batch(), ctx)
    assert [f"step {COLLAPSE_WINDOW} " in record.getMessage() for record in caplog.records] == [True]
    assert "collapsed" in caplog.records[0].getMessage()


def test_a_diverse_generator_causes_no_warning(caplog):
    _, learner = small(lambda module: SGD(module, 1e-9))
    ctx = training()
    with caplog.at_level(logging.WARNING):
        for _ in range(2 * COLLAPSE_WINDOW):
            learner.learn(batch(), ctx)
    assert not caplog.records


def test_a_whole_dataset_is_evaluated_at_once():
    _, learner = small()
    x, labels = ring(600)
    together = learner.evaluate((x, labels))
    by_batch = learner.evaluate_all(ArrayBatches((x, labels), 100).epoch(np.random.default_rng(0)))
    assert together == pytest.approx(by_batch)
    assert {"modes_covered", "high_quality_fraction", "loss", "std_ratio", "coverage"} == set(together)


def test_the_modes_of_a_small_ring_are_covered_in_seconds():
    rng = np.random.default_rng(5)
    angle = np.arange(600) % 3 * (2 * math.pi / 3)
    x = (np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.1 * rng.normal(size=(600, 2))).astype(np.float32)
    labels = np.arange(600) % 3
    config = GAN.configure({"latent": 4, "hidden": (32, 32), "pack": 2, "ema_decay": 0.95})
    networks = GAN.build(config, PLANE, rng)
    learner = GAN.learner(networks, config, PLANE, lambda module: Adam(module, 3e-3, beta1=0.5))
    Trainer(learner, epochs=100, seed=1).run(ArrayBatches((x, labels), 100, shuffle=True))
    metrics = learner.evaluate((x, labels))
    assert metrics["modes_covered"] == 3
    assert metrics["high_quality_fraction"] > 0.8
