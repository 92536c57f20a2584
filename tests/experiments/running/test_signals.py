"""Signals that end the program: as exceptions, and deferred."""

import signal
import time
import weakref
from contextlib import suppress

import pytest

from neuralzoo.core.hooks import hookimpl
from neuralzoo.experiments import run as runner
from neuralzoo.experiments.running import signals
from neuralzoo.experiments.running.signals import end_status, signals_as_exceptions, signals_deferred
from neuralzoo.registry.errors import Terminated


@pytest.fixture(autouse=True)
def default_handlers():
    """These tests may run under nohup; whatever they do, the handlers are the same afterwards."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        assert signal.signal(number, handler) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def raised_by(block, ctrl_c=KeyboardInterrupt):
    with pytest.raises((KeyboardInterrupt, Terminated)) as caught, signals_as_exceptions(ctrl_c):
        block()
    return caught.value


@pytest.mark.parametrize(
    ("number", "ctrl_c", "kind"),
    [
        (signal.SIGINT, KeyboardInterrupt, KeyboardInterrupt),
        (signal.SIGINT, Terminated, Terminated),
        (signal.SIGTERM, KeyboardInterrupt, Terminated),
        (signal.SIGHUP, KeyboardInterrupt, Terminated),
    ],
)
def test_a_signal_is_an_exception_with_the_exit_code_of_a_shell(number, ctrl_c, kind):
    error = raised_by(lambda: signal.raise_signal(number), ctrl_c)
    assert type(error) is kind
    assert end_status(error) == "KILLED"
    assert getattr(error, "code", 128 + number) == 128 + number


def test_a_second_signal_within_a_block_that_defers_acts_at_once_if_it_comes_later(monkeypatch):
    steps = []

    def two_signals():
        with signals_deferred():
            signal.raise_signal(signal.SIGINT)
            steps.append("continued")
            signal.raise_signal(signal.SIGINT)
            steps.append("sent twice")
            monkeypatch.setattr(signals, "AGAIN_S", 0.0)
            signal.raise_signal(signal.SIGINT)
            steps.append("never")

    with pytest.raises(KeyboardInterrupt):
        two_signals()
    assert steps == ["continued", "sent twice"]


def test_closing_a_run_is_not_interrupted_by_a_signal_that_is_sent_twice():
    """A terminal that is closed sends SIGHUP, and its shell sends it again."""
    closed = []

    def close():
        try:
            signal.raise_signal(signal.SIGHUP)
        finally:
            signal.raise_signal(signal.SIGHUP)
            with signals_deferred():
                signal.raise_signal(signal.SIGTERM)
            closed.append("whole")

    assert raised_by(close).code == 128 + signal.SIGHUP
    assert closed == ["whole"]


def test_an_error_that_was_made_of_a_signals_exception_is_that_of_the_signal():
    """A compiled function that a signal arrives in raises a SystemError."""
    statuses = []

    def compiled():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as error:
            made = SystemError("returned a result with an exception set")
            statuses.append(end_status(made))
            raise made from error

    assert type(raised_by(compiled)) is KeyboardInterrupt
    assert statuses == ["KILLED"]
    assert end_status(SystemError()) == "FAILED", "of another block"


def test_a_signal_whose_exception_was_lost_ends_the_run_at_the_next_batch(tiny, tmp_path):
    class Lose:
        batches = 0

        @hookimpl
        def batch_ended(self):
            self.batches += 1
            if self.batches == 3:
                with suppress(KeyboardInterrupt):
                    signal.raise_signal(signal.SIGINT)

    lose = Lose()
    with pytest.raises(KeyboardInterrupt) as caught:
        runner.run(tiny, track=False, root=tmp_path / "runs", hooks=[lose])
    assert lose.batches == 3
    assert "--resume" in caught.value.__notes__[0]


def test_a_signal_whose_exception_is_raised_where_none_can_be_is_raised_again(capsys):
    class Thing:
        pass

    def interrupted():
        thing = Thing()
        watched = weakref.ref(thing, lambda reference: signal.raise_signal(signal.SIGTERM))
        del thing
        steps.append("dropped")
        time.sleep(20)
        steps.append(watched)

    steps = []
    assert raised_by(interrupted).code == 128 + signal.SIGTERM
    assert steps == ["dropped"]
    assert capsys.readouterr().err == ""


def test_an_ignored_signal_stays_ignored_and_a_handler_of_the_callers_is_called():
    called = []
    with signals_as_exceptions():
        pass
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    signal.signal(signal.SIGTERM, lambda number, frame: called.append(number))
    with signals_as_exceptions(), signals_deferred():
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGTERM)
    assert called == [signal.SIGTERM]
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
