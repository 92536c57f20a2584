"""Proofs with real runs, small ones; and what holds of every claim and every saved verdict."""

import json

import numpy as np
import pytest

from neuralzoo.core.hooks import hookimpl
from neuralzoo.experiments.claims import results
from neuralzoo.experiments.claims.runner import Prover, check_sizes, claim_key, claims_of
from neuralzoo.experiments.claims.verdict import judge
from neuralzoo.experiments.running.figures import PictureWarning
from neuralzoo.experiments.running.model_file import load_model
from neuralzoo.registry import Claim, ClaimFigure, Condition, Contestant, SettingError, get, matching

pytest.importorskip("scipy", reason="proofs need the extra 'experiments'")

DECLARED = [(a.name, c) for a in matching() for c in a.claims]
SAVED = results.load()


@pytest.fixture
def small(tiny):
    """A claim that is true: a network with a hidden layer has more parameters than one without."""
    return Claim(
        name="has-more",
        sentence="a network with a hidden layer has more parameters than one without",
        contestants=(
            Contestant(label="deep", experiment=tiny),
            Contestant(label="linear", experiment=tiny.set(["model.hidden=[]"]), control=True),
        ),
        conditions=(
            Condition(of="deep", over="linear", measure="model/n_params", at_least=1),
            Condition(of="deep", measure="twice", at_least=2 * (2 * 8 + 8 + 8 * 2 + 2)),
        ),
        seeds=(0, 1),
        probes={"twice": lambda module, data: 2.0 * module.size},
    )


class Cut:
    """Ends the program in the first batch after so many epochs, whose checkpoints are written by then."""

    def __init__(self, epochs):
        self.left = epochs

    @hookimpl
    def epoch_ended(self):
        self.left -= 1

    @hookimpl(tryfirst=True)
    def batch_ended(self):
        if self.left == 0:
            raise KeyboardInterrupt


class Count:
    def __init__(self):
        self.batches = 0

    @hookimpl
    def batch_ended(self):
        self.batches += 1


def test_a_proof_trains_every_contestant_with_every_seed_and_judges(small, tmp_path):
    proof = Prover(root=tmp_path).prove(get("fnn"), small)
    assert proof.verdict.answer == "yes"
    assert {p.parent.name for p in proof.folder.glob("*/result.json")} == {
        "deep-s0",
        "deep-s1",
        "linear-s0",
        "linear-s1",
    }
    assert proof.verdict.values["deep"]["twice"] == (84.0, 84.0)
    assert json.loads((proof.folder / "verdict.json").read_text())["answer"] == "yes"
    assert (proof.folder / "verdict.png").stat().st_size > 5000


def test_contestants_swapped_give_no(small, tmp_path):
    condition = small.conditions[0].model_copy(update={"of": "linear", "over": "deep"})
    swapped = small.model_copy(update={"conditions": (condition,)})
    assert Prover(root=tmp_path).prove(get("fnn"), swapped).verdict.answer == "no"


def test_a_proof_that_was_cut_off_goes_on_without_training_anything_twice(small, tmp_path):
    whole, cut, rest = Count(), Count(), Count()
    expected = Prover(root=tmp_path / "whole", hooks=[whole]).prove(get("fnn"), small).verdict
    with pytest.raises(KeyboardInterrupt):
        Prover(root=tmp_path / "cut", hooks=[cut, Cut(5)]).prove(get("fnn"), small)
    verdict = Prover(root=tmp_path / "cut", hooks=[rest]).prove(get("fnn"), small).verdict
    assert cut.batches + rest.batches == whole.batches
    assert verdict.values == expected.values
    again = Count()
    Prover(root=tmp_path / "cut", hooks=[again]).prove(get("fnn"), small)
    assert again.batches == 0


def test_a_run_with_other_settings_is_not_taken_for_this_one(small, tmp_path):
    Prover(root=tmp_path).prove(get("fnn"), small)
    deeper = Contestant(label="deep", experiment=small.contestants[0].experiment.set(["model.hidden=[9]"]))
    changed = small.model_copy(update={"contestants": (deeper, small.contestants[1])})
    count = Count()
    proof = Prover(root=tmp_path, hooks=[count]).prove(get("fnn"), changed)
    assert proof.verdict.sizes["deep"] > 42
    assert count.batches == 2 * 3 * 6  # both seeds of `deep`, three epochs of six batches; `linear` was kept


