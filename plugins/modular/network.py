"""The mixture of experts: several networks, and a gate that says for each example whom to ask.

    y_i = expert_i(x)                              each expert's answer, i = 1 .. E
    z = gate(x)          g = softmax(z)            how much each is listened to
    numbers:    y = sum_i g_i y_i
    classes:    P_k = sum_i g_i softmax(y_i)_k     y = log P, whose softmax is P; in cooperation they are
                blended like numbers, before the softmax: the two losses would be one and the same

With `top`, all but the k largest z are minus infinity: those experts are not asked, and nothing is computed for them.
A field of the example may say which sub-task it is: the gate reads it, the experts don't. Where sub-tasks and experts
are known to belong together, the field assigns the examples by hand, and each expert reads and learns its own only.

What makes experts specialise is the loss: that of the blend makes them cooperate, each mends the errors of the others;
that of one drawn by the gate makes them compete (see `learner`). Experts are networks only: they learn down this loss,
and what the learners of their architectures would do besides, such as the closed form of `rbfn`, is not done.

Sources: Jacobs, Jordan, Nowlan and Hinton (1991), Adaptive mixtures of local experts, Neural Computation 3,
https://doi.org/10.1162/neco.1991.3.1.79; sparse gates: Shazeer et al. (2017), Outrageously large neural networks: the
sparsely-gated mixture-of-experts layer, https://arxiv.org/abs/1701.06538
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from neuralzoo.core.layer import Context, Layer, Pullback, no_gradient, no_pullback
from neuralzoo.core.module import Array
from neuralzoo.plugins.modular.config import Expert, ModularConfig
from neuralzoo.plugins.modular.layers import Assignment, Blind, part, without_field
from neuralzoo.registry import Task


class Opinions(NamedTuple):
    """What gate and experts say about a batch.

    Shapes: answers are (E, N, O), 0 where an expert was not asked; log_gate is (N, E), the logarithm of each expert's
    weight, minus infinity where it was not asked.
    """

    answers: Array
    log_gate: Array


PullOpinions = Callable[[Opinions], Array]
"""From d loss / d answers and d loss / d log_gate to d loss / d x."""
Blend = Callable[[Opinions], tuple[Array, Callable[[Array], Opinions]]]


class Mixture(Layer):
    """Ask experts, and blend their answers as a gate says; one expert alone is asked without a gate.

    Shapes: x is what the experts read, (N, ...); y is (N, O).
    """

    def __init__(
        self, experts: Sequence[Layer], gate: Layer | None, blend: Blend, top: int | None = None, noise: float = 0.0
    ) -> None:
        self.experts = list(experts)
        self.gate = gate
        self.blend = blend
        self.top = top
        self.noise = noise

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the blended answers and their pullback."""
        if self.gate is None:
            return self.experts[0](x, ctx)
        opinions, pull_opinions = self.opinions(x, ctx)
        y, pull_blend = self.blend(opinions)
        return y, lambda dy: pull_opinions(pull_blend(dy))

    def opinions(self, x: Array, ctx: Context, without: int | None = None) -> tuple[Opinions, PullOpinions]:
        """Return what gate and experts say, and the pullback of both; `without` is an expert who may not be asked."""
        log_gate, pull_gate = self._weigh(x, ctx, without)
        told = [self._ask(expert, x, log_gate[:, i] > -np.inf, ctx) for i, expert in enumerate(self.experts)]
        shape = next(answer.shape for answer, _, _ in told if answer is not None)
        answers = np.zeros((len(told), len(x), *shape[1:]), log_gate.dtype)
        for i, (answer, rows, _) in enumerate(told):
            if answer is not None:
                answers[i, rows] = answer
        if not ctx.recording:
            return Opinions(answers, log_gate), no_opinions

        def pull(d: Opinions) -> Array:
            dx = pull_gate(d.log_gate)
            total = None if ctx.skips(x) else np.array(dx)
            for i, (answer, rows, pull_answer) in enumerate(told):
                if answer is None:
                    continue
                through = pull_answer(d.answers[i, rows])
                if total is not None:
                    total[rows] += through
            return no_gradient(x) if total is None else total

        return Opinions(answers, log_gate), pull

    def gates(self, x: Array) -> Array:
        """Return how much each expert is listened to, in evaluation mode.

        Shapes: (N, E); each row adds up to 1.
        """
        return np.exp(self._weigh(x, Context(), None)[0])

    def predict_without(self, x: Array, expert: int) -> Array:
        """Return the blended answers when one expert is removed and the gate has to choose among the others."""
        return self.blend(self.opinions(x, Context(), without=expert)[0])[0]

    def _weigh(self, x: Array, ctx: Context, without: int | None) -> tuple[Array, Pullback]:
        if self.gate is None:
            if without is not None:
                raise ValueError("Mixture got its only expert to be removed; it needs another one to ask")
            return np.zeros((len(x), 1), x.dtype), lambda d: no_gradient(x)
        z, pull_gate = self.gate(x, ctx)
        if ctx.training and self.noise:
            z = z + self.noise * ctx.random.standard_normal(z.shape, z.dtype)
        if without is not None:
            z = removed(z, without)
        log_gate, pull_choice = choose(z, self.top)
        return log_gate, lambda d: pull_gate(pull_choice(d))

    def _ask(self, expert: Layer, x: Array, asked: Array, ctx: Context) -> tuple[Array | None, slice | Array, Pullback]:
        """Return an expert's answers about those examples that it is asked about, which these are, and the pullback."""
        if asked.all():
            answer, pull = expert(x, ctx)
            return answer, slice(None), pull
        rows = np.flatnonzero(asked)
        if not len(rows):
            return None, rows, no_pullback
        own = x[rows]
        answer, pull = expert(own, replace(ctx, data=own) if ctx.skips(x) else ctx)
        return answer, rows, pull


