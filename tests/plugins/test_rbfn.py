import numpy as np
import pytest
from scipy.spatial.distance import cdist

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.layer import Context
from neuralzoo.core.testing import checks_for_architecture, checks_for_layer
from neuralzoo.core.trainer import Trainer
from neuralzoo.experiments import datasets
from neuralzoo.experiments.claims.runner import check_sizes
from neuralzoo.plugins.rbfn.claims import distance_from_bias, nrmse
from neuralzoo.plugins.rbfn.experiments import SPIRALS
from neuralzoo.plugins.rbfn.network import BASIS_FUNCTIONS, RadialUnits, squared_distances
from neuralzoo.registry import SettingError, Task, create, get

RNG = np.random.default_rng(0)
# Without finetuning a step changes nothing, and leave-one-out scaling makes predictions of random targets uncertain.
STEPS_ONLY = ("training_reaches_every_parameter", "tiny_batch_is_overfitted")


@pytest.mark.parametrize("check", checks_for_architecture(get("rbfn")), ids=str)
def test_rbfn_conforms(check):
    check()


@pytest.mark.parametrize("check", checks_for_architecture(get("rbfn"), settings={"finetune": False}), ids=str)
def test_rbfn_in_closed_form_conforms(check):
    if check.name in STEPS_ONLY:
        pytest.skip("the closed form has no steps")
    check()


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("basis", BASIS_FUNCTIONS)
def test_radial_units_conform(basis, shared):
    x = np.random.default_rng(1).normal(size=(5, 3))
    for check in checks_for_layer(lambda rng: RadialUnits(3, 4, BASIS_FUNCTIONS[basis], rng, shared=shared), x):
        assert check.run().status != "fail", check.run()


def train(x, y, *, epochs=1, lr=1e-3, kind="regression", seed=0, **settings):
    """Return a trained network's learner and the history."""
    outputs = int(y.max()) + 1 if kind == "classification" else y.shape[1]
    task = Task(kind=kind, input="tabular", shape=x.shape[1:], outputs=outputs)
    architecture = get("rbfn")
    config = architecture.configure(settings)
    network = architecture.build(config, task, np.random.default_rng(seed))
    learner = architecture.learner(network, config, task, lambda module: Adam(module, lr))
    history = Trainer(learner, epochs=epochs, seed=seed).run(ArrayBatches((x, y), len(x), shuffle=True))
    return learner, history


def wave_data(count=200):
    x = np.random.default_rng(2).uniform(-2, 2, size=(count, 2)).astype(np.float32)
    return x, (np.sin(3 * x[:, :1]) * np.cos(2 * x[:, 1:])).astype(np.float32)


def test_distances_are_those_of_scipy():
    x, c = RNG.normal(size=(9, 4)), RNG.normal(size=(5, 4))
    np.testing.assert_allclose(squared_distances(x, c), cdist(x, c, "sqeuclidean"), rtol=1e-12)


def test_distances_far_from_the_origin_lose_no_digits():
    x = RNG.integers(-8, 8, size=(9, 4)).astype(np.float32)
    np.testing.assert_allclose(squared_distances(x + 4096, x + 4096), cdist(x, x, "sqeuclidean"), atol=1e-3)


def test_no_distance_is_negative():
    x = RNG.normal(size=(50, 30)).astype(np.float32)
    assert squared_distances(x, x).min() >= 0


@pytest.mark.parametrize(
    ("basis", "at_two_widths"),
    [
        ("gaussian", np.exp(-2)),
        ("inverse_quadratic", 1 / 5),
        ("inverse_multiquadric", 5**-0.5),
        ("multiquadric", 5**0.5),
        ("cubic", 8),
        ("thin_plate", 4 * np.log(2)),
    ],
)
def test_a_radial_unit_is_its_basis_function_of_the_distance_in_widths(basis, at_two_widths):
    units = RadialUnits(2, 1, BASIS_FUNCTIONS[basis], RNG, shared=False).astype(np.float64)
    units.centres.value[...] = [[1, 2]]
    units.log_width.value[...] = np.log(2.5)
    np.testing.assert_allclose(units.predict(np.array([[1 + 3.0, 2 - 4.0]])), [[at_two_widths]])


@pytest.mark.parametrize("basis", BASIS_FUNCTIONS)
def test_rotating_and_translating_inputs_and_centres_together_changes_nothing(basis):
    units = RadialUnits(3, 5, BASIS_FUNCTIONS[basis], RNG, shared=False).astype(np.float64)
    x, turn = RNG.normal(size=(7, 3)), np.linalg.qr(RNG.normal(size=(3, 3)))[0]
    before = units.predict(x)
    units.centres.value[...] = units.centres.value @ turn + 5
    np.testing.assert_allclose(units.predict(x @ turn + 5), before, rtol=1e-9, atol=1e-12)


def test_far_outside_the_data_gaussian_units_are_zero_and_the_output_is_the_bias_exactly():
    x, y = wave_data()
    network = train(x, y, units=40, finetune=False)[0].network
    outside = 1000 * np.array([[1, 0], [0, -1], [-1, 1]], np.float32)
    np.testing.assert_array_equal(network.predict(outside), np.tile(network.output.bias.value, (3, 1)))
    grown = train(x, y, units=40, basis="multiquadric", finetune=False)[0].network
    assert np.abs(grown.predict(outside) - grown.output.bias.value).min() > 1


def test_four_units_solve_exclusive_or():
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0])
    network = train(x, y, kind="classification", units=4, finetune=False)[0].network
    assert (network.predict(x).argmax(axis=1) == y).all()


def test_the_closed_form_classifies_all_points_of_two_spirals():
    x, y = datasets.load("two-spirals").train
    network = train(x, y, kind="classification", **SPIRALS.model)[0].network
    assert (network.predict(x).argmax(axis=1) == y).all()
    assert network.units.centres.value.shape[0] < len(x)


