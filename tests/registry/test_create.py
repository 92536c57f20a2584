"""Building a network by its architecture's name, from valid and invalid arguments."""

import numpy as np
import pytest
from pydantic import ValidationError

from neuralzoo.core.module import Module, Parameter
from neuralzoo.registry import (
    Architecture,
    Config,
    Experiment,
    PluginError,
    SettingError,
    Task,
    UnknownNameError,
    create,
    get,
    matching,
    names,
)
from neuralzoo.registry.discovery import build

TABLE = Task(kind="classification", input="tabular", shape=(4,), outputs=3)


class Width(Config):
    width: int = 4


class Tiny(Module):
    def __init__(self, task, config, rng):
        self.task = task
        self.weight = Parameter(rng.normal(size=(config.width, task.outputs)))


def tiny(build=lambda config, task, rng: Tiny(task, config, rng), **changes):
    declared = {
        "api_version": 1,
        "name": "tiny",
        "summary": "A tiny network for tests",
        "citation": "Author (2020), Nothing",
        "url": "https://example.org",
        "tasks": frozenset({"classification"}),
        "inputs": frozenset({"tabular", "image"}),
        "config": Width,
        "build": build,
        "learner": lambda module, config, task, optimizer_factory: None,
        "example": TABLE,
        "experiments": {"quick": Experiment(architecture="tiny", dataset="none", epochs=1, batch_size=2)},
    }
    return Architecture(**(declared | changes))


def whole_numbers(name):
    """Return the settings of an architecture that are whole numbers, or lists of them."""
    fields = get(name).config.model_fields.items()
    return [key for key, field in fields if "int" in str(field.annotation) and "Literal" not in str(field.annotation)]


def created_or_said(name, **arguments):
    """Return the number of parameters of a network, or the sentence with which it is refused."""
    try:
        return create(name, **arguments).num_parameters
    except SettingError as error:
        return str(error)


@pytest.fixture
def created(monkeypatch):
    """Return `create` for a zoo in which every name is the tiny architecture."""
    monkeypatch.setattr("neuralzoo.registry.discovery.get", lambda name: tiny())
    return create


