"""MNIST-1D, and its control with shuffled positions."""

import io

import numpy as np

from neuralzoo.experiments.datasets import files as sources
from neuralzoo.experiments.datasets.images import DIGITS
from neuralzoo.registry import Task
from neuralzoo.registry.dataset import Dataset, DatasetEntry, DatasetInfo, File, Sizes

MNIST1D_FILE = File("mnist1d.npz", "40c7145c38077f29eda0421c01ae39d4f1e7b141aa6ac31b09f1fea84679b293")

# Where each position of the shuffled sequence comes from. Written out, because a generator's permutation may change
# with NumPy's version and the claims that use it should not.
SHUFFLE = (
    11, 27, 4, 24, 23, 2, 3, 34, 18, 1, 10, 22, 20, 26, 28, 30, 37, 38, 17, 0,
    21, 35, 9, 6, 32, 25, 19, 36, 8, 16, 13, 12, 7, 39, 5, 14, 29, 33, 15, 31,
)  # fmt: skip

MNIST1D = DatasetInfo(
    name="mnist1d",
    summary="MNIST-1D: ten one-dimensional shapes, shifted, scaled, sheared and noisy",
    task=Task(kind="classification", input="sequence", shape=(40, 1), outputs=10),
    sizes=Sizes(4_000, 1_000),
    kind="embedded",
    licence="Apache-2.0",
    citation="Greydanus and Kobak (2020), Scaling down deep learning with MNIST-1D",
    url="https://arxiv.org/abs/2011.14439",
    classes=DIGITS,
    files=(MNIST1D_FILE,),
)
MNIST1D_SHUFFLED = DatasetInfo(
    name="mnist1d-shuffled",
    summary="MNIST-1D with one permutation of the positions for all examples: no locality is left",
    task=MNIST1D.task,
    sizes=MNIST1D.sizes,
    kind="embedded",
    licence=MNIST1D.licence,
    citation=MNIST1D.citation,
    url=MNIST1D.url,
    classes=DIGITS,
    files=(MNIST1D_FILE,),
)


def load_mnist1d(info: DatasetInfo, seed: int) -> Dataset:
    """Read MNIST-1D as its generator's default settings made it; the split is fixed, for every seed."""
    with np.load(io.BytesIO(sources.embedded(MNIST1D_FILE))) as arrays:
        train = arrays["x_train"][..., None], arrays["y_train"].astype(np.int64)
        test = arrays["x_test"][..., None], arrays["y_test"].astype(np.int64)
    return Dataset.of(info, train, test)


def load_mnist1d_shuffled(info: DatasetInfo, seed: int) -> Dataset:
    """Read MNIST-1D and permute its positions, always in the same way."""
    (x, y), (x_test, y_test) = (plain := load_mnist1d(info, seed)).train, plain.test
    return Dataset.of(info, (x[:, SHUFFLE], y), (x_test[:, SHUFFLE], y_test))


ENTRIES = (DatasetEntry(MNIST1D, load_mnist1d), DatasetEntry(MNIST1D_SHUFFLED, load_mnist1d_shuffled))
