"""What the benchmark measures beside times: each measure where its answer is known."""

import os
import subprocess
import sys
from itertools import pairwise
from math import prod
from pathlib import Path

import numpy as np
import pytest

from neuralzoo.experiments.benchmark import flop_counter as products
from neuralzoo.experiments.benchmark import isolated as apart
from neuralzoo.experiments.benchmark.parts import flop_utilization as share
from neuralzoo.experiments.benchmark.parts import import_time as imports
from neuralzoo.experiments.benchmark.parts import install_size as installed
from neuralzoo.experiments.benchmark.parts import memory, scaling
from neuralzoo.experiments.benchmark.plot import draw_scaling
from neuralzoo.experiments.benchmark.scaled_workload import axes, sized, with_random_data
from neuralzoo.experiments.running.assembly import task_of
from neuralzoo.registry import SettingError, build, get

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)


def test_products_of_a_feed_forward_step_are_those_counted_by_hand() -> None:
    experiment = get("fnn").experiments["arena"]
    widths = [prod(task_of(experiment).shape), *experiment.model["hidden"], 10]
    pairs = [a * b for a, b in pairwise(widths)]
    # Forward, the gradients of the weights, and those of the inputs, which nobody asks for in the first layer.
    needed = experiment.batch_size * (3 * sum(pairs) - pairs[0])
    assert apart.measure("share", "counts", "fnn", "arena", counted=True) == needed


def test_products_written_with_the_operator_are_counted() -> None:
    experiment = get("rbfn").experiments["quick"]
    examples, inputs, units, outputs = experiment.batch_size, 4, experiment.model["units"], 1
    # Distances are a product of inputs + 2 columns, the gradient of centres one of the inputs; that of the units is no
    # product for a single output, and none is asked of the inputs.
    needed = examples * units * ((inputs + 2) + inputs + 2 * outputs)
    assert apart.measure("share", "counts", "rbfn", "quick", counted=True) == needed


def test_counting_that_would_miss_products_is_refused() -> None:
    with pytest.raises(
        RuntimeError, match=r"neuralzoo\.core\.\S+ is imported already; counting products needs to begin"
    ):
        products.count_products()  # this process has imported nearly everything


def test_what_fails_in_another_process_says_why() -> None:
    with pytest.raises(apart.MeasurementError, match="UnknownNameError: no architecture is named 'fmn'"):
        apart.measure("share", "counts", "fmn", "quick")


def test_every_measurement_has_as_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    found = apart.environment("numpy")
    assert {found[name] for name in apart.VARIABLES} == {"2"}
    assert found["NEURALZOO_KERNELS"] == "numpy"
    assert found["PATH"] == os.environ["PATH"]
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    assert apart.measure("apart", "threads") == 3