def message_of(make, *arguments, **keywords):
    with pytest.raises(SettingError) as caught:
        make(*arguments, **keywords)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fn", "no architecture is named 'fn'; did you mean fnn"),
        ("FNN", "no architecture is named 'FNN'; did you mean fnn"),
        ("neuralzoo:fn", "no architecture is named 'neuralzoo:fn'; did you mean fnn"),
        ("absent:fnn", "no package 'absent' provides 'fnn'; it comes from neuralzoo "),
        ("", "no architecture is named ''"),
        ("zzzzzzzz", "no architecture is named 'zzzzzzzz' (`neuralzoo list` shows all)"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(name, words):
    with pytest.raises(UnknownNameError) as caught:
        create(name)
    assert str(caught.value).startswith(words)


def test_a_built_in_network_is_created_like_that_of_a_plugin():
    network = create("fnn", inputs=(5,), outputs=2, hidden=(3,), seed=1)
    assert network.num_parameters == 5 * 3 + 3 + 3 * 2 + 2
    assert [a.name for a in matching("f*", task="regression")] == ["fnn"]


def test_an_unsupported_task_is_refused():
    task = Task(kind="regression", input="tabular", shape=(4,), outputs=1)
    assert message_of(build, tiny(), {}, task, 0) == "tiny got the task 'regression'; it supports classification"


def test_an_unsupported_input_is_refused():
    task = Task(kind="classification", input="tokens", shape=(4,), outputs=2, vocab_size=9)
    assert message_of(build, tiny(), {}, task, 0) == "tiny got tokens inputs; it supports image, tabular"


def test_examples_of_variable_length_are_refused_unless_supported():
    task = Task(kind="classification", input="sequence", shape=(9, 2), outputs=2, variable_length=True)
    one = tiny(inputs=frozenset({"sequence"}))
    assert message_of(build, one, {}, task, 0) == "tiny got examples of different lengths; it supports one length only"
    assert build(one.model_copy(update={"supports_variable_length": True}), {}, task, 0).task == task


def test_an_unsupported_kind_of_target_is_refused():
    task = TABLE.model_copy(update={"target": "classes"})
    assert message_of(build, tiny(), {}, task, 0) == "tiny got targets of kind 'classes'; it supports class, continuous"
    assert build(tiny(targets=frozenset({"classes"})), {}, task, 0).task == task


@pytest.mark.parametrize("error", [ValueError("4 is no square"), MemoryError("4 is no square")])
def test_a_network_that_can_not_be_built_is_reported_with_the_cause(error):
    def refuse(config, task, rng):
        raise error

    assert message_of(build, tiny(refuse), {}, TABLE, 0) == "tiny can't be built: 4 is no square"


def test_a_network_too_large_for_the_memory_is_reported_in_one_sentence():
    message = message_of(build, tiny(), {"width": 10**14}, TABLE, 0)
    assert message == (
        "tiny can't be built: it would have 300,000,000,000,000 parameters or more; it needs at most 268,435,456, "
        "so fewer or smaller layers"
    )


def test_endless_layers_are_refused_before_they_take_memory():
    def build_layers(config, task, rng):
        while True:
            rng.normal(size=2)

    message = message_of(build, tiny(build_layers), {}, TABLE, 0)
    assert message.startswith("tiny can't be built: it would have more than 20,000 weight arrays, with 40,002 param")


@pytest.mark.parametrize("size", [10**9, 10**30])
@pytest.mark.parametrize(("name", "setting"), [(n, s) for n in names() for s in whole_numbers(n)], ids=str)
def test_any_size_is_built_or_refused_in_one_sentence(name, setting, size):
    value = (size,) if "tuple" in str(get(name).config.model_fields[setting].annotation) else size
    said = created_or_said(name, **{setting: value})
    assert isinstance(said, int) or (" need" in said and "\n" not in said)


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("sizes", ["inputs", "outputs"])
def test_data_of_any_size_are_built_or_refused_in_one_sentence(name, sizes):
    value = 10**9 if sizes == "outputs" else (10**9,) * len(get(name).example.shape)
    said = created_or_said(name, **{sizes: value})
    assert isinstance(said, int) or "parameters or more; it needs at most 268,435,456" in said


@pytest.mark.parametrize(
    ("name", "inputs", "needed"),
    [
        ("lstm", (30,), "(T, D) for sequence inputs or task=Task(input='tokens', ...)"),
        ("cnn", (28, 28), "(H, W, C) for image inputs or task=Task(input='sequence', ...)"),
        ("capsnet", (28, 28), "(H, W, C) for image inputs or task=Task(input='sequence', ...)"),
        ("cnn", (5,), "(H, W, C) for image inputs or (T, D) for sequence inputs"),
    ],
)
def test_a_shape_that_may_mean_several_inputs_is_not_guessed(name, inputs, needed):
    assert message_of(create, name, inputs=inputs) == f"{name} got inputs={inputs}; it needs {needed}"


@pytest.mark.parametrize("error", [TypeError, ZeroDivisionError, KeyError])
def test_an_error_of_the_plugin_is_not_blamed_on_the_settings(error):
    def fail(config, task, rng):
        raise error("a mistake\nof the plugin")

    with pytest.raises(PluginError) as caught:
        build(tiny(fail), {}, TABLE, 0)
    sentence = f"'tiny' from module {__name__} can't be used: its build failed with {error.__name__}: "
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value.__cause__, error)


def test_an_error_of_a_plugin_names_the_package(shelf):
    shelf.add_plugin("faulty_pack", "faulty", "build=lambda config, task, rng: 1 / 0", version="2.1")
    message = shelf.ask("""
        import json, neuralzoo
        try:
            neuralzoo.create("faulty")
        except neuralzoo.registry.PluginError as error:
            print(json.dumps(str(error)))
    """)
    assert message == (
        "'faulty' from faulty_pack 2.1 can't be used: its build failed with ZeroDivisionError: division by zero "
        "(faulty_pack_faulty.py, line 43); a newer faulty_pack may help, NEURALZOO_BLOCK=faulty skips it"
    )


def test_an_error_of_a_nested_architecture_keeps_its_message():
    def borrow(config, task, rng):
        raise UnknownNameError("no architecture is named 'lender'")

    with pytest.raises(UnknownNameError, match=r"^no architecture is named 'lender'$"):
        build(tiny(borrow), {}, TABLE, 0)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"task": "classify"}, "matching got task='classify'; it needs to be one of classification, regression, "),
        ({"task": "clasification"}, "generation, language-modelling, sequence-labelling; did you mean classification"),
        ({"input": "photo"}, "matching got input='photo'; it needs to be one of image, sequence, tokens, tabular"),
    ],
    ids=str,
)
def test_an_unknown_filter_value_is_refused(keywords, words):
    assert words in message_of(matching, **keywords)


