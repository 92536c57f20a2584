"""Model files: the architecture, its settings, the task, and the trained weights."""

from pathlib import Path
from typing import Any

from neuralzoo.core.checkpoint import CheckpointError, read, write
from neuralzoo.core.module import Module
from neuralzoo.experiments.running.run_folder import RunFolder
from neuralzoo.registry import Task, build, get
from neuralzoo.registry.config import path_of


def save_model(path: Path, module: Module, architecture: str, settings: dict[str, object], task: Task) -> None:
    """Save a trained module with its architecture, settings and task."""
    about = {"architecture": architecture, "settings": settings, "task": task.model_dump(mode="json")}
    write(path, module.state(), {"model": about})


def load_model(of: Any) -> Module:
    """Build the module of a model file and load its weights; `of` is the file, its run's folder, or a RunResult.

    Raises: SettingError when it is none of these; CheckpointError when the file is missing, damaged or no model file;
    UnknownNameError or PluginError when its architecture is not installed.
    """
    folder = getattr(of, "folder", of)
    path = path_of(getattr(folder, "model", folder), "load_model")
    if path.is_dir():
        path = RunFolder(path).model
    if not path.is_file():
        raise CheckpointError(f"{path} is not there; load_model needs the model.safetensors of a finished run's folder")
    saved = read(path)
    if "model" not in saved.metadata:
        raise CheckpointError(f"{path} holds a checkpoint of a run, not a model; it needs a model.safetensors")
    try:
        about = saved.metadata["model"]
        name, settings, task = about["architecture"], dict(about["settings"]), Task.model_validate(about["task"])
    except (TypeError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path} does not say what model it holds: {type(error).__name__}") from None
    module = build(get(name), settings, task, seed=0)
    try:
        module.load_state(saved.arrays)
    except ValueError as error:
        raise CheckpointError(f"{path} does not fit: {error}") from None
    return module
