"""The reference experiments of the modular network, and its claims."""

from typing import Any

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.plugins.modular.config import ModularConfig
from neuralzoo.plugins.modular.network import Mixture
from neuralzoo.registry import (
    Adam,
    AdamW,
    Claim,
    Condition,
    Contestant,
    Cosine,
    Experiment,
    Published,
    SettingError,
    get,
)

QUICK = Experiment(
    architecture="modular",
    dataset="peterson-barney",
    epochs=40,
    batch_size=32,
    optimizer=Adam(lr=1e-2, schedule=Cosine()),
    model={"experts": 4, "expert_settings": {"hidden": [8], "activation": "tanh"}},
)

# Two of eight experts for each picture: an eighth of the network is not asked about most of what it is.
FULL = Experiment(
    architecture="modular",
    dataset="fashion-mnist",
    epochs=15,
    batch_size=128,
    optimizer=Adam(lr=1e-3, schedule=Cosine(warmup=400)),
    model={
        "experts": 8,
        "expert_settings": {"hidden": [128, 64], "dropout": 0.2},
        "top": 2,
        "noise": 0.3,
        "balance": 0.1,
    },
)

ARENA = Experiment(
    architecture="modular",
    dataset="mnist1d",
    epochs=60,
    batch_size=100,
    validation=0.0,
    optimizer=AdamW(lr=6e-3, weight_decay=0.1, schedule=Cosine(warmup=50)),
    model={"experts": 4, "expert_settings": {"hidden": [100, 100], "activation": "silu", "dropout": 0.3}},
)

FIELD = (6, 7, 8, 9)
CONFLICT = Experiment(
    architecture="modular",
    dataset="four-subtasks",
    epochs=60,
    batch_size=32,
    validation=0.0,
    optimizer=Adam(lr=1e-2, schedule=Cosine()),
    headline="test/mean_squared_error",
    model={"experts": 4, "expert_settings": {"hidden": []}, "field": list(FIELD), "deviation": 1.0},
)
ONE_NETWORK = CONFLICT.model_copy(
    update={"architecture": "fnn", "headline": "test/loss", "model": {"hidden": [6], "activation": "tanh"}}
)

VOWELS = QUICK.set(["validation=0"])
HALF = QUICK.set(["validation=0", "epochs=10", "optimizer.schedule.name=constant", "model.expert_settings={hidden=[]}"])
PLAIN = HALF.model_copy(
    update={"architecture": "fnn", "epochs": 20, "model": {"hidden": [6], "activation": "tanh"}}
)  # the six hidden units of the source


def squared_error(module: Any, data: Any) -> float:
    """Return the mean squared error of the test examples."""
    x, target = data.test
    return float(np.mean((module.predict(x) - target) ** 2))


def agreement(module: Mixture, data: Any) -> float:
    """Return the normalised mutual information of the gate and the sub-task that the field names, over the test."""
    x = data.test[0]
    return mutual_information(module.gates(x), x[:, FIELD].argmax(axis=1))


def mutual_information(gates: Array, subtasks: Array) -> float:
    """Return how much two divisions of the same examples tell about each other, from 0 to 1.

        p_it = mean of g_i over the examples, where they are of sub-task t
        I = sum_it p_it log(p_it / p_i p_t)          I / sqrt(H(i) H(t))

    The gates count as the probabilities they are: one that can't decide agrees with nothing.

    Shapes: gates (N, E), rows that add up to 1; subtasks (N,) integers from 0.
    """
    joint = np.stack([gates[subtasks == t].sum(axis=0) for t in range(subtasks.max() + 1)], axis=1) / len(gates)
    experts, tasks = joint.sum(axis=1), joint.sum(axis=0)
    information = entropy(experts) + entropy(tasks) - entropy(joint)
    scale = np.sqrt(entropy(experts) * entropy(tasks))
    return float(information / scale) if scale > 0 else 0.0


def entropy(p: Array) -> float:
    """Return the entropy of probabilities, in nats."""
    p = p[p > 0].astype(np.float64)
    return float(-(p * np.log(p)).sum())


def harm_to_its_own(module: Mixture, data: Any) -> float:
    """Return which share of the harm that is done by removing an expert is to its own sub-task, of the worst expert.

    Harm is the rise of the squared error, summed over test examples; an expert's own sub-task is the one that suffers
    most. If two experts have the same own sub-task, another one has nobody of its own: the answer is 0.
    """
    harm = harms(module, data)
    own = harm.argmax(axis=1)
    if len(set(own)) < harm.shape[1]:
        return 0.0
    return float((harm.max(axis=1) / harm.sum(axis=1)).min())


