"""What a code is asked for: sparse, or normal; and what rivals and pictures make of codes."""

from dataclasses import replace

import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.core.trainer import Trainer
from neuralzoo.experiments import datasets
from neuralzoo.plugins.autoencoder import rivals
from neuralzoo.plugins.autoencoder.learner import absolute_size, activity, divergence
from neuralzoo.registry import Task, create, get

RNG = np.random.default_rng(0)


def learning(task="reconstruction", **settings):
    """Return a small network in float64 and its learner, for pictures of 2 x 3."""
    architecture = get("autoencoder")
    task = Task(kind=task, input="image", shape=(2, 3, 1), outputs=6)
    config = architecture.configure({"hidden": (7,), "code": 3, "activation": "tanh"} | settings)
    network = architecture.build(config, task, np.random.default_rng(1)).astype(np.float64)
    for parameter in network.named_parameters().values():
        parameter.value += 0.1 * RNG.normal(size=parameter.value.shape)
    return network, architecture.learner(network, config, task, lambda module: Adam(module, 0.01))


@pytest.mark.parametrize(("mean", "log_variance"), [(0.0, 0.0), (1.3, -0.7), (-0.4, 1.1), (2.0, -3.0)])
def test_the_divergence_is_the_integral_that_defines_it(mean, log_variance):
    deviation = np.exp(log_variance / 2)
    z = np.linspace(mean - 12 * deviation, mean + 12 * deviation, 20001)
    log_q = -0.5 * ((z - mean) / deviation) ** 2 - np.log(deviation)
    log_p = -0.5 * z**2
    density = np.exp(log_q) / np.sqrt(2 * np.pi)
    integral = np.sum(density * (log_q - log_p)) * (z[1] - z[0])
    kl, _, _ = divergence(np.array([[mean]]), np.array([[log_variance]]))
    assert kl == pytest.approx(integral, abs=1e-9)


def test_the_divergence_adds_up_over_the_code_and_is_a_mean_over_examples():
    mean, log_variance = RNG.normal(size=(2, 4, 3))
    single = [divergence(m[None, None], v[None, None])[0] for m, v in zip(mean.flat, log_variance.flat, strict=True)]
    assert divergence(mean, log_variance)[0] == pytest.approx(sum(single) / 4)


def differences(function, at, step=1e-6):
    """Return central differences of a function by each number of an array."""
    found = np.zeros_like(at)
    for place in np.ndindex(at.shape):
        kept = at[place]
        at[place] = kept + step
        high = function()
        at[place] = kept - step
        found[place] = (high - function()) / (2 * step)
        at[place] = kept
    return found


def test_penalties_have_the_gradients_that_finite_differences_say():
    code, log_variance = RNG.normal(size=(2, 4, 3))
    bits = RNG.uniform(0.1, 0.9, size=(4, 3))
    _, dcode, dvariance = divergence(code, log_variance)
    np.testing.assert_allclose(dcode, differences(lambda: divergence(code, log_variance)[0], code), atol=1e-8)
    np.testing.assert_allclose(
        dvariance, differences(lambda: divergence(code, log_variance)[0], log_variance), atol=1e-8
    )
    np.testing.assert_allclose(absolute_size(code)[1], differences(lambda: absolute_size(code)[0], code), atol=1e-8)
    np.testing.assert_allclose(activity(bits, 0.2)[1], differences(lambda: activity(bits, 0.2)[0], bits), atol=1e-8)


def test_a_unit_that_is_never_on_has_a_finite_penalty_and_is_pulled_up():
    value, slope = activity(np.zeros((4, 2), np.float32), 0.05)
    assert np.isfinite(value)
    assert np.isfinite(slope).all()
    assert (slope < 0).all()


def test_units_that_are_on_as_often_as_asked_cost_nothing():
    assert activity(np.array([[0.1, 0.3], [0.3, 0.1]]), 0.2)[0] == pytest.approx(0)


WAYS = {
    "variational": {"variational": True, "beta": 0.7},
    "variational squared": {"variational": True, "loss": "squared_error", "beta": 2.0},
    "l1": {"sparsity": 0.3},
    "kl": {"sparsity": 0.3, "sparsity_kind": "kl", "code_activation": "sigmoid"},
    "tied denoising": {"tied": True, "noise": 0.3, "sparsity": 0.1},
}


@pytest.mark.parametrize("settings", WAYS.values(), ids=WAYS)
def test_the_whole_loss_has_the_gradients_that_finite_differences_say(settings):
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
        np.testing.assert_allclose(learner.grads[parameter], needed, atol=1e-6, err_msg=name)


def test_a_step_forgets_the_gradients_of_the_one_before():
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


