"""Figures of recurrent networks are read back from matplotlib: they show what the network computes."""

from dataclasses import dataclass, field
from importlib import import_module

import numpy as np
import pytest

from neuralzoo.core.blocks.recurrent.generation import generate
from neuralzoo.core.blocks.recurrent.inspection import gradient_norms, states_and_gates
from neuralzoo.core.plots.palette import HIGHLIGHT, SERIES
from neuralzoo.core.plots.recurrent import (
    PROMPT_TOKENS,
    TEXT_LINES,
    TEXT_WIDTH,
    Gate,
    assign_colours,
    draw_accuracy_by_lag,
    draw_gates,
    draw_generated_text,
    draw_gradient_by_lag,
    draw_gradients,
    draw_hidden_state,
    order_by_phase,
    wrap,
)
from neuralzoo.plugins.lstm.figures import draw_lstm_gates
from neuralzoo.registry import Task, create

pytest.importorskip("matplotlib", reason="figures need the extra 'experiments'")
STEPS, FEATURES, OUTPUTS = 7, 3, 5
LETTERS = tuple("ab$\n _")
TASKS = {
    "one class": Task(
        kind="classification", input="sequence", shape=(STEPS, FEATURES), outputs=OUTPUTS, variable_length=True
    ),
    "multilabel": Task(kind="classification", input="sequence", shape=(STEPS, 1), outputs=OUTPUTS, target="multilabel"),
    "continuous": Task(kind="regression", input="sequence", shape=(STEPS, 12), outputs=2),
    "tokens": Task(
        kind="classification", input="tokens", shape=(STEPS,), outputs=OUTPUTS, vocab_size=11, variable_length=True
    ),
    "many tokens": Task(kind="sequence-labelling", input="tokens", shape=(90,), outputs=30, vocab_size=11),
    "a class each": Task(kind="sequence-labelling", input="sequence", shape=(STEPS, FEATURES), outputs=OUTPUTS),
    "multilabel each": Task(
        kind="sequence-labelling",
        input="sequence",
        shape=(STEPS, 4),
        outputs=4,
        target="multilabel",
        variable_length=True,
    ),
    "letters": Task(kind="language-modelling", input="tokens", shape=(STEPS,), outputs=6, vocab_size=6),
    "names": Task(
        kind="language-modelling", input="tokens", shape=(STEPS,), outputs=6, vocab_size=6, variable_length=True
    ),
    "one step": Task(kind="classification", input="sequence", shape=(1, FEATURES), outputs=2),
}


@dataclass
class Data:
    """The part of a dataset that figures read: random examples in read-only arrays."""

    task: Task
    classes: tuple[str, ...] = ()
    test: tuple[np.ndarray, ...] = field(init=False)

    def __post_init__(self):
        rng, n, task = np.random.default_rng(0), 5, self.task
        steps = task.shape[0]
        x = rng.normal(size=(n, *task.shape)).astype(np.float32)
        if task.vocab_size:
            x = rng.integers(task.vocab_size, size=(n, steps))
        each = (steps,) * (task.kind in ("sequence-labelling", "language-modelling"))
        if task.target == "class":
            y = rng.integers(task.outputs, size=(n, *each))
        elif task.target == "multilabel":
            y = rng.integers(2, size=(n, *each, task.outputs)).astype(np.float32)
        else:
            y = rng.normal(size=(n, task.outputs)).astype(np.float32)
        self.test = (x, np.array([4, 6, 5, 6, 2]), y) if task.variable_length else (x, y)
        for array in self.test:
            array.flags.writeable = False


def data_for(name):
    return Data(TASKS[name], LETTERS if name in ("letters", "names") else ())


def network(name, task, **settings):
    made = create(name, task=task, seed=1, **{"hidden": 6, "embedding": 4, **settings})
    rng = np.random.default_rng(2)
    for parameter in made.named_parameters().values():
        parameter.value += (0.5 * rng.normal(size=parameter.value.shape)).astype(np.float32)
    return made


@pytest.fixture
def figure():
    from matplotlib.figure import Figure

    return Figure(figsize=(7.2, 4.5), dpi=110)


def panels(figure):
    """Return the panels without their colour bars, by the first word of their title."""
    return {axes.get_title("left").split()[0]: axes for axes in figure.axes if axes.get_title("left")}


