import copy

import numpy as np
import pytest

from neuralzoo.core.layer import Gradients
from neuralzoo.core.module import Module, Parameter, load_arrays


def numbers(*shape, start=1.0, dtype=np.float32):
    return np.arange(start, start + np.prod(shape), dtype=dtype).reshape(shape)


class Leaf(Module):
    def __init__(self, start=1.0):
        self.weight = Parameter(numbers(2, 3, start=start))
        self.bias = Parameter(numbers(3, start=start + 10))


class Tree(Module):
    def __init__(self):
        self.first = Leaf()
        self.rest = [Leaf(20.0), (Leaf(40.0),)]
        self.by_name = {"mean": Parameter(numbers(3), trainable=False), "deep": {"leaf": Leaf(60.0)}}
        self.size_of_something = 7


def test_parameters_are_named_by_their_path_in_the_order_in_which_they_were_set():
    assert list(Tree().named_parameters()) == [
        "by_name.mean",
        "first.weight",
        "first.bias",
        "rest.0.weight",
        "rest.0.bias",
        "rest.1.0.weight",
        "rest.1.0.bias",
        "by_name.deep.leaf.weight",
        "by_name.deep.leaf.bias",
    ]


def test_modules_are_named_parents_first():
    assert [name for name, _ in Tree().named_modules()] == ["", "first", "rest.0", "rest.1.0", "by_name.deep.leaf"]


def test_a_shared_parameter_is_named_once_by_its_first_name():
    tied = Tree()
    tied.rest[0].weight = tied.first.weight
    tied.last = tied.first
    names = list(tied.named_parameters())
    assert "first.weight" in names
    assert not {"rest.0.weight", "last.weight", "last.bias"} & set(names)
    assert tied.num_parameters == Tree().num_parameters - 6


def test_num_parameters_counts_trainable_scalars():
    assert Tree().num_parameters == 4 * 9


def test_a_frozen_parameter_is_saved_but_not_trained():
    tree = Tree()
    assert "by_name.mean" in tree.state()
    assert "by_name.mean" not in tree.trainable_parameters()


def test_packing_keeps_all_values_and_makes_the_parameters_views():
    tree, before = Tree(), Tree().state()
    vector = tree.pack()
    assert vector.size == tree.num_parameters
    for name, array in tree.state().items():
        np.testing.assert_array_equal(array, before[name])
    np.testing.assert_array_equal(vector[:6], before["first.weight"].ravel())
    vector[:] = 0
    assert all(not p.value.any() for p in tree.trainable_parameters().values())
    assert tree.by_name["mean"].value.any()


def test_packing_twice_gives_the_same_vector():
    tree = Tree()
    assert tree.pack() is tree.pack()


@pytest.mark.parametrize("build", [Leaf, Tree])
def test_loading_a_state_keeps_the_views(build):
    module, other = build(), build()
    vector = module.pack()
    for parameter in other.named_parameters().values():
        parameter.value *= 2
    module.load_state(other.state())
    assert module.pack() is vector
    np.testing.assert_array_equal(vector, other.pack())


def test_packing_a_module_repacks_a_packed_submodule():
    tree = Tree()
    part = tree.first.pack()
    whole = tree.pack()
    whole[:] = -5
    assert (tree.first.weight.value == -5).all()
    assert not (part == -5).any()


def test_packing_a_submodule_removes_it_from_the_packed_vector():
    tree = Tree()
    whole = tree.pack()
    part = tree.first.pack()
    assert part.size == tree.first.num_parameters
    part[:] = -5
    assert not (whole == -5).any()


def test_a_parameter_that_was_replaced_is_packed_anew():
    leaf = Leaf()
    old = leaf.pack()
    leaf.bias.value = numbers(3, start=100)
    new = leaf.pack()
    assert new is not old
    np.testing.assert_array_equal(new[6:], [100, 101, 102])


def test_parameters_of_two_dtypes_can_not_be_packed():
    leaf = Leaf()
    leaf.bias.value = leaf.bias.value.astype(np.float64)
    with pytest.raises(ValueError, match="Leaf has parameters of float32, float64; packing needs one dtype"):
        leaf.pack()


def test_a_module_without_parameters_packs_to_nothing():
    assert Module().pack().shape == (0,)
    assert Module().num_parameters == 0


def test_packing_a_transposed_parameter_keeps_its_values():
    leaf = Leaf()
    leaf.weight.value = numbers(3, 2).T
    leaf.pack()
    np.testing.assert_array_equal(leaf.weight.value, numbers(3, 2).T)


def test_a_state_is_a_copy():
    leaf = Leaf()
    leaf.state()["weight"][:] = 0
    assert leaf.weight.value.all()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda s: s.pop("bias"), "Leaf got no value for bias; it needs all of its 2 arrays"),
        (lambda s: s.update(gain=numbers(3)), "Leaf got gain, which it does not have; it has bias, weight"),
        (lambda s: s.update(bias=numbers(4)), r"Leaf got bias of shape \(4,\); it needs \(3,\)"),
        (lambda s: s.update(bias=numbers(3).astype(complex)), "Leaf got bias of complex128; it needs float32"),
        (lambda s: s.update(bias=np.array(["a", "b", "c"])), "Leaf got bias of <U1; it needs float32"),
    ],
    ids=["missing", "unknown", "shape", "kind", "text"],
)
def test_a_state_that_does_not_fit_changes_nothing(change, complaint):
    leaf = Leaf()
    state = {name: array * 2 for name, array in leaf.state().items()}
    change(state)
    with pytest.raises(ValueError, match=complaint):
        leaf.load_state(state)
    np.testing.assert_array_equal(leaf.weight.value, Leaf().weight.value)
    np.testing.assert_array_equal(leaf.bias.value, Leaf().bias.value)


def test_a_long_list_of_missing_names_is_abbreviated():
    with pytest.raises(ValueError, match=r"no value for a, b, c, d and 2 more; it needs all of its 6 arrays"):
        load_arrays("It", {name: np.zeros(1) for name in "abcdef"}, {})


def test_astype_converts_every_parameter_and_returns_the_module():
    tree = Tree()
    assert tree.astype(np.float64) is tree
    assert {p.value.dtype for p in tree.named_parameters().values()} == {np.dtype(np.float64)}
    assert tree.pack().dtype == np.float64


@pytest.mark.parametrize("duplicate", [lambda m: m.copy(), copy.deepcopy], ids=["copy", "deepcopy"])
def test_a_copy_of_a_packed_module_is_independent_and_packs_by_itself(duplicate):
    tree = Tree()
    vector = tree.pack()
    twin = duplicate(tree)
    before = twin.state()
    vector[:] = 0
    for name, array in twin.state().items():
        np.testing.assert_array_equal(array, before[name])
    twin.pack()[:] = 7
    assert not vector.any()


def test_a_copy_keeps_shared_parameters_shared():
    tied = Tree()
    tied.rest[0].weight = tied.first.weight
    twin = tied.copy()
    assert twin.rest[0].weight is twin.first.weight
    assert twin.first.weight is not tied.first.weight


def test_gradients_are_laid_out_like_the_packed_weights():
    tree = Tree()
    grads, vector = Gradients(tree), tree.pack()
    for parameter in tree.trainable_parameters().values():
        grads.add(parameter, parameter.value)
    np.testing.assert_array_equal(grads.vector, vector)
