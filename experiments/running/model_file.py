"""Model files: the architecture, its settings, the task, and the trained weights."""

from pathlib import Path

from neuralzoo.core.checkpoint import CheckpointError, read, write
from neuralzoo.core.module import Module
from neuralzoo.registry import Task, build, get


def save_model(path: Path, module: Module, architecture: str, settings: dict[str, object], task: Task) -> None:
    """Save a trained module with its architecture, settings and task."""
    about = {"architecture": architecture, "settings": settings, "task": task.model_dump(mode="json")}
    write(path, module.state(), {"model": about})


def load_model(path: str | Path) -> Module:
    """Build the module of a model file and load its weights.

    Raises: CheckpointError when the file is missing, damaged or no model file; UnknownNameError or PluginError when its
    architecture is not installed.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"{path} is not there; load_model needs the model.safetensors of a finished run's folder")
    saved = read(Path(path))
    if "model" not in saved.metadata:
        raise CheckpointError(f"{path} holds a checkpoint of a run, not a model; it needs a model.safetensors")
    about = saved.metadata["model"]
    module = build(get(about["architecture"]), about["settings"], Task.model_validate(about["task"]), seed=0)
    try:
        module.load_state(saved.arrays)
    except ValueError as error:
        raise CheckpointError(f"{path} does not fit: {error}") from None
    return module
