"""Candidates as written on the command line, and the checks before anything is trained."""

import pytest

from neuralzoo.experiments import datasets
from neuralzoo.experiments.comparing.candidates import candidates_of, check, compared_by
from neuralzoo.experiments.comparing.comparison import Comparison
from neuralzoo.registry import SettingError, UnknownNameError, get


def test_candidates_have_the_names_settings_and_labels_that_are_written():
    found = candidates_of(["fnn", "fnn model.hidden=[8, 4]", "linear: fnn model.hidden=[] epochs=7"], dataset="mnist1d")
    assert [c.label for c in found] == ["fnn", "fnn-hidden-8-4", "linear"]
    assert {c.experiment.dataset for c in found} == {"mnist1d"}
    assert found[1].experiment.model["hidden"] == [8, 4]
    assert found[2].experiment.epochs == 7


def test_settings_of_a_candidate_override_those_for_all():
    first, second = candidates_of(["fnn", "short: fnn epochs=2"], dataset="two-spirals", settings=["epochs=9"])
    assert (first.experiment.epochs, second.experiment.epochs) == (9, 2)


def test_a_candidate_can_be_an_experiment_in_a_file(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(get("fnn").experiments["quick"].set(["epochs=3"]).to_toml())
    (found,) = candidates_of([str(file)], dataset="two-spirals")
    assert (found.label, found.experiment.epochs, found.experiment.dataset) == ("mine", 3, "two-spirals")


@pytest.mark.parametrize(
    ("words", "options", "expected"),
    [
        (["fnm"], {}, "did you mean fnn"),
        (["fnn", "fnn"], {}, "two candidates are named fnn"),
        (["fnn", "Big one: fnn"], {}, "label='Big one'"),
        (["fnn model.hiden=[3]"], {}, "did you mean"),
        (["fnn"], {"dataset": "two-spiral"}, "did you mean two-spirals"),
        (["fnn"], {"settings": ["epochs"]}, "KEY=VALUE"),
    ],
)
def test_a_mistake_in_a_candidate_is_one_sentence(words, options, expected):
    with pytest.raises((SettingError, UnknownNameError), match=expected) as caught:
        check(candidates_of(words, **({"dataset": "two-spirals"} | options)))
    assert "\n" not in str(caught.value)


def test_without_a_dataset_candidates_need_a_common_one(tmp_path):
    file = tmp_path / "other.toml"
    file.write_text(get("fnn").experiments["quick"].set(["dataset=two-spirals"]).to_toml())
    with pytest.raises(SettingError, match=r"no --dataset .* fashion-mnist-5k, two-spirals"):
        candidates_of(["fnn", str(file)])


def test_the_primary_metric_is_one_of_the_task():
    (found,) = candidates_of(["fnn"], dataset="sunspots")
    assert found.experiment.primary_metric == "test/loss"


def test_a_candidate_that_can_not_do_the_task_is_named_before_anything_is_trained(tmp_path):
    text = next(name for name in datasets.names() if datasets.info(name).task.kind == "language-modelling")
    one = Comparison(candidates_of(["fnn"], dataset=text), "none", (0,), folder=tmp_path / "comparison")
    with pytest.raises(SettingError, match=r"^fnn can't do language-modelling of tokens inputs .* it needs one of "):
        one.run()
    assert list(tmp_path.iterdir()) == []


def test_losses_that_measure_different_things_are_not_compared():
    """A log-likelihood and a squared error are both called test/loss."""
    candidates = candidates_of(["fnn", "modular"], dataset="mackey-glass")
    with pytest.raises(
        SettingError, match=r"test/loss measures different things \(fnn: mean squared error, modular: negative"
    ):
        compared_by(candidates)
    same = candidates_of(["fnn", "linear: fnn model.hidden=[]"], dataset="mackey-glass")
    assert compared_by(same).direction == "lower"


def test_a_metric_that_is_not_declared_has_no_better_end():
    assert (
        compared_by(candidates_of(["fnn"], dataset="two-spirals", settings=["primary_metric=test/unheard_of"])) is None
    )
