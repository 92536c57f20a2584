"""From the settings of an experiment to its splits."""

import pytest

from neuralzoo.experiments import datasets
from neuralzoo.experiments import run as runner
from neuralzoo.experiments.running.assembly import assemble
from neuralzoo.registry import SettingError


def test_the_validation_split_is_held_out_of_training(tiny):
    a = assemble(tiny.set(["validation=0.25"]))
    x, _ = datasets.load("two-spirals").train
    train = {tuple(row) for row in a.train.arrays[0]}
    held = {tuple(row) for row in a.validation.arrays[0]}
    assert len(held) == round(0.25 * len(x))
    assert not train & held
    assert train | held == {tuple(row) for row in x}


@pytest.mark.parametrize(("fraction", "held"), [("0.9999", 194), ("0.001", 0)])
def test_a_validation_fraction_that_leaves_a_split_empty_is_rejected(tiny, tmp_path, fraction, held):
    with pytest.raises(SettingError, match=f"two-spirals got validation={fraction}, which holds out {held} of its 194"):
        runner.run(tiny.set([f"validation={fraction}"]), track=False, root=tmp_path)