def image(axes):
    (one,) = axes.images
    return np.asarray(one.get_array()), one.get_clim()


def all_text(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts] + [t.get_text() for t in figure.texts]


def softmax(logits):
    powers = np.exp(logits.astype(np.float64))
    return powers / powers.sum(axis=-1, keepdims=True)


SETTINGS = {
    "rnn": {"layers": 2, "activation": "relu"},
    "lstm": {"bidirectional": True, "layers": 2},
    "gru": {"bidirectional": True, "readout": "mean"},
}


@pytest.mark.parametrize(("task", "name"), list(zip(TASKS, ["lstm", "rnn", "gru"] * 4, strict=False)))
def test_every_figure_can_be_drawn_for_every_task(figure, name, task):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    data = data_for(task)
    module = network(name, data.task, **({} if data.classes else SETTINGS[name]))
    before = module.state()
    for declared in import_module(f"neuralzoo.plugins.{name}.figures").FIGURES:
        figure.clear()
        declared.draw(figure, module, data)
        assert figure.axes or figure.texts
        FigureCanvasAgg(figure).draw()
    assert all(np.array_equal(value, before[key]) for key, value in module.state().items())


def test_the_state_is_drawn_unit_by_unit_on_a_symmetric_scale(figure):
    data = data_for("one class")
    lstm = network("lstm", data.task)
    draw_hidden_state(figure, lstm, data)
    x = data.test[0][1, :6]  # the first of the longest
    states, _ = states_and_gates(lstm, x)
    for axes, state in zip((panels(figure)["h,"], panels(figure)["c,"]), states, strict=True):
        drawn, (low, high) = image(axes)
        assert low == -high
        np.testing.assert_allclose(sorted(drawn.tolist()), sorted(state.T.tolist()), rtol=1e-6)


def test_both_states_of_an_lstm_have_the_same_order_of_units(figure):
    data = data_for("one class")
    lstm = network("lstm", data.task)
    draw_hidden_state(figure, lstm, data)
    (h, c), _ = states_and_gates(lstm, data.test[0][1, :6])
    drawn_h, drawn_c = (image(panels(figure)[name])[0] for name in ("h,", "c,"))
    order = [int(np.flatnonzero((row == h.T).all(axis=1))[0]) for row in drawn_h.astype(np.float32)]
    np.testing.assert_array_equal(drawn_c.astype(np.float32), c.T[order])


def test_units_of_shifted_phase_are_ordered_by_phase():
    phase = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    phases = np.sin(np.linspace(0, 12, 80)[:, None] + phase)
    mixed = np.random.default_rng(4).permutation(24)
    found = mixed[order_by_phase(phases[:, mixed] + 3.0)]
    turns = np.diff(np.append(found, found[0])) % 24
    assert set(turns) in ({1}, {23})


@pytest.mark.parametrize("states", [np.ones((5, 4)), np.zeros((1, 4)), np.eye(4)[:, :1], np.eye(2, 4)])
def test_degenerate_states_have_an_order_too(states):
    assert sorted(order_by_phase(states)) == list(range(states.shape[1]))


@pytest.mark.parametrize("name", ["a class each", "multilabel each"])
def test_outputs_are_drawn_as_probabilities_and_targets_as_dots(figure, name):
    data = data_for(name)
    gru = network("gru", data.task)
    draw_hidden_state(figure, gru, data)
    row, steps = (1, 6) if data.task.variable_length else (0, STEPS)
    x, target = data.test[0][row, :steps], data.test[-1][row, :steps]
    logits = gru.predict(x[None])[0]
    expected = softmax(logits) if data.task.target == "class" else 1 / (1 + np.exp(-logits))
    drawn, limits = image(panels(figure)["output"])
    assert limits == (0, 1)
    np.testing.assert_allclose(drawn, expected.T, rtol=1e-5)
    (dots,) = panels(figure)["output"].lines
    at_dots = np.zeros(expected.shape, int)
    at_dots[dots.get_xdata().astype(int) - 1, dots.get_ydata().astype(int) - 1] = 1
    right = np.eye(OUTPUTS, dtype=int)[target] if data.task.target == "class" else target
    np.testing.assert_array_equal(at_dots, right)


