"""Image classification: MNIST, Fashion-MNIST, and the part of Fashion-MNIST that is embedded in the package."""

import gzip
import io
import math
import zlib

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.experiments.datasets import files as sources
from neuralzoo.registry import DataError, Task
from neuralzoo.registry.dataset import Dataset, DatasetEntry, DatasetInfo, File, Sizes

DIGITS = tuple("0123456789")
CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
TASK = Task(kind="classification", input="image", shape=(28, 28, 1), outputs=10)

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"


def _files(folder: str, bases: tuple[str, ...], hashes: dict[str, str]) -> tuple[File, ...]:
    return tuple(File(f"{folder}/{n}", sha, tuple(f"{b}/{n}" for b in bases)) for n, sha in hashes.items())


MNIST_FILES = _files(
    "mnist",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        "https://storage.googleapis.com/cvdf-datasets/mnist",
    ),
    {
        TRAIN_IMAGES: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        TRAIN_LABELS: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        TEST_IMAGES: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        TEST_LABELS: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
)
FASHION_FILES = _files(
    "fashion-mnist",
    (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/"
        "b2617bb6d3ffa2e429640350f613e3291e10b141/data/fashion",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
    ),
    {
        TRAIN_IMAGES: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        TRAIN_LABELS: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        TEST_IMAGES: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        TEST_LABELS: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
)
FASHION_5K_FILE = File(
    "fashion-mnist_5000_1000.npz", "b367e02ec85e110395b5e20ccf35c7eb41b0129590a528dd1e0ed067188be562"
)

MNIST = DatasetInfo(
    name="mnist",
    summary="MNIST images (handwritten digits), 28 x 28, greyscale",
    task=TASK,
    sizes=Sizes(60_000, 10_000),
    kind="download",
    licence="CC BY-SA 3.0",
    citation="LeCun, Bottou, Bengio and Haffner (1998), Gradient-based learning applied to document recognition",
    url="https://doi.org/10.1109/5.726791",
    classes=DIGITS,
    files=MNIST_FILES,
)
FASHION = DatasetInfo(
    name="fashion-mnist",
    summary="Fashion-MNIST images (clothing), 28 x 28, greyscale",
    task=TASK,
    sizes=Sizes(60_000, 10_000),
    kind="download",
    licence="MIT",
    citation="Xiao, Rasul and Vollgraf (2017), Fashion-MNIST: a novel image dataset for benchmarking machine learning",
    url="https://arxiv.org/abs/1708.07747",
    classes=CLOTHES,
    files=FASHION_FILES,
)
FASHION_5K = DatasetInfo(
    name="fashion-mnist-5k",
    summary="stratified subset of Fashion-MNIST images (clothing), embedded",
    task=TASK,
    sizes=Sizes(5_000, 1_000),
    kind="embedded",
    licence=FASHION.licence,
    citation=FASHION.citation,
    url=FASHION.url,
    classes=CLOTHES,
    files=(FASHION_5K_FILE,),
)


def idx(content: bytes) -> Array:
    """Return the array of a gzipped IDX file: two zero bytes, type, rank, big-endian sizes, bytes.

    Raises: DataError when the content is in another format.
    """
    try:
        raw = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"an IDX file can't be unpacked ({error}); it needs to be gzipped") from None
    start = 4 + 4 * raw[3] if raw[:3] == b"\0\0\x08" and len(raw) > 3 else 0
    shape = [int.from_bytes(raw[i : i + 4], "big") for i in range(4, start, 4)]
    if not shape or len(raw) != start + math.prod(shape):
        raise DataError(f"an IDX file has {len(raw)} bytes and sizes {shape}; it needs to be bytes, and whole")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def grey(images: Array) -> Array:
    """Return greyscale images of bytes as floats in [0, 1] with a channel axis.

    Shapes: (N, H, W) uint8 becomes (N, H, W, 1) float32.
    """
    values = images.astype(np.float32)
    values /= np.float32(255)
    return values[..., None]


def raw_arrays(files: tuple[File, ...]) -> tuple[Array, Array, Array, Array]:
    """Return training images, training labels, test images and test labels as bytes."""
    a, b, c, d = (idx(sources.read(file)) for file in files)
    return a, b, c, d


def load_idx(info: DatasetInfo, seed: int) -> Dataset:
    """Read MNIST or a dataset in its format; the split is the source's own, for every seed."""
    images, labels, test_images, test_labels = raw_arrays(info.files)
    return Dataset.of(
        info,
        train=(grey(images), labels.astype(np.int64)),
        test=(grey(test_images), test_labels.astype(np.int64)),
    )


def load_fashion_5k(info: DatasetInfo, seed: int) -> Dataset:
    """Read the embedded part of Fashion-MNIST; its split is fixed, for every seed."""
    with np.load(io.BytesIO(sources.embedded(FASHION_5K_FILE))) as arrays:
        train = grey(arrays["x_train"]), arrays["y_train"].astype(np.int64)
        test = grey(arrays["x_test"]), arrays["y_test"].astype(np.int64)
    return Dataset.of(info, train, test)


ENTRIES = (DatasetEntry(FASHION_5K, load_fashion_5k), DatasetEntry(FASHION, load_idx), DatasetEntry(MNIST, load_idx))
