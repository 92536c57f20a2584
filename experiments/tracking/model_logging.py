"""The model that MLflow serves: what it reads and answers, and the files that it is made of."""

from pathlib import Path
from typing import Any

import numpy as np

from neuralzoo import __version__
from neuralzoo.core.batches import inputs_of
from neuralzoo.core.module import Module
from neuralzoo.experiments.datasets import DataSet
from neuralzoo.registry import Task

SERVED = Path(__file__).with_name("pyfunc_model.py")
EXAMPLES = 2
ONE_ANSWER = ("classification", "regression")


def log_model(mlflow: Any, module: Module, data: DataSet, file: Path, step: int) -> None:
    """Log a trained module to the active run, as code and a safetensors file, with an example of what it reads.

    Where examples differ in length it reads {"x": padded examples, "lengths": one for each}; else one array. A module
    without `predict`, such as a generator and its critic, has no answers to serve.
    """
    if not hasattr(module, "predict"):
        return
    inputs = inputs_of(tuple(array[:EXAMPLES] for array in data.test))
    outputs = module.predict(inputs)
    example = dict(zip(("x", "lengths"), inputs, strict=True)) if data.task.lengths else inputs
    mlflow.pyfunc.log_model(
        name="model",
        python_model=str(SERVED),
        artifacts={"model": str(file)},
        pip_requirements=[f"neuralzoo=={__version__}", f"numpy=={np.__version__}"],
        signature=signature(mlflow, data.task, example, outputs),
        input_example=example,
        step=step,
    )


def signature(mlflow: Any, task: Task, example: Any, outputs: np.ndarray) -> Any:
    """Return the shapes and dtypes that a model reads and answers with.

    With lengths, and of a text, any number of steps will do that the model can read.
    """
    if not task.lengths and task.kind != "language-modelling":
        return mlflow.models.infer_signature(example, outputs)

    def spec(array: np.ndarray, free: int, name: str | None = None) -> Any:
        return mlflow.types.TensorSpec(array.dtype, (*[-1] * free, *array.shape[free:]), name)

    if task.lengths:
        read = [spec(example["x"], 2, "x"), spec(example["lengths"], 1, "lengths")]
    else:
        read = [spec(example, 2)]
    answered = [spec(outputs, 1 if task.kind in ONE_ANSWER else 2)]
    return mlflow.models.ModelSignature(mlflow.types.Schema(read), mlflow.types.Schema(answered))
