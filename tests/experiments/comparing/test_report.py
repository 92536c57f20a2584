"""Reports of real runs: the page, its JSON, and the parent run."""

import pytest

from neuralzoo.experiments.comparing import page
from neuralzoo.experiments.comparing.candidates import candidates_of
from neuralzoo.experiments.comparing.comparison import Comparison
from neuralzoo.experiments.comparing.report import rewrite_page, run_and_report, text_of
from neuralzoo.experiments.comparing.result import Report
from neuralzoo.experiments.running.run_folder import RunFolder
from neuralzoo.registry import SettingError

pytest.importorskip("scipy", reason="intervals need the extra 'experiments'")
pytest.importorskip("jinja2", reason="the page needs the extra 'experiments'")

SMALL, LINEAR = "fnn model.hidden=[8]", "linear: fnn model.hidden=[]"


def comparison(folder, words=(SMALL, LINEAR), seeds=1, **more):
    candidates = candidates_of(words, dataset="two-spirals", settings=["epochs=4", "batch_size=32"])
    return Comparison(candidates, "none", tuple(range(seeds)), folder=folder, **more)


def test_a_report_is_a_page_and_its_json_beside_the_runs(tmp_path):
    one = comparison(tmp_path / "out", seeds=2)
    made = run_and_report([one], text_of(one))
    assert (made.page, made.json) == (tmp_path / "out/comparison.html", tmp_path / "out/comparison.json")
    text = made.page.read_text(encoding="utf-8")
    assert "fnn-hidden-8, linear on two-spirals" in text
    assert "Compared by test/accuracy over 2 seeds." in text
    assert text.count('src="data:image/png;base64,') == 6
    assert Report.load(made.json).results == made.results


def test_the_page_is_written_again_from_the_json_to_the_byte(tmp_path):
    one = comparison(tmp_path / "out")
    made = run_and_report([one], text_of(one))
    before = made.page.read_bytes()
    made.page.unlink()
    for path in (tmp_path / "out").rglob("*.safetensors"):
        path.unlink()
    assert rewrite_page(made.json) == made.page
    assert made.page.read_bytes() == before


def test_comparisons_of_several_datasets_share_one_report(tmp_path):
    comparisons = [comparison(tmp_path / name, [LINEAR]) for name in ("a", "b")]
    made = run_and_report(comparisons, text_of(comparisons[0]))
    assert made.json == tmp_path / "comparison.json"
    assert [result.folder for result in Report.load(made.json).results] == [tmp_path / "a", tmp_path / "b"]


@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_the_parent_run_has_the_summary_the_report_and_the_children(tmp_path):
    pytest.importorskip("mlflow", reason="tracking needs the extra 'experiments'")
    from neuralzoo.experiments.tracking.client import connect

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    one = comparison(tmp_path / "out", uri=uri)
    made = run_and_report([one], text_of(one))
    client = connect(uri)
    parent = client.get_run(made.tracked[0]["run_id"])
    runs = client.search_runs([parent.info.experiment_id])
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    for r in made.results[0].ranking:
        assert parent.data.metrics[f"compare/{r.label}.accuracy"] == r.mean
        assert parent.data.metrics[f"compare/{r.label}.n_params"] == r.num_parameters
        assert f"| {r.label} | {r.mean:.4f} |" in parent.data.tags["mlflow.note.content"]
        assert r.runs[0].url.startswith(f"{one.url}/")
        assert r.runs[0].url in made.page.read_text(encoding="utf-8")
    assert {r.runs[0].url.rpartition("/")[2] for r in made.results[0].ranking} == {run.info.run_id for run in children}
    assert parent.info.status == "FINISHED"
    assert sorted(run.info.run_name for run in children) == ["fnn-hidden-8-s0", "linear-s0"]
    files = [item.path for item in client.list_artifacts(parent.info.run_id)]
    assert sorted(files) == ["comparison.html", "comparison.json"]


@pytest.mark.filterwarnings("ignore")
def test_a_comparison_whose_page_fails_leaves_no_open_parent_run(tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="tracking needs the extra 'experiments'")
    from neuralzoo.experiments.tracking.client import connect

    def fail(*arguments):
        raise OSError("no space left")

    monkeypatch.setattr(page, "write", fail)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    one = comparison(tmp_path / "out", [LINEAR], uri=uri)
    with pytest.raises(OSError, match="no space"):
        run_and_report([one], text_of(one))
    assert one.group.parent is not None
    assert connect(uri).get_run(one.group.parent.run_id).info.status == "FAILED"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("error", "status"), [(SettingError("no"), "FAILED"), (KeyboardInterrupt(), "KILLED")])
def test_a_comparison_that_ends_after_its_last_run_leaves_no_open_parent_run(tmp_path, monkeypatch, error, status):
    pytest.importorskip("mlflow", reason="tracking needs the extra 'experiments'")
    from neuralzoo.experiments.tracking.client import connect

    def fail(*arguments):
        raise error

    monkeypatch.setattr("neuralzoo.experiments.comparing.comparison.candidate_result", fail)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    one = comparison(tmp_path / "out", [LINEAR], uri=uri)
    with pytest.raises(type(error)):
        run_and_report([one], text_of(one))
    assert connect(uri).get_run(one.group.parent.run_id).info.status == status


def test_a_comparison_that_another_process_runs_is_refused_before_its_plan_is_made(tmp_path):
    (tmp_path / "out").mkdir()
    with RunFolder(tmp_path / "out").locked(), pytest.raises(SettingError, match=r"is being trained by process \d+ on"):
        comparison(tmp_path / "out").run()
    assert not (tmp_path / "out/plan.json").exists()
