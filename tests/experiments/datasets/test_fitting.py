"""Every dataset with a built-in architecture: it learns, or one sentence says why it does not support it."""

import numpy as np
import pytest

from neuralzoo.core.layer import Context
from neuralzoo.experiments import datasets
from neuralzoo.experiments.running import assembly
from neuralzoo.registry import Experiment, SettingError

SMALL = {name: {"train": 50, "test": 50} for name in ("translated-mnist", "affine-mnist", "multi-mnist")}
REFUSED = {
    "associative-recall-8": "tokens inputs",
    "associative-recall-50": "tokens inputs",
    "copy": "task 'sequence-labelling'",
    "copy-100": "task 'sequence-labelling'",
    "copy-200": "task 'sequence-labelling'",
    "date-normalization": "task 'sequence-labelling'",
    "embedded-reber": "task 'sequence-labelling'",
    "gaussian-grid": "task 'generation'",
    "gaussian-ring": "task 'generation'",
    "japanese-vowels": "examples of different lengths",
    "jsb-chorales": "task 'sequence-labelling'",
    "multi-mnist": "targets of kind 'classes'",
    "names": "task 'language-modelling'",
    "associative-recall-100": "examples of different lengths",
    "shakespeare-3plays": "task 'language-modelling'",
    "tiny-shakespeare": "task 'language-modelling'",
}


@pytest.mark.parametrize("name", datasets.names())
def test_a_network_learns_from_a_dataset_or_refuses_it_in_one_sentence(name, request):
    if datasets.info(name).kind == "download":
        request.getfixturevalue("public_data")
    settings = {"architecture": "fnn", "dataset": name, "epochs": 1, "batch_size": 8, "data": SMALL.get(name, {})}
    experiment = Experiment(**settings, model={"hidden": [4]})
    if name in REFUSED:
        with pytest.raises(SettingError, match=rf"^fnn got (the )?{REFUSED[name]}; it supports [a-z, ]+$"):
            assembly.assemble(experiment)
        return
    assembled = assembly.assemble(experiment)
    rng = np.random.default_rng(0)
    metrics = assembled.learner.learn(next(assembled.train.epoch(rng)), Context(training=True, rng=rng))
    assert np.isfinite(metrics["loss"])
    assert np.isfinite(assembled.learner.evaluate(next(assembled.test.epoch(rng)))["loss"])


def test_the_task_is_known_without_data_where_options_are_sizes():
    """A text is not downloaded; generated data have the task of their metadata."""
    text = Experiment(
        architecture="lstm", dataset="tiny-shakespeare", epochs=1, batch_size=1, data={"stride": 42, "test": 1}
    )
    assert assembly.task_of(text) == datasets.info("tiny-shakespeare").task
    recall = text.set(["dataset=associative-recall-100", "data={}"])
    drawn = recall.model_copy(update={"data": {"train": 10, "test": 10}})
    assert assembly.task_of(drawn) == assembly.load(drawn).task
