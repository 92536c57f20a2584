"""Comparisons with real runs: who is let in, what is equal, what is trained again, and what the page says."""

import json
import re

import numpy as np
import pytest

from neuralzoo.experiments import datasets
from neuralzoo.experiments.comparing import arena, page
from neuralzoo.experiments.comparing.candidates import check, contestants_of
from neuralzoo.experiments.comparing.comparison import Contest
from neuralzoo.experiments.comparing.matching import equal_parameters, lasting, size
from neuralzoo.experiments.running import run_folder as folder
from neuralzoo.experiments.running.assembly import assemble
from neuralzoo.registry import SettingError, UnknownName, get

pytest.importorskip("scipy", reason="intervals need the extra 'experiments'")
pytest.importorskip("jinja2", reason="the page needs the extra 'experiments'")

TINY = ["epochs=4", "batch_size=32"]
SMALL, LINEAR = "fnn model.hidden=[8]", "linear: fnn model.hidden=[]"


def contest(tmp_path, words=(SMALL, LINEAR), seeds=2, match="none", settings=TINY, **more):
    contestants = contestants_of(words, dataset="two-spirals", settings=settings)
    return Contest(contestants, match, tuple(range(seeds)), folder=tmp_path / "contest", **more)


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """A small contest, its comparison and its page."""
    one = contest(tmp_path_factory.mktemp("held"))
    outcome = page.hold([one], page.frame_of(one))
    return outcome.comparisons[0], outcome.path.read_text(encoding="utf-8")


def test_contestants_have_names_settings_and_labels_as_they_are_written():
    found = contestants_of(
        ["fnn", "fnn model.hidden=[8, 4]", "linear: fnn model.hidden=[] epochs=7"], dataset="mnist1d"
    )
    assert [c.label for c in found] == ["fnn", "fnn-hidden-8-4", "linear"]
    assert {c.experiment.dataset for c in found} == {"mnist1d"}
    assert found[1].experiment.model["hidden"] == [8, 4]
    assert found[2].experiment.epochs == 7


def test_settings_for_all_give_way_to_a_contestants_own():
    first, second = contestants_of(["fnn", "short: fnn epochs=2"], dataset="two-spirals", settings=["epochs=9"])
    assert (first.experiment.epochs, second.experiment.epochs) == (9, 2)


