"""Deferred signals."""

import signal

import pytest

from neuralzoo.experiments.running.signals import signals_deferred


def test_a_second_signal_is_handled_at_once():
    steps = []

    def two_signals():
        with signals_deferred():
            signal.raise_signal(signal.SIGINT)
            steps.append("continued")
            signal.raise_signal(signal.SIGINT)
            steps.append("never")

    with pytest.raises(KeyboardInterrupt):
        two_signals()
    assert steps == ["continued"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
