"""What an experiment says about its data: options of the data set, and what is asked for."""

from dataclasses import replace

import numpy as np
import pytest

from neuralzoo.experiments import datasets
from neuralzoo.experiments.running import assembly
from neuralzoo.registry import Architecture, Experiment, SettingError, create, get


def experiment(dataset, **settings):
    return Experiment(architecture="fnn", dataset=dataset, epochs=1, batch_size=8, model={"hidden": [4]}, **settings)


def test_options_of_the_data_set_reach_it_and_change_the_task():
    assembled = assembly.assemble(experiment("adding", data={"steps": 7, "train": 40, "test": 9}))
    assert assembled.data.task.shape == (7, 2)
    assert len(assembled.data.train[0]) == 40
    assert assembled.module.predict(assembled.data.test[0]).shape == (9, 1)


def test_none_is_a_word_for_options_too():
    given, usual = (assembly.load(experiment("three-plays", data=o)) for o in ({"stride": "none"}, {}))
    assert np.array_equal(given.train[0], usual.train[0])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"stepz": 5}, "data set adding has no option 'stepz'; did you mean steps? (it has steps, train, test)"),
        ({"seed": 5}, "data set adding has no option 'seed' (it has steps, train, test)"),
        ({"name": "x"}, "data set adding has no option 'name' (it has steps, train, test)"),
        ({"steps": "many"}, "data set adding got steps='many'; it needs to be a whole number"),
        ({"steps": None}, "data set adding got steps='none'; it needs to be a whole number"),
        ({"steps": 1}, "option steps is 1; it needs to be at least 2"),
    ],
    ids=str,
)
def test_options_that_are_wrong_are_refused_in_one_sentence(options, sentence):
    with pytest.raises(SettingError) as caught:
        assembly.assemble(experiment("adding", data=options))
    assert str(caught.value) == sentence


def test_pictures_to_be_reconstructed_are_their_own_targets():
    data = datasets.load("fashion-mnist-5k")
    asked = data.asked_for("reconstruction")
    assert (asked.task.kind, asked.task.answer, asked.task.outputs) == ("reconstruction", "numbers", 28 * 28)
    assert asked.task.shape == data.task.shape
    for part, same in ((asked.train, data.train), (asked.test, data.test)):
        assert part[0] is part[1] is same[0]


def test_what_pictures_to_be_reconstructed_show_is_still_known():
    data = datasets.load("fashion-mnist-5k")
    asked = data.asked_for("reconstruction")
    assert asked.labels.keys() == {"train", "test"}
    assert asked.labels["train"] is data.train[1]
    assert asked.labels["test"] is data.test[1]
    assert asked.asked_for("reconstruction").labels == asked.labels
    assert data.labels == data.asked_for("generation").labels == {}
    split = replace(data, validation=data.test).asked_for("reconstruction")
    assert split.labels["validation"] is data.test[1]
    assert split.validation[1] is data.test[0]


def test_every_split_and_further_test_is_asked_for_the_same():
    asked = datasets.load("sunspots").asked_for("reconstruction")
    assert asked.tests.keys() == {"1921-1955", "1956-1979"}
    for part in asked.tests.values():
        assert part[0] is part[1]


def test_padded_sequences_keep_their_lengths():
    data = datasets.load("japanese-vowels")
    x, lengths, target = data.asked_for("reconstruction").train
    assert target is x
    assert lengths is data.train[1]
    assert data.asked_for("reconstruction").task.lengths


def test_generation_takes_the_examples_as_they_are():
    data = datasets.load("fashion-mnist-5k")
    asked = data.asked_for("generation")
    assert (asked.task.kind, asked.task.outputs) == ("generation", 28 * 28)
    assert asked.train is data.train
    ring = datasets.load("gaussian-ring", train=5, test=5)
    assert ring.asked_for("generation") == ring
    assert ring.task == ring.asked_for("reconstruction").task.model_copy(update={"kind": "generation"})


@pytest.mark.parametrize(
    ("name", "kind", "serves"),
    [
        ("mnist1d", "regression", "classification, reconstruction, generation"),
        ("gaussian-ring", "classification", "generation, reconstruction"),
        ("three-plays", "reconstruction", "language-modelling"),
    ],
)
def test_what_the_examples_do_not_serve_is_refused(name, kind, serves):
    with pytest.raises(SettingError) as caught:
        assembly.assemble(experiment(name, task=kind))
    assert str(caught.value) == f"data set {name} got the task {kind!r}; it serves {serves}"


def test_an_experiment_says_what_it_asks_for(monkeypatch):
    fnn = get("fnn")

    class Copier(type(create("fnn"))):
        def __call__(self, x, ctx):
            y, pull = super().__call__(x, ctx)
            return y.reshape(x.shape), lambda dy: pull(dy.reshape(len(dy), -1))

    changed = {
        "tasks": frozenset({"reconstruction"}),
        "build": lambda config, task, rng: Copier(784, task.outputs, config, rng),
    }
    autoencoder = Architecture.model_construct(**(dict(fnn) | changed))
    monkeypatch.setattr(assembly, "get", lambda name: autoencoder)
    one = experiment("fashion-mnist-5k", task="reconstruction")
    assembled = assembly.assemble(one)
    batch = next(assembled.train.epoch(np.random.default_rng(0)))
    assert np.array_equal(batch[0], batch[1])
    x, loss = batch[0], assembled.learner.evaluate(batch)["loss"]
    assert loss == pytest.approx(float(np.mean((assembled.module.predict(x) - x) ** 2)), rel=1e-5)


def test_what_a_network_can_not_do_is_told_before_the_data_are_read(monkeypatch):
    monkeypatch.setattr(assembly, "load", None)
    with pytest.raises(SettingError, match=r"^fnn got answers made of 'classes'; it can learn class, numbers$"):
        assembly.assemble(experiment("multi-mnist"))


@pytest.mark.parametrize(
    ("dataset", "settings"),
    [
        ("mnist1d", {}),
        ("fashion-mnist-5k", {"task": "reconstruction"}),
        ("adding", {"data": {"steps": 7, "train": 4, "test": 4}}),
        ("adding", {"data": {"steps": 7, "train": 4, "test": 4}, "task": "generation"}),
    ],
)
def test_the_task_of_an_experiment_is_known_before_it_is_assembled(dataset, settings):
    one = experiment(dataset, **settings)
    assert assembly.task_of(one) == assembly.load(one).task
