import pytest

from neuralzoo.registry import Candidate, Claim, Condition


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
