"""`pytest --neuralzoo NAME` in real pytest processes."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from neuralzoo.testing import checks_for

NAMES = [check.name for check in checks_for("fnn")]


@pytest.fixture
def run(tmp_path):
    """Run pytest in an empty folder."""

    def call(*words, code=0):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")},
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return call


def counted(done):
    """What the last line counts."""
    return {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", done.stdout.splitlines()[-1])}


def test_the_checks_of_an_architecture_are_tests_by_their_names(run):
    done = run("-v", "--neuralzoo", "fnn")
    shown = dict(re.findall(r"^neuralzoo::fnn::(\w+) (PASSED|SKIPPED)", done.stdout, flags=re.MULTILINE))
    assert list(shown) == NAMES
    counts = counted(done)
    assert counts["passed"] + counts.get("skipped", 0) == len(NAMES)


def test_a_check_that_does_not_apply_is_a_skip_with_its_reason(run):
    done = run("-rs", "--neuralzoo", "fnn", "-k", "padding_does_not_matter")
    assert counted(done)["skipped"] == 1
    assert "examples of one length" in done.stdout


def test_tests_of_files_run_beside_the_checks_and_can_be_chosen_among(run, tmp_path):
    (tmp_path / "test_mine.py").write_text("def test_gradients_of_mine():\n    pass\n")
    assert counted(run("--neuralzoo", "fnn", "-k", "gradients")) == {"passed": 2, "deselected": len(NAMES) - 1}
    assert counted(run("-q", "-k", "gradients"))["passed"] == 1


def test_a_repeated_name_is_checked_once(run):
    once, twice = run("-q", "--co", "--neuralzoo", "fnn"), run("-q", "--co", "--neuralzoo=fnn", "--neuralzoo=fnn")
    assert counted(once)["tests"] == counted(twice)["tests"] == len(NAMES)


@pytest.mark.parametrize("without", ["terminal", "assertion", "junitxml", "skipping", "unittest", "capture"])
def test_it_works_without_other_plugins(run, without):
    run("-p", f"no:{without}", "--neuralzoo", "fnn", "-k", "name_is_valid or padding_does_not_matter")


def test_a_report_in_xml_has_the_checks(run, tmp_path):
    run("--neuralzoo", "fnn", "--junitxml", "report.xml", "-k", "seed or gradients")
    cases = ElementTree.parse(tmp_path / "report.xml").iter("testcase")
    assert {case.get("name") for case in cases} == {"seed_decides_the_weights", "gradients_match_finite_differences"}


def test_an_unknown_name_is_a_usage_error_in_one_line(run):
    done = run("--neuralzoo", "fnm", code=pytest.ExitCode.USAGE_ERROR)
    assert done.stderr.strip().startswith("ERROR: --neuralzoo fnm: no architecture is named 'fnm'; did you mean fnn")
    assert "Traceback" not in done.stderr


BROKEN = """
import neuralzoo.testing
from neuralzoo.testing import Check, CheckFailedError

def wrong():
    raise CheckFailedError("the gradient is wrong; mend it")

def crashes():
    return {}["there is nothing"]

neuralzoo.testing.checks_for = lambda name: [Check("wrong", "", wrong), Check("crashes", "", crashes)]
"""


def test_a_failure_has_the_message_and_a_traceback_only_where_the_plugin_raised(run, tmp_path):
    (tmp_path / "conftest.py").write_text(BROKEN)
    done = run("--neuralzoo", "fnn", code=1)
    wrong, crashes = re.split(r"^_+ .*crashes _+$", done.stdout, flags=re.MULTILINE)
    assert "\nthe gradient is wrong; mend it\n" in wrong
    assert "raise CheckFailedError" not in wrong
    assert 'return {}["there is nothing"]' in crashes
    assert "2 failed" in done.stdout


COSTS = """
import sys

def test_nothing_is_imported():
    assert [name for name in ("numpy", "pydantic", "pluggy.x", "neuralzoo.core", "neuralzoo.testing")
            if name in sys.modules] == []
    assert "neuralzoo.pytest_plugin" in sys.modules
"""


def test_it_imports_nothing_without_the_option(run, tmp_path):
    (tmp_path / "test_costs.py").write_text(COSTS)
    run("-q")


def test_without_the_plugin_there_is_no_option(run):
    assert "--neuralzoo" in run("--help").stdout
    assert "--neuralzoo" not in run("-p", "no:neuralzoo", "--help").stdout
