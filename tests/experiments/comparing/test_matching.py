"""Matching candidates on parameters, steps and time."""

import pytest

from neuralzoo.experiments import datasets
from neuralzoo.experiments.comparing.candidates import candidates_of
from neuralzoo.experiments.comparing.matching import equal_parameters, num_parameters, with_epochs
from neuralzoo.experiments.running.assembly import assemble
from neuralzoo.registry import SettingError


@pytest.mark.parametrize("dataset", ["mnist1d", "fashion-mnist-5k"])
def test_equal_parameters_are_equal_within_two_percent(dataset):
    words = ["small: fnn model.hidden=[40]", "fnn", "deep: fnn model.hidden=[200,100,50]"]
    task = datasets.info(dataset).task
    sizes = [num_parameters(c, task) for c in equal_parameters(candidates_of(words, dataset=dataset), task)]
    assert sizes[0] == num_parameters(candidates_of(words, dataset=dataset)[0], task)
    assert max(sizes) <= 1.02 * min(sizes)


def test_equal_parameters_out_of_reach_are_an_error_with_both_counts():
    candidates = candidates_of(["fnn model.hidden=[8]", "linear: fnn model.hidden=[]"], dataset="two-spirals")
    with pytest.raises(SettingError, match=r"fnn-hidden-8 can't be scaled to 6 parameters .* nearest is \d+"):
        equal_parameters(candidates, datasets.info("two-spirals").task)


def test_a_shorter_training_has_a_shorter_schedule():
    (c,) = candidates_of(["fnn epochs=40 optimizer.schedule.warmup=80"], dataset="two-spirals")
    half = with_epochs(c, 20).experiment
    assert (half.epochs, half.optimizer.schedule.warmup) == (20, 40)
    rate = assemble(half).learner.optimizers
    assert rate  # it can be assembled
    steps = c.experiment.set(["optimizer.schedule.name=step", "optimizer.schedule.every=10"])
    assert with_epochs(c.model_copy(update={"experiment": steps}), 8).experiment.optimizer.schedule.every == 2
