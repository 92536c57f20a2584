"""The statistics that decide claims, on values with a known decision."""

import pytest

from neuralzoo.experiments.claims.verdict import decide
from neuralzoo.registry import Adam, Candidate, Claim, Condition, Experiment, SettingError

EXPERIMENT = Experiment(architecture="fnn", dataset="two-spirals", epochs=1, batch_size=8, optimizer=Adam())
A, B = (Candidate(label=label, experiment=EXPERIMENT) for label in "ab")
M = "test/accuracy"


def claim(*conditions, **more):
    return Claim(
        name="a-claim", sentence="a is better than b by some metric", candidates=(A, B), conditions=conditions, **more
    )


def decision_of(condition, a, b=(0.0,) * 5):
    return decide(claim(condition), {("a", M): list(a), ("b", M): list(b)})[0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.80, 0.81, 0.82, 0.83, 0.84], "yes"),  # the whole interval is above
        ([0.60, 0.95, 0.70, 0.90, 0.75], "partly"),  # the mean is, the interval is not
        ([0.60, 0.61, 0.62, 0.63, 0.64], "no"),
    ],
)
def test_a_bound_holds_partly_holds_or_fails(values, expected):
    assert decision_of(Condition(of="a", at_least=0.7), values) == expected
    mirrored = [1.4 - value for value in values]
    assert decision_of(Condition(of="a", at_most=0.7), mirrored) == expected


def test_a_difference_is_paired_by_seed():
    """Seeds differ by far more than the candidates do, and yet the difference is significant."""
    b = [0.1, 0.9, 0.5, 0.3, 0.7]
    a = [value + gain for value, gain in zip(b, [0.05, 0.06, 0.05, 0.04, 0.05], strict=True)]
    assert decision_of(Condition(of="a", over="b", at_least=0.0), a, b) == "yes"
    assert decision_of(Condition(of="b", over="a", at_least=0.0), a, b) == "no"


def test_a_ratio_has_an_interval_on_the_logarithmic_scale():
    condition = Condition(of="a", over="b", ratio=True, at_most=0.8)
    (result,) = decide(claim(condition), {("a", M): [1.0, 2.0, 4.0], ("b", M): [2.0, 4.0, 8.0]})[1]
    assert (result.mean, result.low, result.high) == pytest.approx((0.5, 0.5, 0.5))
    (result,) = decide(claim(condition), {("a", M): [1.0, 4.0], ("b", M): [1.0, 1.0]})[1]
    assert result.mean == pytest.approx(2.0)
    assert result.low * result.high == pytest.approx(4.0)


def test_a_quorum_counts_seeds():
    condition = Condition(of="a", at_least=1.0, min_seeds=4)
    assert decision_of(condition, [1, 1, 0.2, 1, 1]) == "yes"
    assert decision_of(condition, [1, 1, 0.2, 0.3, 1]) == "no"


@pytest.mark.parametrize(("a", "b"), [([0.5, 1.0], [0.5, 0.0]), ([0.5, 0.0], [0.5, 1.0]), ([-1.0, 1.0], [1.0, 1.0])])
def test_a_ratio_of_values_that_are_not_positive_is_refused_in_one_sentence(a, b):
    condition = Condition(of="a", over="b", ratio=True, at_most=0.5)
    with pytest.raises(
        SettingError, match=r"^the condition '.* of a / b <= 0.5' got the values \S+ and \S+; a ratio needs"
    ):
        decision_of(condition, a, b)


def test_the_effect_size_is_the_mean_over_the_standard_deviation():
    condition = Condition(of="a", over="b", at_least=0.0)
    (result,) = decide(claim(condition), {("a", M): [1.0, 2.0, 3.0], ("b", M): [0.0, 0.0, 0.0]})[1]
    assert result.effect_size == pytest.approx(2.0)


def test_the_first_condition_decides_between_no_and_partly():
    good, bad = Condition(of="a", at_least=0.5), Condition(of="b", at_least=0.5)
    values = {("a", M): [0.9] * 5, ("b", M): [0.1] * 5}
    assert decide(claim(good), values)[0] == "yes"
    assert decide(claim(good, bad), values)[0] == "partly"
    assert decide(claim(bad, good), values)[0] == "no"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"of": "a"}, "exactly one of at_least and at_most"),
        ({"of": "a", "at_least": 1, "at_most": 2}, "exactly one"),
        ({"of": "a", "ratio": True, "at_least": 1}, "needs `over`"),
        ({"of": "a", "at_least": float("inf")}, "should be a finite number"),
        ({"of": "a", "at_most": float("nan")}, "should be a finite number"),
    ],
)
def test_a_condition_that_can_not_be_evaluated_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        Condition(**wrong)


def test_a_condition_about_an_unknown_candidate_is_refused():
    with pytest.raises(ValueError, match="has no candidate 'c'; it has a, b"):
        claim(Condition(of="c", at_least=1))


def test_a_quorum_larger_than_the_seeds_is_refused():
    with pytest.raises(ValueError, match="asks for 6 of 5 seeds"):
        claim(Condition(of="a", at_least=1, min_seeds=6))


def test_no_condition_compares_with_nothing():
    """The word that stands for None in settings would make a comparison one of a single candidate."""
    with pytest.raises(ValueError, match="over is 'none', which stands for no candidate"):
        Condition(of="a", over="none", at_least=0.0)
    with pytest.raises(ValueError, match="compares 'a' with itself"):
        Condition(of="a", over="a", at_least=0.0)
    with pytest.raises(ValueError, match="'none' stands for no candidate; it needs another label"):
        Candidate(label="none", experiment=EXPERIMENT)
    saved = Condition(of="a", at_least=0.0).model_dump(mode="json")
    assert Condition.model_validate(saved).over is None


def test_a_condition_needs_an_evaluator_that_is_declared():
    with pytest.raises(
        ValueError, match=r"has no evaluator 'exact' \(it has none\); a metric of a run needs its split"
    ):
        claim(Condition(of="a", metric="exact", at_least=1))
