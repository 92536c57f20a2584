"""Options of a dataset, and its task for another kind."""

from dataclasses import replace

import numpy as np
import pytest

from neuralzoo.experiments import datasets
from neuralzoo.experiments.running import assembly
from neuralzoo.registry import Architecture, Experiment, SettingError, create, get


def experiment(dataset, **settings):
    return Experiment(architecture="fnn", dataset=dataset, epochs=1, batch_size=8, model={"hidden": [4]}, **settings)


def test_options_reach_the_dataset_and_change_its_task():
    assembled = assembly.assemble(experiment("adding-100", data={"steps": 7, "train": 40, "test": 9}))
    assert assembled.data.task.shape == (7, 2)
    assert len(assembled.data.train[0]) == 40
    assert assembled.module.predict(assembled.data.test[0]).shape == (9, 1)


def test_an_option_may_be_none():
    given, usual = (assembly.load(experiment("shakespeare-3plays", data=o)) for o in ({"stride": "none"}, {}))
    assert np.array_equal(given.train[0], usual.train[0])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"stepz": 5}, "dataset adding-100 has no option 'stepz'; did you mean steps? (it has steps, train, test)"),
        ({"seed": 5}, "dataset adding-100 has no option 'seed' (it has steps, train, test)"),
        ({"name": "x"}, "dataset adding-100 has no option 'name' (it has steps, train, test)"),
        ({"steps": "many"}, "dataset adding-100 got steps='many'; it needs to be a whole number"),
        ({"steps": None}, "dataset adding-100 got steps='none'; it needs to be a whole number"),
        ({"steps": 1}, "option steps is 1; it needs to be at least 2"),
    ],
    ids=str,
)
def test_wrong_options_are_refused_in_one_sentence(options, sentence):
    with pytest.raises(SettingError) as caught:
        assembly.assemble(experiment("adding-100", data=options))
    assert str(caught.value) == sentence


def test_targets_of_reconstruction_are_the_inputs():
    data = datasets.load("fashion-mnist-5k")
    changed = data.with_task("reconstruction")
    assert (changed.task.kind, changed.task.target, changed.task.outputs) == ("reconstruction", "continuous", 28 * 28)
    assert changed.task.shape == data.task.shape
    for part, same in ((changed.train, data.train), (changed.test, data.test)):
        assert part[0] is part[1] is same[0]


def test_reconstruction_keeps_the_original_labels():
    data = datasets.load("fashion-mnist-5k")
    changed = data.with_task("reconstruction")
    assert changed.original_labels.keys() == {"train", "test"}
    assert changed.original_labels["train"] is data.train[1]
    assert changed.original_labels["test"] is data.test[1]
    assert changed.with_task("reconstruction").original_labels == changed.original_labels
    assert data.original_labels == data.with_task("generation").original_labels == {}
    split = replace(data, validation=data.test).with_task("reconstruction")
    assert split.original_labels["validation"] is data.test[1]
    assert split.validation[1] is data.test[0]


def test_every_split_and_extra_test_set_gets_the_task():
    changed = datasets.load("sunspots").with_task("reconstruction")
    assert changed.extra_test_sets.keys() == {"1921-1955", "1956-1979"}
    for part in changed.extra_test_sets.values():
        assert part[0] is part[1]


def test_padded_sequences_keep_their_lengths():
    data = datasets.load("japanese-vowels")
    x, lengths, target = data.with_task("reconstruction").train
    assert target is x
    assert lengths is data.train[1]
    assert data.with_task("reconstruction").task.variable_length


def test_generation_keeps_the_examples():
    data = datasets.load("fashion-mnist-5k")
    changed = data.with_task("generation")
    assert (changed.task.kind, changed.task.outputs) == ("generation", 28 * 28)
    assert changed.train is data.train
    ring = datasets.load("gaussian-ring", train=5, test=5)
    assert ring.with_task("generation") == ring
    assert ring.task == ring.with_task("reconstruction").task.model_copy(update={"kind": "generation"})


@pytest.mark.parametrize(
    ("name", "kind", "supported"),
    [
        ("mnist1d", "regression", "classification, reconstruction, generation"),
        ("gaussian-ring", "classification", "generation, reconstruction"),
        ("shakespeare-3plays", "reconstruction", "language-modelling"),
    ],
)
def test_an_unsupported_task_is_refused(name, kind, supported):
    with pytest.raises(SettingError) as caught:
        assembly.assemble(experiment(name, task=kind))
    assert str(caught.value) == f"dataset {name} got the task {kind!r}; it supports {supported}"


def test_an_experiment_sets_the_task(monkeypatch):
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


def test_an_unsupported_target_is_refused_before_the_data_are_read(monkeypatch):
    monkeypatch.setattr(assembly, "load", None)
    with pytest.raises(SettingError, match=r"^fnn got targets of kind 'classes'; it supports class, continuous$"):
        assembly.assemble(experiment("multi-mnist"))


@pytest.mark.parametrize(
    ("dataset", "settings"),
    [
        ("mnist1d", {}),
        ("fashion-mnist-5k", {"task": "reconstruction"}),
        ("adding-100", {"data": {"steps": 7, "train": 4, "test": 4}}),
        ("adding-100", {"data": {"steps": 7, "train": 4, "test": 4}, "task": "generation"}),
    ],
)
def test_the_task_of_an_experiment_is_known_before_it_is_assembled(dataset, settings):
    one = experiment(dataset, **settings)
    assert assembly.task_of(one) == assembly.load(one).task
