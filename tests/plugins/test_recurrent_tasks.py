"""rnn, lstm and gru pass the checks of an architecture for every kind of task that they declare, and with settings."""

import pytest

from neuralzoo.core.testing import checks_for_architecture
from neuralzoo.registry import Task, get

FEATURES = {"input": "sequence", "shape": (5, 3), "outputs": 2}
TOKENS = {"input": "tokens", "shape": (6,), "vocab_size": 7}

TASKS = {
    "classes of whole sequences": Task(kind="classification", **FEATURES),
    "multilabel of a sequence": Task(kind="classification", target="multilabel", variable_length=True, **FEATURES),
    "classes of texts": Task(kind="classification", outputs=3, variable_length=True, **TOKENS),
    "regression": Task(kind="regression", variable_length=True, **FEATURES),
    "a class for each step": Task(kind="sequence-labelling", **FEATURES),
    "multilabel for each step": Task(kind="sequence-labelling", target="multilabel", variable_length=True, **FEATURES),
    "a label for each token": Task(kind="sequence-labelling", outputs=3, variable_length=True, **TOKENS),
    "the next token": Task(kind="language-modelling", outputs=7, **TOKENS),
    "the next token of texts": Task(kind="language-modelling", outputs=7, variable_length=True, **TOKENS),
}
DECLARATIONS = {"name_is_valid", "citation_has_a_year_and_a_url", "example_is_a_declared_task"}

SETTINGS = {
    "bidirectional, two layers": ("regression", {"bidirectional": True, "layers": 2}),
    "dropout": ("classes of texts", {"dropout": 0.2, "layers": 2}),
    "mean": ("classes of texts", {"readout": "mean", "bidirectional": True}),
    "tbptt_steps": ("multilabel for each step", {"tbptt_steps": 2}),
    "tbptt_steps a text": ("the next token of texts", {"tbptt_steps": 2, "dropout": 0.2, "layers": 2}),
    "tbptt_steps whole sequences": ("the next token", {"tbptt_steps": 4}),
}
# What the three have in common is checked with all tasks and settings of one, and with these of the others.
EACH = {"regression", "multilabel for each step", "the next token of texts", "bidirectional, two layers", "tbptt_steps"}
OWN_SETTINGS = [("rnn", {"activation": "relu", "state_init": "identity"}), ("gru", {"reset_after": False})]

CASES = {
    f"{name}-{what}": (name, TASKS[task], settings)
    for name in ("rnn", "lstm", "gru")
    for what, (task, settings) in ({task: (task, {}) for task in TASKS} | SETTINGS).items()
    if name == "lstm" or what in EACH
} | {
    f"{name}-{' '.join(map(str, settings.values()))}-{task}": (name, TASKS[task], settings)
    for name, settings in OWN_SETTINGS
    for task in ("regression", "the next token of texts")
}

CHECKS = {
    f"{what}-{check}": check
    for what, (name, task, settings) in CASES.items()
    for check in checks_for_architecture(get(name), task, settings={"hidden": 16} | settings)
    if str(check) not in DECLARATIONS and (task.variable_length or str(check) != "padding_does_not_matter")
}


@pytest.mark.parametrize("name", CHECKS)
def test_a_recurrent_architecture_conforms(name):
    CHECKS[name]()
