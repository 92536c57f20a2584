"""A last batch of one example: refused before training where the network can't be trained on it."""

import pytest

from neuralzoo.experiments.running.preflight import prepare
from neuralzoo.registry import SettingError, get

RING = get("gan").experiments["quick"].set(["validation=0"])  # 10,000 examples


def test_batch_normalisation_of_a_single_left_over_example_is_refused_before_training():
    message = (
        "^gan got batch_size=101, which leaves one of 10000 training examples of gaussian-ring for the last batch: "
    )
    with pytest.raises(SettingError, match=message + "BatchNorm got a training batch of shape"):
        prepare(RING.set(["model.batch_norm=true", "batch_size=101"]))


@pytest.mark.parametrize("change", ["batch_size=100", "model.batch_norm=false"])
def test_batches_that_can_be_trained_on_are_accepted(change):
    prepare(RING.set(["batch_size=101", "model.batch_norm=true", change]))
