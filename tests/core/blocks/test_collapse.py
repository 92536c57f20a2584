import logging

import pytest

from neuralzoo.core.blocks.collapse import CollapseMonitor


def monitor(window):
    return CollapseMonitor(window, lambda mean, step: f"mean {mean:g} at step {step}" if mean < 1 else None)


def test_a_collapse_is_warned_about_once_with_the_mean_over_the_window(caplog):
    one = monitor(4)
    with caplog.at_level(logging.WARNING):
        for step in range(8):
            one.add(1.0, 2, step)
    assert [record.getMessage() for record in caplog.records] == ["mean 0.5 at step 1"]


def test_each_window_has_its_own_mean(caplog):
    one = monitor(2)
    with caplog.at_level(logging.WARNING):
        for step, total in enumerate((9.0, 9.0, 0.5, 0.5)):
            one.add(total, 1, step)
    assert [record.getMessage() for record in caplog.records] == ["mean 0.5 at step 3"]


def test_an_empty_window_is_refused():
    with pytest.raises(ValueError, match="CollapseMonitor got window=0; it needs at least 1"):
        monitor(0)