def choose(z: Array, top: int | None = None) -> tuple[Array, Pullback]:
    """Return the logarithm of the gate's weights, and its pullback.

        log g = z - log sum_j exp(z_j)          dz = d - g sum_j d_j, which adds up to 0 over the experts

    With `top`, j goes over the largest so many only; the others' weights are 0.

    Shapes: z and log g are (N, E).
    """
    if top is not None and top < z.shape[1]:
        z = z.copy()
        np.put_along_axis(z, np.argpartition(z, -top, axis=1)[:, :-top], -np.inf, axis=1)
    z = z - z.max(axis=1, keepdims=True)
    log_gate = z - np.log(np.exp(z).sum(axis=1, keepdims=True))

    def pull(d: Array) -> Array:
        d = np.where(log_gate > -np.inf, d, d.dtype.type(0))
        dz: Array = d - np.exp(log_gate) * d.sum(axis=1, keepdims=True)
        return dz

    return log_gate, pull


def removed(z: Array, expert: int) -> Array:
    """Return the gate's logits without an expert; examples that only it was for go to all others alike."""
    z = z.copy()
    z[:, expert] = -np.inf
    nobody = np.isneginf(z).all(axis=1)
    z[nobody] = 0
    z[nobody, expert] = -np.inf
    return z


def blend_numbers(opinions: Opinions) -> tuple[Array, Callable[[Array], Opinions]]:
    """Return the weighted sum of the answers, and its pullback.

    y = sum_i g_i y_i          dy_i = g_i dy          d log g_i = g_i y_i . dy
    """
    answers, log_gate = opinions
    gate = np.exp(log_gate).T[:, :, None]  # (E, N, 1)
    weighed = gate * answers

    def pull(dy: Array) -> Opinions:
        return Opinions(gate * dy, (weighed * dy).sum(axis=-1).T)

    return weighed.sum(axis=0), pull


def blend_classes(opinions: Opinions) -> tuple[Array, Callable[[Array], Opinions]]:
    """Return the logarithm of the experts' blended probabilities, and its pullback.

    p_i = softmax(y_i)          y_k = log P_k,   P_k = sum_i g_i p_ik          r_ik = g_i p_ik / P_k
    d log g_i = sum_k r_ik dy_k          dy_ik = r_ik dy_k - p_ik sum_l r_il dy_l
    """
    answers, log_gate = opinions
    log_p = log_softmax(answers)  # (E, N, K)
    joint = log_p + log_gate.T[:, :, None]
    largest = joint.max(axis=0)
    y = largest + np.log(np.exp(joint - largest).sum(axis=0))  # (N, K)

    def pull(dy: Array) -> Opinions:
        d = np.exp(joint - y) * dy
        total = d.sum(axis=-1, keepdims=True)
        return Opinions(d - np.exp(log_p) * total, total[..., 0].T)

    return y, pull


def log_softmax(x: Array) -> Array:
    """Return the logarithm of the softmax over the last axis."""
    z = x - x.max(axis=-1, keepdims=True)
    shifted: Array = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    return shifted


def no_opinions(d: Opinions) -> Array:
    """Raise a RuntimeError: stands in for the pullback of a pass that recorded nothing."""
    return no_pullback(d.answers)


def build(config: ModularConfig, task: Task, rng: np.random.Generator) -> Mixture:
    """Build the network for a task: the experts one after the other, then the gate.

    Raises: SettingError when the examples have no such field, or an expert can't do the task.
    """
    seen = without_field(task, config.field)
    experts = [part(one, seen, rng) for one in config.all_experts]
    if config.field:
        experts = [Blind(expert, config.field, task.shape[0]) for expert in experts]
    gate: Layer | None = None
    if len(experts) > 1:
        choice = task.model_copy(update={"kind": "classification", "answer": "class", "outputs": len(experts)})
        learned = Expert(name=config.gate, settings=config.gate_settings)
        gate = Assignment(config.field, len(experts)) if config.assigned else part(learned, choice, rng)
    classes = task.kind == "classification" and config.loss == "competitive"
    return Mixture(experts, gate, blend_classes if classes else blend_numbers, config.top, config.noise)
