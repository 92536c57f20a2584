import ast
from importlib import import_module
from pathlib import Path

import pytest


def seen_by_type_checkers(package):
    """Return the names that a package's __init__ imports for type checkers, with their modules."""
    body = ast.parse(Path(package.__file__).read_text(encoding="utf-8")).body
    (block,) = (node for node in body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    return [(alias.name, statement.module) for statement in block.body for alias in statement.names]


@pytest.mark.parametrize("name", ["neuralzoo", "neuralzoo.registry"])
def test_names_imported_on_first_use_are_those_that_type_checkers_see(name):
    package = import_module(name)
    imported = {public: module for module, names in package._PUBLIC.items() for public in names.split()}
    listed = seen_by_type_checkers(package)
    assert dict(listed) == imported
    assert len(listed) == len(imported) == len(set(package.__all__) - {"__version__"})
    for public, module in imported.items():
        assert getattr(package, public) is getattr(import_module(module), public)
