"""Trainer hooks of other packages: what they may do, and that their faults cost only themselves."""

import warnings
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from neuralzoo.core.hooks import TrainerHooks, hookimpl
from neuralzoo.core.optimizer import Diverged
from neuralzoo.core.trainer import Trainer
from neuralzoo.experiments.running.assembly import assemble
from neuralzoo.experiments.running.plugin_hooks import HOOKS, Guest, GuestWarning, guests
from neuralzoo.registry import BrokenPlugin, Entry, SettingError
from neuralzoo.registry.errors import Terminated

ENTRY = Entry("watcher", "watch-pack", "1.2", EntryPoint("hook.watcher", "watcher", "neuralzoo.plugins"), "hook")
FAULTS = (OSError("no network"), SystemExit(3), MemoryError(), RecursionError("deep"), GeneratorExit())


def train(tiny, *hooks):
    """Train a small network with hooks, the last of them called first; return the trainer."""
    a = assemble(tiny)
    trainer = Trainer(a.learner, epochs=tiny.epochs, seed=tiny.seed, hooks=hooks)
    trainer.run(a.train, a.validation, a.test)
    trainer.weights = a.module.pack().copy()
    return trainer


def failing(name, fault, at=2):
    """Return a hook object of which one hook fails when it is called for the `at`-th time."""

    class Failing:
        calls = 0

        def note(self):
            Failing.calls += 1
            if Failing.calls == at:
                raise fault

    def plain(self, trainer):
        self.note()

    setattr(Failing, name, hookimpl(plain))
    return Failing()


def test_the_hooks_of_a_trainer_have_these_arguments():
    assert HOOKS == {
        "fit": ("trainer",),
        "batch_ended": ("trainer", "metrics"),
        "epoch_ended": ("trainer", "metrics"),
        "tested": ("trainer", "metrics"),
        "should_stop": ("trainer",),
    }
    assert set(HOOKS) == {name for name in vars(TrainerHooks) if not name.startswith("_")}


@pytest.mark.parametrize("name", HOOKS)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_a_hook_that_fails_is_left_out_with_one_warning_and_changes_no_bit(tiny, name, fault):
    guest = failing(name, fault, at=1 if name in ("fit", "tested") else 2)
    with pytest.warns(GuestWarning) as caught:
        watched = train(tiny, Guest(ENTRY, guest))
    assert len(caught) == 1
    told = str(caught[0].message)
    assert told.startswith(f"trainer hook 'watcher' from watch-pack 1.2 is left out from here on: {name} failed with ")
    assert "\n" not in told
    alone = train(tiny)
    assert np.array_equal(watched.weights, alone.weights)
    assert watched.test_metrics == alone.test_metrics
    assert guest.calls == (1 if name in ("fit", "tested") else 2)


@pytest.mark.parametrize("error", [Diverged("away"), KeyboardInterrupt(), Terminated(143)], ids=repr)
@pytest.mark.parametrize("name", HOOKS)
def test_divergence_and_stops_go_through(tiny, name, error):
    with pytest.raises(type(error)) as caught:
        train(tiny, Guest(ENTRY, failing(name, error, at=1)))
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
    train(tiny, Guest(ENTRY, Wrapping()))
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
    ("guest", "words"),
    [
        (wrapping(before=ValueError("a")), "fit failed with ValueError: a"),
        (wrapping(after=ValueError("b")), "fit failed with ValueError: b"),
        (wrapping(yields=0), "it needs to yield once"),
        (wrapping(yields=2), "it needs to yield once, not twice"),
    ],
)
def test_a_wrapper_that_fails_costs_only_itself(tiny, guest, words):
    with pytest.warns(GuestWarning, match=words) as caught:
        watched = train(tiny, Guest(ENTRY, guest))
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
        raise Diverged("away")


def test_a_wrapper_can_not_swallow_what_ends_a_run(tiny):
    with pytest.raises(Diverged, match="away"):
        train(tiny, Guest(ENTRY, Swallowing()), Diverging())


