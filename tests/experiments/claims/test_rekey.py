"""Verdicts carried over to code with other names and the same bits."""

import pytest

from neuralzoo.experiments.claims import rekey
from neuralzoo.experiments.claims.rekey import Fingerprint, quickest, renamed

pytest.importorskip("scipy", reason="intervals need the extra 'experiments'")


@pytest.fixture
def fingerprints():
    """Fingerprints of one claim before and after its names changed."""
    before = Fingerprint("a-key", [], ["big", "line"], ["test/accuracy"], [])
    return before, Fingerprint("new-key", [], ["deep", "linear"], ["test/accuracy"], [])


@pytest.fixture
def before(verdict):
    """A verdict with the labels that its candidates had before."""
    names = {"deep": "big", "linear": "line"}
    by_label = ("values", "num_parameters", "datasets")
    changed = {key: {names[label]: value for label, value in getattr(verdict, key).items()} for key in by_label}
    return verdict.model_copy(update={**changed, "sentence": "another sentence, that has changed since"})


@pytest.fixture
def declared(small, verdict, monkeypatch):
    """The claim as it is declared after its names changed."""
    claim = small.model_copy(update={"conditions": tuple(result.condition for result in verdict.conditions)})
    monkeypatch.setattr(rekey, "claims_of", lambda architecture, **named: [claim])
    return claim


def test_a_verdict_gets_todays_names_and_key_and_keeps_its_values(before, declared, verdict, fingerprints):
    new = renamed(before, *fingerprints)
    assert new == verdict.model_copy(
        update={
            "key": "new-key",
            "sentence": declared.sentence,
            "published": declared.published,
            "counter_evidence": declared.counter_evidence,
        }
    )


def test_values_that_lead_to_another_decision_are_an_error(before, declared, fingerprints):
    with pytest.raises(ValueError, match="was decided no, but partly from the same values"):
        renamed(before.model_copy(update={"decision": "no"}), *fingerprints)


def test_the_quickest_claim_of_an_architecture_is_not_matched_on_time(verdict):
    verdict = verdict.model_copy(update={"minutes": 0.1 * len(verdict.seeds)})
    slow = verdict.model_copy(update={"claim": "slow", "minutes": 0.15 * len(verdict.seeds)})
    timed = verdict.model_copy(update={"claim": "timed", "minutes": 0.1, "match": "time"})
    assert quickest([slow, verdict, timed]) == [verdict]


def test_no_claim_is_run_whole_where_a_seed_takes_minutes(verdict):
    assert quickest([verdict.model_copy(update={"minutes": 2.1 * len(verdict.seeds)})]) == []