@pytest.mark.parametrize("settings", [{}, {"bidirectional": True, "layers": 2}, {"readout": "mean"}])
def test_the_output_at_a_step_is_that_of_the_sequence_up_to_it(figure, settings):
    data = data_for("one class")
    rnn = network("rnn", data.task, **settings)
    draw_hidden_state(figure, rnn, data)
    x, right = data.test[0][1, :6], data.test[-1][1]
    lines = panels(figure)["output"].lines
    for steps in range(1, 7):
        expected = softmax(rnn.predict(x[None, :steps])[0])
        np.testing.assert_allclose([line.get_ydata()[steps - 1] for line in lines], expected, rtol=1e-5)
    assert [line.get_color() == HIGHLIGHT for line in lines] == [k == right for k in range(OUTPUTS)]


def test_an_input_text_is_drawn_character_by_character(figure):
    data = data_for("letters")
    data.test = (np.array([[1, 2, 3, 4, 5]]), np.array([[2, 3, 4, 5, 0]]))
    draw_hidden_state(figure, network("rnn", data.task), data)
    assert [text.get_text() for text in panels(figure)["input"].texts] == list("b$↵␣_")


def test_a_long_text_is_drawn_as_far_as_its_characters_are_legible(figure):
    data, x = data_for("letters"), np.arange(256)[None] % 6
    data.test = (x, x)
    lstm = network("lstm", data.task)
    for draw in (draw_hidden_state, draw_lstm_gates):
        figure.clear()
        draw(figure, lstm, data)
        assert [text.get_text() for text in panels(figure)["input"].texts] == [*"ab$↵␣_"] * 13 + ["a", "b"]
        assert panels(figure)["input"].get_xlim() == (0.5, 80.5)


def test_features_of_equal_number_do_not_get_the_names_of_classes(figure):
    task = Task(kind="classification", input="sequence", shape=(STEPS, 5), outputs=5)
    data = Data(task, tuple("vwxyz"))
    draw_hidden_state(figure, network("rnn", task), data)
    assert not set("vwxyz") & {label.get_text() for label in panels(figure)["input"].get_yticklabels()}


def test_gates_are_drawn_with_the_units_that_keep_most_on_top(figure):
    data = data_for("a class each")
    gru = network("gru", data.task)
    draw_gates(figure, gru, data, (Gate("reset"), Gate("update"), Gate("new", signed=True)), sort_by=1)
    blocks = np.split(states_and_gates(gru, data.test[0][0])[1], 3, axis=1)
    drawn = {name: image(axes) for name, axes in panels(figure).items() if name in ("reset", "update", "new")}
    kept = drawn["update"][0].mean(axis=1)
    assert (np.diff(kept) <= 0).all()
    order = blocks[1].mean(axis=0).argsort()[::-1]
    for name, block, limits in zip(drawn, blocks, ((0, 1), (0, 1), (-1, 1)), strict=True):
        np.testing.assert_allclose(drawn[name][0], block.T[order], rtol=1e-6)
        assert drawn[name][1] == limits


def halving(rnn):
    cell = rnn.recurrent.cells[0]
    cell.weight_ih.value[...] = 0
    cell.bias.value[...] = 1  # all units stay active
    cell.weight_hh.value[...] = np.eye(len(cell.weight_hh.value)) / 2
    return rnn


def test_a_gradient_halved_by_each_step_has_a_factor_of_one_half(figure):
    data = data_for("continuous")
    rnn = halving(network("rnn", data.task, activation="relu"))
    draw_gradient_by_lag(figure, rnn, data)
    (axes,) = figure.axes
    (line,) = axes.lines
    np.testing.assert_array_equal(line.get_xdata(), np.arange(STEPS))
    np.testing.assert_allclose(line.get_ydata(), 0.5 ** np.arange(STEPS), rtol=1e-6)
    assert line.get_label() == "gradient of h: × 0.5 per step"
    assert axes.get_yscale() == "log"


