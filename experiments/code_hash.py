"""A hash of the code that a result depends on: every definition that is reachable from given roots.

A definition is a function, a class or a value at the top of a module. What it refers to is followed through imports,
in the core as well as in a plugin, and replaced by the order in which it was reached: names, positions in files, and
unreachable code do not count. Neither do comments, docstrings, annotations of functions, captions,
descriptions and the texts of errors. Names of attributes, methods and keywords do count, since they are looked up as
text.
"""

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.stopping import StopWhen
from neuralzoo.core.trainer import Trainer
from neuralzoo.experiments import datasets
from neuralzoo.experiments.running.assembly import EVALUATION_BATCH, OPTIMIZERS, schedule, split
from neuralzoo.registry import Experiment, get, names

PACKAGE = "neuralzoo"
WORDING = {"caption", "description"}
Definition = tuple[str, str]
"""Module and name; the name is empty for all that a module defines."""


def fingerprint(*parts: Any) -> str:
    """Return a short hash of values that JSON can hold."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def experiment_hash(experiment: Experiment) -> str:
    """Return a hash of the settings, the data files, and the code that trains and evaluates.

    Not in it is the code that puts these together (`running.assembly`, `run`).
    """
    settings = experiment.model_dump(mode="json", exclude={"primary_metric", "figures"})
    info = datasets.info(experiment.dataset)
    return fingerprint(settings, EVALUATION_BATCH, [file.sha256 for file in info.files], code_hash(*_roots(experiment)))


def _roots(experiment: Experiment) -> Iterator[Any]:
    """Yield the functions and classes that a run calls first."""
    yield from (Trainer, ArrayBatches, split, schedule)
    if experiment.stop_when is not None:
        yield StopWhen
    yield OPTIMIZERS[type(experiment.optimizer)]
    yield datasets.entry(experiment.dataset).loader
    architecture = get(experiment.architecture)
    others = sorted(_texts(architecture.configure(experiment.model).model_dump()) & set(names()))
    for each in (architecture, *map(get, others)):  # a setting may name an architecture, as that of an expert
        yield from (each.build, each.learner, each.config)


def _texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return {text for part in value for text in _texts(part)}
    return {value} if isinstance(value, str) else set()


def code_hash(*roots: Any) -> str:
    """Return a hash of the definitions that functions or classes reach, themselves and what they enclose included.

    What is not written in a file (a built-in function, a lambda at a prompt) counts by its name.
    """
    order: dict[Definition, int] = {}
    digest = hashlib.sha256()
    todo = list(reversed(roots))
    while todo:
        root = todo.pop()
        if isinstance(root, partial):
            todo += [root.keywords, root.args, root.func]
        elif isinstance(root, dict):
            todo += [part for item in root.items() for part in item]
        elif isinstance(root, list | tuple):
            todo += reversed(root)
        elif hasattr(root, "__wrapped__"):
            todo.append(root.__wrapped__)
        elif isinstance(root, FunctionType | type):
            todo += [cell.cell_contents for cell in getattr(root, "__closure__", None) or ()]
            name, _, inner = root.__qualname__.partition(".")
            digest.update(inner.encode())
            _follow((root.__module__, name), digest, order)
        else:
            digest.update(repr(root).encode())
    return digest.hexdigest()[:16]


def _follow(root: Definition, digest: Any, order: dict[Definition, int]) -> None:
    """Add to a digest what a definition reaches, each once, in the order in which it is reached."""
    if _source(root[0]) is None or root[1] not in _module(root[0]).definitions:
        digest.update(repr(root).encode())
        return
    ours = frozenset({PACKAGE, root[0].partition(".")[0]})
    todo = [root]
    while todo:
        definition = todo.pop()
        if definition in order:
            digest.update(f"#{order[definition]}".encode())
            continue
        order[definition] = len(order)
        parts = _parts(definition, ours)
        digest.update(json.dumps([part if isinstance(part, str) else 0 for part in parts]).encode())
        todo += reversed([part for part in parts if isinstance(part, tuple)])


@cache
def _source(module: str) -> Path | None:
    """Return the file of a module; the packages around it are not imported, since what they need may be missing."""
    top, *inner = module.split(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None or not inner:
        return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None
    for folder in spec.submodule_search_locations or ():
        path = Path(folder, *inner)
        for file in (path / "__init__.py", path.with_suffix(".py")):
            if file.is_file():
                return file
    return None


class _Module:
    """The definitions at the top of a module by name, and where the names that it imports come from."""

    def __init__(self, name: str, file: Path) -> None:
        self.name = name
        self.package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        self.definitions: dict[str, list[ast.AST]] = {}
        self.imports: dict[str, Definition] = {}
        self._read(ast.parse(file.read_text(encoding="utf-8")).body)

    def _read(self, statements: Iterable[ast.stmt]) -> None:
        for statement in statements:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self.imports |= imported(statement, self.package)
            elif isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
                self._read(statement.body)  # names that are imported on first use
            else:
                for name in _bound(statement):
                    self.definitions.setdefault(name, []).append(statement)


@cache
def _module(name: str) -> _Module:
    return _Module(name, _source(name) or Path())


def imported(statement: ast.Import | ast.ImportFrom, package: str) -> dict[str, Definition]:
    """Return where the names come from that an import in a package binds; a module has no second part."""
    if isinstance(statement, ast.ImportFrom):
        module = statement.module or ""
        if statement.level:  # relative: one dot is the package itself
            parents = package.split(".")[: len(package.split(".")) - statement.level + 1]
            module = ".".join([*parents, *([module] if module else [])])
        return {alias.asname or alias.name: (module, alias.name) for alias in statement.names}
    plain = {alias.name.partition(".")[0]: (alias.name.partition(".")[0], "") for alias in statement.names}
    return plain | {alias.asname: (alias.name, "") for alias in statement.names if alias.asname}


def _bound(statement: ast.stmt) -> list[str]:
    """Return the names that a top-level statement defines."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    return [node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]


