"""The hook reference in CONTRIBUTING.md: it names all hooks, and its examples work."""

import inspect
import re
from pathlib import Path

import pytest

from neuralzoo.core.hooks import TrainerHooks
from neuralzoo.registry import hookspecs
from neuralzoo.registry.installed import NOUNS, PREFIXES
from neuralzoo.registry.loading import HOOKS

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
PAGE = re.search(r"^## Hooks\n(.*?)^## ", TEXT, flags=re.MULTILINE | re.DOTALL).group(1)
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `")]
MODULES = re.findall(r"^`(\w+)\.py`, with the entry point `(\S+) = \"\1\"`:\n\n```python\n(.*?)^```", PAGE, re.M | re.S)


def specs(owner):
    """Return the hooks that a module or class declares, each with the names of its arguments."""
    marked = {name: spec for name, spec in vars(owner).items() if hasattr(spec, "neuralzoo_spec")}
    return {name: [a for a in inspect.signature(spec).parameters if a != "self"] for name, spec in marked.items()}


def test_every_hook_of_a_plugin_is_in_the_first_table_with_its_entry_point():
    shown = {row[1]: row[0] for row in ROWS if row[1].endswith("()`")}
    for kind, hook in HOOKS.items():
        assert f"`{hook}()`" in shown
        assert shown[f"`{hook}()`"].startswith(f"`{PREFIXES.get(kind, 'my_net')}")
    assert len(shown) == len(specs(hookspecs)) == len(HOOKS) == len(NOUNS)
    assert all(arguments == [] for arguments in specs(hookspecs).values())


def test_every_trainer_hook_is_in_the_second_table_with_its_arguments():
    shown = {row[0].strip("`"): re.findall(r"`(\w+)`", row[1]) for row in ROWS if not row[1].endswith("()`")}
    assert shown == specs(TrainerHooks)


@pytest.mark.parametrize("name", [*specs(hookspecs), *specs(TrainerHooks)])
def test_the_call_diagram_has_every_hook(name):
    (drawing,) = re.findall(r"^```text\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    arguments = ", ".join((specs(hookspecs) | specs(TrainerHooks))[name])
    assert f" {name}({arguments})" in drawing


def test_the_plugins_that_the_page_shows_work_together(shelf):
    assert [point for _, point, _ in MODULES] == ["hook.my-hook", "dataset.my-set", "figure.my_figure"]
    for module, point, code in MODULES:
        shelf.add(f"{module}-pack", {point: module}, {module: code})
    chosen = ["--set", "dataset=my-set", "--set", "data.train=100", "--set", 'figures=["my_figure"]']
    small = ["--no-track", "--set", "epochs=2", "--set", "model.hidden=[4]"]
    done = shelf.command("run", "fnn", "--hook", "my-hook", *chosen, *small)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    (run,) = (shelf.path / "runs").iterdir()
    assert len((run / "notes.txt").read_text().splitlines()) == 2
    assert (run / "figures" / "my_figure.png").exists()
