"""Claims with real runs, small ones; and invariants of every declared claim."""

import json
import re

import numpy as np
import pytest

from neuralzoo.core.hooks import hookimpl
from neuralzoo.experiments.claims import runner
from neuralzoo.experiments.claims.runner import ClaimRunner, check_sizes, claim_key, claims_of
from neuralzoo.experiments.running.figures import FigureWarning
from neuralzoo.experiments.running.model_file import load_model
from neuralzoo.registry import Candidate, Claim, ClaimFigure, SettingError, ZooError, get, matching

pytest.importorskip("scipy", reason="claims need the extra 'experiments'")

DECLARED = [(a.name, c) for a in matching() for c in a.claims]


class Interrupt:
    """Raises KeyboardInterrupt in the first batch after `epochs` epochs, when their checkpoints are written."""

    def __init__(self, epochs):
        self.left = epochs

    @hookimpl
    def epoch_ended(self):
        self.left -= 1

    @hookimpl(tryfirst=True)
    def batch_ended(self):
        if self.left == 0:
            raise KeyboardInterrupt


class BatchCounter:
    def __init__(self):
        self.batches = 0

    @hookimpl
    def batch_ended(self):
        self.batches += 1


def test_a_claim_trains_every_candidate_with_every_seed_and_is_decided(small, tmp_path):
    result = ClaimRunner(root=tmp_path).run(get("fnn"), small)
    assert result.verdict.decision == "yes"
    assert {p.parent.name for p in result.folder.glob("*/result.json")} == {
        "deep-s0",
        "deep-s1",
        "linear-s0",
        "linear-s1",
    }
    assert result.verdict.values["deep"]["twice"] == (84.0, 84.0)
    assert json.loads((result.folder / "verdict.json").read_text())["decision"] == "yes"
    assert (result.folder / "verdict.png").stat().st_size > 5000


def test_swapped_candidates_give_no(small, tmp_path):
    condition = small.conditions[0].model_copy(update={"of": "linear", "over": "deep"})
    swapped = small.model_copy(update={"conditions": (condition,)})
    assert ClaimRunner(root=tmp_path).run(get("fnn"), swapped).verdict.decision == "no"


def test_an_interrupted_claim_resumes_without_training_anything_twice(small, tmp_path):
    whole, interrupted, resumed = BatchCounter(), BatchCounter(), BatchCounter()
    expected = ClaimRunner(root=tmp_path / "whole", hooks=[whole]).run(get("fnn"), small).verdict
    with pytest.raises(KeyboardInterrupt):
        ClaimRunner(root=tmp_path / "resumed", hooks=[interrupted, Interrupt(5)]).run(get("fnn"), small)
    verdict = ClaimRunner(root=tmp_path / "resumed", hooks=[resumed]).run(get("fnn"), small).verdict
    assert interrupted.batches + resumed.batches == whole.batches
    assert verdict.values == expected.values
    again = BatchCounter()
    ClaimRunner(root=tmp_path / "resumed", hooks=[again]).run(get("fnn"), small)
    assert again.batches == 0


def test_a_run_with_other_settings_is_trained_again(small, tmp_path):
    ClaimRunner(root=tmp_path).run(get("fnn"), small)
    deeper = Candidate(label="deep", experiment=small.candidates[0].experiment.set(["model.hidden=[9]"]))
    changed = small.model_copy(update={"candidates": (deeper, small.candidates[1])})
    count = BatchCounter()
    result = ClaimRunner(root=tmp_path, hooks=[count]).run(get("fnn"), changed)
    assert result.verdict.num_parameters["deep"] > 42
    assert count.batches == 2 * 3 * 6  # both seeds of `deep`, three epochs of six batches; `linear` was kept


def test_unmatched_candidates_are_refused_before_training(small):
    uneven = small.model_copy(update={"match": "parameters"})
    check_sizes(uneven)  # the linear network is a control
    matched = tuple(c.model_copy(update={"control": False}) for c in small.candidates)
    with pytest.raises(SettingError, match="at equal parameters, but linear has 6 and deep has 42"):
        check_sizes(uneven.model_copy(update={"candidates": matched}))


