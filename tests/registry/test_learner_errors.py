"""Errors of a learner: one line with the architecture and its package, in every method that a trainer calls."""

import numpy as np
import pytest

from neuralzoo.core.blocks.optimizers import SGD
from neuralzoo.core.blocks.supervised import supervised
from neuralzoo.core.optimizer import DivergenceError
from neuralzoo.registry import PluginError, SettingError, UnknownNameError, get, learner
from neuralzoo.registry.discovery import LEARNER_METHODS
from neuralzoo.registry.errors import Terminated


def failing(method, error):
    """Return fnn with a learner of which a method raises."""

    def fail(*arguments):
        raise error

    def make(*arguments):
        made = supervised(*arguments)
        setattr(made, method, fail)
        return made

    fail.__name__ = method
    return get("fnn").model_copy(update={"learner": make})


def call(method, error):
    architecture = failing(method, error)
    config, task = architecture.configure({}), architecture.example
    module = architecture.build(config, task, np.random.default_rng(0))
    getattr(learner(architecture, module, config, task, lambda module: SGD(module, 0.1)), method)()


@pytest.mark.parametrize("method", LEARNER_METHODS)
def test_an_error_of_a_learner_names_package_and_method(method):
    with pytest.raises(
        PluginError, match=rf"^'fnn' from neuralzoo \S+ can't be used: its {method} failed with KeyError: 'x'"
    ) as caught:
        call(method, KeyError("x"))
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(PluginError, match=rf"its {method} failed with it called sys.exit\(3\)"):
        call(method, SystemExit(3))


def test_what_a_learner_refuses_is_a_setting_error_in_one_line():
    with pytest.raises(SettingError, match=r"^'fnn' from neuralzoo \S+ can't be trained: two lines$"):
        call("learn", ValueError("two\nlines"))


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), Terminated(143), DivergenceError("d"), MemoryError(), UnknownNameError("u")]
)
def test_interrupts_divergence_and_errors_that_are_sentences_pass(error):
    with pytest.raises(type(error)) as caught:
        call("learn", error)
    assert caught.value is error


def test_a_learner_that_is_none_is_refused():
    architecture = get("fnn").model_copy(update={"learner": lambda *arguments: None})
    with pytest.raises(PluginError, match=r"its learner returned NoneType; it needs to return a Learner$"):
        learner(architecture, None, None, None, None)


def test_a_run_ends_in_one_line_and_shows_the_traceback_if_asked(shelf, source):
    changes = (
        "learner=lambda *a: Broken(*a), experiments={'quick': Experiment(architecture='broken', "
        "dataset='two-spirals', epochs=1, batch_size=64)}"
    )
    learns = """
from neuralzoo.core.blocks.supervised import supervised


def Broken(*arguments):
    made = supervised(*arguments)
    made.learn = learn
    return made


def learn(batch, ctx):
    return {}["what"]
"""
    shelf.add("broken-pack", {"broken": "broken"}, {"broken": source("broken", changes) + learns})
    done = shelf.command("run", "broken", "--no-track")
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(
        "neuralzoo: 'broken' from broken-pack 1.0 can't be used: its learn failed with KeyError"
    )
    assert done.stderr.count("\n") == 1
    assert not list((shelf.path / "runs").glob("*"))
    assert "Traceback" in shelf.command("--debug", "run", "broken", "--no-track").stderr