def test_a_wrapper_can_not_replace_what_ends_a_run(tiny):
    with pytest.raises(Diverged, match="away"), pytest.warns(GuestWarning, match="fit failed with ValueError: lost"):
        train(tiny, Guest(ENTRY, Translating()), Diverging())


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

    with pytest.warns(GuestWarning, match="epoch_ended failed with OSError: no message"):
        train(tiny, Guest(ENTRY, Both()))
    assert ended == [True]


def test_errors_of_our_own_hooks_keep_their_meaning(tiny):
    with pytest.raises(OSError, match="no network"):
        train(tiny, failing("epoch_ended", OSError("no network")), Guest(ENTRY, failing("tested", ValueError())))


class Stopping:
    """Ends training after the first epoch, or has no opinion."""

    def __init__(self, answer):
        self.answer = answer

    @hookimpl
    def should_stop(self, trainer):
        return self.answer


def test_a_hook_of_a_package_may_end_the_training(tiny):
    assert train(tiny, Guest(ENTRY, Stopping(True))).epoch == 1
    assert train(tiny, Guest(ENTRY, Stopping(None))).epoch == tiny.epochs


def test_a_hook_of_a_package_that_would_go_on_does_not_keep_others_from_stopping(tiny):
    assert train(tiny, Stopping(True), Guest(ENTRY, Stopping(False))).epoch == 1


def test_a_wrapper_hands_on_the_answer_that_it_saw(tiny):
    class Contrary:
        @hookimpl(wrapper=True)
        def should_stop(self, trainer):
            yield
            return False

    assert train(tiny, Stopping(True), Guest(ENTRY, Contrary())).epoch == 1


def test_an_answer_that_is_neither_true_nor_false_costs_only_the_hook(tiny):
    with pytest.warns(GuestWarning, match="should_stop failed with ValueError"):
        assert train(tiny, Guest(ENTRY, Stopping(np.ones(2)))).epoch == tiny.epochs


def test_metrics_are_the_hooks_own_copy(tiny):
    class Spoiling:
        @hookimpl
        def epoch_ended(self, metrics):
            metrics.clear()

    assert "train/loss" in train(tiny, Guest(ENTRY, Spoiling())).history[0]


def test_a_hook_asks_for_the_arguments_that_it_needs(tiny):
    seen = []

    class Picking:
        @hookimpl
        def batch_ended(self, metrics):
            seen.append(set(metrics))

        @hookimpl
        def tested(self):
            seen.append("tested")

    train(tiny, Guest(ENTRY, Picking()))
    assert {"loss", "accuracy"} <= seen[0]
    assert seen[-1] == "tested"


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
        (lambda experiment, folder: 1 / 0, "making it failed with ZeroDivisionError: division by zero"),
        (lambda experiment, folder: exit(), "making it failed with it ended the program"),
        (lambda: Nothing(), "making it failed with TypeError"),
    ],
)
def test_a_hook_that_can_not_be_made_is_told_before_the_first_step(tiny, tmp_path, make, words):
    with pytest.raises(BrokenPlugin) as caught:
        guests([(ENTRY, make)], tiny, tmp_path)
    told = str(caught.value)
    assert told.startswith("trainer hook 'watcher' from watch-pack 1.2 can't be used: ")
    assert words in told
    assert "\n" not in told


def test_a_hook_that_refuses_settings_is_told_in_its_own_words(tiny, tmp_path):
    def make(experiment, folder):
        raise SettingError("the notifier needs NOTIFY_TOKEN")

    with pytest.raises(SettingError, match=r"^the notifier needs NOTIFY_TOKEN$"):
        guests([(ENTRY, make)], tiny, tmp_path)


def test_a_hook_that_works_warns_of_nothing(tiny):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(tiny, Guest(ENTRY, Stopping(None)))
