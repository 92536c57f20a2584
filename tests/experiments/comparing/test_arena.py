"""The arena: its candidates, and its saved page."""

import pytest

from neuralzoo.experiments.comparing import arena
from neuralzoo.experiments.comparing.candidates import check


@pytest.mark.parametrize("name", list(arena.PUBLISHED))
def test_the_arena_has_every_architecture_that_can_do_its_task_and_the_linear_model(name):
    found = arena.candidates(name, pytest.fail)
    labels = [c.label for c in found]
    assert {"fnn", "linear"} <= set(labels)
    assert len(set(labels)) == len(labels)
    assert check(found) == name
    assert {c.experiment.validation for c in found} == {0.1}


def test_the_saved_page_of_the_arena_is_small_and_complete():
    text = arena.PAGE.read_text(encoding="utf-8")
    assert len(text) < 1_000_000
    assert 'id="mnist1d"' in text
    assert 'id="mnist1d-shuffled"' in text
    assert "neuralzoo compare --arena" in text
