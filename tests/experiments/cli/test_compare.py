"""The command `compare`."""

import re

import pytest

pytest.importorskip("scipy", reason="intervals need the extra 'experiments'")
pytest.importorskip("jinja2", reason="the page needs the extra 'experiments'")

SMALL = "fnn model.hidden=[8]"


def test_the_table_and_the_page_are_printed_and_the_page_is_written_again_without_training(neuralzoo, tmp_path):
    words = [SMALL, "--dataset", "two-spirals", "--set", "epochs=2", "--seeds", "2", "--no-track"]
    done = neuralzoo("compare", *words)
    assert re.search(r"fnn-hidden-8 +0\.\d{4} +-?\d\.\d{4} to \d\.\d{4} +42 ", done.stdout)
    page = tmp_path / re.search(r"page +(\S+)", done.stdout).group(1)
    text = page.read_text(encoding="utf-8")
    assert "neuralzoo compare &#39;fnn model.hidden=[8]&#39;" in text
    page.unlink()
    runs = {path: path.stat().st_mtime_ns for path in page.parent.rglob("result.json")}
    for place in (page.parent, page.parent / "comparison.json"):
        again = neuralzoo("compare", "--page", str(place))
        assert again.stdout == f"page      {page}\n"
        assert page.read_text(encoding="utf-8") == text
    assert {path: path.stat().st_mtime_ns for path in page.parent.rglob("result.json")} == runs


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["compare"], "needs at least one"),
        (["compare", "fnn", "--arena"], "it needs none"),
        (["compare", "fnn", "--write"], "it needs --arena"),
        (["compare", "fnn", "fnm", "--dataset", "mnist1d"], "did you mean fnn"),
        (["compare", "fnn", "--page", "."], "needs only the folder"),
        (["compare", "--page", "nowhere"], "nowhere is not there"),
    ],
)
def test_a_mistake_is_one_line(neuralzoo, words, expected):
    done = neuralzoo(*words, check=False)
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
