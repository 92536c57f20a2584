"""Counting the multiply-adds of the matrix products that code carries out.

Products are called in two ways. `np.matmul` and its like are functions, which are replaced by ones that count. `a @ b`
goes from the interpreter into NumPy, where nothing in Python can see it; so modules that are imported after
`count_products` are compiled from their source with `a @ b` written as a call of the function that counts. What is
counted is what was carried out: zeros that a convolution multiplies with count, and products that it saves do not.
"""

import ast
import builtins
import importlib.abc
import importlib.machinery
import math
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from types import CodeType, ModuleType
from typing import Any

import numpy as np

FUNCTION = "__counted_matmul__"
GROUP = "neuralzoo.plugins"
ROOMS = ("neuralzoo.core", "neuralzoo.plugins")


class Counter:
    """How many multiply-adds there were since it was last set to zero."""

    def __init__(self) -> None:
        self.multiply_adds = 0


counter = Counter()


def count_products() -> None:
    """Count from now on, in modules of core and of plugins that are not imported yet, and in functions of NumPy.

    Raises: RuntimeError when one of these modules is imported already: its `@` would be missed.
    """
    found = {entry.module.partition(".")[0] for entry in entry_points(group=GROUP)} - {"neuralzoo"}
    packages = (*ROOMS, *sorted(found))
    early = sorted(name for name in sys.modules if name.startswith(tuple(f"{p}." for p in packages)))
    if early:
        raise RuntimeError(f"{early[0]} is imported already; counting products needs to begin before that")
    setattr(builtins, FUNCTION, _counted(np.matmul, _of_matrices))
    for name, size in (("matmul", _of_matrices), ("dot", _of_matrices), ("einsum", _of_letters)):
        setattr(np, name, _counted(getattr(np, name), size))
    sys.meta_path.insert(0, _Finder(packages))


def _counted(function: Callable[..., Any], size: Callable[..., int]) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        counter.multiply_adds += size(*arguments)
        return function(*arguments, **options)

    return call


def _of_matrices(a: Any, b: Any, *_: Any) -> int:
    """Return the multiply-adds of a product of matrices, or of stacks of them; one with a vector is none."""
    rows, columns = np.shape(a), np.shape(b)
    if len(rows) < 2 or len(columns) < 2:
        return 0
    stacked: tuple[int, ...] = np.broadcast_shapes(rows[:-2], columns[:-2])
    return math.prod((*stacked, *rows[-2:], columns[-1]))


def _of_letters(letters: str, *arrays: Any) -> int:
    """Return the multiply-adds of np.einsum where it sums a product of two matrices; other sums are none."""
    terms = letters.replace(" ", "").partition("->")[0].split(",")
    if len(terms) != 2 or terms[0] == terms[1] or min(map(len, terms)) < 2 or "." in letters:
        return 0
    letters_and_sizes = zip("".join(terms), (n for array in arrays for n in array.shape), strict=True)
    return math.prod(dict(letters_and_sizes).values())


class _Writer(ast.NodeTransformer):
    """Writes `a @ b` as a call."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.MatMult):
            return node
        call = ast.Call(ast.Name(FUNCTION, ast.Load()), [node.left, node.right], [])
        return ast.fix_missing_locations(ast.copy_location(call, node))


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles a module with its products counted; what Python keeps in __pycache__ is neither read nor written."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = compile(_Writer().visit(ast.parse(self.get_data(path))), path, "exec", dont_inherit=True)
        return code


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, packages: tuple[str, ...]) -> None:
        self.packages = packages

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not f"{fullname}.".startswith(tuple(f"{package}." for package in self.packages)):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(fullname, spec.loader.path)
        return spec
