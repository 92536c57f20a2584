"""Penalties on the code: sparsity, and the KL divergence from the standard normal."""

import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.core.trainer import Trainer
from neuralzoo.plugins.autoencoder.learner import kl_sparsity, kl_to_standard_normal, l1_penalty
from neuralzoo.registry import Task, create, get

RNG = np.random.default_rng(0)


def learning(task="reconstruction", **settings):
    """Return a small network in float64 and its learner, for images of 2 x 3."""
    architecture = get("autoencoder")
    task = Task(kind=task, input="image", shape=(2, 3, 1), outputs=6)
    config = architecture.configure({"hidden": (7,), "code": 3, "activation": "tanh"} | settings)
    network = architecture.build(config, task, np.random.default_rng(1)).astype(np.float64)
    for parameter in network.named_parameters().values():
        parameter.value += 0.1 * RNG.normal(size=parameter.value.shape)
    return network, architecture.learner(network, config, task, lambda module: Adam(module, 0.01))


@pytest.mark.parametrize(("mean", "log_variance"), [(0.0, 0.0), (1.3, -0.7), (-0.4, 1.1), (2.0, -3.0)])
def test_the_kl_divergence_is_the_integral_that_defines_it(mean, log_variance):
    std = np.exp(log_variance / 2)
    z = np.linspace(mean - 12 * std, mean + 12 * std, 20001)
    log_q = -0.5 * ((z - mean) / std) ** 2 - np.log(std)
    log_p = -0.5 * z**2
    density = np.exp(log_q) / np.sqrt(2 * np.pi)
    integral = np.sum(density * (log_q - log_p)) * (z[1] - z[0])
    kl, _, _ = kl_to_standard_normal(np.array([[mean]]), np.array([[log_variance]]))
    assert kl == pytest.approx(integral, abs=1e-9)


def test_the_kl_divergence_is_a_sum_over_the_code_and_a_mean_over_examples():
    mean, log_variance = RNG.normal(size=(2, 4, 3))
    single = [
        kl_to_standard_normal(m[None, None], v[None, None])[0]
        for m, v in zip(mean.flat, log_variance.flat, strict=True)
    ]
    assert kl_to_standard_normal(mean, log_variance)[0] == pytest.approx(sum(single) / 4)


def differences(function, at, step=1e-6):
    """Return central differences of a function by each element of an array."""
    found = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        kept = at[index]
        at[index] = kept + step
        high = function()
        at[index] = kept - step
        found[index] = (high - function()) / (2 * step)
        at[index] = kept
    return found


def test_the_gradients_of_the_penalties_agree_with_finite_differences():
    code, log_variance = RNG.normal(size=(2, 4, 3))
    bits = RNG.uniform(0.1, 0.9, size=(4, 3))
    _, dcode, dvariance = kl_to_standard_normal(code, log_variance)
    np.testing.assert_allclose(
        dcode, differences(lambda: kl_to_standard_normal(code, log_variance)[0], code), atol=1e-8
    )
    np.testing.assert_allclose(
        dvariance, differences(lambda: kl_to_standard_normal(code, log_variance)[0], log_variance), atol=1e-8
    )
    np.testing.assert_allclose(l1_penalty(code)[1], differences(lambda: l1_penalty(code)[0], code), atol=1e-8)
    np.testing.assert_allclose(
        kl_sparsity(bits, 0.2)[1], differences(lambda: kl_sparsity(bits, 0.2)[0], bits), atol=1e-8
    )


def test_a_unit_that_is_never_active_has_a_finite_penalty_and_a_negative_gradient():
    value, slope = kl_sparsity(np.zeros((4, 2), np.float32), 0.05)
    assert np.isfinite(value)
    assert np.isfinite(slope).all()
    assert (slope < 0).all()


def test_units_with_the_target_mean_activation_have_no_penalty():
    assert kl_sparsity(np.array([[0.1, 0.3], [0.3, 0.1]]), 0.2)[0] == pytest.approx(0)


VARIANTS = {
    "variational": {"variational": True, "beta": 0.7},
    "variational squared": {"variational": True, "loss": "squared_error", "beta": 2.0},
    "l1": {"sparsity": 0.3},
    "kl": {"sparsity": 0.3, "sparsity_kind": "kl", "code_activation": "sigmoid"},
    "tied denoising": {"tied": True, "noise": 0.3, "sparsity": 0.1},
}


@pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)
def test_the_gradients_of_the_whole_loss_agree_with_finite_differences(settings):
    """With fixed noise: a generator of the same seed for each evaluation."""
    network, learner = learning(**settings)
    x = RNG.random((4, 2, 3, 1))

    def seeded():
        return Context(training=True, rng=np.random.default_rng(5))

    def loss():
        run = network.run(x, seeded())
        return learner._reconstruction(run.logits, x, Context())[0] + learner._penalty(run.code, run.log_variance)[0]

    learner.optimizers["main"].update = lambda gradient, lr: None  # the gradient alone
    assert learner.learn((x, x), seeded())["loss"] == pytest.approx(loss())
    for name, parameter in network.named_parameters().items():
        needed = differences(loss, parameter.value)
        np.testing.assert_allclose(learner.grads["main"][parameter], needed, atol=1e-6, err_msg=name)


