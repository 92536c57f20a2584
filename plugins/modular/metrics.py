"""What a trained mixture of experts is asked about: who does what, and who is missed when removed."""

from typing import Any

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.plugins.modular.network import Mixture

FIELD = (6, 7, 8, 9)  # where the data set four-subtasks names the sub-task


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