def test_matched_on_time_every_candidate_trains_as_long_as_the_first(small, tiny, tmp_path):
    endless = Candidate(label="endless", experiment=tiny.set(["epochs=100000"]))
    longer = Candidate(label="deep", experiment=tiny.set(["epochs=60"]))
    timed = small.model_copy(
        update={"candidates": (longer, endless), "match": "time", "conditions": small.conditions[1:]}
    )
    verdict = ClaimRunner(root=tmp_path).run(get("fnn"), timed).verdict
    assert verdict.match == "time"


def test_missing_evaluators_run_on_the_saved_models(small, tmp_path):
    ClaimRunner(root=tmp_path).run(
        get("fnn"), small.model_copy(update={"evaluators": {"twice": small.evaluators["twice"]}})
    )
    more = small.model_copy(
        update={"evaluators": {**small.evaluators, "once": lambda module, data: float(module.num_parameters)}}
    )
    count = BatchCounter()
    ClaimRunner(root=tmp_path, hooks=[count]).run(get("fnn"), more)
    result = json.loads((tmp_path / "claims" / "fnn-has-more" / "deep-s0" / "result.json").read_text())
    assert result["metrics"]["once"] == 42.0
    assert count.batches == 0


def test_a_metric_without_a_condition_is_saved_with_the_verdict(small, tmp_path):
    more = small.model_copy(update={"metrics": ("test/loss", "model/n_params")})
    verdict = ClaimRunner(root=tmp_path).run(get("fnn"), more).verdict
    assert [len(verdict.values[label]["test/loss"]) for label in ("deep", "linear")] == [2, 2]
    assert verdict.values["linear"]["model/n_params"] == (6.0, 6.0)
    assert len(verdict.conditions) == len(small.conditions)


def test_a_metric_that_no_run_has_is_an_error(small, tmp_path):
    with pytest.raises(SettingError, match="needs 'test/f1', which deep lacks; it has"):
        ClaimRunner(root=tmp_path).run(get("fnn"), small.model_copy(update={"metrics": ("test/f1",)}))


def test_figures_of_a_claim_get_its_values_and_the_networks_of_the_first_seed(small, tmp_path):
    drawn = []

    def draw(figure, values, modules):
        drawn.append((values, {label: load() for label, load in modules.items()}))
        figure.subplots().plot(values["deep"]["model/n_params"])

    curve = ClaimFigure(name="curve", caption="The sizes by seed.", draw=draw)
    result = ClaimRunner(root=tmp_path).run(get("fnn"), small.model_copy(update={"figures": (curve,)}))
    ((values, modules),) = drawn
    assert values == result.verdict.values
    for label, module in modules.items():
        saved = load_model(result.folder / f"{label}-s0" / "model.safetensors").state()
        assert all(np.array_equal(array, saved[name]) for name, array in module.state().items())
    assert (result.folder / "curve.png").stat().st_size > 5000


def test_a_figure_of_a_claim_that_fails_is_skipped_with_a_warning(small, tmp_path):
    def fail(figure, values, modules):
        raise ZeroDivisionError("nothing to divide by")

    broken = ClaimFigure(name="broken", caption="A figure that fails.", draw=fail)
    with pytest.warns(FigureWarning, match="the figure broken is missing: ZeroDivisionError"):
        result = ClaimRunner(root=tmp_path).run(get("fnn"), small.model_copy(update={"figures": (broken,)}))
    assert result.verdict.decision == "yes"
    assert sorted(path.name for path in result.folder.glob("*.png")) == ["verdict.png"]


def nothing(*arguments):
    return 1.0


def test_further_metrics_are_in_the_key_of_a_claim_and_figures_are_not(small):
    figure = ClaimFigure(name="curve", caption="The sizes by seed.", draw=nothing)
    assert claim_key(small.model_copy(update={"figures": (figure,), "metrics": ()})) == claim_key(small)
    assert claim_key(small.model_copy(update={"metrics": ("test/loss",)})) != claim_key(small)


