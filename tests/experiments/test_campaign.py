"""Campaigns: what their runs are known by, and what is measured on them afterwards."""

import pytest

from neuralzoo.experiments import datasets
from neuralzoo.experiments.campaign import Campaign, Member, _drawing, _meaning


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


def test_functions_that_draw_are_known_by_file_and_name():
    assert [name for _, name in _drawing("fnn")] == ["draw_first_layer_weights"]
    assert _drawing("no-such-network") == set()
