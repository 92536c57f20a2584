"""The mixture of experts: several networks, and a gate that weighs their outputs for each example.

    y_i = expert_i(x)                              each expert's output, i = 1 .. E
    z = gate(x)          g = softmax(z)            gate weights
    regression:         y = sum_i g_i y_i
    classification:     P_k = sum_i g_i softmax(y_i)_k     y = log P, whose softmax is P; with the cooperative loss
                        logits are mixed as in regression: of probabilities both losses would be the same

With `top_k`, all but the k largest z are minus infinity: the other experts are not computed (sparse routing). Task
columns of an example may identify its sub-task: the gate reads them, the experts don't. With fixed routing they select
the expert, and each expert reads and learns its own sub-task only.

Experts specialise by the loss: that of the mixture makes them cooperate, each correcting the errors of the others;
that of one expert sampled by the gate makes them compete (see `learner`). Experts are networks only: they learn by this
loss, without what the learners of their architectures do besides, such as the closed form of `rbfn`.

Sources: Jacobs, Jordan, Nowlan and Hinton (1991), Adaptive mixtures of local experts, Neural Computation 3,
https://doi.org/10.1162/neco.1991.3.1.79; sparse gates: Shazeer et al. (2017), Outrageously large neural networks: the
sparsely-gated mixture-of-experts layer, https://arxiv.org/abs/1701.06538
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from neuralzoo.core.inputs import predict_rows
from neuralzoo.core.layer import Context, Layer, Pullback, unrecorded_pullback, zero_grad_like
from neuralzoo.core.module import Array
from neuralzoo.plugins.modular.config import Expert, ModularConfig
from neuralzoo.plugins.modular.layers import DropColumns, FixedGate, build_expert, without_task_columns
from neuralzoo.registry import Task


class ExpertOutputs(NamedTuple):
    """Outputs of the experts and logarithms of the gate weights for a batch.

    Shapes: outputs (E, N, O), 0 where an expert was not computed; log_gate (N, E), minus infinity there.
    """

    outputs: Array
    log_gate: Array


ExpertPullback = Callable[[ExpertOutputs], Array]
"""From d loss / d outputs and d loss / d log_gate to d loss / d x."""
Mix = Callable[[ExpertOutputs], tuple[Array, Callable[[Array], ExpertOutputs]]]


class Mixture(Layer):
    """Mixture of experts: the outputs of several networks, mixed with gate weights; a single expert has no gate.

    Shapes: x is (N, ...), y is (N, O).
    """

    def __init__(
        self, experts: Sequence[Layer], gate: Layer | None, mix: Mix, top_k: int | None = None, noise: float = 0.0
    ) -> None:
        self.experts = list(experts)
        self.gate = gate
        self.mix = mix
        self.top_k = top_k
        self.noise = noise

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the mixed output and its pullback."""
        if self.gate is None:
            return self.experts[0](x, ctx)
        experts, pull_experts = self.expert_outputs(x, ctx)
        y, pull_mix = self.mix(experts)
        return y, lambda dy: pull_experts(pull_mix(dy))

    def expert_outputs(
        self, x: Array, ctx: Context, without: int | None = None
    ) -> tuple[ExpertOutputs, ExpertPullback]:
        """Return expert outputs and gate weights, and the pullback of both; `without` is an expert to leave out."""
        log_gate, pull_gate = self._gate(x, ctx, without)
        routed = ~np.isneginf(log_gate)  # NaN goes to every expert, so that the output is NaN
        results = [self._run_expert(expert, x, routed[:, i], ctx) for i, expert in enumerate(self.experts)]
        shape = next(output.shape for output, _, _ in results if output is not None)
        outputs = np.zeros((len(results), len(x), *shape[1:]), log_gate.dtype)
        for i, (output, rows, _) in enumerate(results):
            if output is not None:
                outputs[i, rows] = output
        if not ctx.recording:
            return ExpertOutputs(outputs, log_gate), unrecorded_pullback

        def pull(d: ExpertOutputs) -> Array:
            dx = pull_gate(d.log_gate)
            total = np.array(dx) if ctx.needs_grad(x) else None
            for i, (output, rows, pull_output) in enumerate(results):
                if output is None:
                    continue
                dx_expert = pull_output(d.outputs[i, rows])
                if total is not None:
                    total[rows] += dx_expert
            return zero_grad_like(x) if total is None else total

        return ExpertOutputs(outputs, log_gate), pull

    def gates(self, x: Array) -> Array:
        """Return the gate weights, in evaluation mode.

        Shapes: (N, E); each row adds up to 1.
        """
        return predict_rows(lambda x: np.exp(self._gate(x, Context(), None)[0]), self.as_input(x))

    def predict_without(self, x: Array, expert: int) -> Array:
        """Return the mixed output when one expert is removed and the gate weights the others."""
        return predict_rows(
            lambda x: self.mix(self.expert_outputs(x, Context(), without=expert)[0])[0], self.as_input(x)
        )

    def _gate(self, x: Array, ctx: Context, without: int | None) -> tuple[Array, Pullback]:
        if self.gate is None:
            if without is not None:
                raise ValueError("Mixture got its only expert to be removed; it needs another one")
            return np.zeros((len(x), 1), x.dtype), lambda d: zero_grad_like(x)
        z, pull_gate = self.gate(x, ctx)
        if self.noise and ctx.of(self.gate).training:
            z = z + self.noise * ctx.random.standard_normal(z.shape, z.dtype)
        if without is not None:
            z = removed(z, without)
        log_gate, pull_choice = choose(z, self.top_k)
        return log_gate, lambda d: pull_gate(pull_choice(d))

    def _run_expert(
        self, expert: Layer, x: Array, routed: Array, ctx: Context
    ) -> tuple[Array | None, slice | Array, Pullback]:
        """Return an expert's outputs for the examples that are routed to it, their rows, and the pullback."""
        if routed.all():
            output, pull = expert(x, ctx)
            return output, slice(None), pull
        rows = np.flatnonzero(routed)
        if not len(rows):
            return None, rows, unrecorded_pullback
        own = x[rows]
        output, pull = expert(own, ctx if ctx.needs_grad(x) else replace(ctx, inputs_without_grad=own))
        return output, rows, pull


