"""Scaffolding of a plugin package: complete, working, and ready to be changed."""

import builtins
import keyword
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from string import Template

from neuralzoo import __version__
from neuralzoo.registry import PLUGIN_API, SettingError, entries
from neuralzoo.registry.errors import nearest

TEMPLATE = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Kind:
    """The parts of a package that depend on the kind of task."""

    network: str
    inputs: str
    example: str
    extra: str = ""
    width: str = "hidden"
    example_input: str = ""
    example_step: str = ""


RECURRENT = Kind(
    network="recurrent",
    inputs='"sequence", "tokens"',
    example='Task(kind="sequence-labelling", input="sequence", shape=(6, 3), outputs=4, variable_length=True)',
    extra='\n        supports_variable_length=True,\n        targets=frozenset({"class", "multilabel"}),',
    example_input="np.random.default_rng(0).normal(size=(2, 6, 3)).astype(np.float32)",
    example_step="0",
)
KINDS = {
    "classification": Kind(
        network="feedforward",
        inputs='"image", "sequence", "tabular"',
        example='Task(kind="classification", input="tabular", shape=(4,), outputs=3)',
    ),
    "regression": Kind(
        network="feedforward",
        inputs='"image", "sequence", "tabular"',
        example='Task(kind="regression", input="tabular", shape=(4,), outputs=2)',
    ),
    "reconstruction": Kind(
        network="autoencoder",
        inputs='"image", "sequence", "tabular"',
        example='Task(kind="reconstruction", input="image", shape=(4, 4, 1), outputs=16)',
        width="code",
    ),
    "sequence-labelling": RECURRENT,
    "language-modelling": Kind(
        network="recurrent",
        inputs='"tokens"',
        example='Task(kind="language-modelling", input="tokens", shape=(6,), outputs=5, vocab_size=5, '
        "variable_length=True)",
        extra="\n        supports_variable_length=True,",
        example_input="np.random.default_rng(0).integers(0, 5, (2, 6))",
        example_step="(x[:, 2] + 1) % 5",
    ),
}


def write_package(name: str, task: str = "classification", into: Path = Path()) -> Path:
    """Write a package with a working architecture into a new folder of its name, and return the folder.

    Raises: SettingError when the name can't be that of an architecture and of a module, the folder exists already
    or can't be written, or there is no such kind of task.
    """
    if task not in KINDS:
        raise SettingError(f"new got the task {task!r}; it supports {', '.join(KINDS)}{nearest(task, KINDS)}")
    check_name(name)
    folder = into / name
    if folder.exists() or folder.is_symlink():
        raise SettingError(f"{folder} exists already; new needs a name that no file or folder has, it overwrites none")
    texts = package_texts(name, task)
    try:  # all files or none
        with tempfile.TemporaryDirectory(dir=into, prefix=f".{name}-") as temporary:
            for path, text in texts.items():
                target = Path(temporary, name, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
            os.rename(Path(temporary, name), folder)
    except OSError as error:
        raise SettingError(f"{folder} can't be written ({error.strerror}); new needs a folder to write in") from None
    return folder


def check_name(name: str) -> None:
    """Check that a name can be that of an architecture and of a module.

    Raises: SettingError with the problem.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        proposal = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        hint = f"; did you mean {proposal}?" if re.fullmatch(r"[a-z][a-z0-9_]*", proposal) else ""
        needed = "lower-case letters, digits and _, a letter first"
        raise SettingError(f"new got the name {name!r}; it needs {needed}{hint}")
    if keyword.iskeyword(name):
        raise SettingError(f"new got the name {name!r}, a keyword of Python; it needs another")
    if name in sys.stdlib_module_names:
        raise SettingError(f"new got the name {name!r}, a module of Python's standard library; it needs another")
    if found := entries().get(name):
        raise SettingError(
            f"new got the name {name!r}, which is an architecture of {found[0].distribution}; it needs another"
        )
    if (spec := find_spec(name)) is not None and spec.origin is not None:  # a folder alone is a module without origin
        raise SettingError(f"new got the name {name!r}, a module that is installed here; it needs another")


def package_texts(name: str, task: str) -> dict[str, str]:
    """Return the files of a package by their paths."""
    kind = KINDS[task]
    sources = {
        "README.md": "common/README.md",
        "pyproject.toml": "common/pyproject.toml",
        f"src/{name}/__init__.py": "common/__init__.py",
        f"src/{name}/config.py": f"{kind.network}/config.py",
        f"src/{name}/network.py": f"{kind.network}/network.py",
        f"src/{name}/experiments.py": f"experiments/{task}.py",
        f"src/{name}/claims.py": f"claims/{task}.py",
        f"tests/test_{name}.py": f"{kind.network}/test.py",
        ".gitignore": "common/gitignore",
        ".github/workflows/ci.yml": "common/ci.yml",
    }
    texts = {path: (TEMPLATE / f"{source}.in").read_text(encoding="utf-8") for path, source in sources.items()}
    values = {
        "name": name,
        "Class": class_name(name, " ".join(texts.values())),
        "version": __version__,
        "api_version": PLUGIN_API,
        "year": date.today().year,
        "task": task,
        "inputs": kind.inputs,
        "example": kind.example,
        "extra": kind.extra,
        "width": kind.width,
        "example_input": kind.example_input,
        "example_step": kind.example_step,
    }
    return {path: Template(text).substitute(values) for path, text in texts.items()}


def class_name(name: str, used: str) -> str:
    """Return the name of the network's class: no keyword or builtin, and no name that the package uses."""
    camel = "".join(part.capitalize() for part in name.split("_"))
    taken = keyword.iskeyword(camel) or hasattr(builtins, camel) or re.search(rf"\b{camel}\b", used)
    return f"{camel}Net" if taken else camel