@pytest.mark.skipif(not memory.REFERENCES.exists(), reason="only Linux forgets an earlier peak")
def test_memory_that_was_given_back_counts() -> None:
    code = """
import numpy as np
from neuralzoo.experiments.benchmark import memory

np.ones(10_000_000)  # an earlier and higher peak does not
before = memory.resident()
np.ones(5_000_000)
print(memory.peak() - before)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 39e6 < float(ended.stdout) < 50e6


def test_memory_of_a_run_holds_weights_gradients_and_moments() -> None:
    experiment = get("autoencoder").experiments["quick"]
    module = build(get("autoencoder"), experiment.model, task_of(experiment), 0)
    found = apart.measure("memory", "ours_by_steps", "autoencoder", kernels="numpy")["bytes"]  # a compiler takes more
    assert 4 * module.pack().nbytes < found < 20 * module.pack().nbytes


def test_imports_are_timed_in_turns() -> None:
    slow, quick = imports.measure({"slow": "import time; time.sleep(0.2)", "quick": "import json"}, times=3)
    assert slow["low"] <= slow["seconds"] <= slow["high"]
    assert slow["seconds"] >= 0.2
    assert quick["statement"] == "import json"
    with pytest.raises(apart.MeasurementError, match="'import nothing_of_that_name' failed: ModuleNotFoundError"):
        imports.measure({"none": "import nothing_of_that_name"}, times=3)


def test_a_package_is_as_large_as_its_files(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "__init__.py").write_bytes(b"#" * 100)
    (tmp_path / "one" / "__pycache__").mkdir()
    compiled = Path(installed.cache_from_source(str(tmp_path / "one" / "__init__.py")))
    compiled.write_bytes(b"." * 30)
    about = tmp_path / "one-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Name: one\nVersion: 1\n")
    (about / "RECORD").write_text("one/__init__.py,,\n")
    (tmp_path / "nobodys").write_bytes(b"." * 7)
    extra = sum((about / name).stat().st_size for name in ("METADATA", "RECORD"))
    assert installed.sizes(tmp_path) == {"bytes": 137 + extra, "compiled": 30, "packages": {"one": 130}}


def test_the_wheel_is_built_from_a_checkout_only(tmp_path: Path) -> None:
    with pytest.raises(apart.MeasurementError, match=r"has no pyproject\.toml; the wheel is built from a checkout"):
        installed.measure(tmp_path)


def test_the_exponent_of_a_power_is_found() -> None:
    exponent, half = scaling.fit(FACTORS, [3 * x**1.5 for x in FACTORS])
    assert exponent == pytest.approx(1.5)
    assert half == pytest.approx(0, abs=1e-6)


def test_the_interval_of_an_exponent_is_the_one_of_linear_regression() -> None:
    x, y = np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 3.0])  # the line 1.5 x - 1/6; t of one degree is 12.7062
    residual = y - (1.5 * x - 1 / 6)
    half = 12.7062 * np.sqrt(residual @ residual / 1 / 2)
    assert scaling.fit(np.exp(x), np.exp(y)) == pytest.approx((1.5, half), rel=1e-4)


def test_a_step_that_grows_faster_than_its_arithmetic_is_marked() -> None:
    counted = [1000 * x**2 for x in FACTORS]
    slow = scaling.row("fnn", "width", FACTORS, [x**2.2 for x in FACTORS], counted)  # type: ignore[arg-type]
    fine = scaling.row("fnn", "width", FACTORS, [x**2.1 for x in FACTORS], counted)  # type: ignore[arg-type]
    unsure = [x**2.2 * wobble for x, wobble in zip(FACTORS, (1.2, 0.8, 1.2, 0.8, 1.2), strict=True)]
    assert slow["faster_than_arithmetic"]
    assert not fine["faster_than_arithmetic"]
    assert not scaling.row("fnn", "width", FACTORS, unsure, counted)["faster_than_arithmetic"]  # type: ignore[arg-type]


def test_what_can_grow() -> None:
    assert axes("fnn") == ("batch", "width")
    assert axes("gru") == axes("transformer") == ("batch", "width", "length")
    with pytest.raises(SettingError, match="fnn got the axis 'length'; it needs one of batch, width"):
        sized("fnn", "length", 2.0)


def test_a_step_of_twice_the_batch_reads_twice_the_examples() -> None:
    assert [len(sized("rbfn", "batch", factor).batch[0]) for factor in (0.5, 1, 2)] == [250, 500, 1000]


def test_a_step_of_twice_the_width_has_more_weights() -> None:
    one, two = (sized("fnn", "width", factor).learner.module.pack().size for factor in (1, 2))
    assert two > 2 * one


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_longer_sequences_keep_their_padding_in_proportion(factor: float) -> None:
    x, lengths, _ = sized("gru", "length", 1.0).batch
    longer, changed, _ = sized("gru", "length", factor).batch
    assert longer.shape[1] == round(x.shape[1] * factor)
    assert changed == pytest.approx(lengths * factor, abs=0.5)
    shorter = min(x.shape[1], longer.shape[1])
    np.testing.assert_array_equal(longer[:, :shorter], x[:, :shorter])


def test_texts_of_twice_the_length_have_as_many_answers() -> None:
    work = sized("transformer", "length", 2.0)
    assert work.batch[0].shape == work.batch[1].shape == (16, 128)
    assert np.isfinite(work.learner.evaluate(work.batch)["loss"])


@pytest.mark.parametrize("name", share.LARGE)
def test_large_steps_learn_from_random_numbers(name: str) -> None:
    work = with_random_data(name, "full")
    few = tuple(array[:2] for array in work.batch)
    assert len(work.batch[0]) == get(name).experiments["full"].batch_size
    assert np.isfinite(work.learner.evaluate(few)["loss"])


def test_the_picture_of_all_is_small(tmp_path: Path) -> None:
    axes_of_all = [(f"architecture {i}", axis) for i in range(11) for axis in ("batch", "width", "length")]
    rows = [scaling.row(name, axis, FACTORS, FACTORS, [1, 2, 4, 8, 16]) for name, axis in axes_of_all]
    draw_scaling(rows, tmp_path / "one.svg")
    assert (tmp_path / "one.svg").stat().st_size < 150_000
    assert "architecture 10" in (tmp_path / "one.svg").read_text(encoding="utf-8")


def test_the_picture_of_the_same_figures_is_the_same(tmp_path: Path) -> None:
    rows = [scaling.row("fnn", "width", FACTORS, FACTORS, [1, 2, 4, 8, 16])]
    draw_scaling(rows, tmp_path / "one.svg")
    draw_scaling(rows, tmp_path / "two.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_panels_of_no_architecture_are_not_drawn(tmp_path: Path) -> None:
    draw_scaling([scaling.row("fnn", "width", FACTORS, FACTORS, [1, 2, 4, 8, 16])], tmp_path / "one.svg")
    assert (tmp_path / "one.svg").read_text(encoding="utf-8").count("¼") == 1
