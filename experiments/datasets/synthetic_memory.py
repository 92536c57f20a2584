"""Synthetic memory tasks: adding, delayed XOR, copying and associative recall."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.registry import SettingError, Task
from neuralzoo.registry.dataset import Arrays, Dataset, DatasetEntry, DatasetInfo, Sizes, require_min, split_rngs

LICENCE = "no rights: drawn at random"
COPY_SYMBOLS = 8
COPY_LENGTH = 10  # symbols to remember
DIGITS = tuple("0123456789")
MAX_PAIRS, KEY_BITS = 100, 24  # of associative recall with binary keys

Draw = Callable[[np.random.Generator, int], Arrays]
"""Draws examples from a random generator and their number."""


def _adding_info(steps: int) -> DatasetInfo:
    return DatasetInfo(
        name=f"adding-{steps}",
        summary=f"adding problem: the sum of two marked values among {steps}",
        task=Task(kind="regression", input="sequence", shape=(steps, 2), outputs=1),
        sizes=Sizes(10_000, 1_000),
        kind="generated",
        licence=LICENCE,
        citation="Hochreiter and Schmidhuber (1997), Long short-term memory; "
        "in the form of Le, Jaitly and Hinton (2015)",
        url="https://arxiv.org/abs/1504.00941",
    )


def _xor_info(lag: int) -> DatasetInfo:
    return DatasetInfo(
        name="delayed-xor" if lag == 4 else f"delayed-xor-{lag}",
        summary=f"delayed XOR: whether two bits differed {lag} step{'s' * (lag > 1)} ago",
        task=Task(kind="classification", input="sequence", shape=(lag + 1, 2), outputs=2),
        sizes=Sizes(2_000, 1_000),
        kind="generated",
        licence=LICENCE,
        citation="Williams and Zipser (1989), A learning algorithm for continually running fully recurrent "
        "neural networks",
        url="https://doi.org/10.1162/neco.1989.1.2.270",
        classes=("equal", "different"),
    )


def _copy_info(delay: int) -> DatasetInfo:
    return DatasetInfo(
        name="copy" if delay == 50 else f"copy-{delay}",
        summary=f"copy task: repeat ten symbols after {delay} steps",
        task=Task(
            kind="sequence-labelling",
            input="tokens",
            shape=(delay + 2 * COPY_LENGTH,),
            outputs=COPY_SYMBOLS + 1,
            vocab_size=COPY_SYMBOLS + 2,
        ),
        sizes=Sizes(10_000, 1_000),
        kind="generated",
        licence=LICENCE,
        citation="Hochreiter and Schmidhuber (1997); in the form of Arjovsky, Shah and Bengio (2016), "
        "Unitary evolution recurrent neural networks",
        url="https://arxiv.org/abs/1511.06464",
        classes=("blank", *"12345678"),
    )


def _recall_info(pairs: int, keys: int) -> DatasetInfo:
    return DatasetInfo(
        name=f"associative-recall-{pairs}",
        summary=f"associative recall: the digit that followed a key, among {pairs} pairs of tokens",
        task=Task(
            kind="classification",
            input="tokens",
            shape=(2 * pairs + 3,),
            outputs=len(DIGITS),
            vocab_size=keys + len(DIGITS) + 1,
        ),
        sizes=Sizes(20_000, 2_000),
        kind="generated",
        licence=LICENCE,
        citation="Ba, Hinton, Mnih, Leibo and Ionescu (2016), Using fast weights to attend to the recent past",
        url="https://arxiv.org/abs/1610.06258",
        classes=DIGITS,
    )


BINARY_RECALL = DatasetInfo(
    name=f"associative-recall-{MAX_PAIRS}",
    summary=f"associative recall: the digit that came with a binary key, among up to {MAX_PAIRS} pairs",
    task=Task(
        kind="classification",
        input="sequence",
        shape=(MAX_PAIRS + 1, KEY_BITS + len(DIGITS)),
        outputs=len(DIGITS),
        variable_length=True,
    ),
    sizes=Sizes(8_000, 1_000),
    kind="generated",
    licence=LICENCE,
    citation="Graves, Wayne and Danihelka (2014), Neural Turing machines, whose items are random bits, too; "
    "our variant, with keys",
    url="https://arxiv.org/abs/1410.5401",
    classes=DIGITS,
)


def load_adding(info: DatasetInfo, seed: int, *, steps: int = 100, train: int = 10_000, test: int = 1_000) -> Dataset:
    """Draw the adding problem: values from [0, 1], two different steps marked uniformly, their sum as the target.

    The constant prediction 1 has the mean squared error Var(u + u') = 1/6 = 0.1667 (the literature prints 0.1767).

    Shapes: inputs (N, steps, 2) with the value and the mark 0 or 1; targets (N, 1).
    """
    require_min("steps", steps, 2)

    def draw(rng: np.random.Generator, n: int) -> Arrays:
        first, second = _two_steps(rng, n, steps)
        x = np.zeros((n, steps, 2), np.float32)
        x[..., 0] = rng.random((n, steps), np.float32)
        rows = np.arange(n)
        x[rows, first, 1] = x[rows, second, 1] = 1
        return x, x[rows, first, :1] + x[rows, second, :1]

    return _both(info, seed, draw, train, test, {"shape": (steps, 2)})


def _both(info: DatasetInfo, seed: int, draw: Draw, train: int, test: int, task: Mapping[str, object]) -> Dataset:
    require_min("train", train, 1)
    require_min("test", test, 1)
    first, second = split_rngs(seed)
    return Dataset.of(info, draw(first, train), draw(second, test), task=task)


def _two_steps(rng: np.random.Generator, n: int, steps: int) -> tuple[Array, Array]:
    first, second = rng.integers(steps, size=n), rng.integers(steps - 1, size=n)
    return first, second + (second >= first)


def load_delayed_xor(
    info: DatasetInfo, seed: int, *, lag: int = 4, shown: int | None = None, train: int = 2_000, test: int = 1_000
) -> Dataset:
    """Draw two sequences of random bits; the label is the XOR of the two bits `lag` steps before the last ones.

    From the last step alone, or from one sequence, chance accuracy is 0.5. With `shown` the input is only that many
    last steps: a control for a network without memory.

    Shapes: inputs (N, lag + 1, 2), or (N, shown, 2), of 0 and 1, labels (N,).
    """
    require_min("lag", lag, 0)
    steps = lag + 1 if shown is None else shown
    require_min("shown", steps, 1)

    def draw(rng: np.random.Generator, n: int) -> Arrays:
        bits = rng.integers(2, size=(n, lag + 1, 2))
        return bits[:, -steps:].astype(np.float32), bits[:, 0, 0] ^ bits[:, 0, 1]

    return _both(info, seed, draw, train, test, {"shape": (min(steps, lag + 1), 2)})


def load_copy(info: DatasetInfo, seed: int, *, delay: int = 50, train: int = 10_000, test: int = 1_000) -> Dataset:
    """Draw the copy task: ten symbols of eight, blanks, a signal, and ten more blanks where the symbols are repeated.

        input    s1 ... s10   (delay - 1 blanks)   signal   10 blanks
        target   (delay + 10 blanks)                        s1 ... s10

    Blank is 0, the symbols are 1 to 8, the signal is 9. Without memory the best cross-entropy is
    10 log(8) / (delay + 20).

    Shapes: inputs and targets (N, delay + 20) int64.
    """
    require_min("delay", delay, 1)
    steps = delay + 2 * COPY_LENGTH

    def draw(rng: np.random.Generator, n: int) -> Arrays:
        symbols = rng.integers(1, COPY_SYMBOLS + 1, size=(n, COPY_LENGTH))
        x, y = np.zeros((2, n, steps), np.int64)
        x[:, :COPY_LENGTH] = y[:, -COPY_LENGTH:] = symbols
        x[:, COPY_LENGTH + delay - 1] = COPY_SYMBOLS + 1
        return x, y

    return _both(info, seed, draw, train, test, {"shape": (steps,)})


def load_associative_recall(
    info: DatasetInfo, seed: int, *, pairs: int = 8, keys: int = 26, train: int = 20_000, test: int = 2_000
) -> Dataset:
    """Draw pairs of a different key and a digit, two blanks, and one of the keys; the label is its digit.

    Digits are the tokens 0 to 9, keys those from 10 on, the blank is the last. `extra_test_sets` has "first_pair", the
    same sequences queried for their first pair, 2 pairs + 2 steps before the query. Chance accuracy is 0.1.

    Shapes: inputs (N, 2 pairs + 3) int64, labels (N,).
    Raises: SettingError when there are fewer keys than pairs.
    """
    require_min("pairs", pairs, 1)
    if keys < pairs:
        raise SettingError(f"option keys is {keys}; it needs to be at least the number of pairs, {pairs}")
    values, blank = len(DIGITS), len(DIGITS) + keys

    def draw(rng: np.random.Generator, n: int) -> Arrays:
        x = np.full((n, 2 * pairs + 3), blank, np.int64)
        x[:, 0 : 2 * pairs : 2] = values + rng.random((n, keys)).argsort(axis=1, kind="stable")[:, :pairs]
        x[:, 1 : 2 * pairs : 2] = rng.integers(values, size=(n, pairs))
        queried, rows = 2 * rng.integers(pairs, size=n), np.arange(n)
        x[:, -1] = x[rows, queried]
        return x, x[rows, queried + 1]

    task = {"shape": (2 * pairs + 3,), "vocab_size": blank + 1}
    data = _both(info, seed, draw, train, test, task)
    x = data.test[0].copy()
    x[:, -1] = x[:, 0]
    return Dataset.of(info, data.train, data.test, extra_test_sets={"first_pair": (x, x[:, 1].copy())}, task=task)


def load_binary_recall(
    info: DatasetInfo,
    seed: int,
    *,
    pairs: int = MAX_PAIRS,
    bits: int = KEY_BITS,
    train: int = 8_000,
    test: int = 1_000,
) -> Dataset:
    """Draw pairs of a different binary key and a digit, one at each step, and one of the keys; the label is its digit.

    A training sequence has from 1 to `pairs` pairs, few more often than many (`pairs` u² with u uniform in [0, 1]);
    those of the test have all. `extra_test_sets` has "first_pair", the same sequences queried for their first pair,
    `pairs` steps before the query. Chance accuracy is 0.1.

    Shapes: inputs (N, pairs + 1, bits + 10): the key as -1 and 1, the digit one-hot, zeros in the last step, which is
    the query; lengths (N,), labels (N,).
    Raises: SettingError when an option is too small.
    """
    require_min("pairs", pairs, 1)
    require_min("bits", bits, 2 * pairs.bit_length())  # so that most sequences have no key twice
    require_min("train", train, 1)
    require_min("test", test, 1)
    first, second = split_rngs(seed)
    counts = np.ceil(pairs * first.uniform(size=train) ** 2).astype(np.int64)
    training = _draw_binary_recall(first, np.maximum(counts, 1), pairs, bits)
    testing = _draw_binary_recall(second, np.full(test, pairs), pairs, bits)
    x = testing[0].copy()
    x[:, -1, :bits] = x[:, 0, :bits]
    extra = {"first_pair": (x, testing[1], x[:, 0, bits:].argmax(axis=1))}
    return Dataset.of(info, training, testing, extra_test_sets=extra, task={"shape": (pairs + 1, bits + len(DIGITS))})


def _draw_binary_recall(rng: np.random.Generator, shown: Array, pairs: int, bits: int) -> Arrays:
    n, rows = len(shown), np.arange(len(shown))
    keys, digits = _distinct_keys(rng, n, pairs, 2**bits), rng.integers(len(DIGITS), size=(n, pairs))
    queried = rng.integers(shown)
    x = np.zeros((n, pairs + 1, bits + len(DIGITS)), np.float32)
    for bit in range(bits):
        x[:, :-1, bit] = 2 * (keys >> bit & 1) - 1
    np.put_along_axis(x[:, :-1, bits:], digits[:, :, None], 1, axis=2)
    x[np.arange(pairs + 1) >= shown[:, None]] = 0
    x[rows, shown, :bits] = x[rows, queried, :bits]
    return x, shown + 1, digits[rows, queried]


def _distinct_keys(rng: np.random.Generator, n: int, pairs: int, keys: int) -> Array:
    """Return rows of distinct keys; a row that has one twice is drawn again."""
    drawn = rng.integers(keys, size=(n, pairs))
    while len(again := np.flatnonzero((np.diff(np.sort(drawn, axis=1), axis=1) == 0).any(axis=1))):
        drawn[again] = rng.integers(keys, size=(len(again), pairs))
    return drawn


ENTRIES = (
    *(DatasetEntry(_adding_info(steps), partial(load_adding, steps=steps)) for steps in (100, 200, 400, 600)),
    *(DatasetEntry(_xor_info(lag), partial(load_delayed_xor, lag=lag)) for lag in (1, 2, 4, 8, 16, 32)),
    *(DatasetEntry(_copy_info(delay), partial(load_copy, delay=delay)) for delay in (50, 100, 200)),
    *(
        DatasetEntry(_recall_info(pairs, keys), partial(load_associative_recall, pairs=pairs, keys=keys))
        for pairs, keys in ((8, 26), (50, 64))
    ),
    DatasetEntry(BINARY_RECALL, load_binary_recall),
)
