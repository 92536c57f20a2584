"""Statistics that decide claims, on numbers whose answer is known."""

import math

import pytest

from neuralzoo.experiments.claims.verdict import interval, judge
from neuralzoo.registry import Adam, Claim, Condition, Contestant, Experiment

EXPERIMENT = Experiment(architecture="fnn", dataset="two-spirals", epochs=1, batch_size=8, optimizer=Adam())
A, B = (Contestant(label=label, experiment=EXPERIMENT) for label in "ab")
M = "test/accuracy"


def claim(*conditions, **more):
    return Claim(
        name="a-claim", sentence="a is better than b by some measure", contestants=(A, B), conditions=conditions, **more
    )


def answer(condition, a, b=(0.0,) * 5):
    return judge(claim(condition), {("a", M): list(a), ("b", M): list(b)})[0]


def test_the_interval_is_students():
    # mean 2, standard deviation 1, n = 3: 2 +- 4.3027 / sqrt(3)
    assert interval([1.0, 2.0, 3.0]) == pytest.approx((2.0, 2 - 4.302653 / math.sqrt(3), 2 + 4.302653 / math.sqrt(3)))


def test_equal_values_leave_no_doubt_and_a_single_one_leaves_all():
    assert interval([0.7] * 4) == (0.7, 0.7, 0.7)
    assert interval([0.7])[1:] == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.80, 0.81, 0.82, 0.83, 0.84], "yes"),  # the whole interval is above
        ([0.60, 0.95, 0.70, 0.90, 0.75], "partly"),  # the mean is, the interval is not
        ([0.60, 0.61, 0.62, 0.63, 0.64], "no"),
    ],
)
def test_a_bound_is_held_wholly_partly_or_not(values, expected):
    assert answer(Condition(of="a", at_least=0.7), values) == expected
    mirrored = [1.4 - value for value in values]
    assert answer(Condition(of="a", at_most=0.7), mirrored) == expected


def test_a_difference_is_paired_by_seed():
    """Seeds differ by far more than the contestants do, and yet the difference is certain."""
    b = [0.1, 0.9, 0.5, 0.3, 0.7]
    a = [value + gain for value, gain in zip(b, [0.05, 0.06, 0.05, 0.04, 0.05], strict=True)]
    assert answer(Condition(of="a", over="b", at_least=0.0), a, b) == "yes"
    assert answer(Condition(of="b", over="a", at_least=0.0), a, b) == "no"


def test_a_ratio_has_an_interval_on_the_logarithmic_scale():
    condition = Condition(of="a", over="b", ratio=True, at_most=0.8)
    (finding,) = judge(claim(condition), {("a", M): [1.0, 2.0, 4.0], ("b", M): [2.0, 4.0, 8.0]})[1]
    assert (finding.mean, finding.low, finding.high) == pytest.approx((0.5, 0.5, 0.5))
    (finding,) = judge(claim(condition), {("a", M): [1.0, 4.0], ("b", M): [1.0, 1.0]})[1]
    assert finding.mean == pytest.approx(2.0)
    assert finding.low * finding.high == pytest.approx(4.0)


def test_a_quorum_counts_seeds():
    condition = Condition(of="a", at_least=1.0, quorum=4)
    assert answer(condition, [1, 1, 0.2, 1, 1]) == "yes"
    assert answer(condition, [1, 1, 0.2, 0.3, 1]) == "no"


def test_the_effect_size_is_the_mean_over_the_deviation():
    condition = Condition(of="a", over="b", at_least=0.0)
    (finding,) = judge(claim(condition), {("a", M): [1.0, 2.0, 3.0], ("b", M): [0.0, 0.0, 0.0]})[1]
    assert finding.effect == pytest.approx(2.0)


def test_the_first_condition_decides_between_no_and_partly():
    good, bad = Condition(of="a", at_least=0.5), Condition(of="b", at_least=0.5)
    values = {("a", M): [0.9] * 5, ("b", M): [0.1] * 5}
    assert judge(claim(good), values)[0] == "yes"
    assert judge(claim(good, bad), values)[0] == "partly"
    assert judge(claim(bad, good), values)[0] == "no"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"of": "a"}, "exactly one of at_least and at_most"),
        ({"of": "a", "at_least": 1, "at_most": 2}, "exactly one"),
        ({"of": "a", "ratio": True, "at_least": 1}, "needs `over`"),
    ],
)
def test_a_condition_that_can_not_be_decided_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        Condition(**wrong)


def test_a_claim_about_somebody_else_is_refused():
    with pytest.raises(ValueError, match="has no contestant 'c'; it has a, b"):
        claim(Condition(of="c", at_least=1))


def test_a_quorum_larger_than_the_seeds_is_refused():
    with pytest.raises(ValueError, match="asks for 6 of 5 seeds"):
        claim(Condition(of="a", at_least=1, quorum=6))
