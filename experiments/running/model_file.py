"""Trained networks as files: what to build, and the weights to put in."""

from pathlib import Path
from typing import Any

import numpy as np

from neuralzoo.core.checkpoint import CheckpointError, read, write
from neuralzoo.core.module import Module
from neuralzoo.registry import Task, build, get


def save_model(path: Path, module: Module, architecture: str, settings: dict[str, object], task: Task) -> None:
    """Write a trained module with all that is needed to build it again."""
    about = {"architecture": architecture, "settings": settings, "task": task.model_dump(mode="json")}
    write(path, module.state(), {"model": about})


def load_model(path: str | Path) -> Module:
    """Build the network that a model file describes and give it the saved weights.

    Raises: CheckpointError when the file is missing, damaged or no model; UnknownName or BrokenPlugin when its
    architecture is not installed.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"{path} is not there; load_model needs the model.safetensors of a finished run's folder")
    saved = read(Path(path))
    if "model" not in saved.notes:
        raise CheckpointError(f"{path} holds a checkpoint of a run, not a model; it needs a model.safetensors")
    about = saved.notes["model"]
    module = build(get(about["architecture"]), about["settings"], Task.model_validate(about["task"]), seed=0)
    try:
        module.load_state(saved.arrays)
    except ValueError as error:
        raise CheckpointError(f"{path} does not fit: {error}") from None
    return module


def predict(module: Module, inputs: Any, batch: int = 500) -> np.ndarray:
    """Return the module's predictions for many inputs, a batch at a time; inputs are an array, or several."""
    rows = len(inputs[0]) if isinstance(inputs, tuple) else len(inputs)
    parts = []
    for i in range(0, rows, batch):
        part = tuple(a[i : i + batch] for a in inputs) if isinstance(inputs, tuple) else inputs[i : i + batch]
        parts.append(module.predict(part))  # type: ignore[attr-defined]
    return np.concatenate(parts)
