"""Logging a trained module as an MLflow model: files, signature and input example."""

from pathlib import Path
from typing import Any

import numpy as np

from neuralzoo import __version__
from neuralzoo.core.batches import inputs_of
from neuralzoo.core.module import Module
from neuralzoo.experiments.datasets import Dataset
from neuralzoo.registry import Task

PYFUNC_FILE = Path(__file__).with_name("pyfunc_model.py")
EXAMPLE_ROWS = 2
ONE_OUTPUT_PER_EXAMPLE = ("classification", "regression")


def log_model(mlflow: Any, run: Any, module: Module, data: Dataset, file: Path, step: int) -> None:
    """Log a trained module to a run, as code and a safetensors file, with an input example.

    The run is named, never MLflow's active one, which may be a run of the user's own.

    Inputs of variable length are {"x": padded examples, "lengths": one for each}; others are one array. A module
    without `predict`, such as a generator with its critic, is not logged.
    """
    if not hasattr(module, "predict"):
        return
    inputs = inputs_of(tuple(array[:EXAMPLE_ROWS] for array in data.test))
    outputs = module.predict(inputs)
    example = dict(zip(("x", "lengths"), inputs, strict=True)) if data.task.variable_length else inputs
    model = mlflow.MlflowClient().create_logged_model(
        run.info.experiment_id, name="model", source_run_id=run.info.run_id, params=run.data.params
    )
    mlflow.models.Model.log(
        name="model",
        artifact_path=None,
        flavor=mlflow.pyfunc,
        model_id=model.model_id,
        run_id=run.info.run_id,
        python_model=str(PYFUNC_FILE),
        artifacts={"model": str(file)},
        pip_requirements=[f"neuralzoo=={__version__}", f"numpy=={np.__version__}"],
        signature=signature(mlflow, data.task, example, outputs),
        input_example=example,
        step=step,
    )


def signature(mlflow: Any, task: Task, example: Any, outputs: np.ndarray) -> Any:
    """Return the model signature: shapes and dtypes of inputs and outputs.

    The number of steps of sequences with lengths, and of text, is free (-1).
    """
    if not task.variable_length and task.kind != "language-modelling":
        return mlflow.models.infer_signature(example, outputs)

    def spec(array: np.ndarray, free_axes: int, name: str | None = None) -> Any:
        return mlflow.types.TensorSpec(array.dtype, (*[-1] * free_axes, *array.shape[free_axes:]), name)

    if task.variable_length:
        inputs = [spec(example["x"], 2, "x"), spec(example["lengths"], 1, "lengths")]
    else:
        inputs = [spec(example, 2)]
    output = [spec(outputs, 1 if task.kind in ONE_OUTPUT_PER_EXAMPLE else 2)]
    return mlflow.models.ModelSignature(mlflow.types.Schema(inputs), mlflow.types.Schema(output))
