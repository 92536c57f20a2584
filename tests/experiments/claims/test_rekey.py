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


def carried(verdict, monkeypatch, tmp_path, **changes):
    """Return the result of rekeying a verdict whose fingerprint here differs in `changes`."""
    candidate = {"steps": 2, "settings": [5, 0.1], "weights": "w", "measured": ["m"]}
    then = {
        "key": "a-key",
        "decision": [1],
        "labels": ["deep"],
        "metrics": ["test/accuracy"],
        "candidates": [candidate],
    }
    now = {**then, "key": "new-key", **{k: v for k, v in changes.items() if k not in candidate}}
    now["candidates"] = [{**candidate, **{k: v for k, v in changes.items() if k in candidate}}]
    answers = iter([then, now])
    monkeypatch.setattr(rekey, "_fingerprint", lambda *arguments: next(answers))
    monkeypatch.setattr(
        rekey, "renamed", lambda verdict, old, new, carried: verdict.model_copy(update={"key": new.key})
    )
    return rekey._carry(verdict.model_copy(update={"key": "a-key"}), tmp_path, tmp_path, set())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"weights": "others"}, "its weights differ"),
        ({"settings": [20, 0.1]}, "its settings differ"),
        ({"measured": ["other"]}, "its metrics differ"),
        ({"decision": [2]}, "its decision rule differs"),
    ],
)
def test_a_verdict_stays_stale_where_anything_differs(verdict, monkeypatch, tmp_path, changes, reason):
    result = carried(verdict, monkeypatch, tmp_path, **changes)
    assert (result.new, result.reason) == (None, reason)


def test_a_verdict_with_the_same_bits_is_carried_over(verdict, monkeypatch, tmp_path):
    result = carried(verdict, monkeypatch, tmp_path)
    assert result.new.key == "new-key"
    assert result.reason == "the same bits after 2 steps"


def test_failures_are_not_kept_for_the_next_time(verdict, monkeypatch, tmp_path):
    monkeypatch.setattr(rekey, "_fingerprint", lambda *arguments: {"error": "no memory"})
    assert rekey._carry(verdict, tmp_path, tmp_path, set()).reason.endswith("failed: no memory")
    assert list(tmp_path.iterdir()) == []
