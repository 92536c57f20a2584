"""Targets: classes, values from 0 to 1, and padding."""

import numpy as np
import pytest

from neuralzoo.core.blocks.losses import BinaryCrossEntropy, CrossEntropy, Huber, MeanSquaredError
from neuralzoo.core.blocks.metrics import accuracy, multilabel_accuracy
from neuralzoo.core.blocks.targets import check_fractions, class_indices, mask_beyond

LOGITS = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
CLASSES = np.array([0, 2, 1, 2])
INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_of_any_kind_are_classes(dtype):
    loss, gradient = CrossEntropy()(LOGITS, CLASSES.astype(dtype))
    assert loss == CrossEntropy()(LOGITS, CLASSES)[0]
    np.testing.assert_array_equal(gradient, CrossEntropy()(LOGITS, CLASSES)[1])
    assert accuracy(LOGITS, CLASSES.astype(dtype)) == accuracy(LOGITS, CLASSES)


def test_truth_values_are_the_classes_zero_and_one():
    truth = np.array([True, False, True, True])
    assert CrossEntropy()(LOGITS, truth)[0] == CrossEntropy()(LOGITS, truth.astype(int))[0]


@pytest.mark.parametrize("target", [CLASSES.astype(float), CLASSES.astype(str), CLASSES.astype(object)], ids=str)
def test_floats_and_text_are_no_classes(target):
    for function in (CrossEntropy(), accuracy):
        with pytest.raises(ValueError, match=r"got targets of dtype \S+; it needs integers from 0 to 2$"):
            function(LOGITS, target)


@pytest.mark.parametrize("wrong", [-2, -1, 3, 255])
@pytest.mark.parametrize("function", [CrossEntropy(), accuracy], ids=["loss", "accuracy"])
def test_one_class_for_each_example_has_no_padding(function, wrong):
    with pytest.raises(ValueError, match=rf"got targets from .*{wrong}.*; it needs classes from 0 to 2$"):
        function(LOGITS, np.array([0, wrong, 1, 2]))


def test_one_row_of_labels_for_each_example_has_no_padding():
    labels = np.float32([[0, 1, -1], [1, 1, 0], [0, 0, 0], [1, 0, 1]])
    for function in (BinaryCrossEntropy(), multilabel_accuracy):
        with pytest.raises(ValueError, match=r"got targets from -1\.0 to 1\.0; it needs values in \[0, 1\]$"):
            function(LOGITS, labels)


def test_steps_may_be_padding_and_the_others_are_checked():
    logits = np.stack([LOGITS, LOGITS])  # (2, 4, 3)
    target = np.array([[0, 2, -1, -1], [1, 1, 2, 0]])
    assert CrossEntropy()(logits, target)[0] == CrossEntropy()(logits[target >= 0], target[target >= 0])[0]
    with pytest.raises(ValueError, match="from -1 to 3; it needs classes from 0 to 2, or -1 for masked ones"):
        CrossEntropy()(logits, np.where(target == 0, 3, target))
    check_fractions("it", np.float32([[[0, 0.5, -1]]]), padding=True)
    with pytest.raises(ValueError, match=r"it got targets from -1\.0 to 2\.0; it needs values in \[0, 1\], or -1"):
        check_fractions("it", np.float32([[[0, 2, -1]]]), padding=True)


@pytest.mark.parametrize("loss", [BinaryCrossEntropy(), MeanSquaredError(), Huber()], ids=lambda loss: loss.quantity)
def test_a_loss_of_numbers_takes_any_kind_of_number_and_no_text(loss):
    labels = np.array([[0, 1, 1], [1, 1, 0], [0, 0, 0], [1, 0, 1]])
    expected = loss(LOGITS, labels.astype(np.float32))
    for dtype in (bool, np.uint8, np.int64, np.float16, np.float64):
        value, gradient = loss(LOGITS, labels.astype(dtype))
        assert value == expected[0]
        np.testing.assert_array_equal(gradient, expected[1])
    with pytest.raises(ValueError, match="got targets of dtype <U"):
        loss(LOGITS, labels.astype(str))
    with pytest.raises(ValueError, match=r"got targets from nan to nan; it needs values in \[0, 1\]"):
        BinaryCrossEntropy()(LOGITS, np.full((4, 3), np.nan))


@pytest.mark.parametrize("dtype", [bool, *INTEGERS, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 2)])
def test_padding_is_minus_one_in_every_kind_of_target(dtype, shape):
    masked = mask_beyond(np.ones(shape, dtype), np.array([3, 1]))
    needed = np.ones(shape)
    needed[1, 1:] = -1
    np.testing.assert_array_equal(masked, needed)


def test_a_class_beyond_the_largest_integer_does_not_become_padding():
    wrapped = np.array([[0, 2**64 - 1]], np.uint64)  # -1 in 64 bits
    masked = mask_beyond(wrapped, np.array([2]))
    with pytest.raises(ValueError, match="it needs classes from 0 to 2"):
        class_indices("it", masked, 3, padding=True)
