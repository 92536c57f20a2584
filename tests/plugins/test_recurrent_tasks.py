"""rnn, lstm and gru pass the checks of an architecture for every kind of task that they declare, and with settings."""

import pytest

from neuralzoo.core.testing import checks_for_architecture
from neuralzoo.registry import Task, get

NUMBERS = {"input": "sequence", "shape": (5, 3), "outputs": 2}
TOKENS = {"input": "tokens", "shape": (6,), "vocabulary": 7}

TASKS = {
    "classes of whole sequences": Task(kind="classification", **NUMBERS),
    "marks of a sequence": Task(kind="classification", answer="marks", lengths=True, **NUMBERS),
    "classes of texts": Task(kind="classification", outputs=3, lengths=True, **TOKENS),
    "numbers": Task(kind="regression", lengths=True, **NUMBERS),
    "a class for each step": Task(kind="sequence-labelling", **NUMBERS),
    "marks for each step": Task(kind="sequence-labelling", answer="marks", lengths=True, **NUMBERS),
    "a label for each token": Task(kind="sequence-labelling", outputs=3, lengths=True, **TOKENS),
    "the next token": Task(kind="language-modelling", outputs=7, **TOKENS),
    "the next token of texts": Task(kind="language-modelling", outputs=7, lengths=True, **TOKENS),
}
DECLARATIONS = {"name_is_valid", "citation_has_a_year_and_a_url", "example_is_a_declared_task"}

SETTINGS = {
    "both ways, two layers": ("numbers", {"bidirectional": True, "layers": 2}),
    "dropout": ("classes of texts", {"dropout": 0.2, "layers": 2}),
    "mean": ("classes of texts", {"readout": "mean", "bidirectional": True}),
    "truncate": ("marks for each step", {"truncate": 2}),
    "truncate a text": ("the next token of texts", {"truncate": 2, "dropout": 0.2, "layers": 2}),
    "truncate whole sequences": ("the next token", {"truncate": 4}),
}
# What the three have in common is checked with all tasks and settings of one, and with these of the others.
EACH = {"numbers", "marks for each step", "the next token of texts", "both ways, two layers", "truncate"}
OWN_SETTINGS = [("rnn", {"activation": "relu", "state_init": "identity"}), ("gru", {"reset": "before"})]

CASES = {
    f"{name}-{what}": (name, TASKS[task], settings)
    for name in ("rnn", "lstm", "gru")
    for what, (task, settings) in ({task: (task, {}) for task in TASKS} | SETTINGS).items()
    if name == "lstm" or what in EACH
} | {
    f"{name}-{' '.join(settings.values())}-{task}": (name, TASKS[task], settings)
    for name, settings in OWN_SETTINGS
    for task in ("numbers", "the next token of texts")
}

CHECKS = {
    f"{what}-{check}": check
    for what, (name, task, settings) in CASES.items()
    for check in checks_for_architecture(get(name), task, settings={"hidden": 16} | settings)
    if str(check) not in DECLARATIONS and (task.lengths or str(check) != "padding_does_not_matter")
}


@pytest.mark.parametrize("name", CHECKS)
def test_a_recurrent_architecture_conforms(name):
    CHECKS[name]()