def test_the_factor_does_not_count_the_step_from_the_head_to_the_last_state(figure):
    data = data_for("continuous")
    draw_gradient_by_lag(figure, network("lstm", data.task), data)
    for line, name in zip(figure.axes[0].lines, "hc", strict=True):
        at = dict(zip(line.get_xdata(), line.get_ydata(), strict=True))
        factor = (at[STEPS - 1] / at[1]) ** (1 / (STEPS - 2))
        assert line.get_label() == f"gradient of {name}: × {factor:.3g} per step"


def test_the_gradient_is_that_of_the_loss_and_goes_as_far_back_as_half_of_the_examples(figure):
    data = data_for("one class")
    lstm = network("lstm", data.task)
    draw_gradient_by_lag(figure, lstm, data)
    relative = np.full((2, 5, 5), np.nan)  # of lengths 4, 6, 5, 6, 2: the median is 5
    x, lengths, target = data.test
    for row, length in enumerate(lengths):
        cut = x[row : row + 1, :length]
        dy = softmax(lstm.predict(cut)) - np.eye(OUTPUTS)[target[row]]
        norms = gradient_norms(lstm, cut, dy)[:, 0, ::-1]
        relative[:, row, : min(length, 5)] = (norms / norms[0, 0])[:, :5]
    h, c = figure.axes[0].lines
    np.testing.assert_allclose(h.get_ydata(), np.nanmedian(relative[0], axis=0), rtol=1e-4)
    np.testing.assert_array_equal(c.get_xdata(), [1, 2, 3, 4])  # the head does not read c of the last step
    np.testing.assert_allclose(c.get_ydata(), np.nanmedian(relative[1], axis=0)[1:], rtol=1e-4)


def test_the_gradient_of_a_confident_network_is_followed_as_far(figure):
    task = Task(kind="classification", input="sequence", shape=(110, 2), outputs=3)
    rnn = halving(network("rnn", task, activation="relu"))
    rnn.head.bias.value[0] = 30 - rnn.predict(np.zeros((1, 110, 2), np.float32))[0, 0]  # the loss is about exp(-30)
    draw_gradients(figure, {"rnn": rnn}, np.zeros((1, 110, 2), np.float32), np.zeros(1, np.int64))
    (line,) = figure.axes[0].lines
    np.testing.assert_allclose(line.get_ydata(), 0.5 ** np.arange(110), rtol=1e-5)


def test_several_networks_are_drawn_over_all_their_states(figure):
    data = data_for("letters")
    modules = {name: network(name, data.task) for name in ("rnn", "lstm")}
    x, target = data.test
    colours = {"rnn": SERIES[0], "lstm": SERIES[1]}
    draw_gradients(figure, modules, x, target, colours=colours)
    for line, (name, module) in zip(figure.axes[0].lines, modules.items(), strict=True):
        assert line.get_color() == colours[name]
        assert line.get_label().startswith(f"{name}: × ")
        dy = softmax(module.predict(x)[:, -1]) - np.eye(6)[target[:, -1]]
        norms = np.sqrt((gradient_norms(module, x, dy) ** 2).sum(axis=0))[:, ::-1]
        np.testing.assert_allclose(line.get_ydata(), np.median(norms / norms[:, :1], axis=0), rtol=1e-4)


def test_a_zero_gradient_is_labelled_zero(figure):
    data = data_for("continuous")
    rnn = network("rnn", data.task)
    rnn.head.weight.value[...] = 0
    draw_gradient_by_lag(figure, rnn, data)
    assert [line.get_label() for line in figure.axes[0].lines] == ["gradient of h: zero"]


@pytest.mark.parametrize(
    ("task", "settings", "words"),
    [
        ("one class", {"readout": "mean"}, "reads out the mean of all steps, so that"),
        ("one class", {"bidirectional": True, "layers": 2}, "has several bidirectional layers"),
        ("a class each", {"bidirectional": True}, "is bidirectional and has an output at each step"),
    ],
)
def test_where_gradients_have_no_lag_the_figure_is_a_sentence(figure, task, settings, words):
    data = data_for(task)
    draw_gradient_by_lag(figure, network("rnn", data.task, **settings), data)
    assert figure.axes == []
    assert words in all_text(figure)[0].replace("\n", " ")


