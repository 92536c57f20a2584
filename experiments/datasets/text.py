"""Character-level language modelling: Shakespeare, and first names."""

import gzip
from collections.abc import Callable

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.experiments.datasets import files as sources
from neuralzoo.registry import DataError, Task
from neuralzoo.registry.dataset import Arrays, Dataset, DatasetEntry, DatasetInfo, File, Sizes, require_min

CONTEXT = 64
IGNORE_INDEX = -1  # a target after the end of a name

TINY_SHAKESPEARE_FILE = File(
    "tinyshakespeare/input.txt",
    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    (
        "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/"
        "data/tinyshakespeare/input.txt",
    ),
)
THREE_PLAYS_FILE = File("shakespeare_3plays.txt.gz", "faa632e2a7269ca9c48b00ae6072245c2a1060c7e95ab886eb72512cccd6aa7c")
NAMES_FILE = File(
    "names/names.txt",
    "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
    ("https://raw.githubusercontent.com/karpathy/makemore/988aa59e4d8fefa526d06f3b453ad116258398d4/names.txt",),
)

END = "."  # the token around a name, number 0
LETTERS = (END, *"abcdefghijklmnopqrstuvwxyz")
LONGEST_NAME = 15

# The characters of each text in order; a character's index is its token.
TINY_SHAKESPEARE_CHARACTERS = tuple("\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
THREE_PLAYS_CHARACTERS = tuple("\n !\"&'(),-.:;?ABCDEFGHIJKLMNOPQRSTUVWXYZ[]abcdefghijklmnopqrstuvwxyz")


def _text_task(characters: tuple[str, ...]) -> Task:
    n = len(characters)
    return Task(kind="language-modelling", input="tokens", shape=(CONTEXT,), outputs=n, vocab_size=n)


TINY_SHAKESPEARE = DatasetInfo(
    name="tiny-shakespeare",
    summary="Tiny Shakespeare: next-character prediction on a million characters",
    task=_text_task(TINY_SHAKESPEARE_CHARACTERS),
    sizes=Sizes(15_685, 1_742),
    kind="download",
    licence="text in the public domain",
    citation="Karpathy (2015), The unreasonable effectiveness of recurrent neural networks",
    url="http://karpathy.github.io/2015/05/21/rnn-effectiveness/",
    classes=TINY_SHAKESPEARE_CHARACTERS,
    files=(TINY_SHAKESPEARE_FILE,),
)
THREE_PLAYS = DatasetInfo(
    name="shakespeare-3plays",
    summary="Othello, Macbeth and Julius Caesar: next-character prediction",
    task=_text_task(THREE_PLAYS_CHARACTERS),
    sizes=Sizes(5_261, 584),
    kind="embedded",
    licence="public domain",
    citation="Shakespeare (about 1599-1606), Othello, Macbeth, Julius Caesar",
    url="https://www.gutenberg.org/ebooks/author/65",
    classes=THREE_PLAYS_CHARACTERS,
    files=(THREE_PLAYS_FILE,),
)
NAMES = DatasetInfo(
    name="names",
    summary="first names: next-letter prediction",
    task=Task(
        kind="language-modelling",
        input="tokens",
        shape=(LONGEST_NAME + 1,),
        outputs=27,
        vocab_size=27,
        variable_length=True,
    ),
    sizes=Sizes(31_032, 1_001),
    kind="download",
    licence="MIT",
    citation="Karpathy (2022), makemore",
    url="https://github.com/karpathy/makemore",
    classes=LETTERS,
    files=(NAMES_FILE,),
)


def encode(text: str, characters: tuple[str, ...]) -> Array:
    """Return the tokens of a text: the indices of its characters.

    Raises: DataError when the text has a character that the alphabet lacks.
    """
    indices = {character: index for index, character in enumerate(characters)}
    unknown = set(text) - indices.keys()
    if unknown:
        raise DataError(f"the text has {sorted(unknown)}; it needs to be made of {''.join(characters)!r}")
    return np.array([indices[character] for character in text], np.int64)


def decode(tokens: Array, characters: tuple[str, ...]) -> str:
    """Return the text of tokens."""
    return "".join(characters[token] for token in tokens)


def windows(tokens: Array, context: int, stride: int) -> Arrays:
    """Return windows of a text and the same windows one character later.

    Shapes: tokens (n,); both arrays (N, context) and only views: a window is copied when it is indexed.
    """
    views = np.lib.stride_tricks.sliding_window_view(tokens, context)
    return views[:-1:stride], views[1::stride]


def _read_tiny_shakespeare() -> str:
    return sources.read(TINY_SHAKESPEARE_FILE).decode()


def _read_three_plays() -> str:
    return gzip.decompress(sources.embedded(THREE_PLAYS_FILE)).decode()


def _load_text(info: DatasetInfo, text: str, context: int, stride: int | None) -> Dataset:
    require_min("context", context, 1)
    require_min("stride", stride or context, 1)
    tokens = encode(text, info.classes)
    train, test = np.split(tokens, [int(0.9 * len(tokens))])
    task = {"shape": (context,)}
    return Dataset.of(info, windows(train, context, stride or context), windows(test, context, context), task=task)


def _text_loader(read: Callable[[], str]) -> Callable[..., Dataset]:
    def load_text(info: DatasetInfo, seed: int, *, context: int = CONTEXT, stride: int | None = None) -> Dataset:
        """Split the text into training windows, from its first nine tenths, and test windows.

        Training windows start `stride` characters apart, by default their length; test windows don't overlap.

        Shapes: inputs and targets (N, context) int64, the targets one character later.
        """
        return _load_text(info, read(), context, stride)

    return load_text


def load_names(info: DatasetInfo, seed: int) -> Dataset:
    """Read the names; every 32nd of the list, which goes from frequent to rare, is in the test, for every seed.

    Inputs are the end token and the letters, targets the letters and the end token. Padding is the end token in the
    inputs and -1 in the targets.

    Shapes: (inputs, lengths, targets) are (N, 16), (N,), (N, 16), int64.
    """
    words = sources.read(NAMES_FILE).decode().split()
    x = np.zeros((len(words), LONGEST_NAME + 1), np.int64)
    y = np.full_like(x, IGNORE_INDEX)
    for i, word in enumerate(words):
        letters = encode(word, LETTERS)
        x[i, 1 : len(word) + 1] = letters
        y[i, : len(word) + 1] = [*letters, 0]
    lengths = np.array([len(word) + 1 for word in words])
    test = np.arange(len(words)) % 32 == 31
    return Dataset.of(info, (x[~test], lengths[~test], y[~test]), (x[test], lengths[test], y[test]))


ENTRIES = (
    DatasetEntry(TINY_SHAKESPEARE, _text_loader(_read_tiny_shakespeare)),
    DatasetEntry(THREE_PLAYS, _text_loader(_read_three_plays)),
    DatasetEntry(NAMES, load_names),
)
