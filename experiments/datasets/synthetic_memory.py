"""Tasks made to test a memory: something early in the sequence decides the answer late."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.registry import SettingError, Task
from neuralzoo.registry.dataset import Arrays, DataSet, Entry, Info, Sizes, at_least, generators

LICENCE = "no rights: drawn at random"
COPY_SYMBOLS = 8
COPY_LENGTH = 10  # symbols to remember
DIGITS = tuple("0123456789")

Draw = Callable[[np.random.Generator, int], Arrays]  # a generator and a number of examples to examples


def _adding_info(steps: int) -> Info:
    return Info(
        name="adding" if steps == 100 else f"adding-{steps}",
        summary=f"add the two marked ones of {steps} numbers",
        task=Task(kind="regression", input="sequence", shape=(steps, 2), outputs=1),
        sizes=Sizes(10_000, 1_000),
        kind="generated",
        licence=LICENCE,
        citation="Hochreiter and Schmidhuber (1997), Long short-term memory; "
        "in the form of Le, Jaitly and Hinton (2015)",
        url="https://arxiv.org/abs/1504.00941",
    )


def _xor_info(lag: int) -> Info:
    return Info(
        name="delayed-xor" if lag == 4 else f"delayed-xor-{lag}",
        summary=f"whether two bits differed {lag} steps ago",
        task=Task(kind="classification", input="sequence", shape=(lag + 1, 2), outputs=2),
        sizes=Sizes(2_000, 1_000),
        kind="generated",
        licence=LICENCE,
        citation="Williams and Zipser (1989), A learning algorithm for continually running fully recurrent "
        "neural networks",
        url="https://doi.org/10.1162/neco.1989.1.2.270",
        classes=("equal", "different"),
    )


def _copy_info(delay: int) -> Info:
    return Info(
        name="copy" if delay == 50 else f"copy-{delay}",
        summary=f"repeat ten symbols after {delay} steps",
        task=Task(
            kind="sequence-labelling",
            input="tokens",
            shape=(delay + 2 * COPY_LENGTH,),
            outputs=COPY_SYMBOLS + 1,
            vocabulary=COPY_SYMBOLS + 2,
        ),
        sizes=Sizes(10_000, 1_000),
        kind="generated",
        licence=LICENCE,
        citation="Hochreiter and Schmidhuber (1997); in the form of Arjovsky, Shah and Bengio (2016), "
        "Unitary evolution recurrent neural networks",
        url="https://arxiv.org/abs/1511.06464",
        classes=("blank", *"12345678"),
    )


def _recall_info(pairs: int, keys: int) -> Info:
    return Info(
        name="associative-recall" if pairs == 8 else f"associative-recall-{pairs}",
        summary=f"the value that stood after a key, among {pairs} pairs",
        task=Task(
            kind="classification",
            input="tokens",
            shape=(2 * pairs + 3,),
            outputs=len(DIGITS),
            vocabulary=keys + len(DIGITS) + 1,
        ),
        sizes=Sizes(20_000, 2_000),
        kind="generated",
        licence=LICENCE,
        citation="Ba, Hinton, Mnih, Leibo and Ionescu (2016), Using fast weights to attend to the recent past",
        url="https://arxiv.org/abs/1610.06258",
        classes=DIGITS,
    )


def load_adding(info: Info, seed: int, *, steps: int = 100, train: int = 10_000, test: int = 1_000) -> DataSet:
    """Draw numbers from [0, 1] and two different steps to mark, all equally likely; the target is the marked sum.

    Who always answers 1 has the mean squared error Var(u + u') = 1/6 = 0.1667 (the literature prints 0.1767).

    Shapes: inputs (N, steps, 2) with the number and the mark 0 or 1; targets (N, 1).
    """
    at_least("steps", steps, 2)

    def draw(rng: np.random.Generator, n: int) -> Arrays:
        first, second = _two_places(rng, n, steps)
        x = np.zeros((n, steps, 2), np.float32)
        x[..., 0] = rng.random((n, steps), np.float32)
        rows = np.arange(n)
        x[rows, first, 1] = x[rows, second, 1] = 1
        return x, x[rows, first, :1] + x[rows, second, :1]

    return _both(info, seed, draw, train, test, {"shape": (steps, 2)})


def _both(info: Info, seed: int, draw: Draw, train: int, test: int, task: Mapping[str, object]) -> DataSet:
    at_least("train", train, 1)
    at_least("test", test, 1)
    first, second = generators(seed)
    return DataSet.of(info, draw(first, train), draw(second, test), task=task)


def _two_places(rng: np.random.Generator, n: int, steps: int) -> tuple[Array, Array]:
    first, second = rng.integers(steps, size=n), rng.integers(steps - 1, size=n)
    return first, second + (second >= first)


def load_delayed_xor(
    info: Info, seed: int, *, lag: int = 4, shown: int | None = None, train: int = 2_000, test: int = 1_000
) -> DataSet:
    """Draw two lines of random bits; the label is the exclusive or of the two bits `lag` steps before the last ones.

    Who sees only the last step, or only one line, is right half of the time. With `shown` only that many last steps
    are shown: an example for a network without a memory.

    Shapes: inputs (N, lag + 1, 2), or (N, shown, 2), of 0 and 1, labels (N,).
    """
    at_least("lag", lag, 0)
    steps = lag + 1 if shown is None else shown
    at_least("shown", steps, 1)

    def draw(rng: np.random.Generator, n: int) -> Arrays:
        bits = rng.integers(2, size=(n, lag + 1, 2))
        return bits[:, -steps:].astype(np.float32), bits[:, 0, 0] ^ bits[:, 0, 1]

    return _both(info, seed, draw, train, test, {"shape": (min(steps, lag + 1), 2)})


def load_copy(info: Info, seed: int, *, delay: int = 50, train: int = 10_000, test: int = 1_000) -> DataSet:
    """Draw ten symbols of eight, then blanks, a signal, and ten more blanks in which the symbols must be repeated.

        input    s1 ... s10   (delay - 1 blanks)   signal   10 blanks
        target   (delay + 10 blanks)                        s1 ... s10

    Blank is 0, the symbols are 1 to 8, the signal is 9. Who remembers nothing has at best the cross-entropy
    10 log(8) / (delay + 20).

    Shapes: inputs and targets (N, delay + 20) int64.
    """
    at_least("delay", delay, 1)
    steps = delay + 2 * COPY_LENGTH

    def draw(rng: np.random.Generator, n: int) -> Arrays:
        symbols = rng.integers(1, COPY_SYMBOLS + 1, size=(n, COPY_LENGTH))
        x, y = np.zeros((2, n, steps), np.int64)
        x[:, :COPY_LENGTH] = y[:, -COPY_LENGTH:] = symbols
        x[:, COPY_LENGTH + delay - 1] = COPY_SYMBOLS + 1
        return x, y

    return _both(info, seed, draw, train, test, {"shape": (steps,)})


def load_associative_recall(
    info: Info, seed: int, *, pairs: int = 8, keys: int = 26, train: int = 20_000, test: int = 2_000
) -> DataSet:
    """Draw pairs of a key and a digit, the keys all different, then two blanks and one of the keys: which digit?

    Digits are the tokens 0 to 9, keys those from 10 on, the blank is the last. `tests` has "oldest", the same
    sequences asked for their first pair, 2 pairs + 2 steps before the question.

    Shapes: inputs (N, 2 pairs + 3) int64, labels (N,).
    Raises: SettingError when there are fewer keys than pairs.
    """
    at_least("pairs", pairs, 1)
    if keys < pairs:
        raise SettingError(f"option keys is {keys}; it needs to be at least the number of pairs, {pairs}")
    values, blank = len(DIGITS), len(DIGITS) + keys

    def draw(rng: np.random.Generator, n: int) -> Arrays:
        x = np.full((n, 2 * pairs + 3), blank, np.int64)
        x[:, 0 : 2 * pairs : 2] = values + rng.random((n, keys)).argsort(axis=1, kind="stable")[:, :pairs]
        x[:, 1 : 2 * pairs : 2] = rng.integers(values, size=(n, pairs))
        asked, rows = 2 * rng.integers(pairs, size=n), np.arange(n)
        x[:, -1] = x[rows, asked]
        return x, x[rows, asked + 1]

    task = {"shape": (2 * pairs + 3,), "vocabulary": blank + 1}
    data = _both(info, seed, draw, train, test, task)
    oldest = data.test[0].copy()
    oldest[:, -1] = oldest[:, 0]
    return DataSet.of(info, data.train, data.test, tests={"oldest": (oldest, oldest[:, 1].copy())}, task=task)


ENTRIES = (
    *(Entry(_adding_info(steps), partial(load_adding, steps=steps)) for steps in (100, 200, 400, 600)),
    *(Entry(_xor_info(lag), partial(load_delayed_xor, lag=lag)) for lag in (1, 2, 4, 8, 16, 32)),
    *(Entry(_copy_info(delay), partial(load_copy, delay=delay)) for delay in (50, 100, 200)),
    *(
        Entry(_recall_info(pairs, keys), partial(load_associative_recall, pairs=pairs, keys=keys))
        for pairs, keys in ((8, 26), (50, 64))
    ),
)
