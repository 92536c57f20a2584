"""The model as MLflow serves it: this file is logged as its code, the weights are a safetensors file beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow
import numpy as np

from neuralzoo.core.checkpoint import read
from neuralzoo.experiments.running.model_file import load_model, predict


class ServedModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]
    """Answers with the network's output for a batch of inputs."""

    def load_context(self, context: Any) -> None:
        """Build the network and load its weights."""
        path = Path(context.artifacts["model"])
        self.module = load_model(path)
        self.lengths = bool(read(path).notes["model"]["task"].get("lengths"))

    # MLflow reads the hint of the input and knows none for arrays by name.
    def predict(self, context: Any, model_input: np.ndarray, params: dict[str, Any] | None = None) -> np.ndarray:
        """Return the network's output.

        Where examples differ in length the input is {"x": padded examples, "lengths": one for each}; an array alone
        is examples that are all as long as it is.

        Raises: ValueError when there is not one length from 1 to the number of steps for each example.
        """
        given: Any = model_input
        if not self.lengths:
            return predict(self.module, np.asarray(given))
        named = given if isinstance(given, Mapping) else {"x": given}
        x = np.asarray(named["x"])
        steps = x.shape[1]
        lengths = np.asarray(named.get("lengths", np.full(len(x), steps)))
        if lengths.shape != (len(x),) or not ((lengths >= 1) & (lengths <= steps)).all():
            raise ValueError(
                f"the model got lengths {lengths.tolist()} for {len(x)} examples of {steps} steps; "
                f"it needs one from 1 to {steps} for each"
            )
        return predict(self.module, (x, lengths))


mlflow.models.set_model(ServedModel())