def test_figures_of_a_claim_have_unique_names(small):
    figure = ClaimFigure(name="curve", caption="The sizes by seed.", draw=nothing)
    settings = {name: getattr(small, name) for name in type(small).model_fields}
    with pytest.raises(ValueError, match="has two figures of one name"):
        Claim(**{**settings, "figures": (figure, figure)})
    with pytest.raises(ValueError, match="every claim has a figure named verdict"):
        ClaimFigure(name="verdict", caption="The sizes by seed.", draw=nothing)


@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_a_claim_is_a_parent_run_with_a_child_for_each_candidate_and_seed(small, tmp_path):
    pytest.importorskip("mlflow", reason="tracking needs the extra 'experiments'")
    from neuralzoo.experiments.tracking.client import connect

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    curve = ClaimFigure(name="curve", caption="The sizes by seed.", draw=lambda figure, *rest: figure.subplots())
    small = small.model_copy(update={"figures": (curve,)})
    result = ClaimRunner(root=tmp_path, uri=uri).run(get("fnn"), small)
    client = connect(uri)
    parent = client.get_run(result.tracked["run_id"])
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["verdict"] == "yes"
    assert parent.data.metrics["deep.twice"] == 84.0
    files = {f.path for f in client.list_artifacts(parent.info.run_id)}
    assert {"verdict.json", "verdict.md", "verdict.png", "curve.png"} <= files
    children = client.search_runs([parent.info.experiment_id], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    assert sorted(run.data.tags["neuralzoo.candidate"] for run in children) == ["deep", "deep", "linear", "linear"]
    assert {run.info.status for run in children} == {"FINISHED"}


def test_an_unknown_claim_suggests_the_nearest():
    name = claims_of("fnn")[0].name
    with pytest.raises(SettingError, match=f"did you mean {name}"):
        claims_of("fnn", claim=name[:-1])


@pytest.mark.parametrize(("owner", "claim"), DECLARED, ids=lambda value: getattr(value, "name", value))
def test_every_claim_is_matched_on_what_it_declares(owner, claim):
    assert claim.candidates[0].experiment.architecture == owner
    check_sizes(claim)


@pytest.mark.parametrize(
    ("metric", "changes", "expected"),
    [
        (
            "test/acuracy",
            {},
            "claim 'has-more' needs 'test/acuracy', which deep lacks; it has test/loss, test/accuracy,",
        ),
        ("test/loss", {"dataset": "mackey-glass"}, "claim 'has-more' compares by test/loss what measures different"),
        ("test/loss", {"dataset": "nope"}, "no dataset is named 'nope'"),
    ],
)
def test_names_and_measures_are_checked_before_anything_is_trained(small, tmp_path, metric, changes, expected):
    base = small.candidates[0].experiment.model_copy(update={"primary_metric": "test/loss", **changes})
    other = base.model_copy(update={"architecture": "modular", "model": {}}) if changes else base
    pair = [c.model_copy(update={"experiment": e}) for c, e in zip(small.candidates, (base, other), strict=True)]
    condition = small.conditions[0].model_copy(update={"metric": metric})
    claim = small.model_copy(update={"candidates": tuple(pair), "conditions": (condition,)})
    with pytest.raises(ZooError, match=re.escape(expected)):
        ClaimRunner(root=tmp_path).run(get("fnn"), claim)
    assert not list(tmp_path.rglob("result.json"))


def test_claims_of_another_package_mean_its_own_architecture(small, monkeypatch):
    declared = get("fnn").model_copy(update={"claims": (small,)})
    monkeypatch.setattr(runner, "get", lambda name: declared)
    (own,), (foreign,) = claims_of("fnn"), claims_of("rival:fnn")
    assert {c.experiment.architecture for c in own.candidates} == {"fnn"}
    assert {c.experiment.architecture for c in foreign.candidates} == {"rival:fnn"}