def harms(module: Mixture, data: Any) -> Array:
    """Return how much removing each expert raises the squared error of each sub-task; nothing counts as negative.

    Shapes: (experts, sub-tasks).
    """
    x, target = data.test
    subtasks = x[:, FIELD].argmax(axis=1)
    before = np.square(module.predict(x) - target).sum(axis=1)
    rows = []
    for expert in range(len(module.experts)):
        rise = np.square(module.predict_without(x, expert) - target).sum(axis=1) - before
        rows.append([max(float(rise[subtasks == t].sum()), 0.0) for t in range(len(FIELD))])
    return np.array(rows) + 1e-12


CLAIMS = (
    Claim(
        name="sub-tasks",
        sentence="Four sub-tasks in conflict, each of them simple, are learnt with a fifth of the error of one network "
        "of as many parameters, by one expert for each",
        contestants=(
            Contestant(label="modular", experiment=CONFLICT),
            Contestant(label="fnn", experiment=ONE_NETWORK),
        ),
        match="parameters",
        conditions=(Condition(of="modular", over="fnn", ratio=True, measure="squared_error", at_most=0.2),),
        probes={"squared_error": squared_error},
        counter_evidence="It holds where each sub-task is simpler than what decides between them. Of four waves over "
        "a square, sin(pi x) cos(pi y), cos(pi x) sin(pi y) and their opposites, which hidden units can share, a "
        "mixture of experts with hidden units found each sub-task too, but its error on held-out examples was two to "
        "six times that of one network of as many parameters.",
    ),
    Claim(
        name="specialists",
        sentence="The gate finds the sub-tasks, and removing an expert harms its own sub-task only",
        contestants=(Contestant(label="modular", experiment=CONFLICT),),
        conditions=(
            Condition(of="modular", measure="agreement", at_least=0.9),
            Condition(of="modular", measure="harm_to_its_own", at_least=0.95),
        ),
        probes={"agreement": agreement, "harm_to_its_own": harm_to_its_own},
    ),
    Claim(
        name="vowels",
        sentence="Four vowels are told apart by their first two formants, also of speakers who were not heard before",
        contestants=(Contestant(label="modular", experiment=VOWELS),),
        conditions=(Condition(of="modular", at_least=0.928),),
        published=(
            Published(
                value="about 90 % for mixtures of four and eight experts and for back-propagation",
                source="Jacobs, Jordan, Nowlan and Hinton (1991), Adaptive mixtures of local experts",
                url="https://doi.org/10.1162/neco.1991.3.1.79",
                mark="as commonly cited",
            ),
        ),
    ),
    Claim(
        name="half-the-epochs",
        sentence="Linear experts and a gate tell the vowels apart after ten epochs as well as a network of six hidden "
        "units after twenty",
        contestants=(Contestant(label="modular", experiment=HALF), Contestant(label="fnn", experiment=PLAIN)),
        conditions=(Condition(of="modular", over="fnn", at_least=0.0),),
        seeds=tuple(range(25)),
        published=(
            Published(
                value="1,124 epochs for a mixture of four experts, 2,209 for back-propagation",
                source="Jacobs, Jordan, Nowlan and Hinton (1991), Adaptive mixtures of local experts",
                url="https://doi.org/10.1162/neco.1991.3.1.79",
                mark="as commonly cited",
            ),
        ),
        counter_evidence="Our variant: the same number of epochs for all seeds instead of a criterion, and Adam "
        "instead of gradient descent. In first trials, four seeds, the network of six hidden units had 0.9 of the "
        "training vowels right after 16 to 20 epochs, the linear experts after 27 to 59.",
    ),
)


def resize(config: ModularConfig, factor: float) -> ModularConfig:
    """Return the config with its experts resized by a factor, each as its architecture does it.

    Raises: SettingError when an expert's architecture declares no resize.
    """

    def resized(name: str, settings: dict[str, Any]) -> dict[str, Any]:
        architecture = get(name)
        if architecture.resize is None:
            raise SettingError(f"modular got the expert {name}, which declares no resize; it needs one that does")
        found: dict[str, Any] = architecture.resize(architecture.configure(settings), factor).model_dump(mode="json")
        return found

    others = tuple(e.model_copy(update={"settings": resized(e.name, e.settings)}) for e in config.others)
    changed = {"expert_settings": resized(config.expert, config.expert_settings), "others": others}
    return config.model_copy(update=changed)
