"""How errors end the command line, in real processes."""

import sqlite3
import subprocess

import pytest

SMALL = ["--set", "dataset=two-spirals", "--set", "model.hidden=[8]"]
INSTALL = "pip install 'neuralzoo[experiments]'"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "fnm"], ["fnm", "did you mean fnn"]),
        (["run", "fnn", "--set", "optimizer.lrr=1"], ["optimizer.lrr", "did you mean lr"]),
        (["run", "fnn", "--set", "model.hiden=[3]"], ["'model.hiden'", "did you mean hidden"]),
        (["run", "fnn", "--set", "epochs=0"], ["epochs=0", "greater than or equal to 1"]),
        (["run", "fnn", "--set", "dataset=mnst"], ["mnst", "did you mean mnist"]),
        (["run", "fnn", "--set", "epochs"], ["'epochs'", "KEY=VALUE"]),
        (["run", "nothing.toml"], ["nothing.toml", "can't be read"]),
        (["run", "--resume", "last"], ["last", "0 runs"]),
        (["run"], ["needs one"]),
        (["show", "fn"], ["fnn"]),
        (["run", "fnn", "--set", "hidden=[3]"], ["'hidden'", "did you mean model.hidden"]),
        (["run", "fnn", "--profile", "quik"], ["quik", "did you mean quick"]),
        (["run", "fnn", "--seed", "abc"], ["--seed", "integer", "`neuralzoo run --help`"]),
        (["rum"], ["rum", "`neuralzoo --help`"]),
        (["list", "--task", "rest"], ["--task", "classification"]),
        (["compare", "fnn", "--profile", "quik"], ["quik", "did you mean quick"]),
        (["run", "mine.toml", "--profile", "full"], ["mine.toml", "full", "none"]),
        (["run", "--resume", "last", "--profile", "full"], ["--resume got settings too"]),
        (["run", "--resume", "last", "--seed", "1"], ["--resume got settings too"]),
        (["run", "--resume", "last", "--hook", "notes"], ["--resume got settings too"]),
        (["run", "fnn", "--hook", "notes"], ["no trainer hook is named 'notes'", "`neuralzoo doctor` shows all"]),
        (["run", "fnn", "--hook", "notes", "--hook", "notes"], ["hooks=", "each name once"]),
        (["run", "fnn", "--set", "primary_metric=test/foo"], ["primary_metric='test/foo'", "test/accuracy"]),
        (["run", "fnn", "--set", "validation=0.9999"], ["validation=0.9999", "leave one"]),
        (["run", "fnn", "--tracking-uri", "file:./mlruns"], ["file:./mlruns", "needs to be like"]),
        (["ui"], ["mlflow.db", "is not there"]),
        (["compare", "fnn", "--seeds", "1", "--no-track", "--out", "n" * 300], ["nnn", "needs a shorter name"]),
        (["bench", "fnn", "--json", "/dev/full"], ["/dev/full", "no regular file"]),
        (["bench", "fnn", "--json", "missing/results.json"], ["missing/results.json", "No such file"]),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(neuralzoo, tmp_path, words, expected, one_line):
    line = one_line(neuralzoo(*words, check=False))
    assert all(word in line for word in expected), line
    assert list(tmp_path.iterdir()) == []


def test_version_and_help_are_not_errors(neuralzoo):
    from neuralzoo import __version__

    assert neuralzoo("--version").stdout == f"neuralzoo {__version__}\n"
    assert "--resume" in neuralzoo("run", "--help").stdout
    assert "Usage" in "".join([(bare := neuralzoo(check=False)).stdout, bare.stderr])


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("mlflow", ["ui"]),
        ("mlflow", ["run", "fnn", "--track"]),
        ("psutil", ["run", "fnn", "--tracking-uri", "sqlite:///mlflow.db"]),
        ("PIL", ["prove", "fnn", "--track"]),
    ],
)
def test_a_missing_package_of_the_extra_is_one_line(tmp_path, missing, words, one_line, without):
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("CREATE TABLE something (number)")
    database.close()
    command = [*without(missing), *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert INSTALL in one_line(done)
    assert not (tmp_path / "runs").exists()


def test_debug_shows_the_traceback(neuralzoo):
    done = neuralzoo("--debug", "run", "fnm", check=False)
    assert "Traceback" in done.stderr
    assert "UnknownNameError" in done.stderr


@pytest.mark.parametrize("words", [("doctor",), ("run", "fnn", "--no-track", *SMALL)])
def test_an_unknown_kernel_backend_is_one_line(neuralzoo, words, tmp_path, one_line):
    line = one_line(neuralzoo(*words, check=False, NEURALZOO_KERNELS="cuda"))
    assert line == "neuralzoo: NEURALZOO_KERNELS is 'cuda'; it needs numpy or numba"
    assert not (tmp_path / "runs").exists()
