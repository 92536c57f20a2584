from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from neuralzoo.plugins.transformer.figures import attention_weights
from neuralzoo.registry import Task, create, get

figure_module = pytest.importorskip("matplotlib.figure", reason="figures need the extra 'experiments'")
RNG = np.random.default_rng(0)


@dataclass
class Data:
    """As much of a dataset as figures read."""

    task: Task
    test: tuple[Any, ...]
    classes: tuple[str, ...] = field(default=())


def text_data():
    task = Task(kind="language-modelling", input="tokens", shape=(40,), outputs=4, vocab_size=4)
    x = RNG.integers(4, size=(2, 40))
    return Data(task, (x, x), ("a", " ", "\n", "$"))


def image_data(size=8):
    task = Task(kind="classification", input="image", shape=(size, size, 1), outputs=3)
    return Data(task, (RNG.random((2, size, size, 1), np.float32), np.array([0, 1])), ("x", "y", "z"))


def sequence_data():
    task = Task(kind="classification", input="sequence", shape=(6, 3), outputs=3, variable_length=True)
    return Data(task, (RNG.random((2, 6, 3), np.float32), np.array([4, 6]), np.array([0, 1])), ("x", "y", "z"))


def drawn(name, data, **settings):
    network = create("transformer", task=data.task, **settings)
    figure = figure_module.Figure()
    next(figure for figure in get("transformer").figures if figure.name == name).draw(figure, network, data)
    figure.canvas.draw()
    return figure


@pytest.mark.parametrize(
    ("data", "settings", "panels"),
    [
        (text_data(), {"layers": 3, "heads": 2}, 6),
        (image_data(), {}, 2 * (4 + 1)),
        (image_data(), {"readout": "class"}, 2 * (4 + 1)),
        (sequence_data(), {"layers": 6, "heads": 8}, 4 * 6),
        (sequence_data(), {"readout": "class"}, 2 * 4),
    ],
)
def test_every_head_of_every_block_has_a_panel(data, settings, panels):
    figure = drawn("attention", data, **settings)
    assert len(figure.axes) == panels


def test_a_table_of_a_text_shows_the_attention_weights_beside_the_letters():
    data = text_data()
    figure = drawn("attention", data)
    image = figure.axes[0].get_images()[0].get_array()
    assert image.shape == (24, 24)
    np.testing.assert_allclose(image.sum(axis=1), 1, rtol=1e-5)
    assert not np.triu(image, 1).any()
    labels = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert labels == [{"a": "a", " ": "␣", "\n": "↵", "$": "$"}[data.classes[token]] for token in data.test[0][0][:24]]


@pytest.mark.parametrize("readout", ["mean", "class"])
def test_an_image_is_overlaid_with_the_attention_to_each_patch(readout):
    data = image_data()
    network = create("transformer", task=data.task, readout=readout, init=0.5)
    figure = figure_module.Figure()
    get("transformer").figures[0].draw(figure, network, data)
    image = data.test[0][0]
    p = attention_weights(network, image[None])[0, 0, 0]
    taken = p[0, 1:] if readout == "class" else p.mean(axis=0)
    below, above = (shown.get_array() for shown in figure.axes[1].get_images())
    np.testing.assert_array_equal(below, image[..., 0])
    np.testing.assert_allclose(above, taken.reshape(2, 2), rtol=1e-5)
    assert np.ptp(above) > 0.01


def test_a_language_model_generates_text():
    data = text_data()
    figure = drawn("text", data)
    written = "".join(text.get_text() for text in figure.axes[0].texts)
    assert len(written) > 30  # 20 were given
    assert {character for character in written if not character.isspace()} <= set("a$")


def test_an_encoder_decoder_shows_the_cross_attention_of_each_head():
    task = Task(kind="sequence-labelling", input="tokens", shape=(6,), vocab_size=4, outputs=4, variable_length=True)
    x = RNG.integers(4, size=(2, 6))
    data = Data(task, (x, np.array([4, 6]), x), ("a", "b", "c", "d"))
    figure = drawn("attention", data, decoder=True, layers=1, heads=2)
    assert len(figure.axes) == 2
    image = figure.axes[0].get_images()[0].get_array()
    assert image.shape == (6, 6)
    np.testing.assert_allclose(image.sum(axis=1), 1, rtol=1e-5)
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["abcd"[token] for token in x[1]]


def test_a_decoder_without_cross_attention_has_a_sentence_instead_of_panels():
    task = Task(kind="sequence-labelling", input="tokens", shape=(6,), vocab_size=4, outputs=4, variable_length=True)
    x = RNG.integers(4, size=(2, 6))
    data = Data(task, (x, np.array([4, 6]), x), ("a", "b", "c", "d"))
    figure = drawn("attention", data, decoder=True, cross_attention=False, layers=1, heads=2)
    assert any(
        "no cross-attention" in text.get_text() for text in figure.findobj(match=lambda a: hasattr(a, "get_text"))
    )
