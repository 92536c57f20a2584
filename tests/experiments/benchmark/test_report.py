"""The report of the benchmark: measurements become rows, and rows become BENCHMARKS.md."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neuralzoo.experiments.benchmark import page, report, targets
from neuralzoo.experiments.benchmark.parts import scaling
from neuralzoo.experiments.cli.app import app
from neuralzoo.registry import SettingError

TIME = {"part": "times", "architecture": "fnn", "peer": "torch", "ours_ms": 1.0, "theirs_ms": 2.0}
ROWS = [
    {"part": "machine", "machine": "a computer, 2 cores", "BLAS": "one", "peers": {"torch": "2"}, "date": "today"},
    *(
        TIME | {"kernels": form, "what": what, "ratio": ratio, "low": ratio - 0.1, "high": ratio + 0.2}
        for form, ratio in (("numpy", 0.5), ("numba", 0.4))
        for what in ("predict 1", "predict 256", "step")
    ),
    {"part": "times", "architecture": "gan", "peer": "torch", "kernels": "numpy", "failed": "the losses differ"},
    {"part": "memory", "architecture": "fnn", "library": "torch", "kernels": "usual", "what": "steps", "bytes": 2.5e6},
    {"part": "imports", "library": "numpy", "statement": "import numpy", "seconds": 0.1, "low": 0.09, "high": 0.12},
    {"part": "size", "wheel": 5e6, "bytes": 9e7, "compiled": 1e7, "packages": {"numpy": 7e7}},
    {"part": "scaling", **scaling.row("fnn", "width", (0.5, 1, 2), (1, 4, 16), (1, 2, 4))},
    {"part": "scaling", "architecture": "gan", "failed": "it took too long"},
    {
        "part": "utilization",
        "architecture": "fnn",
        "profile": "quick",
        "multiply_adds": 2_000_000,
        "seconds": 0.001,
        "peak_rate": 4e9,
        "utilization": 0.5,
    },
]


@pytest.mark.parametrize(
    "line",
    [
        "| machine | a computer, 2 cores |",
        "| torch | 2 |",
        f"| fnn |{' 0.50 (0.40 to 0.70), 1 / 2 ms |' * 3}{' 0.40 (0.30 to 0.60), 1 / 2 ms |' * 3}",
        "| fnn | 0.50 torch | **0.50** torch | 0.50 torch | 0.40 torch | **0.40** torch | 0.40 torch |",
        "| gan | the losses differ | - | - | - | - | - |",
        "| architecture | torch, steps |",
        "| fnn | 2.5 |",
        "| `import numpy` | 0.100 (0.090 to 0.120) |",
        "| **all** | **90.0** |",
        "| all without compiled files | 80.0 |",
        "| fnn | width | 1e+03 (0.5) to 1.6e+04 (2) | 2.00 ± 0.00 | 1.00 | faster |",
        "- gan not measured: it took too long",
        "| fnn | quick | 2.0 | 1.00 | 4 | 0.50 |",
    ],
)
def test_the_page_shows_the_results(line: str) -> None:
    assert line in page.page(ROWS).splitlines()


def test_the_fastest_peer_is_the_one_that_leaves_the_largest_ratio() -> None:
    rows = [
        TIME | {"kernels": "numba", "what": "step", "peer": peer, "ratio": ratio, "low": 0.1, "high": 2.0}
        for peer, ratio in (("torch", 0.4), ("jax", 0.6), ("torch-compile", 0.5))
    ]
    earlier = [rows[0] | {"ratio": 0.9, "kernels": "usual"}, rows[1] | {"ratio": 0.8}, rows[2] | {"what": "predict 1"}]
    report.attach_baseline(rows, earlier)
    text = page.page(rows)
    assert "| fnn | **0.60** jax, before 0.90 | - | - |" in text
    assert "| fnn | 0.40 (0.10 to 2.00), before 0.90, 1 / 2 ms |" in text
    assert "| fnn | 0.50 (0.10 to 2.00), 1 / 2 ms |" in text


def test_the_ratios_of_a_baseline_are_shown_alongside(tmp_path: Path) -> None:
    row = TIME | {"kernels": "usual", "what": "step", "ratio": 0.61, "low": 0.5, "high": 0.7}
    now, earlier = tmp_path / "now.json", tmp_path / "earlier.json"
    report.save([row], now)
    report.save([row | {"ratio": 0.93}], earlier)
    shown = CliRunner().invoke(app, ["bench", "--load", str(now), "--baseline", str(earlier)])
    assert shown.exit_code == 0
    assert "before" in shown.output
    assert "0.93" in shown.output
    alone = CliRunner().invoke(app, ["bench", "--load", str(now)])
    assert "0.61" in alone.output
    assert "before" not in alone.output


@pytest.mark.parametrize(
    ("name", "kernels", "what", "most"),
    [
        ("cnn", "numba", "step", 1.0),
        ("cnn", "numpy", "step", 1.3),
        ("rbfn", "usual", "step", 0.5),
        ("rbfn", "numpy", "step", 1.3),
        ("cnn", "numba", "predict 1", 0.3),
        ("cnn", "numba", "predict 256", None),
    ],
)
def test_every_ratio_has_its_target(name: str, kernels: str, what: str, most: float | None) -> None:
    assert targets.target({"architecture": name, "kernels": kernels, "what": what}) == most


def test_every_table_has_a_description() -> None:
    text = page.page(ROWS)
    assert {section.part for section in page.sections(ROWS)} == set(report.PARTS) == set(page.DESCRIPTIONS)
    assert all(description in text for description in page.DESCRIPTIONS.values())
    assert text.count("\n## ") == len(page.sections(ROWS))


def test_unmeasured_parts_are_not_on_the_page() -> None:
    assert "##" not in page.page([])


def test_the_page_and_its_plot_are_generated_from_saved_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "PAGE", tmp_path / "BENCHMARKS.md")
    monkeypatch.setattr(page, "PLOT", tmp_path / "scaling.svg")
    report.save(ROWS, tmp_path / "saved.json")
    result = CliRunner().invoke(app, ["bench", "--load", str(tmp_path / "saved.json"), "--write"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "BENCHMARKS.md").read_text(encoding="utf-8") == page.page(ROWS)
    assert "](scaling.svg)" in page.page(ROWS)
    assert (tmp_path / "scaling.svg").stat().st_size > 1000


def test_measuring_a_part_again_replaces_its_rows(tmp_path: Path) -> None:
    saved, changed = tmp_path / "saved.json", tmp_path / "changed.json"
    report.save(ROWS, saved)
    result = CliRunner().invoke(app, ["bench", "--load", str(saved), "--section", "machine", "--json", str(changed)])
    assert result.exit_code == 0, result.output
    before, after = json.loads(saved.read_text()), json.loads(changed.read_text())
    assert after[:-1] == before[1:]
    assert after[-1]["part"] == "machine"
    assert after[-1]["machine"] != before[0]["machine"]


def test_a_failed_measurement_affects_only_its_own_row() -> None:
    messages: list[str] = []
    rows = list(report.measure("memory", report.Request(["nothing", "modular"], []), messages.append))
    assert ["failed" in row for row in rows] == [True, True, False, False]
    assert "no architecture is named 'nothing'" in rows[0]["failed"]
    assert any(line.startswith("memory of nothing failed: ") for line in messages)
    assert all(row["bytes"] > 0 for row in rows[2:])


def test_a_failed_comparison_has_a_row_with_its_reason() -> None:
    (row,) = report.measure("times", report.Request(["nothing"], ["torch"]), lambda text: None)
    assert row["failed"].startswith("UnknownNameError: no architecture is named 'nothing'")
    assert (row["peer"], row["kernels"]) == ("torch", "usual")


@pytest.mark.parametrize("text", ["no JSON", '[{"part": "nonsense"}]', "[1]", '{"part": "times"}'])
def test_a_file_that_is_not_a_report_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "saved.json").write_text(text)
    with pytest.raises(SettingError, match="cannot be read"):
        report.load(tmp_path / "saved.json")


def test_the_machine_is_named_with_its_libraries() -> None:
    (row,) = report.measure("machine", report.Request([], []), lambda text: None)
    assert {"machine", "BLAS", "threads", "python", "numpy", "neuralzoo", "date"} <= row.keys()
