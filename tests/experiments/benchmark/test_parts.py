"""The parts of a benchmark other than times: each where its result is known."""

import os
import subprocess
import sys
from itertools import pairwise
from math import prod
from pathlib import Path

import numpy as np
import pytest

from neuralzoo.experiments.benchmark import flop_counter, isolated
from neuralzoo.experiments.benchmark.parts import flop_utilization, import_time, install_size, memory, scaling
from neuralzoo.experiments.benchmark.plot import draw_scaling
from neuralzoo.experiments.benchmark.scaled_workload import axes, scaled, with_random_batch
from neuralzoo.experiments.running.assembly import task_of
from neuralzoo.registry import SettingError, build, get

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)


def test_the_multiply_adds_of_a_feed_forward_step_are_those_counted_by_hand() -> None:
    experiment = get("fnn").experiments["arena"]
    widths = [prod(task_of(experiment).shape), *experiment.model["hidden"], 10]
    pairs = [a * b for a, b in pairwise(widths)]
    # Forward, the gradients of the weights, and those of the inputs, which the first layer does not compute.
    needed = experiment.batch_size * (3 * sum(pairs) - pairs[0])
    assert isolated.measure("parts.flop_utilization", "counts", "fnn", "arena", counted=True) == needed


def test_products_with_the_matmul_operator_are_counted() -> None:
    experiment = get("rbfn").experiments["quick"]
    examples, inputs, units, outputs = experiment.batch_size, 4, experiment.model["units"], 1
    # Distances are a product of inputs + 2 columns, the gradient of centres one of the inputs; that of the units is no
    # product for a single output, and that of the inputs is not computed.
    needed = examples * units * ((inputs + 2) + inputs + 2 * outputs)
    assert isolated.measure("parts.flop_utilization", "counts", "rbfn", "quick", counted=True) == needed


def test_counting_after_imports_is_refused() -> None:
    with pytest.raises(
        RuntimeError, match=r"neuralzoo\.core\.\S+ is imported already; counting products needs to begin"
    ):
        flop_counter.count_matmuls()  # this process has imported nearly everything


def test_a_failed_measurement_reports_its_reason() -> None:
    with pytest.raises(isolated.MeasurementError, match="UnknownNameError: no architecture is named 'fmn'"):
        isolated.measure("parts.flop_utilization", "counts", "fmn", "quick")


def test_every_measurement_has_the_same_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    found = isolated.environment("numpy")
    assert {found[name] for name in isolated.THREAD_VARIABLES} == {"2"}
    assert found["NEURALZOO_KERNELS"] == "numpy"
    assert found["PATH"] == os.environ["PATH"]
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    assert isolated.measure("isolated", "threads") == 3


