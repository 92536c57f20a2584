"""The pyfunc model that MLflow serves: this file is logged as its code, with a safetensors file of the weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow
import numpy as np

from neuralzoo.core.blocks.inference import predict_in_batches
from neuralzoo.core.checkpoint import read
from neuralzoo.core.inputs import as_array
from neuralzoo.experiments.running.model_file import load_model


class PyfuncModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]
    """A pyfunc model: the network's output for a batch of inputs."""

    def load_context(self, context: Any) -> None:
        """Build the network and load its weights."""
        path = Path(context.artifacts["model"])
        self.module: Any = load_model(path)
        self.lengths = bool(read(path).metadata["model"]["task"].get("variable_length"))

    # MLflow infers the input's type from the hint and supports none for named arrays.
    def predict(self, context: Any, model_input: np.ndarray, params: dict[str, Any] | None = None) -> np.ndarray:
        """Return the network's output.

        Inputs of variable length are {"x": padded examples, "lengths": one for each}; in an array alone all examples
        have its full length.

        Raises: ValueError when the inputs are not made of numbers, or there is not one length from 1 to the number of
        steps for each example.
        """
        inputs: Any = model_input
        if not self.lengths:
            return predict_in_batches(self.module.predict, inputs)
        named = inputs if isinstance(inputs, Mapping) else {"x": inputs}
        if "x" not in named:
            raise ValueError(
                f"the model got {', '.join(map(str, named)) or 'nothing'}; it needs x, and lengths with it"
            )
        x = as_array("the model", named["x"])
        if x.ndim < 2:
            raise ValueError(f"the model got x of shape {x.shape}; it needs examples of steps (N, T, ...)")
        steps = x.shape[1]
        lengths = as_array("the model", named.get("lengths", np.full(len(x), steps)))
        if lengths.shape != (len(x),) or not ((lengths >= 1) & (lengths <= steps)).all():
            raise ValueError(
                f"the model got lengths {lengths.tolist()} for {len(x)} examples of {steps} steps; "
                f"it needs one from 1 to {steps} for each"
            )
        return predict_in_batches(self.module.predict, (x, lengths))


mlflow.models.set_model(PyfuncModel())
