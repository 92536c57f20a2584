import numpy as np
import pytest

from neuralzoo.core.blocks.optimizers import SGD
from neuralzoo.core.layer import Context
from neuralzoo.core.testing.differences import compare_with_differences
from neuralzoo.plugins.gan import architecture
from neuralzoo.plugins.gan.learner import MOVE, discriminator_loss, slope_penalty
from neuralzoo.registry import Task

GAN = architecture()
RNG = np.random.default_rng(0)
PLANE = Task(kind="generation", input="tabular", shape=(2,), outputs=2)


def small(task=PLANE, **settings):
    """Return a small pair of networks in float64, and its learner with steps as long as the gradient."""
    config = GAN.configure({"latent": 3, "hidden": (7,)} | settings)
    networks = GAN.build(config, task, np.random.default_rng(1)).astype(np.float64)
    return networks, GAN.learner(networks, config, task, lambda module: SGD(module, 1.0))


def training(seed=0):
    return Context(training=True, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("settings", [{}, {"waves": 3}, {"pack": 2, "loss": "relativistic"}])
def test_a_step_with_a_penalty_goes_down_the_gradient_that_differences_say(settings):
    networks, learner = small(penalty=0.3, **settings)
    before = networks.copy()
    x = RNG.normal(size=(6, 2))

    def telling():
        rng = np.random.default_rng(3)  # the same draws as in the step: random numbers, then both moves
        made = networks.generator(rng.standard_normal((6, 3), np.float32), training())[0]
        logits = [before.discriminator.predict(rows) for rows in (x, made)]
        moved = [
            before.discriminator.predict(rows + MOVE * rng.standard_normal((6, 2), np.float32)) for rows in (x, made)
        ]
        slopes = sum(0.15 * np.mean((b - a) ** 2) / MOVE**2 for a, b in zip(logits, moved, strict=True))
        return discriminator_loss(*logits, 0.0, learner.paired)[0] + slopes

    metrics = learner._tell_apart(x, training(3))
    assert metrics["discriminator_loss"] == pytest.approx(telling())
    after = networks.discriminator.trainable()
    for name, parameter in before.discriminator.trainable().items():
        compare_with_differences(name, parameter.value - after[name].value, parameter.value, telling)


def test_the_penalty_is_the_squared_slope_in_the_mean():
    slope = np.array([[3.0], [-4.0]])
    x = RNG.normal(size=(200_000, 2))
    moved = x + MOVE * RNG.normal(size=x.shape)
    assert slope_penalty(x @ slope, moved @ slope, 2.0)[0] == pytest.approx(25, rel=0.02)


def test_waves_are_refused_beside_channels():
    image = Task(kind="generation", input="image", shape=(4, 4, 1), outputs=16)
    with pytest.raises(ValueError, match=r"waves=3 and channels; waves need dense networks"):
        small(task=image, channels=(4,), waves=3)


def test_noise_with_a_last_value_falls_by_equal_factors_and_stays():
    _, learner = small(instance_noise=0.8, instance_noise_last=0.2, instance_noise_steps=10)
    x = np.zeros((4000, 2))
    for step, deviation in ((0, 0.8), (5, 0.4), (10, 0.2), (20, 0.2)):
        learner.optimizers["generator"].steps = step
        assert learner._noisy(x, training()).std() == pytest.approx(deviation, rel=0.05)
