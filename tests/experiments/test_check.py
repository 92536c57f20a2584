"""`neuralzoo check`: its report on a valid plugin, on broken ones, and on what is no plugin."""

import json
import re

import pytest

from neuralzoo.experiments.scaffold.new_package import write_package


@pytest.fixture
def broken(tmp_path):
    """Write a package that works, and then break it."""

    folder = write_package("my_net", into=tmp_path)

    def change(file, *changes):
        path = folder / "src" / "my_net" / file
        text = path.read_text()
        for right, wrong in changes:
            assert right in text
            text = text.replace(right, wrong)
        path.write_text(text)

    return change


def failures(done):
    """Return the checks that failed by name."""
    assert done.returncode == 1, done.stdout + done.stderr
    (report,) = json.loads(done.stdout)
    return {check["name"]: check for check in report["checks"] if check["status"] == "fail"}


def user_error(done):
    """Return the one line of a user's error."""
    assert done.returncode == 2, done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    return line


def test_every_check_is_reported_by_name_and_those_that_ran_are_counted(neuralzoo):
    lines = neuralzoo("check", "fnn").stdout.splitlines()
    assert re.fullmatch(r"fnn from neuralzoo \S+", lines[0])
    ran, passed, skipped = map(
        int, re.fullmatch(r"(\d+) checks ran: (\d+) passed, 0 failed, (\d+) not applicable", lines[-1]).groups()
    )
    assert ran == passed == sum(line.startswith("  pass ") for line in lines) > 15
    assert skipped == sum(line.startswith("  not applicable ") for line in lines)
    assert "  pass            gradients_match_finite_differences" in lines


def test_the_counts_in_json_are_those_of_the_checks(neuralzoo):
    (report,) = json.loads(neuralzoo("check", "fnn", "--json").stdout)
    statuses = [check["status"] for check in report["checks"]]
    counts = [statuses.count(status) for status in ("pass", "fail", "not applicable")]
    assert [report["passed"], report["failed"], report["not_applicable"]] == counts
    assert report["ran"] == counts[0] + counts[1]


def test_a_wrong_gradient_is_reported_with_the_parameter_both_values_and_a_remedy(neuralzoo, broken):
    broken("network.py", ("(1 - h * h)", "(1 - h)"))
    failed = failures(neuralzoo("check", "my_net", "--json", check=False))
    message = failed["gradients_match_finite_differences"]["message"]
    assert re.search(r"gradient of weight in training at \(\d+, \d+\) is \S+ and finite differences say \S+; ", message)
    assert message.endswith("compare the backward formula with the forward one, term by term")


def test_state_outside_parameters_is_reported_with_where_to_keep_it(neuralzoo, broken):
    broken(
        "network.py",
        ("        self.bias =", "        self.shift = float(rng.standard_normal())\n        self.bias ="),
        ("+ self.bias.value)", "+ self.bias.value + self.shift)"),
    )
    failed = failures(neuralzoo("check", "my_net", "--json", check=False))
    assert set(failed) == {"saved_weights_predict_the_same", "training_resumes_bit_for_bit"}
    message = failed["saved_weights_predict_the_same"]["message"]
    assert "keep everything that decides a prediction in a Parameter (trainable=False" in message


def test_a_setting_without_description_is_reported_with_a_remedy(neuralzoo, broken):
    broken("config.py", ("    hidden:", "    depth: int = 2\n    hidden:"))
    failed = failures(neuralzoo("check", "my_net", "--json", check=False))
    assert set(failed) == {"settings_are_described_and_defaulted"}
    assert next(iter(failed.values()))["message"] == (
        "the config does not describe depth; use Field(default=..., description='...')"
    )


@pytest.mark.parametrize(
    ("instead", "message"),
    [
        (
            "np.random.default_rng()",
            r"two builds with the same seed differ in .*weight.*; draw from the rng that build",
        ),
        ("np.random.default_rng(3)", "builds with different seeds are equal; draw the weights from the rng that build"),
    ],
)
def test_weights_that_ignore_the_seed_are_reported_with_where_to_draw_from(neuralzoo, broken, instead, message):
    broken("network.py", ("(rng.standard_normal", f"({instead}.standard_normal"))
    failed = failures(neuralzoo("check", "my_net", "--json", check=False))
    assert re.match(message, failed["seed_decides_the_weights"]["message"])