def test_a_contestant_can_be_an_experiment_in_a_file(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(get("fnn").experiments["quick"].set(["epochs=3"]).to_toml())
    (found,) = contestants_of([str(file)], dataset="two-spirals")
    assert (found.label, found.experiment.epochs, found.experiment.dataset) == ("mine", 3, "two-spirals")


@pytest.mark.parametrize(
    ("words", "options", "expected"),
    [
        (["fnm"], {}, "did you mean fnn"),
        (["fnn", "fnn"], {}, "two contestants are named fnn"),
        (["fnn", "Big one: fnn"], {}, "label='Big one'"),
        (["fnn model.hiden=[3]"], {}, "did you mean"),
        (["fnn"], {"dataset": "two-spiral"}, "did you mean two-spirals"),
        (["fnn"], {"settings": ["epochs"]}, "KEY=VALUE"),
    ],
)
def test_what_is_written_wrongly_is_told_in_one_sentence(words, options, expected):
    with pytest.raises((SettingError, UnknownName), match=expected) as caught:
        check(contestants_of(words, **({"dataset": "two-spirals"} | options)))
    assert "\n" not in str(caught.value)


def test_without_a_task_contestants_need_one_data_set_of_their_own(tmp_path):
    file = tmp_path / "other.toml"
    file.write_text(get("fnn").experiments["quick"].set(["dataset=two-spirals"]).to_toml())
    with pytest.raises(SettingError, match=r"no --task .* fashion-mnist-5k, two-spirals"):
        contestants_of(["fnn", str(file)])


def test_the_headline_metric_is_one_that_the_task_has():
    (found,) = contestants_of(["fnn"], dataset="sunspots")
    assert found.experiment.headline == "test/loss"


def test_who_can_not_do_the_task_is_named_with_those_who_can_before_anything_is_trained(tmp_path):
    text = next(name for name in datasets.names() if datasets.info(name).task.kind == "language-modelling")
    one = Contest(contestants_of(["fnn"], dataset=text), "none", (0,), folder=tmp_path / "contest")
    with pytest.raises(SettingError, match=r"^fnn can't do language-modelling of tokens inputs .* it needs one of "):
        one.run()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dataset", ["mnist1d", "fashion-mnist-5k"])
def test_equal_parameters_are_equal_within_two_percent(dataset):
    words = ["small: fnn model.hidden=[40]", "fnn", "deep: fnn model.hidden=[200,100,50]"]
    task = datasets.info(dataset).task
    sizes = [size(c, task) for c in equal_parameters(contestants_of(words, dataset=dataset), task)]
    assert sizes[0] == size(contestants_of(words, dataset=dataset)[0], task)
    assert max(sizes) <= 1.02 * min(sizes)


def test_equal_parameters_out_of_reach_are_refused_with_both_numbers():
    contestants = contestants_of([SMALL, LINEAR], dataset="two-spirals")
    with pytest.raises(SettingError, match=r"fnn-hidden-8 can't be sized to 6 parameters .* nearest is \d+"):
        equal_parameters(contestants, datasets.info("two-spirals").task)


def test_equal_steps_are_taken_in_the_runs_themselves(tmp_path):
    one = contest(tmp_path, ["fnn model.hidden=[8]", "half: fnn model.hidden=[8] batch_size=64 epochs=9"], 1, "steps")
    comparison = one.run()
    per_epoch = {s.label: len(assemble(s.contestant.experiment).train) for s in comparison.standings}
    steps = {s.label: s.records[0].steps for s in comparison.standings}
    assert set(per_epoch.values()) == {6, 3}
    assert set(steps.values()) == {24}
    assert "24" in comparison.equal


def test_a_shorter_training_has_a_shorter_schedule():
    (c,) = contestants_of(["fnn epochs=40 optimizer.schedule.warmup=80"], dataset="two-spirals")
    half = lasting(c, 20).experiment
    assert (half.epochs, half.optimizer.schedule.warmup) == (20, 40)
    rate = assemble(half).learner.optimizers
    assert rate  # it can be assembled
    steps = c.experiment.set(["optimizer.schedule.name=step", "optimizer.schedule.every=10"])
    assert lasting(c.model_copy(update={"experiment": steps}), 8).experiment.optimizer.schedule.every == 2


def test_equal_time_gives_the_slow_what_the_fast_needs(tmp_path):
    words = ["fast: fnn model.hidden=[32]", "slow: fnn model.hidden=[512,512]"]
    comparison = contest(tmp_path, words, seeds=1, match="time", settings=["epochs=60", "batch_size=16"]).run()
    by = {s.label: s.records[0] for s in comparison.standings}
    budget = json.loads((tmp_path / "contest/plan.json").read_text())["budget_s"]
    assert len(by["fast"].history) == 60
    assert len(by["slow"].history) < 40
    longest = max(np.diff([0.0] + [epoch["time/train_s"] for epoch in by["slow"].history]))
    assert by["slow"].metrics["time/train_s"] <= budget + longest
    assert by["slow"].metrics["time/train_s"] >= budget / 3  # the estimate is rough where a machine is busy
    assert f"{budget:.2f} s allowed" in comparison.equal


def test_the_mean_and_the_interval_are_those_of_the_seeds(held):
    from scipy import stats

    for s in held[0].standings:
        values = [record.metrics["test/accuracy"] for record in s.records]
        assert s.mean == pytest.approx(np.mean(values))
        if np.ptp(values) > 0:
            low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
            assert (s.low, s.high) == pytest.approx((low, high))


@pytest.mark.parametrize("match", ["none", "time"])
def test_a_second_call_trains_nothing_again(tmp_path, match):
    told = []
    first = contest(tmp_path, match=match, tell=told.append, seeds=1).run()
    assert told
    told.clear()
    second = contest(tmp_path, match=match, tell=told.append, seeds=1).run()
    assert told == []
    assert [(s.label, s.mean) for s in first.standings] == [(s.label, s.mean) for s in second.standings]


def test_more_seeds_train_only_those_that_are_new(tmp_path):
    contest(tmp_path, [LINEAR], seeds=1).run()
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("result.json")}
    contest(tmp_path, [LINEAR], seeds=2).run()
    after = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("result.json")}
    assert len(before) == 1
    assert len(after) == 2
    assert before.items() <= after.items()


def test_the_page_has_every_number_of_every_record(held):
    comparison, text = held
    for s in comparison.standings:
        assert f"{s.mean:.4f}" in text
        assert f"{s.low:.4f} to {s.high:.4f}" in text
        for record in s.records:
            row = re.search(rf"{s.label} · seed {record.seed}.*?</tr>", text, re.DOTALL).group()
            cells = re.findall(r"<td>([^<]+)</td>", row)
            assert cells[-len(record.metrics) :] == [
                page.number(record.metrics[name]) for name in sorted(record.metrics)
            ]
            saved = folder.read_json(record.folder.result)["metrics"]
            assert saved == record.metrics


