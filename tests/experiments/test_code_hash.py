"""The hash of code: code that can change a result changes the hash, and nothing else does."""

import importlib
import subprocess
import sys

import pytest

from neuralzoo.core.blocks import optimizers
from neuralzoo.experiments import code_hash as hashing
from neuralzoo.experiments.code_hash import code_hash, experiment_hash
from neuralzoo.registry import SGD, get

PARTS = '''
"""Parts."""
import math

FACTOR = 2.0
UNUSED = 1


def scale(x, *, by=FACTOR):
    """Multiply."""
    if by < 0:
        raise ValueError("it needs to be positive")
    return math.sqrt(x) * by


def other(x):
    return x
'''
USER = '''
from strangers.parts import other, scale
from strangers import parts


class Net:
    """A net."""

    width: int = Field(default=3, description="how wide it is")

    def forward(self, x: float) -> float:
        total = scale(x)
        return total + parts.FACTOR


def build(config):
    return Net()
'''


@pytest.fixture
def hash_of(tmp_path, monkeypatch):
    """Return a function that hashes `build` of a package whose two files have been edited."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def hashed(*edits, also=None):
        sources = {"parts": PARTS, "user": "from pydantic import Field\n" + USER}
        for before, after in edits:
            assert any(before in source for source in sources.values()), before
            sources = {name: source.replace(before, after) for name, source in sources.items()}
        sources |= also or {}
        package = tmp_path / "strangers"
        package.mkdir(exist_ok=True)
        (package / "__init__.py").write_text("")
        for name, source in sources.items():
            (package / f"{name}.py").write_text(source)
        for module in [name for name in sys.modules if name.partition(".")[0] == "strangers"]:
            del sys.modules[module]
        importlib.invalidate_caches()
        for cached in (hashing._source, hashing._module, hashing._parts):
            cached.cache_clear()
        return code_hash(importlib.import_module("strangers.user").build)

    yield hashed
    for module in [name for name in sys.modules if name.partition(".")[0] == "strangers"]:
        del sys.modules[module]


@pytest.mark.parametrize(
    "edit",
    [
        ("Multiply.", "Scale a number."),
        ("    return math", "    # the root first\n    return math"),
        ("it needs to be positive", "by has to be positive"),
        ("how wide it is", "units"),
        ("UNUSED = 1", "UNUSED = 2"),
        ("def other(x):\n    return x", "def other(x):\n    return -x"),
        ("x: float) -> float", "x: int) -> int"),
        ("total", "result"),
        ("scale", "multiply"),
        ("FACTOR", "SCALE"),
        ("Net", "Network"),
    ],
    ids=lambda edit: edit[0].strip(),
)
def test_docstrings_names_and_unreachable_code_do_not_change_the_hash(hash_of, edit):
    assert hash_of(edit) == hash_of()


@pytest.mark.parametrize(
    "edit",
    [
        ("FACTOR = 2.0", "FACTOR = 3.0"),
        ("math.sqrt", "math.exp"),
        ("* by", "/ by"),
        ("by < 0", "by < 1"),
        ("default=3", "default=4"),
        ("total = scale(x)", "total = other(x)"),
        ("total + parts.FACTOR", "total"),
        ("total + parts.FACTOR", "total + parts.UNUSED"),
        ("forward", "infer"),
    ],
    ids=lambda edit: " -> ".join(edit),
)
def test_reachable_code_changes_the_hash_in_every_file(hash_of, edit):
    assert hash_of(edit) != hash_of()


def test_a_definition_moved_to_another_file_does_not_change_the_hash(hash_of):
    before = hash_of()
    constant = PARTS[PARTS.index("FACTOR = ") : PARTS.index("UNUSED")]
    edits = [
        (constant, ""),
        ("import math\n", "import math\nfrom strangers.constants import FACTOR\n"),
        ("from strangers import parts\n", "from strangers import constants\n"),
        ("parts.FACTOR", "constants.FACTOR"),
    ]
    assert hash_of(*edits, also={"constants": constant}) == before


def test_the_code_of_an_optimizer_changes_the_hash_of_experiments_with_it(monkeypatch):
    adam = get("fnn").experiments["quick"]
    sgd = adam.model_copy(update={"optimizer": SGD()})
    before = experiment_hash(adam), experiment_hash(sgd)
    module = hashing._module(optimizers.__name__)
    changed = {**module.definitions, "Adam": module.definitions["RMSprop"]}
    monkeypatch.setattr(module, "definitions", changed)
    hashing._parts.cache_clear()
    after = experiment_hash(adam), experiment_hash(sgd)
    hashing._parts.cache_clear()
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_relative_imports_are_followed(hash_of):
    relative = (
        "from strangers.parts import other, scale\nfrom strangers import parts\n",
        "from .parts import other, scale\nfrom . import parts\n",
    )
    assert hash_of(relative) == hash_of()
    assert hash_of(relative, ("FACTOR = 2.0", "FACTOR = 3.0")) != hash_of()


def test_the_type_of_an_error_counts_and_its_text_does_not(hash_of):
    bare = ('raise ValueError("it needs to be positive")', "raise ValueError")
    assert hash_of(bare, ("raise ValueError", "raise KeyError")) != hash_of(bare)
    assert hash_of(bare) == hash_of()


@pytest.mark.parametrize(
    "changed", ["core.kernels.numpy_backend.elementwise", "core.module", "core.trainer", "core.blocks.dense"]
)
def test_the_core_modules_that_a_network_reaches_change_the_hash(monkeypatch, changed):
    quick = get("fnn").experiments["quick"]
    before = experiment_hash(quick)
    module = hashing._module(f"neuralzoo.{changed}")
    one = next(iter(hashing._module("neuralzoo.core.testing.checks").definitions.values()))
    monkeypatch.setattr(module, "definitions", {name: [*each, *one] for name, each in module.definitions.items()})
    hashing._parts.cache_clear()
    after = experiment_hash(quick)
    hashing._parts.cache_clear()
    assert after != before


def test_an_architecture_named_by_a_setting_changes_the_hash(monkeypatch):
    mixture = get("modular").experiments["quick"].set(["model.expert=fnn"])
    before = experiment_hash(mixture)
    module = hashing._module("neuralzoo.plugins.fnn.network")
    one = next(iter(hashing._module("neuralzoo.core.testing.checks").definitions.values()))
    monkeypatch.setattr(module, "definitions", {name: [*each, *one] for name, each in module.definitions.items()})
    hashing._parts.cache_clear()
    after = experiment_hash(mixture)
    hashing._parts.cache_clear()
    assert after != before


def test_the_closure_of_a_function_changes_the_hash():
    def make(shift):
        def evaluator(module, data):
            return shift

        return evaluator

    assert code_hash(make(1)) == code_hash(make(1))
    assert code_hash(make(1)) != code_hash(make(2))


def test_the_primary_metric_and_the_figures_of_an_experiment_do_not_change_its_hash():
    quick = get("fnn").experiments["quick"]
    assert experiment_hash(quick.model_copy(update={"primary_metric": "test/loss"})) == experiment_hash(quick)
    assert experiment_hash(quick.model_copy(update={"batch_size": 7})) != experiment_hash(quick)


def test_the_hash_does_not_depend_on_whether_numba_is_installed():
    program = (
        "import sys; sys.modules['numba'] = None\n"
        "from neuralzoo.experiments.code_hash import experiment_hash\n"
        "from neuralzoo.registry import get\n"
        "print(experiment_hash(get('cnn').experiments['quick']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == experiment_hash(get("cnn").experiments["quick"])


def test_a_changed_default_of_a_setting_changes_the_hash():
    quick = get("fnn").experiments["quick"]
    decayed = quick.optimizer.model_copy(update={"epsilon": 1e-7})
    assert experiment_hash(quick.model_copy(update={"optimizer": decayed})) != experiment_hash(quick)
    assert "epsilon" not in quick.optimizer.model_fields_set  # a default, which counts by its value
