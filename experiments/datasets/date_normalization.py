"""Date normalization: dates in several written forms, and the same dates in ISO 8601's basic format, as characters."""

import datetime

import numpy as np

from neuralzoo.core.blocks.targets import IGNORE_INDEX
from neuralzoo.core.blocks.tokenizers import CharTokenizer
from neuralzoo.core.module import Array
from neuralzoo.registry import SettingError, Task
from neuralzoo.registry.dataset import Arrays, Dataset, DatasetEntry, DatasetInfo, Sizes, require_min, split_rngs

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
TEMPLATES = (
    "{day} {month} {year}",
    "{day} {abbreviation} {year}",
    "{month} {day}, {year}",
    "{abbreviation} {day}, {year}",
    "{day}/{number}/{year}",
    "{day}.{number}.{year}",
)
FIRST, LAST = datetime.date(1950, 1, 1), datetime.date(2049, 12, 31)
DATES = (LAST - FIRST).days + 1
MAX_LENGTH = len("September 30, 2049")
ISO_LENGTH = len("20490930")
TOKENIZER = CharTokenizer("0123456789" + "".join(sorted(set("".join(MONTHS) + " ,./"))))

INFO = DatasetInfo(
    name="date-normalization",
    summary="date normalization: from a written date, such as 12 March 1987, to the digits of ISO 8601, 19870312",
    task=Task(
        kind="sequence-labelling",
        input="tokens",
        shape=(MAX_LENGTH,),
        outputs=TOKENIZER.vocab_size,
        vocab_size=TOKENIZER.vocab_size,
        variable_length=True,
    ),
    sizes=Sizes(10_000, 1_000),
    kind="generated",
    licence="no rights: drawn at random",
    citation="ISO 8601-1:2019, Date and time, basic format of calendar dates",
    url="https://www.iso.org/standard/70907.html",
    classes=TOKENIZER.alphabet,
)


def load(info: DatasetInfo, seed: int, *, train: int = 10_000, test: int = 1_000) -> Dataset:
    """Draw different dates from 1950 to 2049, each in one of six forms; no date is in both training and test.

    The labels are the eight digits of the date, YYYYMMDD, then -1. Every form has at least eight characters: all labels
    are within the lengths.

    Shapes: inputs (N, 18) int64, lengths (N,), labels (N, 18).
    Raises: SettingError when an option is too small, or there are not that many dates.
    """
    require_min("train", train, 1)
    require_min("test", test, 1)
    if train + test > DATES:
        raise SettingError(f"options train and test are {train} and {test}; they need at most {DATES} dates together")
    first, second = split_rngs(seed)
    days = first.permutation(DATES)
    return Dataset.of(info, _written(first, days[:train]), _written(second, days[train : train + test]))


def _written(rng: np.random.Generator, days: Array) -> Arrays:
    x = np.zeros((len(days), MAX_LENGTH), np.int64)
    lengths = np.zeros(len(days), np.int64)
    target = np.full((len(days), MAX_LENGTH), IGNORE_INDEX, np.int64)
    for row, (day, form) in enumerate(zip(days.tolist(), rng.integers(len(TEMPLATES), size=len(days)), strict=True)):
        date = FIRST + datetime.timedelta(days=day)
        text = write(date, TEMPLATES[form])
        lengths[row] = len(text)
        x[row, : len(text)] = TOKENIZER.encode(text)
        target[row, :ISO_LENGTH] = TOKENIZER.encode(f"{date:%Y%m%d}")
    return x, lengths, target


def write(date: datetime.date, form: str) -> str:
    """Return a date in one of the forms, with English names of months and without leading zeros."""
    month = MONTHS[date.month - 1]
    return form.format(day=date.day, month=month, abbreviation=month[:3], number=date.month, year=date.year)


ENTRIES = (DatasetEntry(INFO, load),)
