"""Checks of what an architecture declares and reports, beside those of the core."""

import pytest

from neuralzoo.core.blocks.supervised import supervised
from neuralzoo.core.testing import CheckFailedError
from neuralzoo.experiments.scaffold.conformance import checks_for, metrics_have_names_that_mlflow_accepts
from neuralzoo.registry import get, names


@pytest.mark.parametrize("name", sorted(names()))
def test_the_metrics_of_built_in_architectures_have_names_that_mlflow_accepts(name):
    metrics_have_names_that_mlflow_accepts(get(name))


@pytest.mark.parametrize("step", ["learn", "evaluate"])
@pytest.mark.parametrize(
    ("refused", "accepted"), [("top-1 (%)", "top-1 ___"), ("top\n1", "top_1"), ("a//b", "a/b"), ("..", "_")]
)
def test_a_metric_of_the_learner_that_mlflow_refuses_is_reported_with_its_name_there(step, refused, accepted):
    def learner(*arguments):
        own = supervised(*arguments)
        before = getattr(own, step)
        setattr(own, step, lambda *given: before(*given) | {refused: 1.0})
        return own

    broken = get("fnn").model_copy(update={"learner": learner})
    with pytest.raises(CheckFailedError) as failed:
        metrics_have_names_that_mlflow_accepts(broken)
    assert f"refuses the metric names {refused!r} (it would be {accepted!r}); they need letters" in str(failed.value)
    assert metrics_have_names_that_mlflow_accepts.__name__ in map(str, checks_for(broken))


def test_an_evaluator_that_mlflow_refuses_is_reported_too():
    (claim, *_) = get("rbfn").claims
    renamed = claim.model_copy(update={"evaluators": {"error [°]": lambda module, data: 0.0}})
    with pytest.raises(CheckFailedError, match="'error \\[°\\]'"):
        metrics_have_names_that_mlflow_accepts(get("rbfn").model_copy(update={"claims": (renamed,)}))
