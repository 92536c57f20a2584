import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from neuralzoo.experiments import datasets
from neuralzoo.experiments.tracking import client
from neuralzoo.experiments.tracking.client import create_store
from neuralzoo.registry import Adam, Experiment


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """The file of an empty SQLite store, to be copied: creating its tables takes three seconds."""
    pytest.importorskip("mlflow", reason="the store needs the extra 'experiments'")
    file = tmp_path_factory.mktemp("empty") / "mlflow.db"
    create_store(file)
    return file


@pytest.fixture(scope="session", autouse=True)
def new_stores_are_copies(request):
    """Copy the empty store where a test makes one in this process; those that start processes create theirs."""

    def copy(file):
        shutil.copyfile(request.getfixturevalue("empty_store"), file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "create_store", copy)
        yield


@pytest.fixture
def tiny():
    """An experiment of a second: a small network on two spirals."""
    return Experiment(
        architecture="fnn",
        dataset="two-spirals",
        epochs=3,
        batch_size=32,
        optimizer=Adam(lr=0.01),
        model={"hidden": [8], "dropout": 0.1},
    )


@pytest.fixture
def neuralzoo(tmp_path):
    """The command line as a person runs it, in an empty folder of its own."""

    def call(*words, check=True, timeout=240, **environment):
        import os

        done = subprocess.run(
            [str(Path(sys.executable).with_name("neuralzoo")), *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=os.environ | {"COLUMNS": "200"} | environment,
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    return call


@pytest.fixture
def data_in_a_file(tmp_path, monkeypatch):
    """A file that says how many training examples two-spirals has: what is loaded changes with it."""
    file = tmp_path / "examples"
    entry = datasets.entry("two-spirals")

    def loader(info, seed):
        data = entry.loader(info, seed)
        return replace(data, train=tuple(array[: int(file.read_text())] for array in data.train))

    changed = replace(entry, loader=loader)
    monkeypatch.setattr(datasets, "entry", lambda name: changed if name == "two-spirals" else entry)
    return file