def test_a_text_follows_its_prompt_and_is_always_the_same(figure):
    data = data_for("letters")
    gru = network("gru", data.task)
    texts = []
    for _ in range(2):
        figure.clear()
        draw_generated_text(figure, gru, data)
        texts.append(all_text(figure))
    assert texts[0] == texts[1]
    prompt = data.test[0][0][:PROMPT_TOKENS]
    tokens = np.concatenate([prompt, generate(gru, prompt, TEXT_LINES * TEXT_WIDTH, np.random.default_rng(0))])
    given, lines = (wrap("".join(LETTERS[token] for token in part)) for part in (prompt, tokens))
    assert len(lines) == TEXT_LINES
    assert texts[0][0::2] == given + [""] * (TEXT_LINES - len(given))  # two texts: the prompt and what follows
    together = [
        "".join(max(a, b) for a, b in zip(x.ljust(TEXT_WIDTH), y.ljust(TEXT_WIDTH), strict=True))
        for x, y in zip(texts[0][0::2], texts[0][1::2], strict=True)
    ]
    assert [line.rstrip() for line in together] == [line.rstrip() for line in lines]


def test_short_texts_end_at_the_start_token(figure):
    data = data_for("names")
    lstm = network("lstm", data.task)
    draw_generated_text(figure, lstm, data)
    start = LETTERS[data.test[0][0, 0]]
    assert start not in "".join(all_text(figure)).replace(" ", "") or start == " "
    rng = np.random.default_rng(0)
    first = "".join(LETTERS[token] for token in generate(lstm, data.test[0][0][:1], STEPS, rng)).split(start)[0]
    assert all_text(figure)[1].startswith(first.split("\n")[0])


def test_without_a_language_model_the_figure_is_a_sentence(figure):
    data = data_for("one class")
    draw_generated_text(figure, network("rnn", data.task), data)
    assert all_text(figure) == ["Only a language model generates text; this network was\ntrained for classification."]


def test_long_lines_break_between_words_and_empty_ones_stay():
    assert wrap("to be, or not to be\n\n" + "word " * 20) == [
        "to be, or not to be",
        "",
        "word word word word word word word word word word word word",
        "word word word word word word word word",
    ]
    assert len(wrap("\n" * 100)) == TEXT_LINES


def test_given_colours_are_kept_and_all_others_differ():
    given = {"rnn": SERIES[0], "lstm": SERIES[1]}
    found = assign_colours(["x", "y", "rnn-relu", "lstm", "gru"], given)
    assert (found["rnn-relu"], found["lstm"]) == (SERIES[0], SERIES[1])
    assert len(set(found.values())) == 5


def test_accuracy_by_lag_has_the_seeds_and_their_median(figure):
    seeds = {8: (0.6, 0.7, 0.9), 2: (0.9, 0.95, 1.0)}
    values = {f"rnn-{lag}": {"test/accuracy": by_seed, "test/loss": (9.0,)} for lag, by_seed in seeds.items()}
    values |= {"rnn-relu-2": {"test/accuracy": (0.8,)}, "majority": {"test/accuracy": (0.5,)}, "lstm-4": {"loss": (1,)}}
    draw_accuracy_by_lag(figure, values, chance=0.25, colours={"rnn": SERIES[2]})
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    assert list(lines) == ["rnn", "rnn-relu", "chance"]
    assert lines["rnn"].get_color() == lines["rnn-relu"].get_color() == SERIES[2]
    assert [lines["rnn"].get_linestyle(), lines["rnn-relu"].get_linestyle()] == ["-", "--"]
    np.testing.assert_allclose(lines["rnn"].get_ydata(), [0.95, 0.7])
    np.testing.assert_allclose(lines["rnn"].get_xdata(), [2, 8], rtol=0.1)
    dots = np.concatenate([line.get_ydata() for line in axes.lines if line.get_marker() == "."])
    np.testing.assert_array_equal(np.sort(dots), np.sort([*seeds[2], *seeds[8], 0.8]))
    np.testing.assert_array_equal(axes.get_xticks(), [2, 8])
    np.testing.assert_array_equal(lines["chance"].get_ydata(), 0.25)


def test_without_lags_the_figure_is_a_sentence(figure):
    draw_accuracy_by_lag(figure, {"fnn": {"test/accuracy": (0.5,)}})
    assert all_text(figure) == ["There is no test/accuracy of an architecture and a lag among\nfnn."]