def test_the_page_needs_nothing_from_elsewhere(held):
    _, text = held
    assert not re.findall(r'(?:src|href)="(?!data:|https?://|#)[^"]', text)
    assert not re.findall(r'(?:src|<link[^>]*href)="https?:', text)
    assert "@import" not in text
    assert "<script" not in text
    assert text.count("<svg") == 5
    assert text.count('src="data:image/png;base64,') == 6


def test_the_page_says_what_was_compared_and_how_it_was_made(held):
    _, text = held
    for words in (
        "fnn-hidden-8, linear on two-spirals",
        "over 2 seeds",
        "BLAS",
        "numpy",
        "model.hidden",
        "optimizer steps",
    ):
        assert words in text


def test_charts_show_their_words_unrounded():
    from neuralzoo.experiments.comparing.charts import svg

    with svg("probe", (3, 2)) as (figure, made):
        figure.text(0.5, 0.5, "lr 0.005")
        figure.subplots().plot([0, 1.23456], [0, 1])
    assert "lr 0.005" in made[0]
    assert 'fill="#010203"' not in made[0]
    assert "currentColor" in made[0]


def test_numbers_are_written_as_people_read_them():
    written = [page.number(x) for x in (133378.0, 0.51234567, 0.00001234, 0.0, 1.0)]
    assert written == ["133,378", "0.5123", "1.23e-05", "0.0000", "1.0000"]


@pytest.mark.parametrize("name", list(arena.PUBLISHED))
def test_the_arena_takes_whoever_can_read_it_and_the_linear_model(name):
    found = arena.contestants(name, pytest.fail)
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


def test_the_command_prints_the_table_and_the_page(neuralzoo, tmp_path):
    done = neuralzoo("compare", SMALL, "--task", "two-spirals", "--set", "epochs=2", "--seeds", "2", "--no-track")
    assert re.search(r"fnn-hidden-8 +0\.\d{4} +-?\d\.\d{4} to \d\.\d{4} +42 ", done.stdout)
    path = re.search(r"page +(\S+)", done.stdout).group(1)
    assert "neuralzoo compare &#39;fnn model.hidden=[8]&#39;" in (tmp_path / path).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["compare"], "needs at least one"),
        (["compare", "fnn", "--arena"], "it needs none"),
        (["compare", "fnn", "--write"], "it needs --arena"),
        (["compare", "fnn", "fnm", "--task", "mnist1d"], "did you mean fnn"),
    ],
)
def test_a_mistake_is_one_line(neuralzoo, words, expected):
    done = neuralzoo(*words, check=False)
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_the_parent_run_has_the_summary_the_page_and_the_children(tmp_path):
    pytest.importorskip("mlflow", reason="tracking needs the extra 'experiments'")
    from neuralzoo.experiments.tracking import store

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    one = contest(tmp_path, seeds=1, uri=uri)
    outcome = page.hold([one], page.frame_of(one))
    client = store.client(uri)
    parent = client.get_run(outcome.tracked[0]["run_id"])
    runs = client.search_runs([parent.info.experiment_id])
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    for s in outcome.comparisons[0].standings:
        assert parent.data.metrics[f"compare/{s.label}.accuracy"] == s.mean
        assert parent.data.metrics[f"compare/{s.label}.n_params"] == s.records[0].metrics["model/n_params"]
        assert f"| {s.label} | {s.mean:.4f} |" in parent.data.tags["mlflow.note.content"]
        assert f"{one.base}/{s.records[0].tracked['run_id']}" in outcome.path.read_text(encoding="utf-8")
    assert parent.info.status == "FINISHED"
    assert sorted(run.info.run_name for run in children) == ["fnn-hidden-8-s0", "linear-s0"]
    assert [item.path for item in client.list_artifacts(parent.info.run_id)] == ["comparison.html"]


@pytest.mark.filterwarnings("ignore")
def test_a_contest_whose_page_fails_leaves_no_open_parent(tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="tracking needs the extra 'experiments'")
    from neuralzoo.experiments.tracking import store

    def fail(*arguments):
        raise OSError("no space left")

    monkeypatch.setattr(page, "write", fail)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    one = contest(tmp_path, [LINEAR], seeds=1, uri=uri)
    with pytest.raises(OSError, match="no space"):
        page.hold([one], page.frame_of(one))
    assert one.campaign.parent is not None
    assert store.client(uri).get_run(one.campaign.parent.run_id).info.status == "FAILED"
