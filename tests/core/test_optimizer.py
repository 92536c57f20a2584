import copy

import numpy as np
import pytest

from neuralzoo.core.layer import Gradients
from neuralzoo.core.module import Module, Parameter
from neuralzoo.core.optimizer import DivergenceError, Optimizer


class Two(Module):
    def __init__(self):
        self.a = Parameter(np.array([1.0, 2.0], np.float32))
        self.b = Parameter(np.array([[3.0]], np.float32))


class Plain(Optimizer):
    """w -= lr g, and remembers the sum of all gradients."""

    def __init__(self, module, lr, **options):
        super().__init__(module, lr, **options)
        self.moments = {"sum": np.zeros_like(self.weights)}

    def update(self, gradient, lr):
        self.moments["sum"] += gradient
        self.weights -= np.float32(lr) * gradient


def gradients(module, a=(3.0, 0.0), b=4.0):
    grads = Gradients(module)
    grads.add(module.a, np.array(a, np.float32))
    grads.add(module.b, np.array([[b]], np.float32))
    return grads


def test_a_step_changes_the_parameters_of_the_module():
    module = Two()
    Plain(module, 0.5).step(gradients(module))
    np.testing.assert_array_equal(module.a.value, [-0.5, 2.0])
    np.testing.assert_array_equal(module.b.value, [[1.0]])


def test_a_step_returns_the_gradient_norm_and_the_learning_rate():
    module = Two()
    assert Plain(module, 0.5).step(gradients(module)) == {"grad_norm": 5.0, "lr": 0.5}


def test_a_schedule_is_evaluated_at_steps_from_zero():
    asked = []
    module = Two()
    optimizer = Plain(module, lambda step: asked.append(step) or 0.1)
    for _ in range(3):
        optimizer.step(gradients(module))
    assert asked == [0, 1, 2]


def test_a_gradient_is_clipped_to_the_norm_and_its_own_norm_returned():
    module = Two()
    assert Plain(module, 1.0, clip=2.5).step(gradients(module))["grad_norm"] == 5.0
    np.testing.assert_allclose(module.a.value, [1.0 - 1.5, 2.0])
    np.testing.assert_allclose(module.b.value, [[3.0 - 2.0]])


def test_a_short_gradient_is_not_scaled_up():
    module = Two()
    Plain(module, 1.0, clip=6.0).step(gradients(module))
    np.testing.assert_array_equal(module.a.value, [-2.0, 2.0])


@pytest.mark.parametrize("clip", [0, -1.0])
def test_a_clip_needs_to_be_positive(clip):
    with pytest.raises(ValueError, match=f"Plain got clip={clip}; it needs a positive norm or None"):
        Plain(Two(), 0.1, clip=clip)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_changes_nothing(bad):
    module = Two()
    optimizer = Plain(module, 0.5, clip=1.0)
    optimizer.step(gradients(module))
    weights, memory = module.state(), optimizer.state()
    with pytest.raises(
        DivergenceError, match=r"the gradient at step 1 has norm (nan|inf); training needs finite gradients"
    ):
        optimizer.step(gradients(module, a=(1.0, bad)))
    for before, after in ((weights, module.state()), (memory, optimizer.state())):
        for name, array in after.items():
            np.testing.assert_array_equal(array, before[name])


def test_load_state_makes_another_optimizer_equal():
    module, other = Two(), Two()
    optimizer, fresh = Plain(module, 0.5), Plain(other, 0.5)
    optimizer.step(gradients(module))
    fresh.load_state(optimizer.state())
    assert fresh.steps == 1
    np.testing.assert_array_equal(fresh.moments["sum"], optimizer.moments["sum"])
    assert fresh.moments["sum"] is not optimizer.moments["sum"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda s: s.pop("sum"), "Plain got no value for sum"),
        (lambda s: s.update(momentum=np.zeros(3)), "Plain got momentum, which it does not have; it has steps, sum"),
        (lambda s: s.update(sum=np.zeros(4)), r"Plain got sum of shape \(4,\); it needs \(3,\)"),
        (lambda s: s.update(steps=np.array(1.5)), "Plain got steps of float64; it needs int64"),
    ],
)
def test_the_state_of_another_optimizer_changes_nothing(change, complaint):
    optimizer = Plain(Two(), 0.5)
    state = optimizer.state() | {"sum": np.ones(3, np.float32), "steps": np.array(7)}
    change(state)
    with pytest.raises(ValueError, match=complaint):
        optimizer.load_state(state)
    assert optimizer.steps == 0
    assert not optimizer.moments["sum"].any()