def test_contestants_that_are_not_matched_are_refused_before_training(small):
    uneven = small.model_copy(update={"match": "parameters"})
    check_sizes(uneven)  # the linear network is a control
    rivals = tuple(c.model_copy(update={"control": False}) for c in small.contestants)
    with pytest.raises(SettingError, match="at equal parameters, but linear has 6 and deep has 42"):
        check_sizes(uneven.model_copy(update={"contestants": rivals}))


def test_at_equal_time_a_rival_trains_as_long_as_the_first_contestant(small, tiny, tmp_path):
    endless = Contestant(label="endless", experiment=tiny.set(["epochs=100000"]))
    longer = Contestant(label="deep", experiment=tiny.set(["epochs=60"]))
    timed = small.model_copy(
        update={"contestants": (longer, endless), "match": "time", "conditions": small.conditions[1:]}
    )
    verdict = Prover(root=tmp_path).prove(get("fnn"), timed).verdict
    assert verdict.match == "time"


def test_probes_that_were_not_measured_are_measured_on_the_saved_models(small, tmp_path):
    Prover(root=tmp_path).prove(get("fnn"), small.model_copy(update={"probes": {"twice": small.probes["twice"]}}))
    asked = small.model_copy(update={"probes": {**small.probes, "once": lambda module, data: float(module.size)}})
    count = Count()
    Prover(root=tmp_path, hooks=[count]).prove(get("fnn"), asked)
    result = json.loads((tmp_path / "proofs" / "fnn-has-more" / "deep-s0" / "result.json").read_text())
    assert result["metrics"]["once"] == 42.0
    assert count.batches == 0


def test_a_measure_that_no_condition_is_about_is_kept_with_the_verdict(small, tmp_path):
    more = small.model_copy(update={"measures": ("test/loss", "model/n_params")})
    verdict = Prover(root=tmp_path).prove(get("fnn"), more).verdict
    assert [len(verdict.values[label]["test/loss"]) for label in ("deep", "linear")] == [2, 2]
    assert verdict.values["linear"]["model/n_params"] == (6.0, 6.0)
    assert len(verdict.findings) == len(small.conditions)


def test_a_measure_that_nobody_takes_is_told(small, tmp_path):
    with pytest.raises(SettingError, match="measures 'test/f1', which deep lacks; it has"):
        Prover(root=tmp_path).prove(get("fnn"), small.model_copy(update={"measures": ("test/f1",)}))


def test_figures_of_a_claim_are_drawn_from_its_values_and_the_networks_of_the_first_seed(small, tmp_path):
    seen = []

    def draw(figure, values, modules):
        seen.append((values, {label: load() for label, load in modules.items()}))
        figure.subplots().plot(values["deep"]["model/n_params"])

    curve = ClaimFigure(name="curve", caption="The sizes by seed.", draw=draw)
    proof = Prover(root=tmp_path).prove(get("fnn"), small.model_copy(update={"figures": (curve,)}))
    ((values, modules),) = seen
    assert values == proof.verdict.values
    for label, module in modules.items():
        saved = load_model(proof.folder / f"{label}-s0" / "model.safetensors").state()
        assert all(np.array_equal(array, saved[name]) for name, array in module.state().items())
    assert (proof.folder / "curve.png").stat().st_size > 5000


def test_a_figure_of_a_claim_that_can_not_be_drawn_costs_only_itself(small, tmp_path):
    def fail(figure, values, modules):
        raise ZeroDivisionError("nothing to divide by")

    broken = ClaimFigure(name="broken", caption="What can not be drawn.", draw=fail)
    with pytest.warns(PictureWarning, match="the picture broken is missing: ZeroDivisionError"):
        proof = Prover(root=tmp_path).prove(get("fnn"), small.model_copy(update={"figures": (broken,)}))
    assert proof.verdict.answer == "yes"
    assert sorted(path.name for path in proof.folder.glob("*.png")) == ["verdict.png"]


def nothing(*arguments):
    return 1.0


def test_pictures_and_probes_are_not_in_the_key_of_a_claim_and_further_measures_are(small):
    figure = ClaimFigure(name="curve", caption="The sizes by seed.", draw=nothing)
    assert claim_key(small.model_copy(update={"figures": (figure,), "measures": ()})) == claim_key(small)
    assert claim_key(small.model_copy(update={"measures": ("test/loss",)})) != claim_key(small)