def test_gradients_are_zeroed_before_each_step():
    _, learner = learning()
    x = RNG.random((4, 2, 3, 1))
    learner.optimizers["main"].update = lambda gradient, lr: None
    norms = [learner.learn((x, x), Context(training=True))["grad_norm"] for _ in range(2)]
    assert norms[0] == norms[1]


def test_an_l1_penalty_makes_codes_sparser():
    x = np.random.default_rng(2).random((64, 2, 3, 1))
    sizes = []
    for sparsity in (0.0, 1.0):
        network, learner = learning(sparsity=sparsity)
        Trainer(learner, epochs=150).run(ArrayBatches((x, x), 64))
        sizes.append(np.abs(network.encode(x)).mean())
    assert sizes[1] < 0.5 * sizes[0]


def test_a_large_beta_makes_all_codes_standard_normal():
    x = np.random.default_rng(2).random((64, 2, 3, 1))
    network, learner = learning(variational=True, beta=1000.0)
    Trainer(learner, epochs=600).run(ArrayBatches((x, x), 64))
    run = network.run(x, Context())
    assert np.abs(run.code).max() < 0.1
    assert np.abs(run.log_variance).max() < 0.1


def test_a_variational_code_is_sampled_in_training_and_is_its_mean_in_evaluation():
    network, _ = learning(variational=True)
    x = np.repeat(RNG.random((1, 2, 3, 1)), 20_000, axis=0)
    drawn = []
    decoder = network.decoder
    network.decoder = lambda z, ctx: (drawn.append(z), decoder(z, ctx))[1]
    network.run(x, Context(training=True, rng=np.random.default_rng(0)))
    run = network.run(x, Context())
    trained, evaluated = drawn
    np.testing.assert_array_equal(evaluated, run.code)
    np.testing.assert_allclose(trained.mean(axis=0), run.code[0], atol=0.05)
    np.testing.assert_allclose(trained.var(axis=0), np.exp(run.log_variance[0]), rtol=0.05)


def test_samples_are_decoded_standard_normal_codes():
    network = create("autoencoder", variational=True, code=4)
    codes = np.random.default_rng(3).standard_normal((5, 4), np.float32)
    np.testing.assert_array_equal(network.sample(5, np.random.default_rng(3)), network.decode(codes))


def test_variational_steps_agree_with_pytorch():
    torch = pytest.importorskip("torch", reason="agreement with PyTorch needs the extra 'parity'")
    network, learner = learning(variational=True, beta=0.7)
    x = RNG.random((4, 2, 3, 1))
    rows = torch.tensor(x.reshape(4, 6))
    theirs = {n: torch.tensor(p.value, requires_grad=True) for n, p in network.named_parameters().items()}
    optimizer = torch.optim.Adam(theirs.values(), lr=0.01)
    ours, draws = Context(training=True, rng=np.random.default_rng(5)), np.random.default_rng(5)

    def dense(name, values):
        return values @ theirs[f"{name}.weight"] + theirs[f"{name}.bias"]

    for _ in range(5):
        h = torch.tanh(dense("encoder.layers.1", rows))
        q = torch.distributions.Normal(dense("mean", h), (dense("log_variance", h) / 2).exp())
        z = q.mean + q.stddev * torch.tensor(draws.standard_normal((4, 3), np.float32)).double()
        logits = dense("decoder.layers.2", torch.tanh(dense("decoder.layers.0", z)))
        error = torch.nn.functional.binary_cross_entropy_with_logits(logits, rows, reduction="sum") / 4
        kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum() / 4
        loss = error + 0.7 * kl
        optimizer.zero_grad()
        loss.backward()
        norm = torch.cat([value.grad.ravel() for value in theirs.values()]).norm()
        optimizer.step()
        metrics = learner.learn((x, x), ours)
        assert metrics["loss"] == pytest.approx(loss.item(), rel=1e-9)
        assert metrics["kl"] == pytest.approx(kl.item(), rel=1e-9)
        assert metrics["grad_norm"] == pytest.approx(norm.item(), rel=1e-9)
    for name, parameter in network.named_parameters().items():
        np.testing.assert_allclose(parameter.value, theirs[name].detach().numpy(), atol=1e-8, err_msg=name)


def test_the_gradient_of_the_inputs_is_not_computed_with_noise_either():
    network, _ = learning(noise=0.5)
    x = RNG.random((4, 2, 3, 1))
    grads = Gradients(network)
    y, pull = network(x, Context(training=True, rng=np.random.default_rng(0), grads=grads, inputs_without_grad=x))
    assert not pull(np.ones_like(y)).any()
    assert grads.vector.any()