def test_without_finetuning_a_step_only_evaluates():
    x, y = wave_data()
    learner, history = train(x, y, units=30, finetune=False)
    before = learner.state()
    assert learner.learn((x, y), Context(training=True)) == learner.evaluate((x, y))
    assert all(np.array_equal(array, learner.state()[name]) for name, array in before.items())
    assert history[0]["train/loss"] == pytest.approx(learner.evaluate((x, y))["loss"])


@pytest.mark.parametrize("basis", BASIS_FUNCTIONS)
def test_finetuning_the_closed_form_lowers_the_loss(basis):
    (x, y), settings = wave_data(), {"units": 20, "basis": basis, "width": 1.0}
    closed = train(x, y, **settings, finetune=False)[0].evaluate((x, y))["loss"]
    descended = train(x, y, **settings, epochs=300, lr=1e-2)[0].evaluate((x, y))["loss"]
    assert descended < 0.97 * closed


def test_centres_widths_and_weights_count_as_parameters():
    network = create("rbfn", inputs=(4,), outputs=3, units=7)
    assert network.num_parameters == 7 * 4 + 7 + 7 * 3 + 3
    assert (
        create("rbfn", inputs=(4,), outputs=3, units=7, shared_width=True).num_parameters == network.num_parameters - 6
    )


def test_the_same_seed_finds_the_same_centres_and_another_seed_others():
    x, y = wave_data()
    one, same, other = (train(x, y, units=9, seed=seed, finetune=False)[0].network for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.units.centres.value, same.units.centres.value)
    assert not np.array_equal(one.units.centres.value, other.units.centres.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"units": 0}, ("units", "0", "greater than or equal to 1")),
        ({"basis": "gausian"}, ("gausian", "did you mean gaussian")),
        ({"width": 0.0}, ("width", "0", "greater than 0")),
        ({"ridge": -1.0}, ("ridge", "-1", "greater than or equal to 0")),
    ],
)
def test_a_wrong_setting_raises_an_error_that_names_it(settings, words):
    with pytest.raises(SettingError) as caught:
        create("rbfn", **settings)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_example_of_another_size_raises_an_error_of_one_sentence():
    with pytest.raises(ValueError, match=r"RadialUnits got .*5.* needs .*4"):
        create("rbfn", inputs=(4,)).predict(np.zeros((2, 5), np.float32))


def test_claims_at_equal_parameters_have_them():
    for claim in get("rbfn").claims:
        check_sizes(claim)


def test_scale_width_scales_the_units():
    scale_width, config = get("rbfn").scale_width, get("rbfn").configure({"units": 100})
    assert [scale_width(config, factor).units for factor in (0.5, 1.0, 0.0001)] == [50, 100, 1]


def test_the_nrmse_of_the_mean_is_one_and_that_of_half_the_residual_is_a_half():
    class Shrunk:
        def __init__(self, fraction):
            self.fraction = fraction

        def predict(self, x):
            return t.mean() + self.fraction * (t - t.mean())

    data = datasets.load("mackey-glass")
    t = data.test[1].astype(np.float64)
    assert nrmse(Shrunk(0.0), data) == pytest.approx(1.0, rel=1e-6)
    assert nrmse(Shrunk(0.5), data) == pytest.approx(0.5, rel=1e-6)


def test_the_distance_from_the_bias_is_zero_for_gaussian_units_and_large_for_a_feed_forward_network():
    data = datasets.load("mackey-glass")
    x, y = data.train
    assert distance_from_bias(train(x, y, units=40, finetune=False)[0].network, data) == 0
    assert distance_from_bias(create("fnn", inputs=(4,), outputs=1, hidden=(20,)), data) > 1


@pytest.mark.parametrize("name", ["two-spirals", "mackey-glass", "mnist1d", "fashion-mnist-5k", "sunspots"])
def test_the_figures_can_be_drawn_for_every_kind_of_input(name, tmp_path):
    from neuralzoo.experiments.running.files import save_figure

    data = datasets.load(name)
    network = create("rbfn", inputs=data.task.shape, outputs=data.task.outputs, units=40)
    for declared in get("rbfn").figures:
        with save_figure(tmp_path / f"{declared.name}.png") as figure:
            declared.draw(figure, network, data)
        assert figure.axes


def test_the_figure_of_two_inputs_has_a_circle_of_its_width_around_each_centre(tmp_path):
    from neuralzoo.experiments.running.files import save_figure

    data = datasets.load("two-spirals")
    network = train(*data.train, kind="classification", units=12, finetune=False)[0].network
    with save_figure(tmp_path / "centres.png") as figure:
        get("rbfn").figures[0].draw(figure, network, data)
    drawn = [(*circle.center, circle.radius) for circle in figure.axes[0].patches]
    needed = np.column_stack([network.units.centres.value, np.exp(network.units.log_width.value)])
    np.testing.assert_allclose(drawn, needed, rtol=1e-6)


@pytest.mark.parametrize("width", [1.0, 30.0])
def test_the_extrapolation_figure_ends_at_the_bias(width, tmp_path):
    from neuralzoo.experiments.running.files import save_figure

    data = datasets.load("mackey-glass")
    network = train(*data.train, units=40, width=width, finetune=False)[0].network
    with save_figure(tmp_path / "extrapolation.png") as figure:
        get("rbfn").figures[2].draw(figure, network, data)
    answer = figure.axes[0].lines[0].get_ydata()
    np.testing.assert_allclose(answer[[0, -1]], network.output.bias.value[0], atol=1e-4 * np.ptp(answer))
    assert np.ptp(answer) > 0.1
