"""Metrics of specialisation: agreement of gate and sub-tasks, and the effect of removing an expert."""

from typing import Any

import numpy as np

from neuralzoo.core.metric import MetricInfo
from neuralzoo.core.module import Array
from neuralzoo.plugins.modular.network import Mixture

METRICS = {
    "gate_entropy": MetricInfo("entropy of the mean gate", "neither", "nats"),
    "max_expert_load": MetricInfo("largest load of an expert", "neither", "fraction"),
    "load_balance_loss": MetricInfo("load-balancing loss", "neither"),
    "gate_task_nmi": MetricInfo("normalised mutual information of gate and sub-task", "higher"),
    "ablation_specificity": MetricInfo("harm of ablation in the own sub-task", "higher"),
}

TASK_COLUMNS = (6, 7, 8, 9)  # that identify the sub-task in the dataset four-subtasks


def mean_squared_error(module: Any, data: Any) -> float:
    """Return the mean squared error of the test examples."""
    x, target = data.test
    return float(np.mean((module.predict(x) - target) ** 2))


def gate_task_nmi(module: Mixture, data: Any) -> float:
    """Return the normalised mutual information of gate and sub-task over the test examples."""
    x = data.test[0]
    return mutual_information(module.gates(x), x[:, TASK_COLUMNS].argmax(axis=1))


def mutual_information(gates: Array, subtasks: Array) -> float:
    """Return the normalised mutual information of gate weights and sub-tasks, from 0 to 1.

        p_it = mean of g_i over the examples, where they are of sub-task t
        I = sum_it p_it log(p_it / p_i p_t)          I / sqrt(H(i) H(t))

    Gate weights count as probabilities: a uniform gate has 0.

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


def ablation_specificity(module: Mixture, data: Any) -> float:
    """Return the fraction of an expert's ablation harm that is in its own sub-task, of the least specific expert.

    Harm is the rise of the squared error, summed over test examples; an expert's own sub-task is the one with the
    largest. It is 0 if two experts have the same own sub-task, which leaves another one without an expert.
    """
    harm = ablation_harm(module, data)
    own = harm.argmax(axis=1)
    if len(set(own)) < harm.shape[1]:
        return 0.0
    return float((harm.max(axis=1) / harm.sum(axis=1)).min())


def ablation_harm(module: Mixture, data: Any) -> Array:
    """Return the rise of the squared error of each sub-task when each expert is removed; a fall counts as 0.

    Shapes: (experts, sub-tasks).
    """
    x, target = data.test
    subtasks = x[:, TASK_COLUMNS].argmax(axis=1)
    before = np.square(module.predict(x) - target).sum(axis=1)
    rows = []
    for expert in range(len(module.experts)):
        rise = np.square(module.predict_without(x, expert) - target).sum(axis=1) - before
        rows.append([max(float(rise[subtasks == t].sum()), 0.0) for t in range(len(TASK_COLUMNS))])
    return np.array(rows) + 1e-12
