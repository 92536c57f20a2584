import numpy as np
import pytest

from neuralzoo.core.blocks.optimizers import SGD
from neuralzoo.core.layer import Context
from neuralzoo.core.testing.differences import compare_with_differences
from neuralzoo.plugins.gan import architecture
from neuralzoo.plugins.gan.learner import PERTURBATION_STD, discriminator_loss, gradient_penalty
from neuralzoo.registry import Task

GAN = architecture()
RNG = np.random.default_rng(0)
PLANE = Task(kind="generation", input="tabular", shape=(2,), outputs=2)


def small(task=PLANE, **settings):
    """Return a small pair of networks in float64, and its learner with steps of the gradient itself."""
    config = GAN.configure({"latent": 3, "hidden": (7,)} | settings)
    networks = GAN.build(config, task, np.random.default_rng(1)).astype(np.float64)
    return networks, GAN.learner(networks, config, task, lambda module: SGD(module, 1.0))


def training(seed=0):
    return Context(training=True, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("settings", [{}, {"fourier_features": 3}, {"pack": 2, "loss": "relativistic"}])
def test_a_discriminator_step_with_a_gradient_penalty_agrees_with_finite_differences(settings):
    networks, learner = small(gradient_penalty=0.3, **settings)
    before = networks.copy()
    x = RNG.normal(size=(6, 2))

    def loss():
        rng = np.random.default_rng(3)  # the same draws as in the step: latent noise, then both perturbations
        fake = networks.generator(rng.standard_normal((6, 3), np.float32), training())[0]
        logits = [before.discriminator.predict(rows) for rows in (x, fake)]
        perturbed = [
            before.discriminator.predict(rows + PERTURBATION_STD * rng.standard_normal((6, 2), np.float32))
            for rows in (x, fake)
        ]
        penalty = sum(
            0.15 * np.mean((b - a) ** 2) / PERTURBATION_STD**2 for a, b in zip(logits, perturbed, strict=True)
        )
        return discriminator_loss(*logits, 0.0, learner.paired)[0] + penalty

    metrics = learner._discriminator_step(x, training(3))
    assert metrics["discriminator_loss"] == pytest.approx(loss())
    after = networks.discriminator.trainable_parameters()
    for name, parameter in before.discriminator.trainable_parameters().items():
        compare_with_differences(name, parameter.value - after[name].value, parameter.value, loss)


def test_the_gradient_penalty_is_the_squared_gradient_norm_in_the_mean():
    slope = np.array([[3.0], [-4.0]])
    x = RNG.normal(size=(200_000, 2))
    perturbed = x + PERTURBATION_STD * RNG.normal(size=x.shape)
    assert gradient_penalty(x @ slope, perturbed @ slope, 2.0)[0] == pytest.approx(25, rel=0.02)


def test_fourier_features_with_channels_are_refused():
    image = Task(kind="generation", input="image", shape=(4, 4, 1), outputs=16)
    with pytest.raises(ValueError, match=r"fourier_features=3 and channels; it needs channels=\[\]"):
        small(task=image, channels=(4,), fourier_features=3)


def test_instance_noise_with_a_final_value_decays_exponentially():
    _, learner = small(instance_noise=0.8, instance_noise_last=0.2, instance_noise_steps=10)
    x = np.zeros((4000, 2))
    for step, std in ((0, 0.8), (5, 0.4), (10, 0.2), (20, 0.2)):
        learner.optimizers["generator"].steps = step
        assert learner._noisy(x, training()).std() == pytest.approx(std, rel=0.05)
