"""Every data set with a built-in architecture: it learns, or it is told in one sentence why it can't."""

import numpy as np
import pytest

from neuralzoo.core.layer import Context
from neuralzoo.experiments import datasets
from neuralzoo.experiments.running import assembly
from neuralzoo.registry import Experiment, SettingError

SMALL = {name: {"train": 50, "test": 50} for name in ("translated-mnist", "affine-mnist", "multi-mnist")}
REFUSED = {
    "associative-recall": "tokens inputs",
    "associative-recall-50": "tokens inputs",
    "copy": "task 'sequence-labelling'",
    "copy-100": "task 'sequence-labelling'",
    "copy-200": "task 'sequence-labelling'",
    "embedded-reber": "task 'sequence-labelling'",
    "gaussian-grid": "task 'generation'",
    "gaussian-ring": "task 'generation'",
    "japanese-vowels": "examples of different lengths",
    "jsb-chorales": "task 'sequence-labelling'",
    "multi-mnist": "answers made of 'classes'",
    "names": "task 'language-modelling'",
    "recall-100": "examples of different lengths",
    "three-plays": "task 'language-modelling'",
    "tiny-shakespeare": "task 'language-modelling'",
}


@pytest.mark.parametrize("name", datasets.names())
def test_a_network_learns_from_a_data_set_or_says_why_it_can_not(name, request):
    if datasets.info(name).kind == "download":
        request.getfixturevalue("public_data")
    settings = {"architecture": "fnn", "dataset": name, "epochs": 1, "batch_size": 8, "data": SMALL.get(name, {})}
    experiment = Experiment(**settings, model={"hidden": [4]})
    if name in REFUSED:
        with pytest.raises(SettingError, match=rf"^fnn got (the )?{REFUSED[name]}; it can [a-z, ]+$"):
            assembly.assemble(experiment)
        return
    assembled = assembly.assemble(experiment)
    rng = np.random.default_rng(0)
    metrics = assembled.learner.learn(next(assembled.train.epoch(rng)), Context(training=True, rng=rng))
    assert np.isfinite(metrics["loss"])
    assert np.isfinite(assembled.learner.evaluate(next(assembled.test.epoch(rng)))["loss"])


def test_options_of_sizes_need_no_data_to_know_the_task():
    """A text that has to be downloaded is not asked for; what is drawn has the task that is promised."""
    text = Experiment(
        architecture="lstm", dataset="tiny-shakespeare", epochs=1, batch_size=1, data={"stride": 42, "test": 1}
    )
    assert assembly.task_of(text) == datasets.info("tiny-shakespeare").task
    drawn = text.set(["dataset=recall-100", "data={}"]).model_copy(update={"data": {"train": 10, "test": 10}})
    assert assembly.task_of(drawn) == assembly.load(drawn).task
