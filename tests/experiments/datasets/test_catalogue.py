import subprocess
import sys

import numpy as np
import pytest

from neuralzoo.experiments import datasets
from neuralzoo.registry import SettingError, UnknownNameError

OFFLINE = [name for name in datasets.names() if datasets.info(name).kind != "download"]
DOWNLOADS = [name for name in datasets.names() if datasets.info(name).kind == "download"]
SMALL = {"translated-mnist": 200, "affine-mnist": 200, "multi-mnist": 200}


def lengths(part):
    return {len(array) for array in part}


def check_targets(task, targets):
    steps = task.shape[:1] if task.kind in ("language-modelling", "sequence-labelling") else ()
    match task.target:
        case "class":
            assert targets.shape[1:] == steps
            assert -1 <= targets.min() <= targets.max() < task.outputs
        case "classes":
            assert targets.ndim == 2
            assert 0 <= targets.min() <= targets.max() < task.outputs
        case "multilabel":
            assert targets.shape[1:] == (*steps, task.outputs)
            assert set(np.unique(targets)) == {0, 1}
        case "continuous" if task.kind == "regression":
            assert targets.shape[1:] == (task.outputs,)


def check(data):
    info = data.info
    assert (data.name, data.classes) == (info.name, info.classes)
    assert lengths(data.train) == {info.sizes.train}
    assert lengths(data.test) == {info.sizes.test}
    assert (lengths(data.validation) if data.validation else {0}) == {info.sizes.validation}
    for part in (data.train, data.test, *data.extra_test_sets.values()):
        inputs, targets = part[0], part[-1]
        assert inputs.shape[1:] == data.task.shape
        assert inputs.dtype == (np.int64 if data.task.input == "tokens" else np.float32)
        assert targets.dtype in (np.int64, np.float32)
        assert len(part) == 2 + data.task.variable_length
        if data.task.variable_length:
            assert part[1].dtype == np.int64
            assert 1 <= part[1].min() <= part[1].max() <= inputs.shape[1]
        check_targets(data.task, targets)
        if data.task.input == "tokens":
            assert 0 <= inputs.min() <= inputs.max() < data.task.vocab_size


@pytest.mark.parametrize("name", SMALL)
def test_variants_of_downloaded_digits_match_their_metadata(name, public_data):
    data = datasets.load(name, train=20, test=20)
    assert data.train[0].shape == (20, *data.task.shape)
    check_targets(data.task, data.train[-1])


@pytest.mark.parametrize("name", OFFLINE)
def test_a_dataset_matches_its_metadata(name):
    check(datasets.load(name))
    assert datasets.load(name).task == datasets.info(name).task


@pytest.mark.parametrize("name", [name for name in DOWNLOADS if name not in SMALL])
def test_a_downloaded_dataset_matches_its_metadata(name, public_data):
    check(datasets.load(name))


@pytest.mark.parametrize("name", [name for name in OFFLINE if datasets.info(name).kind == "generated"])
def test_a_generated_dataset_is_a_function_of_its_seed(name):
    first, again = datasets.load(name, seed=3), datasets.load(name, seed=3)
    for part, same in ((first.train, again.train), (first.test, again.test)):
        assert all(a.tobytes() == b.tobytes() for a, b in zip(part, same, strict=True))


FIXED = ("two-spirals", "mackey-glass", "mackey-glass-84")


@pytest.mark.parametrize("name", [n for n in OFFLINE if datasets.info(n).kind == "generated" and n not in FIXED])
def test_seeds_and_splits_of_a_generated_dataset_differ(name):
    data, other = datasets.load(name, seed=0, train=300, test=300), datasets.load(name, seed=1, train=300, test=300)
    assert not np.array_equal(data.train[0], other.train[0])
    assert not np.array_equal(data.test[0], other.test[0])
    assert not np.array_equal(data.train[0], data.test[0])


def test_the_size_of_the_training_set_does_not_change_the_test_set():
    small, large = datasets.load("adding-100", train=10), datasets.load("adding-100", train=500)
    assert np.array_equal(small.test[0], large.test[0])


def test_all_metadata_are_complete():
    for name in datasets.names():
        info = datasets.info(name)
        assert info.name == name
        assert info.summary
        assert info.licence
        assert info.citation
        assert info.url.startswith("http")
        assert bool(info.files) == (info.kind != "generated")
        assert all(len(file.sha256) == 64 for file in info.files)
        assert all(bool(file.urls) == (info.kind == "download") for file in info.files)
        if info.task.kind == "classification":
            assert len(info.classes) == info.task.outputs


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="no dataset is named 'fashion-mist'; did you mean fashion-mnist"):
        datasets.load("fashion-mist")


def test_an_unknown_option_is_refused_with_the_known_ones():
    with pytest.raises(SettingError, match=r"adding-100 has no option 'T' \(it has steps, train, test\)"):
        datasets.load("adding-100", T=5)
    with pytest.raises(SettingError, match=r"mnist1d has no option 'steps' \(it has none\)"):
        datasets.load("mnist1d", steps=5)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("adding-100", {"steps": 1}),
        ("adding-100", {"train": 0}),
        ("copy", {"delay": 0}),
        ("associative-recall-8", {"keys": 3}),
        ("delayed-xor", {"lag": -1}),
        ("delayed-xor", {"shown": 0}),
        ("mackey-glass", {"first": 17}),
        ("sunspots", {"window": 0}),
        ("shakespeare-3plays", {"context": 0}),
    ],
)
def test_an_option_out_of_range_is_refused(name, options):
    with pytest.raises(SettingError, match=r"option .* is .*; it needs"):
        datasets.load(name, **options)


def test_metadata_of_all_datasets_import_no_heavy_package():
    code = (
        "import sys; from neuralzoo.experiments import datasets; [datasets.info(n) for n in datasets.names()];"
        "print([m for m in ('pooch', 'scipy', 'pandas', 'mlflow', 'requests', 'sklearn') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
