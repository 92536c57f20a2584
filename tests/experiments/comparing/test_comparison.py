"""Comparisons with real runs: what is equal, what is trained again, and the interval."""

import json

import numpy as np
import pytest

from neuralzoo.core.metric import MetricInfo
from neuralzoo.experiments import run_group
from neuralzoo.experiments.comparing import comparison as comparison_module
from neuralzoo.experiments.comparing.candidates import candidates_of
from neuralzoo.experiments.comparing.comparison import Comparison, describe_match, flat_settings
from neuralzoo.experiments.running.assembly import assemble
from neuralzoo.experiments.running.files import read_json

pytest.importorskip("scipy", reason="intervals need the extra 'experiments'")

TINY = ["epochs=4", "batch_size=32"]
SMALL, LINEAR = "fnn model.hidden=[8]", "linear: fnn model.hidden=[]"


def comparison(tmp_path, words=(SMALL, LINEAR), seeds=2, match="none", settings=TINY, **more):
    candidates = candidates_of(words, dataset="two-spirals", settings=settings)
    return Comparison(candidates, match, tuple(range(seeds)), folder=tmp_path / "comparison", **more)


def test_the_mean_and_the_interval_are_those_of_the_seeds(tmp_path):
    from scipy import stats

    for r in comparison(tmp_path).run().ranking:
        values = [run.metrics["test/accuracy"] for run in r.runs]
        assert r.mean == pytest.approx(np.mean(values))
        if np.ptp(values) > 0:
            low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
            assert (r.low, r.high) == pytest.approx((low, high))


def test_a_result_has_everything_of_the_runs(tmp_path):
    result = comparison(tmp_path).run()
    for r in result.ranking:
        for run in r.runs:
            folder = result.folder / f"{r.label}-s{run.seed}"
            saved = read_json(folder / "result.json")
            assert (run.metrics, list(run.history), run.steps) == (saved["metrics"], saved["history"], saved["steps"])
            paths = {result.folder / path for path in run.figures.values()}
            assert paths == set((folder / "figures").glob("*.png"))
            assert run.url == ""
        assert r.settings == flat_settings(r.candidate.experiment)
        assert r.settings["model.dropout"]  # with the defaults


def test_matched_on_steps_all_take_equally_many(tmp_path):
    words = ["fnn model.hidden=[8]", "half: fnn model.hidden=[8] batch_size=64 epochs=9"]
    result = comparison(tmp_path, words, 1, "steps").run()
    per_epoch = {r.label: len(assemble(r.candidate.experiment).train) for r in result.ranking}
    steps = {r.label: r.runs[0].steps for r in result.ranking}
    assert set(per_epoch.values()) == {6, 3}
    assert set(steps.values()) == {24}
    assert "24" in result.match_description


def test_matched_on_time_the_slow_get_what_the_fastest_needs(tmp_path):
    words = ["fast: fnn model.hidden=[32]", "slow: fnn model.hidden=[512,512]"]
    result = comparison(tmp_path, words, seeds=1, match="time", settings=["epochs=60", "batch_size=16"]).run()
    by = {r.label: r.runs[0] for r in result.ranking}
    budget = json.loads((tmp_path / "comparison/plan.json").read_text())["budget_s"]
    assert len(by["fast"].history) == 60
    assert len(by["slow"].history) < 40
    longest = max(np.diff([0.0] + [epoch["time/train_s"] for epoch in by["slow"].history]))
    assert by["slow"].metrics["time/train_s"] <= budget + longest
    assert by["slow"].metrics["time/train_s"] >= budget / 3  # the estimate is rough where a machine is busy
    assert f"budget {budget:.2f} s" in result.match_description


@pytest.mark.parametrize("match", ["none", "time"])
def test_a_second_call_trains_nothing_again(tmp_path, match):
    reported = []
    first = comparison(tmp_path, match=match, report=reported.append, seeds=1).run()
    assert reported
    reported.clear()
    second = comparison(tmp_path, match=match, report=reported.append, seeds=1).run()
    assert reported == []
    assert first == second