def test_an_optimizer_refuses_weights_moved_out_of_its_vector():
    class Whole(Module):
        def __init__(self):
            self.first, self.second = Two(), Two()

    def pack_with_others():
        whole = Whole()
        optimizer = Plain(whole.second, 0.5)
        whole.pack()
        return optimizer, whole.second

    def convert():
        module = Two()
        optimizer = Plain(module, 0.5)
        return optimizer, module.astype(np.float32)

    def duplicate():
        module = Two()
        return copy.deepcopy((Plain(module, 0.5), module))

    for move in (pack_with_others, convert, duplicate):
        optimizer, module = move()
        with pytest.raises(RuntimeError, match="Plain got a Two whose weights were moved"):
            optimizer.step(Gradients(module))


def test_optimizers_of_two_submodules_are_independent():
    one, other = Two(), Two()
    first, _ = Plain(one, 0.5), Plain(other, 0.5)
    first.step(gradients(one))
    np.testing.assert_array_equal(other.a.value, Two().a.value)


class Parts(Module):
    def __init__(self):
        self.first, self.second = Two(), Two()


@pytest.mark.parametrize(
    ("of", "count"),
    [
        (lambda parts: Gradients(parts), 4),
        (lambda parts: Gradients(parts.second), 2),
        (lambda parts: Gradients(), 0),
    ],
    ids=["the whole", "another part of the same size", "nothing"],
)
def test_an_optimizer_refuses_gradients_of_other_parameters(of, count):
    parts = Parts()
    grads = of(parts)
    optimizer = Plain(parts.first, 0.5)
    before = parts.state()
    with pytest.raises(ValueError, match=f"Plain got gradients of {count} parameters; it needs those of the 2 of its"):
        optimizer.step(grads)
    for name, array in parts.state().items():
        np.testing.assert_array_equal(array, before[name])


def test_an_optimizer_refuses_parameters_frozen_since():
    module = Two()
    optimizer, grads = Plain(module, 0.5), gradients(module)
    module.b.trainable = False
    with pytest.raises(ValueError, match=r"its Two alone, none of them frozen since"):
        optimizer.step(grads)
    np.testing.assert_array_equal(module.b.value, Two().b.value)


@pytest.mark.parametrize("scale", [1e19, 1e30, 3e37])
def test_a_gradient_whose_squares_overflow_is_clipped_and_not_called_divergence(scale):
    module = Two()
    with np.errstate(over="ignore"):
        metrics = Plain(module, 1.0, clip=2.5).step(gradients(module, a=(3 * scale, 0), b=4 * scale))
    assert metrics["grad_norm"] == pytest.approx(5 * scale)
    np.testing.assert_allclose(module.a.value, [1.0 - 1.5, 2.0], rtol=1e-6)
    np.testing.assert_allclose(module.b.value, [[3.0 - 2.0]], rtol=1e-6)


def test_a_gradient_whose_squares_overflow_needs_clipping():
    module = Two()
    with np.errstate(over="ignore"), pytest.raises(DivergenceError, match=r"norm 5e\+30, whose square is too large"):
        Plain(module, 1.0).step(gradients(module, a=(3e30, 0), b=4e30))
    np.testing.assert_array_equal(module.a.value, [1.0, 2.0])


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf, -np.inf])
def test_a_rate_is_a_number_of_at_least_zero(wrong):
    with pytest.raises(ValueError, match=rf"^Plain got lr={wrong}; it needs a number of at least 0$"):
        Plain(Two(), wrong)
    module = Two()
    optimizer = Plain(module, lambda step: wrong if step else 0.1)
    optimizer.step(gradients(module))
    before = module.state()
    with pytest.raises(ValueError, match=rf"^Plain at step 1 got lr={wrong}; it needs a number of at least 0$"):
        optimizer.step(gradients(module))
    assert all(np.array_equal(array, before[name]) for name, array in module.state().items())