def test_a_large_beta_makes_all_codes_the_standard_normal_distribution():
    x = np.random.default_rng(2).random((64, 2, 3, 1))
    network, learner = learning(variational=True, beta=1000.0)
    Trainer(learner, epochs=600).run(ArrayBatches((x, x), 64))
    run = network.run(x, Context())
    assert np.abs(run.code).max() < 0.1
    assert np.abs(run.log_variance).max() < 0.1


def test_a_variational_code_is_drawn_from_its_distribution_in_training_and_is_its_mean_in_evaluation():
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


def test_samples_are_decoded_standard_normal_numbers():
    network = create("autoencoder", variational=True, code=4)
    codes = np.random.default_rng(3).standard_normal((5, 4), np.float32)
    np.testing.assert_array_equal(network.sample(5, np.random.default_rng(3)), network.decode(codes))


def clothes(kind="reconstruction"):
    return datasets.load("fashion-mnist-5k").asked_for(kind)


def test_labels_are_found_whatever_is_asked_for_and_numbers_are_none():
    known = datasets.load("fashion-mnist-5k")
    for kind in ("reconstruction", "generation"):
        for split in ("train", "test"):
            np.testing.assert_array_equal(rivals.labels_of(clothes(kind), split), getattr(known, split)[1])
    numbers = datasets.load("sunspots").asked_for("reconstruction")
    assert rivals.labels_of(numbers, "test") is None
    with pytest.raises(ValueError, match="sunspots has no classes"):
        rivals.neighbour_accuracy(create("autoencoder", inputs=numbers.task.shape, code=1), numbers)


def test_principal_components_rebuild_what_lies_in_their_space():
    pytest.importorskip("sklearn", reason="rivals need the extra 'experiments'")
    plane = 0.5 + 0.1 * np.random.default_rng(0).normal(size=(50, 2)) @ np.linalg.qr(RNG.normal(size=(6, 2)))[0].T
    x = plane.reshape(50, 2, 3, 1)
    assert rivals.squared_errors(rivals.rebuilt(rivals.principal_components(x, 2), x), x).max() < 1e-20
    assert rivals.squared_errors(rivals.rebuilt(rivals.principal_components(x, 1), x), x).mean() > 1e-3


def test_the_first_few_principal_components_are_those_of_a_smaller_decomposition():
    pytest.importorskip("sklearn", reason="rivals need the extra 'experiments'")
    x = np.random.default_rng(0).random((40, 2, 3, 1))
    few, all_of_them = (rivals.principal_components(x, count) for count in (2, 6))
    np.testing.assert_allclose(rivals.rebuilt(all_of_them, x, 2), rivals.rebuilt(few, x), atol=1e-12)
    np.testing.assert_allclose(rivals.rebuilt(all_of_them, x), x, atol=1e-12)


def test_the_rival_in_denoising_has_the_number_of_components_that_is_best_for_noisy_examples():
    pytest.importorskip("sklearn", reason="rivals need the extra 'experiments'")
    rng = np.random.default_rng(0)
    plane = np.clip(0.5 + rng.normal(size=(300, 5)) @ np.linalg.qr(rng.normal(size=(36, 5)))[0].T, 0, 1)
    x = plane.reshape(300, 6, 6, 1).astype(np.float32)
    data = datasets.DataSet.of(datasets.info("fashion-mnist-5k"), (x[:200], x[:200]), (x[200:], x[200:]))

    class Clipping:
        def predict(self, x):
            return np.clip(x, 0, 1)

    noisy = rivals.noisy_tests(data)
    ratios = {}
    for count in (2, 4, 8, 16, 30):
        rival = rivals.principal_components(data.train[0], count)
        ratios[count] = rivals.psnr(rivals.rebuilt(rival, noisy), x[200:])
    assert max(ratios, key=lambda count: ratios[count].mean()) == 4
    lost = rivals.gained_over_pca(Clipping(), data)
    assert lost == rivals.lower_end(rivals.psnr(np.clip(noisy, 0, 1), x[200:]) - ratios[4])
    assert rivals.gained_over_noise(Clipping(), data) == 0


def test_the_lower_end_of_an_interval_is_two_standard_errors_below_the_mean():
    values = np.random.default_rng(1).normal(3, 2, 1000)
    assert rivals.lower_end(values) == pytest.approx(values.mean() - 1.96 * values.std() / 1000**0.5, abs=0.02)
    assert rivals.lower_end(np.full(10, 0.5)) == 0.5


def test_a_neighbour_counts_if_it_is_of_the_same_class():
    pytest.importorskip("sklearn", reason="rivals need the extra 'experiments'")
    codes, labels = np.array([[0.0], [1.0], [2.0]]), np.array([4, 5, 6])
    hits = rivals.neighbour_hits(codes, labels, np.array([[0.1], [0.9], [1.9]]), np.array([4, 4, 6]))
    np.testing.assert_array_equal(hits, [1, 0, 1])


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("generation", {"code": 2}),
        ("generation", {"code": 5, "variational": True}),
        ("reconstruction", {"code": 5, "noise": 0.5}),
        ("reconstruction", {"code": 1}),
    ],
)
def test_all_pictures_are_drawn(tmp_path, kind, settings):
    from neuralzoo.experiments.figures import page

    network = create("autoencoder", inputs=(28, 28, 1), hidden=(8,), **settings)
    for declared in get("autoencoder").figures:
        with page(tmp_path / f"{declared.name}.png") as figure:
            declared.draw(figure, network, clothes(kind))
        assert (tmp_path / f"{declared.name}.png").stat().st_size > 5000


