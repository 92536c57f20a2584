"""Trainer hooks of other packages: what they may do, and that their errors are isolated."""

import warnings
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from neuralzoo.core.hooks import TrainerHooks, hookimpl
from neuralzoo.core.optimizer import DivergenceError
from neuralzoo.core.trainer import Trainer
from neuralzoo.experiments.running.assembly import assemble
from neuralzoo.experiments.running.plugin_hooks import HOOKS, IsolatedHook, PluginHookWarning, isolated_hooks
from neuralzoo.registry import PluginEntry, PluginError, SettingError
from neuralzoo.registry.errors import Terminated

ENTRY = PluginEntry("watcher", "watch-pack", "1.2", EntryPoint("hook.watcher", "watcher", "neuralzoo.plugins"), "hook")
ERRORS = (OSError("no network"), SystemExit(3), MemoryError(), RecursionError("deep"), GeneratorExit())


def train(tiny, *hooks):
    """Train a small network with hooks, the last of them called first; return the trainer."""
    a = assemble(tiny)
    trainer = Trainer(a.learner, epochs=tiny.epochs, seed=tiny.seed, hooks=hooks)
    trainer.run(a.train, a.validation, a.test)
    trainer.weights = a.module.pack().copy()
    return trainer


def failing(name, error, at=2):
    """Return a hook object of which one hook fails when it is called for the `at`-th time."""

    class Failing:
        calls = 0

        def note(self):
            Failing.calls += 1
            if Failing.calls == at:
                raise error

    def plain(self, trainer):
        self.note()

    setattr(Failing, name, hookimpl(plain))
    return Failing()


def test_trainer_hooks_have_these_arguments():
    assert HOOKS == {
        "fit": ("trainer",),
        "batch_ended": ("trainer", "metrics"),
        "epoch_ended": ("trainer", "metrics"),
        "test_ended": ("trainer", "metrics"),
        "should_stop": ("trainer",),
    }
    assert set(HOOKS) == {name for name in vars(TrainerHooks) if not name.startswith("_")}


@pytest.mark.parametrize("name", HOOKS)
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_hook_that_fails_is_disabled_with_one_warning_and_changes_no_bit(tiny, name, error):
    hook = failing(name, error, at=1 if name in ("fit", "test_ended") else 2)
    with pytest.warns(PluginHookWarning) as caught:
        watched = train(tiny, IsolatedHook(ENTRY, hook))
    assert len(caught) == 1
    message = str(caught[0].message)
    assert message.startswith(
        f"trainer hook 'watcher' from watch-pack 1.2 is disabled for the rest of the run: {name} failed with "
    )
    assert "\n" not in message
    alone = train(tiny)
    assert np.array_equal(watched.weights, alone.weights)
    assert watched.test_metrics == alone.test_metrics
    assert hook.calls == (1 if name in ("fit", "test_ended") else 2)


@pytest.mark.parametrize("error", [DivergenceError("away"), KeyboardInterrupt(), Terminated(143)], ids=repr)
@pytest.mark.parametrize("name", HOOKS)
def test_divergence_and_interrupts_propagate(tiny, name, error):
    with pytest.raises(type(error)) as caught:
        train(tiny, IsolatedHook(ENTRY, failing(name, error, at=1)))
    assert caught.value is error


@pytest.mark.parametrize("name", HOOKS)
def test_a_wrapper_sees_the_beginning_and_the_end(tiny, name):
    seen = []

    class Wrapping:
        pass

    def wrapper(self, trainer):
        seen.append("before")
        result = yield
        seen.append("after")
        return result

    setattr(Wrapping, name, hookimpl(wrapper=True)(wrapper))
    train(tiny, IsolatedHook(ENTRY, Wrapping()))
    assert seen[:2] == ["before", "after"]
    assert len(seen) == 2 * seen.count("after")


def wrapping(before=None, after=None, yields=1):
    class Wrapping:
        @hookimpl(wrapper=True)
        def fit(self, trainer):
            if before:
                raise before
            for _ in range(yields):
                yield
            if after:
                raise after
            return "something else"

    return Wrapping()


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        (wrapping(before=ValueError("a")), "fit failed with ValueError: a"),
        (wrapping(after=ValueError("b")), "fit failed with ValueError: b"),
        (wrapping(yields=0), "it needs to yield once"),
        (wrapping(yields=2), "it needs to yield once, not twice"),
    ],
)
def test_a_wrapper_that_fails_is_disabled_and_changes_no_bit(tiny, hook, words):
    with pytest.warns(PluginHookWarning, match=words) as caught:
        watched = train(tiny, IsolatedHook(ENTRY, hook))
    assert len(caught) == 1
    assert np.array_equal(watched.weights, train(tiny).weights)


class Swallowing:
    """Takes every exception for itself."""

    @hookimpl(wrapper=True)
    def fit(self, trainer):
        try:
            yield
        except BaseException:
            return True


class Translating:
    """Raises an exception of its own instead of another."""

    @hookimpl(wrapper=True)
    def fit(self, trainer):
        try:
            yield
        except BaseException as error:
            raise ValueError("lost") from error


