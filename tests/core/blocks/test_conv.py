import numpy as np
import pytest

from neuralzoo.core.blocks.conv import Conv1D, Conv2D
from neuralzoo.core.blocks.conv_transposed import ConvTranspose1D, ConvTranspose2D
from neuralzoo.core.testing import checks_for_layer

RNG = np.random.default_rng(0)
IMAGES, SEQUENCES = RNG.normal(size=(3, 5, 6, 4)), RNG.normal(size=(3, 7, 4))
LAYERS = {
    "plain": (lambda rng: Conv2D(4, 3, 3, rng), IMAGES),
    "everything": (
        lambda rng: Conv2D(4, 6, (2, 3), rng, stride=(1, 2), padding=(1, 2), dilation=(2, 1), groups=2, bias=False),
        IMAGES,
    ),
    "depthwise": (lambda rng: Conv2D(4, 8, 3, rng, groups=4, padding="same"), IMAGES),
    "one place": (lambda rng: Conv2D(4, 3, 1, rng), IMAGES),
    "pairs of rows": (lambda rng: Conv2D(16, 17, 3, rng, padding=1), RNG.normal(size=(2, 5, 4, 16))),
    "neighbours": (lambda rng: Conv2D(4, 3, 3, rng, padding=1), IMAGES),
    "sequence": (lambda rng: Conv1D(4, 3, 3, rng, stride=2, padding=1, dilation=2), SEQUENCES),
    "sequence of many": (lambda rng: Conv1D(16, 16, 3, rng, padding="same"), RNG.normal(size=(2, 7, 16))),
    "transposed": (
        lambda rng: ConvTranspose2D(4, 3, (3, 4), rng, stride=(1, 2), padding=(0, 1), output_padding=(0, 1)),
        IMAGES,
    ),
    "transposed, stride 1": (lambda rng: ConvTranspose2D(4, 13, 3, rng, bias=False), IMAGES),
    "transposed sequence": (lambda rng: ConvTranspose1D(4, 3, 4, rng, stride=2, padding=1), SEQUENCES),
}


@pytest.mark.parametrize(
    "check",
    [pytest.param(c, id=f"{name}-{c}") for name, layer in LAYERS.items() for c in checks_for_layer(*layer)],
)
def test_convolutions_conform(check):
    check()