def test_the_pictures_of_reconstructions_are_the_predictions(tmp_path):
    from neuralzoo.experiments.figures import page

    network, data = create("autoencoder", inputs=(28, 28, 1), hidden=(8,)), clothes()
    with page(tmp_path / "rebuilt.png") as figure:
        get("autoencoder").figures[0].draw(figure, network, data)
    assert len(figure.axes) == 3
    for nth, axes in enumerate(figure.axes):
        drawn = np.array(axes.images[0].get_array()).reshape(2, 28, 10, 28).swapaxes(1, 2)
        places = [np.flatnonzero(data.labels["test"] == which)[nth] for which in range(10)]
        np.testing.assert_allclose(drawn[0], data.test[0][places, ..., 0], atol=1e-6)
        np.testing.assert_allclose(drawn[1], network.predict(data.test[0][places])[..., 0], atol=1e-6)


def test_a_plane_of_codes_is_coloured_by_class_and_walked_where_codes_are(tmp_path):
    from neuralzoo.experiments.figures import page

    network, data = create("autoencoder", inputs=(28, 28, 1), hidden=(8,), code=2), clothes()
    plane, walk = (figure for figure in get("autoencoder").figures if figure.name in ("code_plane", "walk"))
    codes, labels = network.encode(data.test[0]), data.labels["test"]
    with page(tmp_path / "plane.png") as figure:
        plane.draw(figure, network, data)
    for which, line in enumerate(figure.axes[0].lines):
        np.testing.assert_allclose(np.transpose(line.get_data()), codes[labels == which])
        assert line.get_label() == data.classes[which]
    with page(tmp_path / "walk.png") as figure:
        walk.draw(figure, network, data)
    sheet = np.array(figure.axes[0].images[0].get_array()).reshape(12, 28, 12, 28).swapaxes(1, 2)
    low, high = np.quantile(codes, [0.02, 0.98], axis=0)
    corners = np.array([[low[0], high[1]], [high[0], high[1]], [low[0], low[1]], [high[0], low[1]]], np.float32)
    shown = [sheet[0, 0], sheet[0, -1], sheet[-1, 0], sheet[-1, -1]]
    np.testing.assert_allclose(shown, network.decode(corners)[..., 0], atol=1e-5)


def test_a_single_picture_is_walked_to_itself(tmp_path):
    from neuralzoo.experiments.figures import page

    network, data = create("autoencoder", inputs=(28, 28, 1), hidden=(8,)), clothes()
    walk = next(figure for figure in get("autoencoder").figures if figure.name == "walk")
    for count, lines in ((1, 1), (3, 2), (10, 5)):
        some = replace(data, test=(data.test[0][:count],) * 2, labels={"test": np.arange(count)})
        with page(tmp_path / "walk.png") as figure:
            walk.draw(figure, network, some)
        sheet = figure.axes[0].images[0].get_array()
        assert sheet.shape == (28 * lines, 28 * 12)
        np.testing.assert_allclose(sheet[:28, :28], network.predict(some.test[0][:1])[0, ..., 0], atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "kind"), [((6,), "tabular"), ((5, 3), "sequence"), ((4, 4, 3), "image")], ids=lambda v: str(v)
)
def test_examples_that_are_no_grey_pictures_are_drawn_too(tmp_path, shape, kind):
    from types import SimpleNamespace

    from neuralzoo.experiments.figures import page

    task = Task(kind="reconstruction", input=kind, shape=shape, outputs=int(np.prod(shape)))
    x = RNG.random((12, *shape)).astype(np.float32)
    data = SimpleNamespace(test=(x, x), train=(x, x), classes=(), labels={}, task=task)
    network = create("autoencoder", task=task, code=3)
    for declared in get("autoencoder").figures:
        if declared.fits(task):
            with page(tmp_path / f"{declared.name}.png") as figure:
                declared.draw(figure, network, data)
            assert (tmp_path / f"{declared.name}.png").is_file()


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


def test_gradients_of_the_data_are_left_out_also_with_noise():
    network, _ = learning(noise=0.5)
    x = RNG.random((4, 2, 3, 1))
    grads = Gradients(network)
    y, pull = network(x, Context(training=True, rng=np.random.default_rng(0), grads=grads, data=x))
    assert not pull(np.ones_like(y)).any()
    assert grads.vector.any()