def test_more_seeds_train_only_the_new_ones(tmp_path):
    comparison(tmp_path, [LINEAR], seeds=1).run()
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("result.json")}
    comparison(tmp_path, [LINEAR], seeds=2).run()
    after = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("result.json")}
    assert len(before) == 1
    assert len(after) == 2
    assert before.items() <= after.items()


@pytest.mark.parametrize(
    ("match", "budget", "expected"),
    [
        ("none", None, "Each candidate has its own settings; nothing is matched."),
        ("parameters", None, "Equal numbers of parameters: 6 to 42."),
        ("steps", None, "Equal numbers of optimizer steps (whole epochs): 18."),
        ("time", 1.25, "Equal training time: budget 1.25 s, used 1.50 s to 1.50 s (whole epochs)."),
    ],
)
def test_what_is_matched_is_described_with_its_amounts(result, match, budget, expected):
    assert describe_match(match, result.ranking, budget) == expected


def test_the_ranking_goes_by_the_declared_direction(tmp_path, monkeypatch):
    def ranked(info):
        monkeypatch.setattr(comparison_module, "compared_by", lambda candidates: info)
        result = comparison(tmp_path, settings=["epochs=1", "primary_metric=test/loss"], seeds=1).run()
        return [r.label for r in result.ranking], [r.mean for r in result.ranking], result.unranked

    labels, means, why = ranked(MetricInfo("loss", "lower"))
    assert (means, why) == (sorted(means), "")
    assert means[0] < means[1]
    assert ranked(MetricInfo("log-likelihood", "higher"))[0] == labels[::-1]
    as_given = ["fnn-hidden-8", "linear"]
    unranked = as_given, "Not ranked by test/loss: no end of it is the better one."
    assert ranked(MetricInfo("heat", "neither"))[::2] == unranked
    assert ranked(None)[::2] == (as_given, "Not ranked by test/loss: its direction is not declared.")


def test_the_data_of_a_comparison_are_read_once_for_their_digest(tmp_path, monkeypatch):
    read, taken = run_group.load, []
    monkeypatch.setattr(run_group, "load", lambda experiment: taken.append(experiment.seed) or read(experiment))
    comparison(tmp_path, seeds=2).run()
    assert taken == [0, 1]
    assert not hasattr(comparison_module, "load"), "it reads them itself"


def test_a_comparison_is_made_again_when_the_data_behind_its_name_have_changed(tmp_path, data_in_a_file):
    def compared(kept):
        data_in_a_file.write_text(str(kept))
        candidates = candidates_of([LINEAR], dataset="two-spirals", settings=["epochs=1", "batch_size=8"])
        result = Comparison(candidates, "none", (0,), root=tmp_path / "runs").run()
        return result.folder, result.ranking[0].runs[0].steps

    first, again, fewer = compared(150), compared(150), compared(60)
    assert first == again
    assert fewer[0] != first[0]
    assert fewer[1] < first[1]


@pytest.mark.parametrize("direction", ["lower", "higher"])
def test_a_candidate_that_diverged_is_ranked_last(tmp_path, monkeypatch, direction):
    monkeypatch.setattr(comparison_module, "compared_by", lambda candidates: MetricInfo("loss", direction))
    results = {"diverged": float("nan"), "fine": 0.5}
    original = comparison_module.candidate_result

    def result_of(candidate, records, url=""):
        return original(candidate, records, url).model_copy(update={"mean": results[candidate.label]})

    monkeypatch.setattr(comparison_module, "candidate_result", result_of)
    words = ["diverged: fnn model.hidden=[]", "fine: fnn model.hidden=[2]"]
    result = comparison(tmp_path, words, settings=["epochs=1"], seeds=1).run()
    assert [r.label for r in result.ranking] == ["fine", "diverged"]
