"""Run groups: evaluators, and the key of a claim."""

import os
from dataclasses import replace

import numpy as np
import pytest

from neuralzoo.experiments import datasets
from neuralzoo.experiments.claims.runner import claim_key
from neuralzoo.experiments.run_group import RunGroup, RunSpec
from neuralzoo.experiments.running.run_folder import RunFolder
from neuralzoo.registry import SettingError, get
from neuralzoo.registry.dataset import digest


def test_evaluators_get_the_data_of_the_experiment_with_its_options(tiny, tmp_path):
    """The dataset's option `ahead` decides how far the targets lie behind the inputs."""
    far = tiny.set(["dataset=mackey-glass", "data.ahead=20", "primary_metric=test/loss", "epochs=1"])
    expected = datasets.load("mackey-glass", ahead=20).train[1].sum()
    assert expected != datasets.load("mackey-glass").train[1].sum()
    group = RunGroup("group", tmp_path, evaluators={"sum": lambda module, data: float(data.train[1].sum())})
    (record,) = group.run([RunSpec("far", far)])
    assert record.metrics["sum"] == expected


def test_another_evaluator_changes_the_key_of_a_claim():
    claim = next(c for c in get("capsnet").claims if c.evaluators)
    other = claim.model_copy(update={"evaluators": dict.fromkeys(claim.evaluators, max)})
    assert claim_key(claim) != claim_key(other)


CALLS = []


def count_calls(module, data):
    CALLS.append(module)
    return float(len(CALLS))


def answer(module, data):
    return 42.0


def test_an_evaluator_whose_code_has_changed_evaluates_again(tiny, tmp_path):
    def values(evaluator):
        (record,) = RunGroup("group", tmp_path, evaluators={"answer": evaluator}).run([RunSpec("one", tiny)])
        return record.metrics["answer"]

    assert values(count_calls) == values(count_calls) == 1.0
    assert values(answer) == 42.0


def test_a_run_is_trained_again_when_the_data_behind_its_name_have_changed(tiny, tmp_path, data_in_a_file):
    """A loader of another package may read a file: neither the settings nor the code differ then."""
    reported = []

    def trained(kept):
        data_in_a_file.write_text(str(kept))
        reported.clear()
        (record,) = RunGroup("group", tmp_path / "group", report=reported.append).run([RunSpec("one", tiny)])
        return record, len(reported)

    first, again = trained(150), trained(150)
    assert (first[1], again[1]) == (1, 0)
    assert first[0].metrics == again[0].metrics
    fewer = trained(100)
    assert fewer[1] == 1
    assert fewer[0].steps < first[0].steps
    assert fewer[0].data != first[0].data


def test_a_run_that_another_process_trains_is_not_replaced(tiny, tmp_path):
    RunGroup("group", tmp_path).run([RunSpec("one", tiny)])
    folder = RunFolder(tmp_path / RunSpec("one", tiny).name)
    (folder.path / "key").write_text("of other settings")
    kept = folder.result.read_bytes()
    with (
        folder.locked(),
        pytest.raises(SettingError, match=rf"^{folder.name} is being trained by process {os.getpid()} "),
    ):
        RunGroup("group", tmp_path).run([RunSpec("one", tiny)])
    assert folder.result.read_bytes() == kept


def test_a_group_that_another_process_runs_is_refused_before_it_is_looked_at(tiny, tmp_path):
    with RunFolder(tmp_path).locked(), pytest.raises(SettingError, match=r"is being trained by process \d+ on this"):
        RunGroup("group", tmp_path, uri=f"sqlite:///{tmp_path}/store.db").run([RunSpec("one", tiny)])
    assert not (tmp_path / "store.db").exists()  # no second parent run
    assert not list(tmp_path.glob("*/experiment.toml"))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: replace(d, train=(d.train[0] + 1e-3, d.train[1])),
        lambda d: replace(d, train=(d.train[0][::-1], d.train[1])),
        lambda d: replace(d, train=(d.train[0].astype(np.float64), d.train[1])),
        lambda d: replace(d, train=(d.train[0].reshape(-1, 1, 2), d.train[1])),
        lambda d: replace(d, test=d.train, train=d.test),
        lambda d: replace(d, validation=d.test),
        lambda d: replace(d, extra_test_sets={"far": d.test}),
        lambda d: d.with_task("reconstruction"),
    ],
)
def test_the_digest_of_a_dataset_changes_with_its_content(change):
    data = datasets.load("two-spirals")
    assert digest(change(data)) != digest(data)


def test_the_digest_of_a_dataset_does_not_depend_on_how_its_arrays_lie_in_memory():
    data = datasets.load("two-spirals")
    x, y = data.train
    as_fortran, big_endian = np.asfortranarray(x), y.astype(y.dtype.newbyteorder(">"))
    assert digest(replace(data, train=(as_fortran, big_endian))) == digest(data)
    assert digest(data) == "37fca3e5279993c8159d8429c4883cdb", "it is the same on every machine"