def test_figures_of_a_claim_have_names_of_their_own(small):
    figure = ClaimFigure(name="curve", caption="The sizes by seed.", draw=nothing)
    settings = {name: getattr(small, name) for name in type(small).model_fields}
    with pytest.raises(ValueError, match="has two figures of one name"):
        Claim(**{**settings, "figures": (figure, figure)})
    with pytest.raises(ValueError, match="every claim has a picture named verdict"):
        ClaimFigure(name="verdict", caption="The sizes by seed.", draw=nothing)


@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_a_proof_is_a_parent_run_with_a_child_for_each_contestant_and_seed(small, tmp_path):
    pytest.importorskip("mlflow", reason="tracking needs the extra 'experiments'")
    from neuralzoo.experiments.tracking import store

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    curve = ClaimFigure(name="curve", caption="The sizes by seed.", draw=lambda figure, *rest: figure.subplots())
    small = small.model_copy(update={"figures": (curve,)})
    proof = Prover(root=tmp_path, uri=uri).prove(get("fnn"), small)
    client = store.client(uri)
    parent = client.get_run(proof.tracked["run_id"])
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["verdict"] == "yes"
    assert parent.data.metrics["deep.twice"] == 84.0
    files = {f.path for f in client.list_artifacts(parent.info.run_id)}
    assert {"verdict.json", "verdict.md", "verdict.png", "curve.png"} <= files
    children = client.search_runs([parent.info.experiment_id], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    assert sorted(run.data.tags["neuralzoo.label"] for run in children) == ["deep", "deep", "linear", "linear"]
    assert {run.info.status for run in children} == {"FINISHED"}


def test_other_seeds_than_declared_are_shown_and_not_saved(small, tmp_path):
    verdict = Prover(root=tmp_path, seeds=1).prove(get("fnn"), small).verdict
    assert verdict.seeds == (0,)
    with pytest.raises(SettingError, match=r"has seeds \[0\]; to be saved it needs \[0, 1\]"):
        results.save(verdict, small.seeds, tmp_path)


def test_an_unknown_claim_suggests_the_nearest():
    name = claims_of("fnn")[0].name
    with pytest.raises(SettingError, match=f"did you mean {name}"):
        claims_of("fnn", claim=name[:-1])


@pytest.mark.parametrize(("owner", "claim"), DECLARED, ids=lambda value: getattr(value, "name", value))
def test_every_claim_is_matched_as_it_says(owner, claim):
    assert claim.contestants[0].experiment.architecture == owner
    check_sizes(claim)


@pytest.mark.parametrize("verdict", SAVED, ids=lambda v: f"{v.architecture}-{v.claim}")
def test_every_saved_verdict_follows_from_its_numbers_and_could_have_failed(verdict):
    (claim,) = claims_of(verdict.architecture, claim=verdict.claim)
    values = {(label, m): numbers for label, by in verdict.values.items() for m, numbers in by.items()}
    assert judge(claim, values)[0] == verdict.answer
    labels = [c.label for c in claim.contestants]
    turned = dict(zip(labels, labels[1:] + labels[:1], strict=True))
    first = claim.conditions[0]
    controls = []
    # Contestants exchanged; where the rival turned out to be the better one, that may well be a yes.
    if first.over or (verdict.answer == "yes" and any(condition.over for condition in claim.conditions)):
        controls.append({key: values.get((turned[key[0]], key[1]), numbers) for key, numbers in values.items()})
    if not first.over:  # the bound missed by a tenth
        bound, side = (first.at_least, -1) if first.at_least is not None else (first.at_most, 1)
        missed = bound + side * max(abs(bound) / 10, 1e-3)
        controls.append({key: [missed] * len(numbers) for key, numbers in values.items()})
    assert controls
    for control in controls:
        assert judge(claim, control)[0] != "yes"


def test_the_results_page_and_the_readme_are_what_the_command_writes():
    assert results.RESULTS.read_text() == results.page(SAVED)
    readme = results.README.read_text()
    assert results.with_table(readme, SAVED) == readme


def test_a_verdict_whose_claim_has_changed_is_stale():
    changed = SAVED[0].model_copy(update={"key": "another"})
    assert results.stale(changed) == "the claim or the code has changed since"
    assert "(stale)" in results.short_table([changed])
    assert "**Stale**" in results.page([changed])
