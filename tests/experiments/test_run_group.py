"""Run groups: evaluators, and the key of a claim."""

from neuralzoo.experiments import datasets
from neuralzoo.experiments.claims.runner import claim_key
from neuralzoo.experiments.run_group import RunGroup, RunSpec
from neuralzoo.registry import get


def test_evaluators_get_the_data_of_the_experiment_with_its_options(tiny, tmp_path):
    """The dataset's option `ahead` decides how far the targets lie behind the inputs."""
    far = tiny.set(["dataset=mackey-glass", "data.ahead=20", "primary_metric=test/loss", "epochs=1"])
    expected = datasets.load("mackey-glass", ahead=20).train[1].sum()
    assert expected != datasets.load("mackey-glass").train[1].sum()
    group = RunGroup("group", tmp_path, evaluators={"sum": lambda module, data: float(data.train[1].sum())})
    (record,) = group.run([RunSpec("far", far)])
    assert record.metrics["sum"] == expected


def test_another_evaluator_changes_the_key_of_a_claim():
    claim = next(c for c in get("capsnet").claims if c.evaluators)
    other = claim.model_copy(update={"evaluators": dict.fromkeys(claim.evaluators, max)})
    assert claim_key(claim) != claim_key(other)
