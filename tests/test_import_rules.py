"""Which folder may import what, and how large the core may be: the rules that keep the folders apart."""

import ast
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("core", "registry", "plugins", "experiments")
HEAVY = {"matplotlib", "mlflow", "pandas", "scipy", "sklearn", "pooch"}
CORE_LINES = 1_620  # with inputs.py, capacity.py, what is frozen, and a history that is appended (history.py)

# Which of our own modules the modules of a folder may import; the longest folder that fits is a module's folder.
# A plugin may import its own modules as well.
CORE = ("core", "core.kernels", "core.blocks", "core.plots")
ONE_RUN = (*CORE, "registry", "experiments.datasets", "experiments.running")
MANY_RUNS = (*ONE_RUN, "experiments.tracking", "experiments")
MAY_IMPORT = {
    "core": ("core", "core.buffers"),
    "core.buffers": ("core.buffers",),
    "core.kernels": ("core", "core.kernels"),
    "core.blocks": ("core", "core.kernels", "core.blocks"),
    "core.plots": CORE,
    "core.testing": ("core", "core.blocks", "core.testing"),
    "registry": ("core", "registry"),
    "plugins": (*CORE, "registry", "plugins"),
    "experiments.datasets": ("core", "core.blocks", "registry", "experiments.datasets"),
    "experiments.running": ONE_RUN,
    "experiments.tracking": (*ONE_RUN, "experiments.tracking"),
    "experiments": MANY_RUNS,
    "experiments.claims": (*MANY_RUNS, "experiments.claims"),
    "experiments.comparing": (*MANY_RUNS, "experiments.comparing"),
    "experiments.benchmark": (*ONE_RUN, "experiments", "experiments.benchmark"),
    "experiments.scaffold": (*ONE_RUN, "core.testing", "experiments", "experiments.tracking", "experiments.scaffold"),
    "experiments.cli": (
        *MANY_RUNS,
        *(f"experiments.{folder}" for folder in ("claims", "comparing", "benchmark", "scaffold", "cli")),
    ),
}


@dataclass(frozen=True)
class Import:
    """One import of one module: by whom, where, and whether it is done when the importing module is imported."""

    by: str
    line: int
    module: str
    relative: bool
    at_import: bool

    def __str__(self) -> str:
        return f"{self.by}:{self.line} imports {self.module}"


