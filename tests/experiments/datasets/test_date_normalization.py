import datetime

import numpy as np
import pytest

from neuralzoo.experiments.datasets import date_normalization, load
from neuralzoo.experiments.datasets.date_normalization import MAX_LENGTH, TEMPLATES, TOKENIZER, write
from neuralzoo.registry import SettingError

DAY = datetime.date(2008, 9, 3)


def texts(part):
    x, lengths, target = part
    return [
        (TOKENIZER.decode(row[:length]), TOKENIZER.decode(labels[labels >= 0]))
        for row, length, labels in zip(x, lengths, target, strict=True)
    ]


def test_a_date_is_written_in_six_forms():
    assert [write(DAY, form) for form in TEMPLATES] == [
        "3 September 2008",
        "3 Sep 2008",
        "September 3, 2008",
        "Sep 3, 2008",
        "3/9/2008",
        "3.9.2008",
    ]


@pytest.mark.parametrize("part", ["train", "test"])
def test_the_labels_are_the_digits_of_the_written_date(part):
    data = load("date-normalization", train=300, test=300)
    for text, iso in texts(getattr(data, part)):
        date = datetime.datetime.strptime(iso, "%Y%m%d").date()
        assert text in [write(date, form) for form in TEMPLATES]


def test_every_form_fits_and_covers_the_labels():
    x, lengths, target = load("date-normalization", train=5000).train
    assert lengths.min() >= 8
    assert lengths.max() <= MAX_LENGTH == x.shape[1] == target.shape[1]
    assert (target[:, 8:] == -1).all()
    assert (target[:, :8] >= 0).all()


def test_no_date_is_in_both_training_and_test():
    data = load("date-normalization", train=30_000, test=5_000)
    train, test = ({iso for _, iso in texts(part)} for part in (data.train, data.test))
    assert (len(train), len(test)) == (30_000, 5_000)
    assert not train & test


def test_a_seed_decides_the_dates():
    one, same, other = (load("date-normalization", seed=seed, train=50, test=5).train[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_more_dates_than_there_are_raise_an_error():
    words = rf"train and test are 36000 and 1000; they need at most {date_normalization.DATES} dates together"
    with pytest.raises(SettingError, match=words):
        load("date-normalization", train=36_000)
