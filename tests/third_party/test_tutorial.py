"""The tutorial in CONTRIBUTING.md, followed by copying and pasting."""

import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTION = re.search(r"^## An architecture\n(.*?)^## ", TEXT, flags=re.MULTILINE | re.DOTALL).group(1)
BLOCK = re.compile(r"(?:^`(?P<file>[\w./]+)`:\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [match.groupdict() for match in BLOCK.finditer(SECTION)]


def test_every_block_is_a_file_commands_or_an_output():
    assert {block["language"] for block in BLOCKS if block["file"]} == {"python", "toml"}
    assert {block["language"] for block in BLOCKS if not block["file"]} == {"bash", "text"}
    assert len([block for block in BLOCKS if block["file"]]) == SECTION.count("```python") + SECTION.count("```toml")


def test_the_first_plugin_has_ten_lines():
    (thin,) = [block["text"] for block in BLOCKS if block["file"] == "thin/thin.py"]
    assert len([line for line in thin.splitlines() if line]) <= 10


@pytest.mark.slow
def test_the_tutorial_works_as_written(new_environment, tmp_path):
    environment = new_environment()
    outputs = []
    for block in BLOCKS:
        if block["file"]:
            path = tmp_path / block["file"]
            path.parent.mkdir(exist_ok=True)
            path.write_text(block["text"])
        elif block["language"] == "bash":
            outputs += [environment.run(command, tmp_path).stdout for command in block["text"].splitlines()]
        else:
            output = with_a_mistake(environment, tmp_path)
            for line in block["text"].splitlines():
                assert re.search(re.escape(line.strip()).replace("…", r"\S+"), output), output
    assert "gated gates: no" in "".join(outputs)
    assert " 0 failed" in outputs[0]
    assert re.search(r"\d\d passed", outputs[-1])


def with_a_mistake(environment, folder):
    """Return the report of `check` while the gate is missing in the backward formula, as in the text."""
    path = folder / "gated" / "src" / "gated" / "network.py"
    right = path.read_text()
    wrong = right.replace("dh * g * (1 - a * a)", "dh * (1 - a * a)")
    assert wrong != right
    path.write_text(wrong)
    done = environment.run("neuralzoo check gated", folder, check=False)
    path.write_text(right)
    assert done.returncode == 1
    return done.stdout