def test_sizes_come_from_the_example_unless_they_are_given(created):
    assert created("tiny").task == TABLE
    assert created("tiny", inputs=(9,)).task == TABLE.model_copy(update={"shape": (9,)})
    assert created("tiny", outputs=7).task == TABLE.model_copy(update={"outputs": 7})
    task = Task(kind="classification", input="image", shape=(8, 8, 1), outputs=2)
    assert created("tiny", task=task).task == task
    assert created("tiny", task=task, inputs=(4, 4, 1), outputs=5).task.shape == (4, 4, 1)


def test_the_number_of_axes_determines_the_kind_of_input(created):
    assert created("tiny", inputs=(8, 8, 1)).task.input == "image"
    assert created("tiny", inputs=[8, 8, 1]).task.shape == (8, 8, 1)
    assert created("tiny", inputs=(8,)).task.input == "tabular"


def test_an_image_has_no_lengths_and_no_vocab_size_even_if_the_example_has():
    network = create("transformer", inputs=(28, 28, 1), outputs=10, patch=7)
    assert network.predict(np.zeros((1, 28, 28, 1), np.float32)).shape == (1, 10)
    assert create("transformer", inputs=(20, 3)).predict(np.zeros((1, 20, 3), np.float32)).shape[0] == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"inputs": 5}, "the task of tiny got shape=5; it needs to be a list"),
        ({"inputs": (0,)}, "the task of tiny got shape[0]=0; it needs to be greater than or equal to 1"),
        ({"inputs": (2.5,)}, "the task of tiny got shape[0]=2.5; it needs to be a whole number"),
        ({"outputs": 0}, "the task of tiny got outputs=0; it needs to be greater than or equal to 1"),
        (
            {"inputs": (3, 2)},
            "tiny got inputs=(3, 2); it needs (H, W, C) for image inputs or (D) for tabular inputs",
        ),
        ({"inputs": ()}, "tiny got inputs=(); it needs (H, W, C) for image inputs or (D) for tabular inputs"),
        ({"task": "regression"}, "create got task='regression'; it needs to be a Task, or inputs= and outputs="),
        ({"widht": 3}, "tiny has no setting 'widht'; did you mean width? (it has width)"),
        ({"width": "x"}, "tiny got width='x'; it needs to be a whole number"),
    ],
    ids=str,
)
def test_wrong_arguments_are_reported_in_one_sentence(created, arguments, sentence):
    assert message_of(created, "tiny", **arguments) == sentence


def test_the_same_seed_gives_the_same_weights(created):
    one, same, other = (created("tiny", seed=seed).weight.value for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_building_leaves_the_global_random_numbers_alone(created):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    created("tiny")
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    ("input", "shape", "vocab_size"),
    [("image", (4, 4), None), ("sequence", (4,), None), ("tokens", (4, 2), 9), ("tabular", (1, 4), None)],
)
def test_a_task_knows_the_axes_of_its_input(input, shape, vocab_size):
    with pytest.raises(ValidationError, match=f"{input} needs to be of shape"):
        Task(kind="classification", input=input, shape=shape, outputs=2, vocab_size=vocab_size)


@pytest.mark.parametrize(
    ("kind", "target"),
    [("classification", "class"), ("regression", "continuous"), ("language-modelling", "class")],
)
def test_the_default_target_of_a_task_is_the_first_of_its_kind(kind, target):
    assert Task(kind=kind, input="sequence", shape=(4, 2), outputs=2).target == target


def test_a_kind_of_target_that_the_task_lacks_is_refused():
    with pytest.raises(
        ValidationError, match="the target is 'continuous'; classification needs class or classes or mul"
    ):
        Task(kind="classification", input="tabular", shape=(4,), outputs=2, target="continuous")


def test_only_inputs_with_a_time_axis_have_variable_length():
    needed = "variable_length is true; image has one length, it needs to be sequence or tokens"
    with pytest.raises(ValidationError, match=needed):
        Task(kind="classification", input="image", shape=(4, 4, 1), outputs=2, variable_length=True)


def test_tokens_need_a_vocab_size():
    with pytest.raises(ValidationError, match="tokens need the number of different ones"):
        Task(kind="classification", input="tokens", shape=(4,), outputs=2)
