"""Counter of the multiply-adds (MACs; FLOPs are twice as many) of the matrix products that code executes.

`np.matmul`, `np.dot` and `np.einsum` are replaced by functions that count. `a @ b` cannot be replaced in this way, so
modules that are imported after `count_matmuls` are compiled from their source with `a @ b` rewritten as a call of the
function that counts. The count is of executed products: it includes zeros that a convolution multiplies with, and
excludes products that an algorithm avoids.
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
COUNTED_PACKAGES = ("neuralzoo.core", "neuralzoo.plugins")


class Counter:
    """The number of multiply-adds since it was last set to zero."""

    def __init__(self) -> None:
        self.multiply_adds = 0


counter = Counter()


def count_matmuls() -> None:
    """Start counting, in functions of NumPy and in modules of core and of plugins that are not imported yet.

    Raises: RuntimeError when one of these modules is imported already: its `@` would be missed.
    """
    third_party = {entry.module.partition(".")[0] for entry in entry_points(group=GROUP)} - {"neuralzoo"}
    packages = (*COUNTED_PACKAGES, *sorted(third_party))
    early = sorted(name for name in sys.modules if name.startswith(tuple(f"{p}." for p in packages)))
    if early:
        raise RuntimeError(f"{early[0]} is imported already; counting products needs to begin before that")
    setattr(builtins, FUNCTION, _counting(np.matmul, _matmul_macs))
    for name, macs in (("matmul", _matmul_macs), ("dot", _matmul_macs), ("einsum", _einsum_macs)):
        setattr(np, name, _counting(getattr(np, name), macs))
    sys.meta_path.insert(0, _Finder(packages))


def _counting(function: Callable[..., Any], macs: Callable[..., int]) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        counter.multiply_adds += macs(*arguments)
        return function(*arguments, **options)

    return call


def _matmul_macs(a: Any, b: Any, *_: Any) -> int:
    """Return the multiply-adds of a (batched) matrix product; 0 for a product with a vector."""
    rows, columns = np.shape(a), np.shape(b)
    if len(rows) < 2 or len(columns) < 2:
        return 0
    batch_shape: tuple[int, ...] = np.broadcast_shapes(rows[:-2], columns[:-2])
    return math.prod((*batch_shape, *rows[-2:], columns[-1]))


def _einsum_macs(subscripts: str, *arrays: Any) -> int:
    """Return the multiply-adds of np.einsum where it contracts two matrices; 0 for other sums."""
    terms = subscripts.replace(" ", "").partition("->")[0].split(",")
    if len(terms) != 2 or terms[0] == terms[1] or min(map(len, terms)) < 2 or "." in subscripts:
        return 0
    sizes = zip("".join(terms), (n for array in arrays for n in array.shape), strict=True)
    return math.prod(dict(sizes).values())


class _MatmulRewriter(ast.NodeTransformer):
    """Rewrites `a @ b` as a call."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.MatMult):
            return node
        call = ast.Call(ast.Name(FUNCTION, ast.Load()), [node.left, node.right], [])
        return ast.fix_missing_locations(ast.copy_location(call, node))


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles a module with its products counted; __pycache__ is neither read nor written."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = compile(
            _MatmulRewriter().visit(ast.parse(self.get_data(path))), path, "exec", dont_inherit=True
        )
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