def imports(source: str, by: str) -> list[Import]:
    """Return every import in a source, wherever it stands."""
    found: list[Import] = []

    def visit(node: ast.AST, at_import: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend(Import(by, node.lineno, alias.name, False, at_import) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names] if is_package(module) else [module]
            found.extend(Import(by, node.lineno, name, node.level > 0, at_import) for name in names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            at_import = False
        elif isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for child in node.body:
                visit(child, False)
            for child in node.orelse:
                visit(child, at_import)
            return
        for child in ast.iter_child_nodes(node):
            visit(child, at_import)

    visit(ast.parse(source), True)
    return found


def is_package(module: str) -> bool:
    """Whether names that are imported from a module of ours may be modules themselves."""
    inside = module.removeprefix("neuralzoo").strip(".").replace(".", "/")
    return module.split(".")[0] == "neuralzoo" and (ROOT / inside).is_dir()


def modules() -> dict[str, Path]:
    """Return every module in the folders by its dotted name without the library's."""
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def folder_of(module: str) -> str:
    """Return the folder of a module: the longest that fits, so that core.blocks is not core."""
    return max((folder for folder in MAY_IMPORT if f"{module}.".startswith(f"{folder}.")), key=len, default="")


def plugin_of(module: str) -> str:
    """Return the name of the plugin that a module belongs to."""
    parts = module.split(".")
    return parts[1] if parts[0] == "plugins" and len(parts) > 1 else ""


def is_allowed(one: Import) -> bool:
    """Whether an import of one of our modules keeps to the table."""
    if one.module.split(".")[0] != "neuralzoo":
        return True
    target = one.module.removeprefix("neuralzoo").lstrip(".")
    if target.split(".")[0] not in FOLDERS:  # the short public names
        return target == "__version__" and one.by.startswith("experiments")
    return folder_of(target) in MAY_IMPORT[folder_of(one.by)] and plugin_of(target) in ("", plugin_of(one.by))


ALL = [one for module, path in modules().items() for one in imports(path.read_text(encoding="utf-8"), module)]


def test_every_folder_has_been_read():
    assert {folder_of(one.by) for one in ALL} == set(MAY_IMPORT)


def test_folders_import_what_the_table_allows():
    assert [str(one) for one in ALL if not is_allowed(one)] == []


def test_imports_are_absolute():
    assert [str(one) for one in ALL if one.relative] == []


def entry_points() -> set[str]:
    """Return the modules that pyproject.toml names: they are imported although no import says so."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["scripts"], *project["entry-points"].values()]
    return {point.split(":")[0].removeprefix("neuralzoo.") for group in groups for point in group.values()}


def test_what_is_slow_to_import_is_imported_in_functions():
    imported = {one.module.removeprefix("neuralzoo.") for one in ALL} | entry_points()
    slow = [one for one in ALL if one.at_import and one.module.split(".")[0] in HEAVY]
    # A file that nothing imports is a program of its own, such as the model that MLflow serves.
    assert [str(one) for one in slow if one.by in imported] == []


def test_mlflow_is_imported_in_tracking_only():
    users = {folder_of(one.by) for one in ALL if one.module.split(".")[0] == "mlflow"}
    assert users == {"experiments.tracking"}


def test_the_contracts_stay_small():
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / "core").glob("*.py")}
    assert sum(lines.values()) <= CORE_LINES, lines


@pytest.mark.parametrize(
    ("by", "source", "allowed"),
    [
        ("core.layer", "from neuralzoo.core.module import Module", True),
        ("core.layer", "from neuralzoo.core.blocks.dense import Dense", False),
        ("core.layer", "from neuralzoo.core import blocks", False),
        ("core.layer", "import neuralzoo.core.testing", False),
        ("core.layer", "def f():\n    from neuralzoo.registry import get", False),
        ("core.blocks.dense", "from neuralzoo.core.blocks import init", True),
        ("core.blocks.dense", "from neuralzoo.core.testing import checks_for_layer", False),
        ("core.blocks", "from neuralzoo import registry", False),
        ("core.blocks.optimizers", "from neuralzoo.core import kernels", True),
        ("core.kernels.numpy_backend", "from neuralzoo.core.blocks import dense", False),
        ("core.optimizer", "from neuralzoo.core.kernels import adam", False),
        ("registry.discovery", "from neuralzoo.core.module import Module", True),
        ("registry.discovery", "from neuralzoo.core.blocks import dense", False),
        ("registry.discovery", "import neuralzoo.plugins.fnn", False),
        ("registry.discovery", "if TYPE_CHECKING:\n    from neuralzoo.experiments import run", False),
        ("plugins.fnn.network", "from neuralzoo.plugins.fnn.config import FNNConfig", True),
        ("plugins.fnn.network", "from neuralzoo.plugins.cnn.config import CNNConfig", False),
        ("plugins.fnn.network", "from neuralzoo.plugins import cnn", False),
        ("plugins.fnn.network", "from neuralzoo.registry import create", True),
        ("plugins.fnn.experiments", "from neuralzoo.experiments import datasets", False),
        ("experiments.run", "from neuralzoo.core.blocks import optimizers", True),
        ("experiments.run", "from neuralzoo.plugins.fnn import architecture", False),
        ("experiments.run", "from neuralzoo import __version__", True),
        ("experiments.run", "from neuralzoo import create", False),
        ("core.layer", "import numpy", True),
    ],
)
def test_the_table_is_read_as_it_is_meant(by, source, allowed):
    assert all(is_allowed(one) for one in imports(source, by)) is allowed


@pytest.mark.parametrize(
    ("source", "at_import"),
    [
        ("import mlflow", True),
        ("try:\n    import mlflow\nexcept ImportError:\n    pass", True),
        ("class A:\n    from mlflow import client", True),
        ("def f():\n    import mlflow.pyfunc", False),
        ("class A:\n    def f(self):\n        import mlflow", False),
        ("if TYPE_CHECKING:\n    import mlflow", False),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    import mlflow", True),
    ],
)
def test_it_is_seen_when_an_import_is_done(source, at_import):
    assert [one.at_import for one in imports(source, "experiments.tracking")] == [at_import]


def test_a_relative_import_is_seen():
    assert [one.relative for one in imports("from .module import Module\nfrom . import layer", "core.layer")] == [
        True
    ] * 2
