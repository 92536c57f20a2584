"""The parameters of a run: one for each setting that can differ."""

import pytest

from neuralzoo.experiments.running.assembly import assemble
from neuralzoo.experiments.running.preflight import reference
from neuralzoo.registry import Experiment
from neuralzoo.registry.experiment import OPTIMIZERS, SCHEDULES

pytest.importorskip("psutil", reason="tracking needs the extra 'experiments'")

from neuralzoo.experiments.tracking.params import flat_params

BASE = ["dataset=four-subtasks", "primary_metric=test/loss", "data.train=400", "model.hidden=[4]"]
CHANGES = {
    "epochs": "epochs=7",
    "batch_size": "batch_size=5",
    "seed": "seed=9",
    "validation": "validation=0.10000001",
    "primary_metric": "primary_metric=val/loss",
    "model": "model.hidden=[5]",
    "data": "data.train=420",
    "task": "task=regression",
    "stop_when": "stop_when=train/loss <= 0.1",
    "optimizer": "optimizer.lr=0.0123456789",
}
ELSEWHERE = {"architecture": "names the run", "dataset": "names the experiment", "hooks": "", "figures": ""}


def params_of(*changes):
    return flat_params(assemble(reference("fnn").set([*BASE, *changes])))


def test_every_setting_of_an_experiment_is_a_parameter():
    assert CHANGES.keys() | ELSEWHERE.keys() == set(Experiment.model_fields)
    plain = params_of()
    assert {"architecture", "dataset", "hooks", "figures"} <= plain.keys()
    for name, change in CHANGES.items():
        assert params_of(change) != plain, name


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_every_setting_of_an_optimizer_is_a_parameter(kind):
    base = [f"optimizer.name={kind}", *["optimizer.momentum=0.5"] * (kind == "sgd")]  # nesterov needs momentum
    plain = params_of(*base)
    for name, field in OPTIMIZERS[kind].model_fields.items():
        if name in ("name", "schedule"):
            continue
        value = "true" if field.annotation is bool else "0.123"
        changed = params_of(*base, f"optimizer.{name}={value}")
        assert {key for key in changed if changed[key] != plain[key]} == {"lr" if name == "lr" else f"optimizer.{name}"}


@pytest.mark.parametrize("kind", SCHEDULES)
def test_every_setting_of_a_schedule_is_a_parameter(kind):
    plain = params_of(f"optimizer.schedule.name={kind}")
    assert plain["schedule"] == kind
    for name in SCHEDULES[kind].model_fields.keys() - {"name"}:
        value = "0.5" if name in ("factor", "floor") else "3"
        changed = params_of(f"optimizer.schedule.name={kind}", f"optimizer.schedule.{name}={value}")
        assert {key for key in changed if changed[key] != plain[key]} == {f"schedule.{name}"}
