"""The model as MLflow serves it: this file is logged as its code, the weights are a safetensors file beside it."""

from typing import Any

import mlflow
import numpy as np

from neuralzoo.experiments.model import load_model, predict


class ServedModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]
    """Answers with the network's output for a batch of inputs."""

    def load_context(self, context: Any) -> None:
        """Build the network and load its weights."""
        self.module = load_model(context.artifacts["model"])

    def predict(self, context: Any, model_input: np.ndarray, params: dict[str, Any] | None = None) -> np.ndarray:
        """Return the network's output."""
        return predict(self.module, np.asarray(model_input))


mlflow.models.set_model(ServedModel())
