import math

import numpy as np
import pytest

from neuralzoo.core.blocks.losses import BinaryCrossEntropy, CrossEntropy, Huber, MeanSquaredError

RNG = np.random.default_rng(0)
LOGITS = 3 * RNG.normal(size=(4, 3, 5))
CLASSES = RNG.integers(0, 5, (4, 3))
NUMBERS = 3 * RNG.normal(size=(4, 3))
SHARES = RNG.random((4, 3))
PADDED = np.tril(np.ones((4, 3), bool), -2)

CASES = {
    "cross_entropy": (CrossEntropy(), LOGITS, CLASSES),
    "cross_entropy_smoothed": (CrossEntropy(label_smoothing=0.2), LOGITS, CLASSES),
    "cross_entropy_padded": (CrossEntropy(), LOGITS, np.where(PADDED, -1, CLASSES)),
    "cross_entropy_smoothed_padded": (CrossEntropy(0.2), LOGITS, np.where(PADDED, -1, CLASSES)),
    "binary_cross_entropy_padded": (BinaryCrossEntropy(), NUMBERS[..., None], np.where(PADDED, -1, SHARES)[..., None]),
    "binary_cross_entropy": (BinaryCrossEntropy(), NUMBERS, SHARES),
    "mean_squared_error": (MeanSquaredError(), NUMBERS, SHARES),
    "huber": (Huber(delta=1.5), NUMBERS, SHARES),
}
EVERY = pytest.mark.parametrize(("loss", "prediction", "target"), CASES.values(), ids=CASES)


@EVERY
def test_the_gradient_agrees_with_finite_differences(loss, prediction, target):
    step, needed = 1e-6, np.zeros_like(prediction)
    for index in np.ndindex(prediction.shape):
        ahead, behind = prediction.copy(), prediction.copy()
        ahead[index] += step
        behind[index] -= step
        needed[index] = (loss(ahead, target)[0] - loss(behind, target)[0]) / (2 * step)
    np.testing.assert_allclose(loss(prediction, target)[1], needed, atol=1e-9)


@EVERY
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_value_and_gradient_agree_with_pytorch(loss, prediction, target, dtype, tolerance):
    torch = pytest.importorskip("torch", reason="agreement with PyTorch needs the extra 'parity'")
    functional = torch.nn.functional
    x = torch.tensor(prediction.astype(dtype), requires_grad=True)
    t = torch.tensor(target if target.dtype.kind == "i" else target.astype(dtype))
    match loss:
        case CrossEntropy(label_smoothing=smoothing):
            needed = functional.cross_entropy(
                x.reshape(-1, 5), t.reshape(-1), label_smoothing=smoothing, ignore_index=-1
            )
        case BinaryCrossEntropy():
            needed = functional.binary_cross_entropy_with_logits(x[t != -1], t[t != -1])
        case MeanSquaredError():
            needed = functional.mse_loss(x, t)
        case Huber(delta=delta):
            needed = functional.huber_loss(x, t, delta=delta)
    needed.backward()
    value, gradient = loss(prediction.astype(dtype), t.numpy())
    assert value == pytest.approx(needed.item(), rel=tolerance)
    np.testing.assert_allclose(gradient, x.grad.numpy(), rtol=tolerance, atol=tolerance)


@EVERY
def test_the_gradient_has_the_dtype_of_the_prediction_and_no_argument_is_modified(loss, prediction, target):
    prediction, target = prediction.astype(np.float32), target.copy()
    prediction.flags.writeable = target.flags.writeable = False
    value, gradient = loss(prediction, target)
    assert type(value) is float
    assert gradient.dtype == np.float32
    assert gradient.shape == prediction.shape


@EVERY
def test_noncontiguous_inputs_work(loss, prediction, target):
    value, gradient = loss(prediction[::2, ::-1], target[::2, ::-1])
    needed_value, needed_gradient = loss(prediction[::2, ::-1].copy(), target[::2, ::-1].copy())
    assert value == pytest.approx(needed_value, rel=1e-14)
    np.testing.assert_allclose(gradient, needed_gradient, rtol=1e-14, atol=1e-16)


@EVERY
def test_a_duplicated_batch_has_the_same_loss_and_half_the_gradient(loss, prediction, target):
    value, gradient = loss(prediction, target)
    twice, halves = loss(np.concatenate([prediction] * 2), np.concatenate([target] * 2))
    assert twice == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(2 * halves[: len(gradient)], gradient, atol=1e-14)


@EVERY
def test_losses_propagate_nan(loss, prediction, target):
    broken = prediction.copy()
    broken.flat[3] = np.nan
    assert math.isnan(loss(broken, target)[0])