def choose(z: Array, top_k: int | None = None) -> tuple[Array, Pullback]:
    """Return the logarithm of the gate weights, and its pullback.

        log g = z - log sum_j exp(z_j)          dz = d - g sum_j d_j, which adds up to 0 over the experts

    With `top_k`, j goes over the k largest only; the other weights are 0.

    Shapes: z and log g are (N, E).
    """
    if top_k is not None and top_k < z.shape[1]:
        z = z.copy()
        np.put_along_axis(z, np.argpartition(z, -top_k, axis=1)[:, :-top_k], -np.inf, axis=1)
    z = z - z.max(axis=1, keepdims=True)
    log_gate = z - np.log(np.exp(z).sum(axis=1, keepdims=True))

    def pull(d: Array) -> Array:
        d = np.where(log_gate > -np.inf, d, d.dtype.type(0))
        dz: Array = d - np.exp(log_gate) * d.sum(axis=1, keepdims=True)
        return dz

    return log_gate, pull


def removed(z: Array, expert: int) -> Array:
    """Return the gate's logits without an expert; examples routed to it alone go to all others with equal weights."""
    z = z.copy()
    z[:, expert] = -np.inf
    unrouted = np.isneginf(z).all(axis=1)
    z[unrouted] = 0
    z[unrouted, expert] = -np.inf
    return z


def mix_outputs(experts: ExpertOutputs) -> tuple[Array, Callable[[Array], ExpertOutputs]]:
    """Return the weighted sum of the outputs, and its pullback.

    y = sum_i g_i y_i          dy_i = g_i dy          d log g_i = g_i y_i . dy
    """
    outputs, log_gate = experts
    gate = np.exp(log_gate).T[:, :, None]  # (E, N, 1)
    weighted = gate * outputs

    def pull(dy: Array) -> ExpertOutputs:
        return ExpertOutputs(gate * dy, (weighted * dy).sum(axis=-1).T)

    return weighted.sum(axis=0), pull


def mix_probabilities(experts: ExpertOutputs) -> tuple[Array, Callable[[Array], ExpertOutputs]]:
    """Return the logarithm of the mixed probabilities, and its pullback.

    p_i = softmax(y_i)          y_k = log P_k,   P_k = sum_i g_i p_ik          r_ik = g_i p_ik / P_k
    d log g_i = sum_k r_ik dy_k          dy_ik = r_ik dy_k - p_ik sum_l r_il dy_l
    """
    outputs, log_gate = experts
    log_p = log_softmax(outputs)  # (E, N, K)
    joint = log_p + log_gate.T[:, :, None]
    largest = joint.max(axis=0)
    y = largest + np.log(np.exp(joint - largest).sum(axis=0))  # (N, K)

    def pull(dy: Array) -> ExpertOutputs:
        d = np.exp(joint - y) * dy
        total = d.sum(axis=-1, keepdims=True)
        return ExpertOutputs(d - np.exp(log_p) * total, total[..., 0].T)

    return y, pull


def log_softmax(x: Array) -> Array:
    """Return the logarithm of the softmax over the last axis."""
    z = x - x.max(axis=-1, keepdims=True)
    shifted: Array = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    return shifted


def build(config: ModularConfig, task: Task, rng: np.random.Generator) -> Mixture:
    """Build the network for a task: the experts one after the other, then the gate.

    Raises: SettingError when the examples have no such task columns, or an expert can't do the task.
    """
    expert_task = without_task_columns(task, config.task_columns)
    experts = [build_expert(one, expert_task, rng) for one in config.all_experts]
    if config.task_columns:
        experts = [DropColumns(expert, config.task_columns, task.shape[0]) for expert in experts]
    gate: Layer | None = None
    if len(experts) > 1:
        gate_task = task.model_copy(update={"kind": "classification", "target": "class", "outputs": len(experts)})
        learned = Expert(name=config.gate, settings=config.gate_settings)
        fixed = config.fixed_routing
        gate = FixedGate(config.task_columns, len(experts)) if fixed else build_expert(learned, gate_task, rng)
    classes = task.kind == "classification" and config.loss == "competitive"
    mix = mix_probabilities if classes else mix_outputs
    return Mixture(experts, gate, mix, config.top_k, config.noise)