class Diverging:
    """Stands for one of our own hooks."""

    @hookimpl
    def epoch_ended(self, trainer):
        raise DivergenceError("away")


def test_a_wrapper_can_not_swallow_what_ends_a_run(tiny):
    with pytest.raises(DivergenceError, match="away"):
        train(tiny, IsolatedHook(ENTRY, Swallowing()), Diverging())


def test_a_wrapper_can_not_replace_what_ends_a_run(tiny):
    with (
        pytest.raises(DivergenceError, match="away"),
        pytest.warns(PluginHookWarning, match="fit failed with ValueError: lost"),
    ):
        train(tiny, IsolatedHook(ENTRY, Translating()), Diverging())


def test_a_wrapper_that_has_begun_is_finished_although_another_hook_failed(tiny):
    ended = []

    class Both:
        @hookimpl(wrapper=True)
        def fit(self, trainer):
            result = yield
            ended.append(True)
            return result

        @hookimpl
        def epoch_ended(self):
            raise OSError

    with pytest.warns(PluginHookWarning, match="epoch_ended failed with OSError: no message"):
        train(tiny, IsolatedHook(ENTRY, Both()))
    assert ended == [True]


def test_errors_of_our_own_hooks_keep_their_meaning(tiny):
    with pytest.raises(OSError, match="no network"):
        train(
            tiny,
            failing("epoch_ended", OSError("no network")),
            IsolatedHook(ENTRY, failing("test_ended", ValueError())),
        )


class Stopping:
    """Ends training after the first epoch, or has no opinion."""

    def __init__(self, answer):
        self.answer = answer

    @hookimpl
    def should_stop(self, trainer):
        return self.answer


def test_a_hook_of_a_package_may_stop_training(tiny):
    assert train(tiny, IsolatedHook(ENTRY, Stopping(True))).epoch == 1
    assert train(tiny, IsolatedHook(ENTRY, Stopping(None))).epoch == tiny.epochs


def test_a_hook_that_returns_false_from_should_stop_does_not_hide_others(tiny):
    assert train(tiny, Stopping(True), IsolatedHook(ENTRY, Stopping(False))).epoch == 1


def test_the_return_value_of_a_wrapper_is_ignored(tiny):
    class Contrary:
        @hookimpl(wrapper=True)
        def should_stop(self, trainer):
            yield
            return False

    assert train(tiny, Stopping(True), IsolatedHook(ENTRY, Contrary())).epoch == 1


def test_a_return_value_that_is_not_a_bool_disables_the_hook(tiny):
    with pytest.warns(PluginHookWarning, match="should_stop failed with ValueError"):
        assert train(tiny, IsolatedHook(ENTRY, Stopping(np.ones(2)))).epoch == tiny.epochs


def test_a_hook_gets_a_copy_of_the_metrics(tiny):
    class Spoiling:
        @hookimpl
        def epoch_ended(self, metrics):
            metrics.clear()

    assert "train/loss" in train(tiny, IsolatedHook(ENTRY, Spoiling())).history[0]


def test_a_hook_gets_the_arguments_of_its_signature(tiny):
    seen = []

    class Picking:
        @hookimpl
        def batch_ended(self, metrics):
            seen.append(set(metrics))

        @hookimpl
        def test_ended(self):
            seen.append("test_ended")

    train(tiny, IsolatedHook(ENTRY, Picking()))
    assert {"loss", "accuracy"} <= seen[0]
    assert seen[-1] == "test_ended"


class Nothing:
    """Has no hook."""


class Misspelt:
    @hookimpl
    def epoch_end(self, trainer):
        """Is no hook of a trainer."""


class OldStyle:
    @hookimpl(hookwrapper=True)
    def fit(self, trainer):
        yield


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda experiment, folder: Nothing(), "Nothing has none marked @hookimpl"),
        (lambda experiment, folder: Misspelt(), "Misspelt has a hook that a Trainer can't call: unknown hook"),
        (lambda experiment, folder: OldStyle(), "OldStyle has a hook with hookwrapper=True; it needs wrapper=True"),
        (lambda experiment, folder: 1 / 0, "creating it failed with ZeroDivisionError: division by zero"),
        (lambda experiment, folder: exit(), "creating it failed with it called sys.exit"),
        (lambda: Nothing(), "creating it failed with TypeError"),
    ],
)
def test_a_hook_that_can_not_be_created_is_an_error_before_the_first_step(tiny, tmp_path, make, words):
    with pytest.raises(PluginError) as caught:
        isolated_hooks([(ENTRY, make)], tiny, tmp_path)
    message = str(caught.value)
    assert message.startswith("trainer hook 'watcher' from watch-pack 1.2 can't be used: ")
    assert words in message
    assert "\n" not in message


def test_a_setting_error_of_a_hook_keeps_its_message(tiny, tmp_path):
    def make(experiment, folder):
        raise SettingError("the notifier needs NOTIFY_TOKEN")

    with pytest.raises(SettingError, match=r"^the notifier needs NOTIFY_TOKEN$"):
        isolated_hooks([(ENTRY, make)], tiny, tmp_path)


def test_a_working_hook_gives_no_warning(tiny):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(tiny, IsolatedHook(ENTRY, Stopping(None)))