def test_known_values():
    assert CrossEntropy()(np.zeros((3, 10)), np.array([0, 5, 9]))[0] == pytest.approx(math.log(10))
    assert CrossEntropy()(np.log([[1.0, 2.0, 5.0]]), np.array([1]))[0] == pytest.approx(math.log(4))
    assert BinaryCrossEntropy()(np.zeros(4), np.array([0.0, 1.0, 1.0, 0.0]))[0] == pytest.approx(math.log(2))
    assert MeanSquaredError()(np.array([1.0, 5.0]), np.array([0.0, 2.0]))[0] == pytest.approx(5)
    assert Huber(1.0)(np.array([0.5, 3.0]), np.zeros(2))[0] == pytest.approx((0.125 + 2.5) / 2)


@pytest.mark.parametrize(
    ("loss", "shape", "target"),
    [(CrossEntropy(), (4, 1, 5), CLASSES[:, :1]), (BinaryCrossEntropy(), (4, 3, 1), SHARES[..., None])],
)
def test_masked_targets_change_neither_the_loss_nor_the_gradient_of_the_others(loss, shape, target):
    prediction = RNG.normal(size=shape)
    value, gradient = loss(prediction, target)
    padded = np.concatenate([prediction, RNG.normal(size=shape)]), np.concatenate([target, np.full_like(target, -1)])
    assert loss(*padded)[0] == value
    np.testing.assert_array_equal(loss(*padded)[1], np.concatenate([gradient, np.zeros_like(gradient)]))


def test_cross_entropy_is_invariant_to_a_shift_of_the_logits():
    value, gradient = CrossEntropy(0.1)(LOGITS, CLASSES)
    shifted, same = CrossEntropy(0.1)(LOGITS + 500, CLASSES)
    assert shifted == pytest.approx(value, rel=1e-11)
    np.testing.assert_allclose(same, gradient, atol=1e-12)


def test_cross_entropy_gradients_of_a_row_add_up_to_zero():
    np.testing.assert_allclose(CrossEntropy(0.3)(LOGITS, CLASSES)[1].sum(axis=-1), 0, atol=1e-15)


def test_large_logits_cause_neither_a_warning_nor_a_nan():
    x = np.float32([[1e4, -1e4], [-1e4, 1e4]])
    assert CrossEntropy()(x, np.array([0, 0]))[0] == pytest.approx(1e4)
    assert BinaryCrossEntropy()(x, np.float32([[1, 0], [1, 1]]))[0] == pytest.approx(2500)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_class_indices_may_have_any_integer_dtype(dtype):
    assert CrossEntropy()(LOGITS, CLASSES.astype(dtype))[0] == CrossEntropy()(LOGITS, CLASSES)[0]


def test_binary_targets_may_be_booleans():
    answers = SHARES > 0.5
    assert BinaryCrossEntropy()(NUMBERS, answers)[0] == BinaryCrossEntropy()(NUMBERS, answers.astype(float))[0]


@pytest.mark.parametrize(
    ("loss", "prediction", "target", "message"),
    [
        (CrossEntropy(), LOGITS, CLASSES + 1, r"targets from [01] to 5; it needs classes from 0 to 4"),
        (CrossEntropy(), LOGITS, CLASSES - 2, r"targets from -2 to [23]; it needs classes from 0 to 4, or -1 for mask"),
        (CrossEntropy(), LOGITS, CLASSES * 0 - 1, "CrossEntropy got only targets of -1, which are masked; it needs on"),
        (
            BinaryCrossEntropy(),
            NUMBERS[..., None],
            SHARES[..., None] * 0 - 1,
            "BinaryCrossEntropy got only targets of -1, which are masked; ",
        ),
        (
            BinaryCrossEntropy(),
            NUMBERS[..., None],
            SHARES[..., None] - 0.5,
            "BinaryCrossEntropy got targets from .*, or -1 for masked ones",
        ),
        (CrossEntropy(), LOGITS, CLASSES[:, :2], r"shape \(4, 3, 5\) and targets of shape \(4, 2\); it needs"),
        (CrossEntropy(), LOGITS, CLASSES * 1.0, "targets of dtype float64; it needs integers"),
        (CrossEntropy(), LOGITS[:0], CLASSES[:0], r"targets of shape \(0, 3\)"),
        (BinaryCrossEntropy(), NUMBERS, SHARES + 1, r"BinaryCrossEntropy got targets from .*; it needs values in"),
        (BinaryCrossEntropy(), NUMBERS, SHARES[:1], r"shape \(4, 3\) and targets of shape \(1, 3\); it needs one"),
        (MeanSquaredError(), NUMBERS, SHARES[:, 0], r"MeanSquaredError got .* targets of shape \(4,\); it needs one"),
        (Huber(), NUMBERS, SHARES[:1], "Huber got predictions of shape"),
    ],
)
def test_invalid_targets_raise_one_sentence(loss, prediction, target, message):
    with pytest.raises(ValueError, match=message) as caught:
        loss(prediction, target)
    assert "\n" not in str(caught.value)


def test_settings_out_of_range_raise():
    with pytest.raises(ValueError, match=r"label_smoothing=1.0; it needs a number in \[0, 1\)"):
        CrossEntropy(1.0)
    with pytest.raises(ValueError, match="delta=0; it needs a positive number"):
        Huber(0)
