"""Numbers out of range: every setting of every architecture and of training, and every object that takes numbers."""

import math
from typing import get_args

import numpy as np
import pytest

from neuralzoo.core.blocks import losses, norm, optimizers, schedules
from neuralzoo.core.blocks.activation import LeakyReLU
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.dropout import Dropout
from neuralzoo.registry import Experiment, get, names
from neuralzoo.registry.config import parse
from neuralzoo.registry.errors import SettingError
from neuralzoo.registry.experiment import OPTIMIZERS, SCHEDULES

ANY_SIGN = {"lstm.forget_bias"}
"""Settings that may be negative."""

REQUIRED = {"architecture": "fnn", "dataset": "mnist1d", "epochs": 1, "batch_size": 1}


def mentions_float(annotation):
    return annotation is float or any(mentions_float(part) for part in get_args(annotation))


def all_settings():
    """Yield every setting that is a number, with the model that it belongs to."""
    models = {name: get(name).config for name in names()} | OPTIMIZERS | SCHEDULES | {"experiment": Experiment}
    for owner, model in models.items():
        for key, field in model.model_fields.items():
            if mentions_float(field.annotation):
                yield pytest.param(model, key, id=f"{owner}.{key}")


@pytest.mark.parametrize(("model", "key"), list(all_settings()))
def test_a_setting_is_a_finite_number_and_negative_only_where_that_is_declared(model, key, request):
    given = REQUIRED if model is Experiment else {}
    for wrong in (math.nan, math.inf, -math.inf):
        with pytest.raises(SettingError, match=key):
            parse(model, given | {key: wrong}, "it")
    if not any(f"[{name}]" in request.node.name for name in ANY_SIGN):
        with pytest.raises(SettingError, match=key):
            parse(model, given | {key: -0.5}, "it")


def dense():
    return Dense(2, 2, np.random.default_rng(0))


NUMBERS = {
    "SGD.clip": lambda v: optimizers.SGD(dense(), 0.1, clip=v),
    "SGD.lr": lambda v: optimizers.SGD(dense(), v),
    "SGD.momentum": lambda v: optimizers.SGD(dense(), 0.1, momentum=v),
    "SGD.weight_decay": lambda v: optimizers.SGD(dense(), 0.1, weight_decay=v),
    "RMSprop.decay": lambda v: optimizers.RMSprop(dense(), 0.1, decay=v),
    "RMSprop.epsilon": lambda v: optimizers.RMSprop(dense(), 0.1, epsilon=v),
    "Adam.beta1": lambda v: optimizers.Adam(dense(), 0.1, beta1=v),
    "Adam.beta2": lambda v: optimizers.Adam(dense(), 0.1, beta2=v),
    "Adam.epsilon": lambda v: optimizers.Adam(dense(), 0.1, epsilon=v),
    "AdamW.weight_decay": lambda v: optimizers.AdamW(dense(), 0.1, weight_decay=v),
    "constant": lambda v: schedules.constant(v),
    "step_decay.every": lambda v: schedules.step_decay(0.1, v, 0.5),
    "step_decay.factor": lambda v: schedules.step_decay(0.1, 1, v),
    "cosine.lr": lambda v: schedules.cosine(v, 10),
    "cosine.floor": lambda v: schedules.cosine(0.1, 10, floor=v),
    "cosine.warmup": lambda v: schedules.cosine(0.1, 10, warmup=v),
    "CrossEntropy": lambda v: losses.CrossEntropy(v),
    "Huber": lambda v: losses.Huber(v),
    "Dropout": lambda v: Dropout(v),
    "LeakyReLU": lambda v: LeakyReLU(v),
    "BatchNorm.momentum": lambda v: norm.BatchNorm(2, momentum=v),
    "BatchNorm.epsilon": lambda v: norm.BatchNorm(2, epsilon=v),
    "LayerNorm.epsilon": lambda v: norm.LayerNorm(2, epsilon=v),
}


@pytest.mark.parametrize("make", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize("wrong", [math.nan, -0.5, math.inf, -math.inf])
def test_an_object_refuses_numbers_that_it_can_not_compute_with(make, wrong):
    with pytest.raises(ValueError, match=r"got .*; it needs"):
        make(wrong)
