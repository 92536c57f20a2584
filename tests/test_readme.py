"""The commands and examples of the README are run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from neuralzoo.registry import get

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
NEURALZOO = str(Path(sys.executable).with_name("neuralzoo"))


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_two_commands_are_those_that_the_continuous_integration_runs():
    install, test = (block.strip() for block in blocks("bash"))
    script = (ROOT / ".ci" / "run").read_text()
    for command in (install, test):
        for part in command.split(" && "):
            assert part.replace("pip install", "pip install -q").replace("pytest", "pytest -q") in script, part


def test_the_python_example_runs(tmp_path):
    pytest.importorskip("mlflow", reason="the example is tracked with the extra 'experiments'")
    done = subprocess.run([sys.executable, "-c", blocks("python")[0]], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    names, last = done.stdout.strip().splitlines()
    assert "fnn" in names
    accuracy, size = last.split()
    assert float(accuracy) > 0.8
    assert int(size) > 100_000


def commands():
    """Yield every command of the table, with its optional arguments filled in."""
    rows = re.findall(r"^\| `(neuralzoo [^`]+)`", README, flags=re.MULTILINE)
    concrete = {"PATTERN": "f*", "--task T": "--task classification", "--input I": "--input image", "NAME": "mnist1d"}
    for row in rows:
        for word, value in concrete.items():
            row = row.replace(word, value)
        yield row.replace("[--", "--").replace("[f", "f").replace("[m", "m").replace("[512]", "<512>").replace("]", "")


SHOWS = ("list", "show", "datasets", "doctor", "results")


@pytest.mark.parametrize("command", [c for c in commands() if c.split()[1] in SHOWS])
def test_a_command_that_shows_something_works_as_the_table_has_it(command, tmp_path):
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}
    done = subprocess.run(
        [NEURALZOO, *command.split()[1:]], cwd=tmp_path, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() or "results" in command


@pytest.mark.parametrize("command", [c for c in commands() if c.split()[1] not in SHOWS])
def test_a_longer_command_has_the_options_of_the_table(command):
    words = command.split()[1:]
    shown = subprocess.run(
        [NEURALZOO, words[0], "--help"], capture_output=True, text=True, env=os.environ | {"COLUMNS": "200"}
    ).stdout
    for option in (word for word in words if word.startswith("--")):
        assert option in shown


def test_the_table_of_architectures_has_their_summaries_and_papers():
    for name in (p.name for p in (ROOT / "plugins").iterdir() if (p / "network.py").exists()):
        one = get(name)
        (row,) = re.findall(rf"^\| \[`{name}`\]\((\S+)\) \| (.*) \| \[.*\]\((\S+)\) \|$", README, flags=re.MULTILINE)
        assert row == (f"plugins/{name}/network.py", one.summary, one.url)
