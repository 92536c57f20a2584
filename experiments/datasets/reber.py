"""Embedded Reber grammar: the second symbol of a string decides the last but one."""

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.registry import Task
from neuralzoo.registry.dataset import Arrays, Dataset, DatasetEntry, DatasetInfo, Sizes, require_min, split_rngs

SYMBOLS = tuple("BTPSXVE")
LONGEST = 50  # symbols of a string; the rare longer ones are drawn again
STEPS = LONGEST - 1  # there is nothing to predict after the last symbol

# From each state of Reber's grammar two symbols, equally likely, with the next state; state 5 is the end.
GRAMMAR = (
    (("T", 1), ("P", 2)),
    (("S", 1), ("X", 3)),
    (("T", 2), ("V", 4)),
    (("X", 2), ("S", 5)),
    (("P", 3), ("V", 5)),
)
END = len(GRAMMAR)

REBER = DatasetInfo(
    name="embedded-reber",
    summary="embedded Reber grammar: next-symbol prediction; the second symbol returns at the end",
    task=Task(
        kind="sequence-labelling",
        input="sequence",
        shape=(STEPS, 7),
        outputs=7,
        variable_length=True,
        target="multilabel",
    ),
    sizes=Sizes(256, 256),
    kind="generated",
    licence="no rights: drawn at random",
    citation="Hochreiter and Schmidhuber (1997), Long short-term memory; grammar of Reber (1967)",
    url="https://doi.org/10.1162/neco.1997.9.8.1735",
    classes=SYMBOLS,
)


def string(rng: np.random.Generator) -> tuple[str, list[str]]:
    """Draw one string, and for each symbol but the last the symbols that may follow it.

    B (T or P) B [a string of Reber's grammar] E (the same T or P) E
    """
    outer = "TP"[rng.integers(2)]
    symbols, follow, state = ["B", outer, "B"], ["TP", "B"], 0
    while state != END:
        follow.append("".join(symbol for symbol, _ in GRAMMAR[state]))
        symbol, state = GRAMMAR[state][rng.integers(2)]
        symbols.append(symbol)
    return "".join([*symbols, "E", outer, "E"]), [*follow, "E", outer, "E"]


def load_reber(info: DatasetInfo, seed: int, *, train: int = 256, test: int = 256) -> Dataset:
    """Draw strings; the target at every symbol is the next one.

    `extra_test_sets` has "allowed_next": the test strings with all symbols that the grammar allows next, one or two at
    each step. A network has learnt the grammar when at every step of every string its largest outputs are the allowed
    ones; the hard one is the last but one.

    Shapes: (inputs, lengths, targets) are (N, 49, 7), (N,), (N, 49, 7), one-hot but for the allowed sets, float32.
    """
    require_min("train", train, 1)
    require_min("test", test, 1)
    first, second = split_rngs(seed)
    (x, lengths, y, _), (x_test, lengths_test, y_test, allowed) = _draw(first, train), _draw(second, test)
    extra = {"allowed_next": (x_test, lengths_test, allowed)}
    return Dataset.of(info, (x, lengths, y), (x_test, lengths_test, y_test), extra_test_sets=extra)


def _draw(rng: np.random.Generator, n: int) -> Arrays:
    x, y, allowed = np.zeros((3, n, STEPS, 7), np.float32)
    lengths = np.zeros(n, np.int64)
    for i in range(n):
        word, follow = string(rng)
        while len(word) > LONGEST:
            word, follow = string(rng)
        lengths[i] = length = len(word) - 1
        x[i, :length], y[i, :length] = _one_hot(list(word[:-1])), _one_hot(list(word[1:]))
        allowed[i, :length] = _one_hot(follow)
    return x, lengths, y, allowed


def _one_hot(sets: list[str]) -> Array:
    return np.array([[symbol in members for symbol in SYMBOLS] for members in sets], np.float32)


ENTRIES = (DatasetEntry(REBER, load_reber),)
