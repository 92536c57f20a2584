"""From nothing to an architecture that is checked and trained: the commands that `neuralzoo new` prints, as typed."""

import os
import re
import time
from pathlib import Path

import pytest

from neuralzoo.experiments.scaffold.new_package import KINDS

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def cpu_seconds():
    """Return the core seconds that all commands used so far."""
    times = os.times()
    return times.children_user + times.children_system


@pytest.mark.slow
def test_four_commands_lead_from_nothing_to_a_checked_and_trained_architecture(environment, tmp_path):
    since, used = time.monotonic(), cpu_seconds()
    lines = environment.run("neuralzoo new my_net", tmp_path).stdout.splitlines()
    commands = [line.strip() for line in lines[lines.index("next") + 1 :]]
    outputs = [environment.run(command, tmp_path).stdout for command in commands]
    used = cpu_seconds() - used
    print(f"from new to a finished run: {time.monotonic() - since:.1f} s, of which {used:.1f} s of one core")
    assert "\n".join(["```sh", "neuralzoo new my_net", *commands, "```"]) in README
    assert re.search(r"\d\d checks ran: \d\d passed, 0 failed", outputs[1])
    assert "test/accuracy" in outputs[2]
    assert used < 120  # minutes on a machine that does something else must not fail a test
    assert re.search(r"\d\d passed", environment.run("pytest my_net", tmp_path).stdout)
    assert "my_net nonlinear: yes" in environment.run("neuralzoo prove my_net", tmp_path).stdout


@pytest.mark.slow
@pytest.mark.parametrize("task", [task for task in KINDS if task != "classification"])
def test_a_package_for_each_other_task_runs_proves_and_passes_its_tests_unchanged(environment, tmp_path, task):
    name = f"net_{task.replace('-', '_')}"
    environment.run(f"neuralzoo new {name} --task {task}", tmp_path)
    environment.run(f"pip install -e {name}", tmp_path)
    assert "test/loss" in environment.run(f"neuralzoo run {name} --no-track", tmp_path).stdout
    assert re.search(r"\d\d passed", environment.run(f"pytest {name}", tmp_path).stdout)
    proved = environment.run(f"neuralzoo prove {name} --seeds 2 --no-track", tmp_path).stdout
    assert re.search(rf"^{name} \w+: (yes|partly)$", proved, flags=re.MULTILINE)  # two seeds leave wide intervals


@pytest.mark.slow
def test_the_continuous_integration_of_a_generated_package_passes_unchanged(environment, tmp_path):
    yaml = pytest.importorskip("yaml", reason="reading the workflow needs PyYAML, which MLflow installs")
    environment.run("neuralzoo new integrated", tmp_path)
    workflow = yaml.safe_load((tmp_path / "integrated" / ".github" / "workflows" / "ci.yml").read_text())
    variables = "".join(f"export {name}='{value}'; " for name, value in workflow["env"].items())
    steps = [step["run"] for step in workflow["jobs"]["test"]["steps"] if "run" in step]
    assert len(steps) == 5
    for step in steps:
        environment.run(variables + step, tmp_path / "integrated")
