"""Campaigns: what their runs are known by, and what is measured on them afterwards."""

import pytest

from neuralzoo.experiments import datasets
from neuralzoo.experiments.campaign import Campaign, Member, _declared, _drawing, _meaning
from neuralzoo.experiments.proofs import claim_key
from neuralzoo.registry import get


def test_probes_are_measured_on_the_data_that_the_experiment_chose(tiny, tmp_path):
    """The data set's option `ahead` decides how far the targets lie behind the inputs."""
    far = tiny.set(["dataset=mackey-glass", "data.ahead=20", "headline=test/loss", "epochs=1"])
    expected = datasets.load("mackey-glass", ahead=20).train[1].sum()
    assert expected != datasets.load("mackey-glass").train[1].sum()
    campaign = Campaign("probing", tmp_path, probes={"sum": lambda module, data: float(data.train[1].sum())})
    (record,) = campaign.run([Member("far", far)])
    assert record.metrics["sum"] == expected


WAYS = """
def build(x):
    return x + 1


def picture(figure, module, data):
    figure.subplots()


FIGURE = Figure(name="ways", caption="What can be seen.")
"""


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("figure.subplots()", "figure.subplots(2)", True),
        ("x + 1", "x + 2", False),
        ("    return x", "    # add one\n    return x", True),
        ("def picture(figure, module, data)", "def picture(figure, module, examples)", True),
        ("What can be seen.", "What was seen.", True),
        ('name="ways"', 'name="means"', False),
    ],
)
def test_what_a_plugin_does_is_its_code_without_comments_and_drawing(before, after, same):
    assert before in WAYS
    assert (_meaning(WAYS, {"picture"}) == _meaning(WAYS.replace(before, after), {"picture"})) is same


def test_declared_experiments_and_claims_are_not_code_but_what_makes_them_is():
    from neuralzoo.plugins.gan import experiment

    declared = _declared(experiment.__name__)
    assert {"QUICK", "FULL", "CLAIMS"} <= declared
    assert not declared & {"POINTS", "PROTOCOL", "plain", "resize", "Experiment", "judge"}
    source = "A = 1\nB: int = 2\nB = A = 3\ndef f(): return A\n"
    assert _meaning(source, {"A"}) == _meaning("B: int = 2\nB = A = 3\ndef f(): return A\n")
    assert _meaning(source, {"B"}) == _meaning(source)


def test_another_probe_of_a_claim_is_another_claim():
    claim = next(c for c in get("capsnet").claims if c.probes)
    other = claim.model_copy(update={"probes": dict.fromkeys(claim.probes, max)})
    assert claim_key(claim) != claim_key(other)


def test_functions_that_draw_are_known_by_file_and_name():
    assert [name for _, name in _drawing("fnn")] == ["draw_first_layer_weights"]
    assert _drawing("no-such-network") == set()
