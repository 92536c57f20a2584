"""Campaigns: what their runs are known by, and what is measured on them afterwards."""

from neuralzoo.experiments import datasets
from neuralzoo.experiments.claims.runner import claim_key
from neuralzoo.experiments.run_group import Campaign, Member
from neuralzoo.registry import get


def test_probes_are_measured_on_the_data_that_the_experiment_chose(tiny, tmp_path):
    """The data set's option `ahead` decides how far the targets lie behind the inputs."""
    far = tiny.set(["dataset=mackey-glass", "data.ahead=20", "headline=test/loss", "epochs=1"])
    expected = datasets.load("mackey-glass", ahead=20).train[1].sum()
    assert expected != datasets.load("mackey-glass").train[1].sum()
    campaign = Campaign("probing", tmp_path, probes={"sum": lambda module, data: float(data.train[1].sum())})
    (record,) = campaign.run([Member("far", far)])
    assert record.metrics["sum"] == expected


def test_another_probe_of_a_claim_is_another_claim():
    claim = next(c for c in get("capsnet").claims if c.probes)
    other = claim.model_copy(update={"probes": dict.fromkeys(claim.probes, max)})
    assert claim_key(claim) != claim_key(other)
