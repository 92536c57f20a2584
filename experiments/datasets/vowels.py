"""Spoken vowels: two formants of four English vowels, and Japanese vowels as sequences."""

import csv
import io

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.experiments.datasets import files as sources
from neuralzoo.registry import Task
from neuralzoo.registry.dataset import Arrays, Dataset, DatasetEntry, DatasetInfo, File, Sizes

VOWELS = ("iy", "ih", "aa", "ah")
FORMANTS_FILE = File("peterson_barney_1952.csv", "a73597862b47d9b1a8b9e5e4cf391933616ede1aa2eb880c54a5826a745adbce")
FORMANTS = DatasetInfo(
    name="peterson-barney",
    summary="four English vowels by their first two formants, tested on other speakers",
    task=Task(kind="classification", input="tabular", shape=(2,), outputs=4),
    sizes=Sizes(408, 200),
    kind="embedded",
    licence="published measurements",
    citation="Peterson and Barney (1952), Control methods used in a study of the vowels",
    url="https://doi.org/10.1121/1.1906875",
    classes=VOWELS,
    files=(FORMANTS_FILE,),
)

LONGEST = 29  # frames of the longest utterance
JAPANESE_FILE = File("japanese_vowels.npz", "a1c2c3cb43479e28ff3458a3659edf38a63a56fab750b7084174d247cbc9d508")
JAPANESE = DatasetInfo(
    name="japanese-vowels",
    summary="speaker classification (nine) from two vowels: sequences of 12 LPC cepstral coefficients, 7 to 29 frames",
    task=Task(kind="classification", input="sequence", shape=(LONGEST, 12), outputs=9, variable_length=True),
    sizes=Sizes(270, 370),
    kind="embedded",
    licence="CC BY 4.0",
    citation="Kudo, Toyama and Shimbo (1999), Multidimensional curve classification using passing-through regions",
    url="https://doi.org/10.1016/S0167-8655(99)00077-X",
    classes=tuple(f"speaker {n}" for n in range(1, 10)),
    files=(JAPANESE_FILE,),
)


def load_peterson_barney(info: DatasetInfo, seed: int) -> Dataset:
    """Read F1 and F2 of iy, ih, aa and ah; every third of the 76 speakers is in the test, for every seed.

    The file lists men, then women, then children, so that the split is stratified by them. Both formants are
    standardised with mean and standard deviation of the training speakers.

    Shapes: inputs (N, 2), labels (N,).
    """
    rows = list(csv.DictReader(io.StringIO(sources.embedded(FORMANTS_FILE).decode())))
    rows = [row for row in rows if row["vowel"] in VOWELS]
    hertz = np.array([[float(row["f1"]), float(row["f2"])] for row in rows])
    labels = np.array([VOWELS.index(row["vowel"]) for row in rows])
    test = np.array([int(row["speaker"]) for row in rows]) % 3 == 0
    x = ((hertz - hertz[~test].mean(axis=0)) / hertz[~test].std(axis=0)).astype(np.float32)
    return Dataset.of(info, (x[~test], labels[~test]), (x[test], labels[test]))


def load_japanese_vowels(info: DatasetInfo, seed: int) -> Dataset:
    """Read the utterances, padded with zeros to 29 frames; the split is the source's own, for every seed.

    Shapes: (inputs, lengths, labels) are (N, 29, 12), (N,), (N,).
    """
    with np.load(io.BytesIO(sources.embedded(JAPANESE_FILE))) as arrays:
        parts = {
            split: _padded(arrays[f"x_{split}"], arrays[f"len_{split}"], arrays[f"y_{split}"])
            for split in ("train", "test")
        }
    return Dataset.of(info, parts["train"], parts["test"])


def _padded(frames: Array, lengths: Array, labels: Array) -> Arrays:
    """Split the frames, concatenated over utterances, and pad each utterance."""
    x = np.zeros((len(lengths), LONGEST, frames.shape[1]), np.float32)
    x[np.arange(LONGEST) < lengths[:, None]] = frames
    return x, lengths.astype(np.int64), labels.astype(np.int64)


ENTRIES = (DatasetEntry(FORMANTS, load_peterson_barney), DatasetEntry(JAPANESE, load_japanese_vowels))
