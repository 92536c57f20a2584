"""Results and reports as JSON."""

import json
import math
import shutil

import pytest

from neuralzoo.experiments.comparing.result import REPORT, Report, format_interval, ranking_table
from neuralzoo.registry import SettingError


def test_a_report_is_loaded_as_it_was_saved(report, tmp_path):
    path = report.save(tmp_path / REPORT)
    assert Report.load(path) == report
    assert Report.load(tmp_path) == report


def test_the_saved_folder_is_relative_so_that_a_report_can_be_moved(report, tmp_path):
    path = report.save(tmp_path / REPORT)
    assert json.loads(path.read_text())["results"][0]["folder"] == "."
    moved = tmp_path.with_name("moved")
    shutil.copytree(tmp_path, moved)
    loaded = Report.load(moved).results[0]
    assert loaded.folder == moved
    assert (loaded.folder / loaded.ranking[0].runs[0].figures["learning_curve"]).is_file()


def test_the_results_of_two_folders_are_saved_in_one_report(report, tmp_path):
    (one,) = report.results
    results = tuple(one.model_copy(update={"folder": tmp_path / name}) for name in ("a", "b"))
    path = report.model_copy(update={"results": results}).save(tmp_path / REPORT)
    assert [each["folder"] for each in json.loads(path.read_text())["results"]] == ["a", "b"]
    assert [each.folder for each in Report.load(path).results] == [tmp_path / "a", tmp_path / "b"]


def test_the_unbounded_interval_of_a_single_seed_is_saved(report, tmp_path):
    (result,) = report.results
    first, second = result.ranking
    first = first.model_copy(update={"runs": first.runs[:1], "low": -math.inf, "high": math.inf})
    single = report.model_copy(update={"results": (result.model_copy(update={"ranking": (first, second)}),)})
    loaded = Report.load(single.save(tmp_path / REPORT)).results[0].ranking[0]
    assert (loaded.low, loaded.high) == (-math.inf, math.inf)
    assert format_interval(loaded) == "one seed"


def test_the_ranking_is_a_row_for_each_candidate(result):
    head, rows = ranking_table(result)
    assert head == ("candidate", "test/accuracy", "95 % interval", "parameters", "steps", "training")
    assert rows[0] == ("deep", "0.8125", "0.6250 to 1.0000", "42", "18", "1.5 s")
    assert [row[0] for row in rows] == ["deep", "linear"]


def test_the_interval_of_an_accuracy_is_shown_from_0_to_1(result):
    wide = result.ranking[0].model_copy(update={"low": -0.2, "high": 1.3})
    assert wide.candidate.experiment.primary_metric == "test/accuracy"
    assert format_interval(wide) == "0.0000 to 1.0000"
    loss = wide.candidate.experiment.model_copy(update={"primary_metric": "test/loss"})
    of_loss = wide.model_copy(update={"candidate": wide.candidate.model_copy(update={"experiment": loss})})
    assert format_interval(of_loss) == "-0.2000 to 1.3000"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "is not there"),
        ("not JSON", "is damaged"),
        ("{}", "holds an empty JSON object"),
        ('{"text": 1}', "is damaged .text: Input should be"),
    ],
)
def test_a_file_that_is_not_a_report_is_one_sentence(tmp_path, text, expected):
    if text is not None:
        (tmp_path / REPORT).write_text(text)
    with pytest.raises(SettingError, match=expected) as caught:
        Report.load(tmp_path)
    assert "\n" not in str(caught.value)
