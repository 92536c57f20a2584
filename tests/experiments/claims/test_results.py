"""The saved verdicts, and the tables that are generated from them."""

from dataclasses import replace

import pytest

from neuralzoo.experiments.claims import results
from neuralzoo.experiments.claims.runner import claims_of
from neuralzoo.experiments.claims.verdict import decide
from neuralzoo.registry import Condition, SettingError, find

pytest.importorskip("scipy", reason="intervals need the extra 'experiments'")

SAVED = results.load()


def test_a_row_of_the_readme_has_dataset_metric_unit_published_value_and_interval(verdict):
    head, _, row = results.short_table([verdict]).splitlines()
    cells = dict(zip(head.split(" | "), row.split(" | "), strict=True))
    assert cells["dataset"] == "two-spirals"
    assert cells["metric"] == "test/accuracy, difference (fraction)"
    assert cells["published"] == "0.9"
    assert cells["ours, 95 % interval"] == "0.25 [0.25, 0.25]"
    assert row.endswith("| **partly** (stale) |")


def test_a_ratio_has_no_unit(verdict):
    condition = Condition(of="deep", over="linear", metric="time/train_s", ratio=True, at_most=0.5)
    (first, *rest) = verdict.conditions
    changed = verdict.model_copy(update={"conditions": (first.model_copy(update={"condition": condition}), *rest)})
    assert "| time/train_s, ratio |" in results.short_table([changed])


def test_the_section_of_a_claim_has_every_value_and_its_source(verdict):
    text = results.page([verdict])
    assert "1 claims: 0 yes, 1 partly, 0 no." in text
    assert "| deep | two-spirals | 1,234 | test/accuracy (fraction) | 0.75, 1 |" in text
    assert "| test/accuracy of deep - linear >= 0 | 0.25 [0.25, 0.25] |" in text
    assert "- Published: 0.9 (Someone (1999); quoted)." in text
    assert "- Counter-evidence: another study found none" in text
    assert "- Budget matched on: none." in text


def test_a_verdict_with_other_seeds_than_declared_is_not_saved(verdict, tmp_path):
    with pytest.raises(SettingError, match=r"has seeds \[0, 1\]; to be saved it needs \[0, 1, 2\]"):
        results.save(verdict, (0, 1, 2), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_saved_verdict_is_loaded_as_it_was(verdict, tmp_path):
    results.save(verdict, verdict.seeds, tmp_path)
    assert results.load(tmp_path) == [verdict]


@pytest.mark.parametrize("verdict", SAVED, ids=lambda v: f"{v.architecture}-{v.claim}")
def test_every_saved_verdict_follows_from_its_values_and_could_have_failed(verdict):
    (claim,) = claims_of(verdict.architecture, claim=verdict.claim)
    values = {(label, m): by_seed for label, by in verdict.values.items() for m, by_seed in by.items()}
    assert decide(claim, values)[0] == verdict.decision
    labels = [c.label for c in claim.candidates]
    swapped = dict(zip(labels, labels[1:] + labels[:1], strict=True))
    first = claim.conditions[0]
    controls = []
    # Candidates swapped; where the second turned out to be the better one, that may well be a yes.
    if first.over or (verdict.decision == "yes" and any(condition.over for condition in claim.conditions)):
        controls.append({key: values.get((swapped[key[0]], key[1]), by_seed) for key, by_seed in values.items()})
    if not first.over:  # the bound missed by a tenth
        bound, side = (first.at_least, -1) if first.at_least is not None else (first.at_most, 1)
        missed = bound + side * max(abs(bound) / 10, 1e-3)
        controls.append({key: [missed] * len(by_seed) for key, by_seed in values.items()})
    assert controls
    for control in controls:
        assert decide(claim, control)[0] != "yes"


def test_the_results_page_and_the_readme_are_what_the_command_writes():
    assert results.RESULTS.read_text(encoding="utf-8") == results.page(SAVED)
    readme = results.README.read_text(encoding="utf-8")
    assert results.with_table(readme, SAVED) == readme


def test_a_verdict_whose_claim_has_changed_is_stale():
    changed = SAVED[0].model_copy(update={"key": "another"})
    assert results.stale(changed) == "the claim or the code has changed since"
    assert "(stale)" in results.short_table([changed])
    assert "**Stale**" in results.page([changed])


def test_what_may_not_be_saved_is_refused_before_anything_is_trained(small, monkeypatch, tmp_path):
    results.check_writable("fnn", small, None)
    results.check_writable("fnn", small, 2)
    with pytest.raises(SettingError, match=r"--write got --seeds 3; .* it needs its own \[0, 1\]"):
        results.check_writable("fnn", small, 3)
    foreign = replace(find("fnn"), package="rival")
    with monkeypatch.context() as patch:
        patch.setattr(results, "find", lambda name: foreign)
        with pytest.raises(SettingError, match=r"--write got rival:fnn from rival .* saves verdicts on"):
            results.check_writable("rival:fnn", small, None)
    monkeypatch.setattr(results, "README", tmp_path / "README.md")
    with pytest.raises(SettingError, match="--write needs a checkout"):
        results.check_writable("fnn", small, None)