@cache
def _parts(definition: Definition, ours: frozenset[str]) -> tuple[str | Definition, ...]:
    """Return a definition as text, with the definitions that it refers to in their positions."""
    module = _module(definition[0])
    if not definition[1]:
        inside = [_resolved(module.name, name, ours) for name in (*module.definitions, *module.imports)]
        return tuple(part for part in inside if part is not None)
    return tuple(_Writer(module, ours).write(module.definitions[definition[1]]))


def _resolved(module: str, name: str, ours: frozenset[str]) -> Definition | None:
    """Return the definition of a name in one of our modules, None if it comes from another package."""
    for _ in range(20):  # through modules that pass names on
        if module.partition(".")[0] not in ours or _source(module) is None:
            return None
        here = _module(module)
        if not name or name in here.definitions:
            return module, name
        if name in here.imports:
            module, name = here.imports[name]
        elif _source(f"{module}.{name}") is not None:
            module, name = f"{module}.{name}", ""
        else:
            return None
    return None


class _Writer:
    """Serializes one definition, with local names by their order."""

    def __init__(self, module: _Module, ours: frozenset[str]) -> None:
        self.module = module
        self.ours = ours
        self.imports = dict(module.imports)
        self.locals: dict[str, int] = {}
        self.out: list[str | Definition] = []

    def write(self, statements: Iterable[ast.AST]) -> list[str | Definition]:
        """Return the text of the statements."""
        for statement in statements:
            for node in ast.walk(statement):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    self.imports |= imported(node, self.module.package)
            self._local_names(statement)
            self._node(statement, top=True)
        return self.out

    def _local_names(self, statement: ast.AST) -> None:
        functions = (ast.FunctionDef, ast.Lambda)
        for function in (node for node in ast.walk(statement) if isinstance(node, functions)):
            for node in ast.walk(function):
                if isinstance(node, ast.arg):
                    self.locals.setdefault(node.arg, len(self.locals))
                elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    self.locals.setdefault(node.id, len(self.locals))
                elif isinstance(node, ast.FunctionDef | ast.ExceptHandler) and node is not function and node.name:
                    self.locals.setdefault(node.name, len(self.locals))

    def _node(self, node: ast.AST, top: bool = False, inside: str = "") -> None:
        match node:
            case ast.Import() | ast.ImportFrom():
                return
            case ast.Raise():
                self.out.append("Raise")
                error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
                if error is not None:  # its type; its text decides nothing
                    self._node(error)
                return
            case ast.Name():
                self._name(node.id, top)
                return
            case ast.arg():
                self.out.append(f"arg {self.locals.get(node.arg, node.arg)}")
                return
            case ast.Constant(value=str() as text) if text.startswith(f"{PACKAGE}.") and _source(text) is not None:
                self.out.append((text, ""))  # a module that is imported by its name
                return
            case ast.Attribute() if (found := self._member(node)) is not None:
                self.out.append(found)
                return
        self.out.append(type(node).__name__)
        self._fields(node, top, inside)

    def _fields(self, node: ast.AST, top: bool, inside: str) -> None:
        for field, value in ast.iter_fields(node):
            if field in ("returns", "type_comment", "ctx", "kind", "lineno"):
                continue
            if field == "name" and isinstance(node, ast.FunctionDef | ast.ClassDef):
                if inside == "ClassDef":  # a method is looked up by its name
                    self.out.append(value)
                continue
            if field == "annotation" and not (isinstance(node, ast.AnnAssign) and inside == "ClassDef"):
                continue
            values = value if isinstance(value, list) else [value]
            if field == "body" and isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
                values = values[1:]
            if field == "keywords":
                values = [keyword for keyword in values if keyword.arg not in WORDING]
            self.out.append(f"{field}:{len(values)}")
            for each in values:
                if isinstance(each, ast.AST):
                    self._node(each, top and not isinstance(node, ast.FunctionDef), type(node).__name__)
                else:
                    self.out.append(repr(each))

    def _name(self, name: str, top: bool) -> None:
        if name in self.locals:
            self.out.append(f"local {self.locals[name]}")
        elif name in self.imports:
            module, inner = self.imports[name]
            self.out.append(_resolved(module, inner, self.ours) or f"{module} {inner}")
        elif name in self.module.definitions:
            self.out.append((self.module.name, name))
        else:
            self.out.append(f"name {name}")

    def _member(self, node: ast.Attribute) -> Definition | None:
        """Return the definition of `module.name`."""
        if not isinstance(node.value, ast.Name) or node.value.id in self.locals or node.value.id not in self.imports:
            return None
        found = _resolved(*self.imports[node.value.id], self.ours)
        return _resolved(found[0], node.attr, self.ours) if found is not None and not found[1] else None
