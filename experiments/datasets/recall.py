"""Recall by key: a sequence shows pairs of a key and a digit, and then asks for one of the keys."""

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.registry import Task
from neuralzoo.registry.dataset import Arrays, DataSet, Entry, Info, Sizes, at_least, generators

PAIRS, BITS, DIGITS = 100, 24, 10

RECALL = Info(
    name="recall-100",
    summary="the digit that came with a key, among up to 100 pairs of a key and a digit",
    task=Task(kind="classification", input="sequence", shape=(PAIRS + 1, BITS + DIGITS), outputs=DIGITS, lengths=True),
    sizes=Sizes(8_000, 1_000),
    kind="generated",
    licence="no rights: drawn at random",
    citation="Graves, Wayne and Danihelka (2014), Neural Turing machines, whose items are random bits, too; "
    "our variant, with keys",
    url="https://arxiv.org/abs/1410.5401",
    classes=tuple("0123456789"),
)


def load_recall(
    info: Info, seed: int, *, pairs: int = PAIRS, bits: int = BITS, train: int = 8_000, test: int = 1_000
) -> DataSet:
    """Draw pairs of a key and a digit, one in each step, the keys all different, then one of the keys: which digit?

    A training sequence has from 1 to `pairs` pairs, few more often than many (`pairs` u² with u even in [0, 1]); those
    of the test have all. `tests` has "oldest", the same sequences asked for their first pair, `pairs` steps before the
    question. Who remembers nothing is right one time in ten.

    Shapes: inputs (N, pairs + 1, bits + 10): the key as -1 and 1, the digit as a 1 among 0, none of them in the last
    step, which is the question; lengths (N,), labels (N,).
    Raises: SettingError when an option is too small.
    """
    at_least("pairs", pairs, 1)
    at_least("bits", bits, 2 * pairs.bit_length())  # so that most sequences have no key twice
    at_least("train", train, 1)
    at_least("test", test, 1)
    first, second = generators(seed)
    some = np.ceil(pairs * first.uniform(size=train) ** 2).astype(np.int64)
    training = _draw(first, np.maximum(some, 1), pairs, bits)
    testing = _draw(second, np.full(test, pairs), pairs, bits)
    oldest = testing[0].copy()
    oldest[:, -1, :bits] = oldest[:, 0, :bits]
    tests = {"oldest": (oldest, testing[1], oldest[:, 0, bits:].argmax(axis=1))}
    return DataSet.of(info, training, testing, tests=tests, task={"shape": (pairs + 1, bits + DIGITS)})


def _draw(rng: np.random.Generator, shown: Array, pairs: int, bits: int) -> Arrays:
    n, rows = len(shown), np.arange(len(shown))
    keys, digits = _different(rng, n, pairs, 2**bits), rng.integers(DIGITS, size=(n, pairs))
    asked = rng.integers(shown)
    x = np.zeros((n, pairs + 1, bits + DIGITS), np.float32)
    for bit in range(bits):
        x[:, :-1, bit] = 2 * (keys >> bit & 1) - 1
    np.put_along_axis(x[:, :-1, bits:], digits[:, :, None], 1, axis=2)
    x[np.arange(pairs + 1) >= shown[:, None]] = 0
    x[rows, shown, :bits] = x[rows, asked, :bits]
    return x, shown + 1, digits[rows, asked]


def _different(rng: np.random.Generator, n: int, pairs: int, keys: int) -> Array:
    """Return rows of keys of which no row has one twice; a row that has is drawn again."""
    drawn = rng.integers(keys, size=(n, pairs))
    while len(again := np.flatnonzero((np.diff(np.sort(drawn, axis=1), axis=1) == 0).any(axis=1))):
        drawn[again] = rng.integers(keys, size=(len(again), pairs))
    return drawn


ENTRIES = (Entry(RECALL, load_recall),)
