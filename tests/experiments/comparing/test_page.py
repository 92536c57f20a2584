"""The page of a report that was built by hand, saved as JSON and loaded again: nothing is trained."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest

from neuralzoo.experiments.comparing import page
from neuralzoo.experiments.comparing.charts import curve_metrics, line_styles, over_seeds, steps_by_epoch, svg
from neuralzoo.experiments.comparing.report import rewrite_page
from neuralzoo.experiments.comparing.result import REPORT, Report
from neuralzoo.experiments.running.metrics import format_value

pytest.importorskip("jinja2", reason="the page needs the extra 'experiments'")
pytest.importorskip("matplotlib", reason="charts need the extra 'experiments'")


@pytest.fixture
def text(report, tmp_path):
    """The page of a report that was loaded from JSON."""
    return page.render(Report.load(report.save(tmp_path / REPORT)))


def test_the_page_of_a_loaded_report_is_that_of_the_report(report, text):
    assert text == page.render(report)


def test_a_page_is_written_again_beside_its_json(report, text, tmp_path):
    assert rewrite_page(tmp_path) == tmp_path / "comparison.html"
    assert (tmp_path / "comparison.html").read_text(encoding="utf-8") == text


def test_a_page_is_made_without_the_modules_that_train():
    code = (
        "import sys\nimport neuralzoo.experiments.comparing.page\n"
        "print([m for m in sys.modules if m.startswith('neuralzoo.experiments.run')"
        " and not m.startswith('neuralzoo.experiments.running') or 'tracking' in m or m == 'neuralzoo.core.trainer'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_page_has_every_value_of_every_run(report, text):
    for r in report.results[0].ranking:
        assert f"{r.mean:.4f}" in text
        assert f"{r.low:.4f} to {r.high:.4f}" in text
        for run in r.runs:
            row = re.search(rf"{r.label} · seed {run.seed}.*?</tr>", text, re.DOTALL).group()
            cells = re.findall(r"<td>([^<]+)</td>", row)
            assert cells[-len(run.metrics) :] == [format_value(run.metrics[name]) for name in sorted(run.metrics)]
            assert f'href="{run.url}"' in text


def test_the_page_needs_nothing_from_elsewhere(text):
    assert not re.findall(r'(?:src|href)="(?!data:|https?://|#)[^"]', text)
    assert not re.findall(r'(?:src|<link[^>]*href)="https?:', text)
    assert "@import" not in text
    assert "<script" not in text
    assert text.count("<svg") == 5
    assert text.count('src="data:image/png;base64,') == 2


def test_the_page_says_what_was_compared_and_how_it_was_made(text):
    for words in (
        "deep, linear on two-spirals",
        "Compared by hand.",
        "Nothing is matched in this one.",
        "over 2 seeds",
        "some BLAS",
        "2026-01-31",
        "model.hidden",
        "neuralzoo compare &#39;deep: fnn model.hidden=[8]&#39;",
    ):
        assert words in text


def test_published_values_stand_beside_ours_and_those_without_a_candidate_below(report):
    published = {"two-spirals": {"deep": 0.99, "human": 0.96}}
    with_published = report.model_copy(update={"text": report.text.model_copy(update={"published": published})})
    text = page.render(with_published)
    assert "Published: Someone (1999)" in text
    assert re.search(r"deep.*?<td>0\.99</td>", text, re.DOTALL)
    assert re.search(r'<tr class="other"><td>human</td>.*?<td>0\.96</td>', text, re.DOTALL)


def test_figures_can_be_skipped_or_gone(report, tmp_path):
    skipped = report.text.model_copy(update={"skip_figures": ("learning_curve",)})
    assert "data:image/png" not in page.render(report.model_copy(update={"text": skipped}))
    for path in tmp_path.rglob("*.png"):
        path.unlink()
    assert "data:image/png" not in page.render(report)


def test_a_figure_is_scaled_down(result):
    assert {name: len(all) for name, all in page.figures(result).items()} == {"learning_curve": 2}
    (path,) = (result.folder / run.figures["learning_curve"] for run in result.ranking[0].runs[:1])
    assert len(page.embedded(path, 100)) < len(page.embedded(path, 640))


def test_settings_that_differ_are_shown_and_of_a_single_candidate_all(result):
    assert page.differing_settings(result.ranking) == [("model.hidden", ["[8]", "[]"])]
    assert [key for key, _ in page.differing_settings(result.ranking[:1])] == ["epochs", "model.hidden"]


def test_candidates_of_one_architecture_have_one_colour_and_different_dashes(result):
    deep, linear = (line_styles(result.ranking)[label] for label in ("deep", "linear"))
    assert deep.colour == linear.colour
    assert deep.dash != linear.dash


def test_curves_are_of_the_validation_split_where_there_is_one(result):
    assert curve_metrics(result) == ["val/accuracy", "val/loss"]
    runs = [run.model_copy(update={"history": ({"train/loss": 1.0},)}) for run in result.ranking[0].runs]
    (first, *_) = result.ranking
    without = result.model_copy(update={"ranking": (first.model_copy(update={"runs": tuple(runs)}),)})
    assert curve_metrics(without) == ["train/loss"]


def test_a_curve_has_as_many_epochs_as_every_seed(result):
    first, second = result.ranking[0].runs
    shorter = second.model_copy(update={"history": second.history[:2]})
    assert over_seeds([first, shorter], "train/accuracy").tolist() == [[0.25, 0.5], [0.875 / 3, 1.75 / 3]]
    assert over_seeds([first], "test/accuracy").size == 0
    assert steps_by_epoch(first).tolist() == [6, 12, 18]


def test_charts_show_their_words_unrounded():
    with svg("probe", (3, 2)) as (figure, made):
        figure.text(0.5, 0.5, "lr 0.005")
        figure.subplots().plot([0, 1.23456], [0, 1])
    assert "lr 0.005" in made[0]
    assert 'fill="#010203"' not in made[0]
    assert "currentColor" in made[0]


def test_names_of_strangers_stay_text_on_a_page(report):
    """A metric and a dataset may be named by another package."""
    evil = '"><script>alert(1)</script>$x\\g<0>'
    (result,) = report.results
    runs = tuple(run.model_copy(update={"metrics": {**run.metrics, evil: 0.5}}) for run in result.ranking[0].runs)
    ranking = (result.ranking[0].model_copy(update={"runs": runs}),)
    info = replace(result.dataset, name=evil, summary=evil, citation=evil)
    changed = {"dataset": info, "primary_metric": evil, "ranking": ranking, "match_description": evil}
    html = page.render(report.model_copy(update={"results": (result.model_copy(update=changed),)}))
    assert "<script" not in html
    assert html.count("alert(1)") >= 5


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", " javascript:alert(1)"])
def test_no_link_of_a_page_runs_code(report, address):
    with pytest.raises(ValueError, match=r"it needs to begin with https?://"):
        replace(report.results[0].dataset, url=address)
    saved = report.model_dump(mode="json")
    saved["results"][0]["ranking"][0]["runs"][0]["url"] = address
    with pytest.raises(ValueError, match="url"):
        Report.model_validate(saved)