def test_an_error_in_the_plugins_code_is_reported_with_its_line(neuralzoo, broken, tmp_path):
    broken("network.py", ("dy.sum(axis=0)", "dy.sum(axis=7)"))
    done = neuralzoo("check", "my_net", check=False)
    assert done.returncode == 1
    text = (tmp_path / "my_net" / "src" / "my_net" / "network.py").read_text()
    line = text[: text.index("dy.sum(axis=7)")].count("\n") + 1
    assert f"my_net/src/my_net/network.py:{line}\n" in done.stdout
    assert "AxisError" in done.stdout
    assert re.search(r"^\d+ checks ran: \d+ passed, [1-9]\d* failed", done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ('"mnist1d"', '"mnst1d"', ["quick", "mnst1d", "did you mean mnist1d"]),
        ('"mnist1d"', '"sunspots"', ["quick", "regression", "classification"]),
    ],
)
def test_the_dataset_of_an_experiment_is_looked_up(neuralzoo, broken, right, wrong, words):
    broken("experiments.py", (right, wrong))
    message = failures(neuralzoo("check", "my_net", "--json", check=False))["experiments_fit_their_datasets"]["message"]
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("=fnn", "=fn", ["nonlinear", "linear", "did you mean fnn"]),
        ("=fnn", '=fnn", "dataset=names', ["linear", "language-modelling"]),
        ("hidden=[]", "hiden=[]", ["hiden", "did you mean hidden"]),
    ],
)
def test_the_candidates_of_a_claim_are_looked_up(neuralzoo, broken, right, wrong, words):
    broken("claims.py", (right, wrong))
    failed = failures(neuralzoo("check", "my_net", "--json", check=False))
    message = failed["claims_name_installed_architectures"]["message"]
    assert all(word in message for word in words), message


def test_output_of_a_plugin_does_not_get_into_the_json(neuralzoo, broken):
    broken("network.py", ("rows = x.reshape", "print('hello')\n        rows = x.reshape"))
    done = neuralzoo("check", "my_net", "--json")
    assert json.loads(done.stdout)[0]["failed"] == 0
    assert "hello" in done.stderr


def test_a_check_that_does_not_apply_is_reported_with_the_declared_reason(neuralzoo, broken):
    reason = "it draws in evaluation too, as the paper does"
    excluded = f'{{"examples_are_independent": "{reason}"}}'
    broken("__init__.py", ("claims=CLAIMS", f"claims=CLAIMS, not_applicable={excluded}"))
    lines = neuralzoo("check", "my_net").stdout.splitlines()
    assert lines[lines.index("  not applicable  examples_are_independent") + 1].strip() == reason


def test_a_package_with_two_plugins_in_plain_files_is_checked_whole(neuralzoo, tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "two-nets"\n[project.entry-points."neuralzoo.plugins"]\nthin = "thin"\nfnn = "wide"\n'
    )
    for module, name, width in (("thin", "thin", 4), ("wide", "fnn", 9)):
        (tmp_path / f"{module}.py").write_text(VARIATION.format(name=name, width=width))
    report = json.loads(neuralzoo("check", ".", "--json").stdout)
    assert [(one["architecture"], one["failed"]) for one in report] == [("thin", 0), ("fnn", 0)]
    assert report[1]["origin"].endswith("not installed")  # and not the one that is built in


VARIATION = """
from neuralzoo.plugins import fnn
from neuralzoo.registry import Architecture, hookimpl

@hookimpl
def architecture():
    base = fnn.architecture()
    quick = base.experiments["quick"].set(["architecture={name}", "model.hidden=[{width}]"])
    return Architecture(**dict(base) | {{"name": "{name}", "experiments": {{"quick": quick}}, "claims": ()}})
"""


@pytest.mark.parametrize(
    ("what", "files", "words"),
    [
        ("fnm", {}, ["'fnm'", "neither", "did you mean fnn"]),
        (".", {}, ["pyproject.toml", "can't be read", "folder of a package"]),
        (".", {"pyproject.toml": "[project"}, ["pyproject.toml", "is not TOML"]),
        (".", {"pyproject.toml": '[project]\nname = "a"\n'}, ["names no plugin", 'entry-points."neuralzoo.plugins"']),
        (".", {"pyproject.toml": "ENTRY", "net.py": "import nothing_like_it"}, ["can't be used", "nothing_like_it"]),
        (
            ".",
            {"pyproject.toml": "ENTRY", "net.py": "x = 1"},
            ["can't be used", "architecture() marked with @hookimpl"],
        ),
        (".", {"pyproject.toml": "ENTRY"}, ["can't be used", "No module named 'net'"]),
    ],
)
def test_a_folder_or_name_that_is_no_plugin_is_reported_in_one_line(neuralzoo, tmp_path, what, files, words):
    entry = '[project]\nname = "a"\n[project.entry-points."neuralzoo.plugins"]\nnet = "net"\n'
    for path, text in files.items():
        (tmp_path / path).write_text(text.replace("ENTRY", entry))
    line = user_error(neuralzoo("check", what, check=False))
    assert all(word in line for word in words), line
