"""`neuralzoo new`: a package that works unchanged, and names that are refused."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from stat import S_IRUSR, S_IXUSR

import pytest

from neuralzoo.experiments.scaffold.new_package import KINDS, class_name, package_texts, write_package
from neuralzoo.registry import SettingError


def user_error(done):
    """Return the one line of a user's error."""
    assert done.returncode == 2, done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("neuralzoo: ")
    return line


def test_it_prints_what_to_change_and_the_next_three_commands(neuralzoo, tmp_path):
    lines = neuralzoo("new", "my_net").stdout.splitlines()
    assert "network.py" in lines[1]
    assert [line.strip() for line in lines[-3:]] == [
        "pip install -e my_net",
        "neuralzoo check my_net",
        "neuralzoo run my_net",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["my_net"]


def test_all_files_of_a_package_are_written(tmp_path):
    folder = write_package("my_net", into=tmp_path)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "README.md",
        "pyproject.toml",
        ".gitignore",
        ".github/workflows/ci.yml",
        *(f"src/my_net/{name}.py" for name in ("__init__", "config", "network", "experiments", "claims")),
        "tests/test_my_net.py",
    }
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["entry-points"] == {"neuralzoo.plugins": {"my_net": "my_net"}}


@pytest.mark.parametrize("task", KINDS)
def test_generated_packages_pass_the_linter_and_have_no_placeholders(tmp_path, task):
    ruff = Path(sys.executable).with_name("ruff")
    if not ruff.exists():
        pytest.skip("needs ruff, of the extra 'dev'")
    folder = write_package("a_rather_long_name_of_a_net", task, tmp_path)
    checked = subprocess.run(
        [ruff, "check", "--extend-select", "I,UP,B,NPY", "."], cwd=folder, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout
    for path in folder.rglob("*.*"):
        if path.is_file():
            assert not re.search(r"\$\{?[a-zA-Z_]+\}?(?! *\{)", path.read_text().replace("$NEURALZOO", "")), path
    for path in folder.rglob("*.py"):
        compile(path.read_text(), path, "exec")


@pytest.mark.parametrize("task", KINDS)
def test_generated_packages_of_each_task_pass_every_check(neuralzoo, task):
    neuralzoo("new", "some_net", "--task", task)
    done = neuralzoo("check", "some_net")
    assert re.search(r"\d\d checks ran: \d\d passed, 0 failed", done.stdout.splitlines()[-1])


def test_the_same_name_and_task_give_the_same_files():
    assert package_texts("my_net", "regression") == package_texts("my_net", "regression")
    assert package_texts("my_net", "regression") != package_texts("my_net", "classification")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("my-net", ["'my-net'", "did you mean my_net?"]),
        ("MyNet", ["'MyNet'", "did you mean mynet?"]),
        ("2net", ["'2net'", "a letter first"]),
        ("a/b", ["'a/b'", "did you mean a_b?"]),
        ("", ["''", "lower-case letters"]),
        ("_net", ["'_net'", "did you mean net?"]),
        ("lambda", ["'lambda'", "a keyword of Python"]),
        ("random", ["'random'", "standard library"]),
        ("fnn", ["'fnn'", "an architecture of neuralzoo"]),
        ("numpy", ["'numpy'", "installed here"]),
        ("neuralzoo", ["'neuralzoo'", "installed here"]),
    ],
)
def test_an_invalid_name_is_refused_in_one_line_and_nothing_is_written(neuralzoo, tmp_path, name, words):
    line = user_error(neuralzoo("new", name, check=False))
    assert all(word in line for word in words), line
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_task_is_refused_with_the_known_ones(neuralzoo, tmp_path):
    line = user_error(neuralzoo("new", "my_net", "--task", "clasification", check=False))
    assert all(task in line for task in KINDS)
    assert "did you mean classification?" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("existing", ["file", "empty folder", "package", "dangling link"])
def test_nothing_is_overwritten(neuralzoo, tmp_path, existing):
    target = tmp_path / "my_net"
    match existing:
        case "file":
            target.write_text("mine")
        case "empty folder":
            target.mkdir()
        case "package":
            write_package("my_net", into=tmp_path)
            (target / "README.md").write_text("mine")
        case "dangling link":
            target.symlink_to(tmp_path / "nowhere")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.exists()}
    line = user_error(neuralzoo("new", "my_net", check=False))
    assert "my_net exists already" in line
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.exists()} == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root is never refused")
def test_a_folder_that_can_not_be_written_to_is_reported_in_one_line(neuralzoo, tmp_path):
    tmp_path.chmod(S_IRUSR | S_IXUSR)
    assert "can't be written" in user_error(neuralzoo("new", "my_net", check=False))


def test_a_missing_folder_is_reported(tmp_path):
    with pytest.raises(SettingError, match=r"my_net can't be written \(No such file or directory\)"):
        write_package("my_net", into=tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "camel"),
    [("my_net", "MyNet"), ("layer", "LayerNet"), ("true", "TrueNet"), ("exception", "ExceptionNet"), ("a2_b", "A2B")],
)
def test_the_class_is_named_like_the_architecture_unless_that_name_is_taken(name, camel):
    assert class_name(name, "from neuralzoo.core.layer import Layer") == camel


@pytest.mark.parametrize(
    "name",
    ["layer", "none", "config", "linear", "ours", "x", "quick", "claim", "claims", "experiments", "architecture"],
)
def test_names_that_the_package_uses_itself_work(neuralzoo, name):
    neuralzoo("new", name)
    assert " 0 failed" in neuralzoo("check", name).stdout


@pytest.mark.slow
def test_generated_packages_pass_strict_type_checking(tmp_path):
    mypy = Path(sys.executable).with_name("mypy")
    if not mypy.exists():
        pytest.skip("needs mypy, of the extra 'dev'")
    sources = [str(write_package(f"net_{number}", task, tmp_path) / "src") for number, task in enumerate(KINDS)]
    checked = subprocess.run(
        [mypy, "--strict", "--cache-dir", tmp_path / "cache", *sources],
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": os.pathsep.join(sources)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
