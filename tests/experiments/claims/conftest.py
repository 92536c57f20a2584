import pytest

from neuralzoo.experiments.claims.runner import datasets_of
from neuralzoo.experiments.claims.verdict import Verdict, decide
from neuralzoo.registry import Candidate, Claim, Condition, Published


@pytest.fixture
def small(tiny):
    """A claim that is true: a network with a hidden layer has more parameters than one without."""
    return Claim(
        name="has-more",
        sentence="a network with a hidden layer has more parameters than one without",
        candidates=(
            Candidate(label="deep", experiment=tiny),
            Candidate(label="linear", experiment=tiny.set(["model.hidden=[]"]), control=True),
        ),
        conditions=(
            Condition(of="deep", over="linear", metric="model/n_params", at_least=1),
            Condition(of="deep", metric="twice", at_least=2 * (2 * 8 + 8 + 8 * 2 + 2)),
        ),
        seeds=(0, 1),
        evaluators={"twice": lambda module, data: 2.0 * module.num_parameters},
    )


@pytest.fixture
def verdict(small):
    """A verdict of a difference in accuracy, from values that are given."""
    over = Condition(of="deep", over="linear", metric="test/accuracy", at_least=0.0)
    claim = small.model_copy(update={"conditions": (over, Condition(of="deep", at_least=0.5))})
    values = {("deep", "test/accuracy"): [0.75, 1.0], ("linear", "test/accuracy"): [0.5, 0.75]}
    decision, conditions = decide(claim, values)
    return Verdict(
        architecture="fnn",
        claim=claim.name,
        sentence=claim.sentence,
        profile="quick",
        decision=decision,
        conditions=conditions,
        match="none",
        seeds=claim.seeds,
        datasets=datasets_of(claim),
        num_parameters={"deep": 1234, "linear": 6},
        values={label: {metric: tuple(v)} for (label, metric), v in values.items()},
        published=(Published(value="0.9", source="Someone (1999)", provenance="quoted"),),
        counter_evidence="another study found none",
        minutes=1.5,
        key="a-key",
        environment={"machine": "a machine", "neuralzoo": "0", "python": "3", "numpy": "2", "date": "2026-01-01"},
    )
