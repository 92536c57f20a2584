"""Strings of the embedded Reber grammar: the second symbol decides the last but one."""

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.registry import Task
from neuralzoo.registry.dataset import Arrays, DataSet, Entry, Info, Sizes, at_least, generators

SYMBOLS = tuple("BTPSXVE")
LONGEST = 50  # symbols of a string; the rare longer ones are drawn again
STEPS = LONGEST - 1  # there is nothing to predict after the last symbol

# From each state of Reber's grammar two symbols, equally likely, and where they lead; state 5 is the end.
GRAMMAR = (
    (("T", 1), ("P", 2)),
    (("S", 1), ("X", 3)),
    (("T", 2), ("V", 4)),
    (("X", 2), ("S", 5)),
    (("P", 3), ("V", 5)),
)
END = len(GRAMMAR)

REBER = Info(
    name="embedded-reber",
    summary="the next symbol of strings whose second symbol returns at their end",
    task=Task(kind="sequence-labelling", input="sequence", shape=(STEPS, 7), outputs=7, lengths=True, answer="marks"),
    sizes=Sizes(256, 256),
    kind="generated",
    licence="no rights: drawn at random",
    citation="Hochreiter and Schmidhuber (1997), Long short-term memory; grammar of Reber (1967)",
    url="https://doi.org/10.1162/neco.1997.9.8.1735",
    classes=SYMBOLS,
)


def string(rng: np.random.Generator) -> tuple[str, list[str]]:
    """Draw one string, and with each symbol but the last the symbols that may follow it.

    B (T or P) B [a string of Reber's grammar] E (the same T or P) E
    """
    outer = "TP"[rng.integers(2)]
    symbols, follow, state = ["B", outer, "B"], ["TP", "B"], 0
    while state != END:
        follow.append("".join(symbol for symbol, _ in GRAMMAR[state]))
        symbol, state = GRAMMAR[state][rng.integers(2)]
        symbols.append(symbol)
    return "".join([*symbols, "E", outer, "E"]), [*follow, "E", outer, "E"]


def load_reber(info: Info, seed: int, *, train: int = 256, test: int = 256) -> DataSet:
    """Draw strings and ask at every symbol for the next one.

    `tests` has "legal": the test strings with all symbols that the grammar allows next, one or two at each step. A
    network has learnt the grammar when at every step of every string its strongest outputs are the allowed ones; the
    hard one is the last but one.

    Shapes: (inputs, lengths, targets) are (N, 49, 7), (N,), (N, 49, 7), one-hot but for the allowed sets, float32.
    """
    at_least("train", train, 1)
    at_least("test", test, 1)
    first, second = generators(seed)
    (x, lengths, y, _), (x_test, lengths_test, y_test, legal) = _draw(first, train), _draw(second, test)
    tests = {"legal": (x_test, lengths_test, legal)}
    return DataSet.of(info, (x, lengths, y), (x_test, lengths_test, y_test), tests=tests)


def _draw(rng: np.random.Generator, n: int) -> Arrays:
    x, y, legal = np.zeros((3, n, STEPS, 7), np.float32)
    lengths = np.zeros(n, np.int64)
    for i in range(n):
        word, follow = string(rng)
        while len(word) > LONGEST:
            word, follow = string(rng)
        lengths[i] = length = len(word) - 1
        x[i, :length], y[i, :length] = _one_hot(list(word[:-1])), _one_hot(list(word[1:]))
        legal[i, :length] = _one_hot(follow)
    return x, lengths, y, legal


def _one_hot(sets: list[str]) -> Array:
    return np.array([[symbol in allowed for symbol in SYMBOLS] for allowed in sets], np.float32)


ENTRIES = (Entry(REBER, load_reber),)
