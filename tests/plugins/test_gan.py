import numpy as np
import pytest

from neuralzoo.core.blocks.conv import Conv2D
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.testing import checks_for_architecture, checks_for_layer
from neuralzoo.plugins.gan import architecture
from neuralzoo.plugins.gan.layers import FourierFeatures, MinibatchStddev, Pack, SpectralNorm
from neuralzoo.registry import Task

GAN = architecture()
VARIANTS = {
    "default": {},
    "packed": {"pack": 2, "minibatch_stddev": True},
    "spectral_norm": {"spectral_norm": True, "discriminator_steps": 2, "discriminator_lr_ratio": 2.0, "hidden": (16,)},
    "relativistic": {"loss": "relativistic", "pack": 2, "spectral_norm": True},
    "penalised": {
        "loss": "relativistic",
        "gradient_penalty": 0.02,
        "fourier_features": 5,
        "fourier_scale": 2.0,
        "instance_noise_last": 0.01,
    },
    "instance noise": {"instance_noise": 0.5, "label_smoothing": 0.1, "ema_decay": 0.99},
}
TASKS = {
    "image": Task(kind="generation", input="image", shape=(2, 2, 1), outputs=4),
    "sequence": Task(kind="generation", input="sequence", shape=(5, 3), outputs=15),
}


IMAGES = {
    "conv": {"channels": (4, 6), "hidden": (), "latent": 4, "batch_norm": True},
    "conv, packed": {"channels": (4,), "hidden": (8,), "pack": 2, "kernel": 3, "minibatch_stddev": True},
    "conv, spectral": {"channels": (4, 6), "hidden": (8,), "spectral_norm": True, "ema_decay": 0.9},
}


def stable_adam(module):
    return Adam(module, 2e-3, beta1=0.5)


OVERFITTING = "tiny_batch_is_overfitted"  # adversarial training does not, on random pixels in 300 steps


def cases():
    for name, settings in VARIANTS.items():
        for check in checks_for_architecture(GAN, settings=settings):
            yield pytest.param(check, id=f"{name}-{check}")
    for name, task in TASKS.items():
        for check in checks_for_architecture(GAN, task, optimizer_factory=stable_adam):
            if (name, check.name) != ("image", OVERFITTING):
                yield pytest.param(check, id=f"{name}-{check}")
    square = Task(kind="generation", input="image", shape=(5, 6, 2), outputs=60)
    for name, settings in IMAGES.items():
        for check in checks_for_architecture(GAN, square, settings=settings, optimizer_factory=stable_adam):
            if check.name != OVERFITTING:
                yield pytest.param(check, id=f"{name}-{check}")


@pytest.mark.parametrize("check", list(cases()))
def test_gan_conforms(check):
    check()


TOGETHER = {"examples_are_independent": "it mixes examples by design"}
LAYERS = {
    "pack": (lambda rng: Pack(2), (4, 3), TOGETHER),
    "pack, one left over": (lambda rng: Pack(2), (5, 3), TOGETHER),
    "pack of images": (lambda rng: Pack(3), (6, 2, 3, 2), TOGETHER),
    "fourier_features": (lambda rng: FourierFeatures(3, 4, 2.0, rng), (5, 3), {}),
    "minibatch stddev": (lambda rng: MinibatchStddev(), (5, 4), TOGETHER),
    "spectral convolution": (lambda rng: SpectralNorm(Conv2D(2, 3, 3, rng, bias=False)), (3, 4, 5, 2), {}),
    "spectral, no bias": (lambda rng: SpectralNorm(Dense(4, 3, rng, bias=False), bias=False), (5, 4), {}),
    "spectral_norm": (lambda rng: SpectralNorm(Dense(4, 3, rng, bias=False)), (5, 4), {}),
}


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{name}-{check}")
        for name, (make, shape, skipped) in LAYERS.items()
        for check in checks_for_layer(make, np.random.default_rng(0).normal(size=shape), not_applicable=skipped)
    ],
)
def test_its_layers_conform(check):
    check()