@pytest.mark.skipif(not memory.REFERENCES.exists(), reason="only Linux forgets an earlier peak")
def test_freed_memory_counts_towards_the_peak() -> None:
    code = """
import numpy as np
from neuralzoo.experiments.benchmark.parts import memory

np.ones(10_000_000)  # an earlier and higher peak does not
before = memory.resident()
np.ones(5_000_000)
print(memory.peak() - before)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 39e6 < float(ended.stdout) < 50e6


def test_the_memory_of_training_includes_weights_gradients_and_moments() -> None:
    experiment = get("autoencoder").experiments["quick"]
    module = build(get("autoencoder"), experiment.model, task_of(experiment), 0)
    found = isolated.measure("parts.memory", "our_steps", "autoencoder", kernels="numpy")[
        "bytes"
    ]  # a compiler takes more
    assert 4 * module.pack().nbytes < found < 20 * module.pack().nbytes


def test_imports_are_timed_interleaved() -> None:
    slow, quick = import_time.measure({"slow": "import time; time.sleep(0.2)", "quick": "import json"}, repetitions=3)
    assert slow["low"] <= slow["seconds"] <= slow["high"]
    assert slow["seconds"] >= 0.2
    assert quick["statement"] == "import json"
    with pytest.raises(isolated.MeasurementError, match="'import nothing_of_that_name' failed: ModuleNotFoundError"):
        import_time.measure({"none": "import nothing_of_that_name"}, repetitions=3)


def test_the_size_of_a_package_is_that_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "__init__.py").write_bytes(b"#" * 100)
    (tmp_path / "one" / "__pycache__").mkdir()
    compiled = Path(install_size.cache_from_source(str(tmp_path / "one" / "__init__.py")))
    compiled.write_bytes(b"." * 30)
    about = tmp_path / "one-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Name: one\nVersion: 1\n")
    (about / "RECORD").write_text("one/__init__.py,,\n")
    (tmp_path / "unowned").write_bytes(b"." * 7)
    extra = sum((about / name).stat().st_size for name in ("METADATA", "RECORD"))
    assert install_size.sizes(tmp_path) == {"bytes": 137 + extra, "compiled": 30, "packages": {"one": 130}}


def test_the_wheel_is_built_from_a_checkout_only(tmp_path: Path) -> None:
    with pytest.raises(isolated.MeasurementError, match=r"has no pyproject\.toml; the wheel is built from a checkout"):
        install_size.measure(tmp_path)


def test_the_exponent_of_a_power_law_is_fitted() -> None:
    exponent, half_width = scaling.fit(FACTORS, [3 * x**1.5 for x in FACTORS])
    assert exponent == pytest.approx(1.5)
    assert half_width == pytest.approx(0, abs=1e-6)


def test_the_interval_of_an_exponent_is_that_of_linear_regression() -> None:
    x, y = np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 3.0])  # the line 1.5 x - 1/6; t of one degree is 12.7062
    residual = y - (1.5 * x - 1 / 6)
    half = 12.7062 * np.sqrt(residual @ residual / 1 / 2)
    assert scaling.fit(np.exp(x), np.exp(y)) == pytest.approx((1.5, half), rel=1e-4)


def test_a_step_that_grows_faster_than_its_multiply_adds_is_marked() -> None:
    counted = [1000 * x**2 for x in FACTORS]
    slow = scaling.row("fnn", "width", FACTORS, [x**2.2 for x in FACTORS], counted)  # type: ignore[arg-type]
    fine = scaling.row("fnn", "width", FACTORS, [x**2.1 for x in FACTORS], counted)  # type: ignore[arg-type]
    unsure = [x**2.2 * wobble for x, wobble in zip(FACTORS, (1.2, 0.8, 1.2, 0.8, 1.2), strict=True)]
    assert slow["faster_than_macs"]
    assert not fine["faster_than_macs"]
    assert not scaling.row("fnn", "width", FACTORS, unsure, counted)["faster_than_macs"]  # type: ignore[arg-type]


def test_the_axes_of_an_architecture_can_be_scaled() -> None:
    assert axes("fnn") == ("batch", "width")
    assert axes("gru") == axes("transformer") == ("batch", "width", "length")
    with pytest.raises(SettingError, match="fnn got the axis 'length'; it needs one of batch, width"):
        scaled("fnn", "length", 2.0)


def test_a_step_of_twice_the_batch_has_twice_the_examples() -> None:
    assert [len(scaled("rbfn", "batch", factor).batch[0]) for factor in (0.5, 1, 2)] == [250, 500, 1000]


def test_a_step_of_twice_the_width_has_more_weights() -> None:
    one, two = (scaled("fnn", "width", factor).learner.module.pack().size for factor in (1, 2))
    assert two > 2 * one


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_longer_sequences_keep_their_padding_in_proportion(factor: float) -> None:
    x, lengths, _ = scaled("gru", "length", 1.0).batch
    longer, changed, _ = scaled("gru", "length", factor).batch
    assert longer.shape[1] == round(x.shape[1] * factor)
    assert changed == pytest.approx(lengths * factor, abs=0.5)
    shorter = min(x.shape[1], longer.shape[1])
    np.testing.assert_array_equal(longer[:, :shorter], x[:, :shorter])


def test_texts_of_twice_the_length_have_as_many_targets() -> None:
    work = scaled("transformer", "length", 2.0)
    assert work.batch[0].shape == work.batch[1].shape == (16, 128)
    assert np.isfinite(work.learner.evaluate(work.batch)["loss"])


@pytest.mark.parametrize("name", flop_utilization.FULL_PROFILE)
def test_full_experiments_run_on_random_inputs(name: str) -> None:
    work = with_random_batch(name, "full")
    few = tuple(array[:2] for array in work.batch)
    assert len(work.batch[0]) == get(name).experiments["full"].batch_size
    assert np.isfinite(work.learner.evaluate(few)["loss"])


def test_the_plot_of_all_architectures_is_small(tmp_path: Path) -> None:
    axes_of_all = [(f"architecture {i}", axis) for i in range(11) for axis in ("batch", "width", "length")]
    rows = [scaling.row(name, axis, FACTORS, FACTORS, [1, 2, 4, 8, 16]) for name, axis in axes_of_all]
    draw_scaling(rows, tmp_path / "one.svg")
    assert (tmp_path / "one.svg").stat().st_size < 150_000
    assert "architecture 10" in (tmp_path / "one.svg").read_text(encoding="utf-8")


def test_equal_results_give_an_equal_plot(tmp_path: Path) -> None:
    rows = [scaling.row("fnn", "width", FACTORS, FACTORS, [1, 2, 4, 8, 16])]
    draw_scaling(rows, tmp_path / "one.svg")
    draw_scaling(rows, tmp_path / "two.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_unused_panels_are_not_drawn(tmp_path: Path) -> None:
    draw_scaling([scaling.row("fnn", "width", FACTORS, FACTORS, [1, 2, 4, 8, 16])], tmp_path / "one.svg")
    assert (tmp_path / "one.svg").read_text(encoding="utf-8").count("¼") == 1
