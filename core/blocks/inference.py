"""Inference on more examples than fit into memory at once."""

from collections.abc import Callable
from typing import Any

import numpy as np

from neuralzoo.core.inputs import as_array
from neuralzoo.core.module import Array

BATCH_SIZE = 500


def predict_in_batches(predict: Callable[[Any], Array], inputs: Any, batch_size: int = BATCH_SIZE) -> Array:
    """Return the outputs of a function for many examples, computed `batch_size` examples at a time.

    Shapes: inputs are (N, ...), or a tuple of arrays of N rows each; the outputs are (N, ...), also for N = 0.
    Raises: ValueError when the inputs are not made of numbers.
    """
    arrays = [as_array("the network", each) for each in (inputs if isinstance(inputs, tuple) else (inputs,))]
    outputs = []
    for start in range(0, max(len(arrays[0]), 1), batch_size):  # without examples one call, for the outputs' shape
        rows = tuple(array[start : start + batch_size] for array in arrays)
        outputs.append(predict(rows if isinstance(inputs, tuple) else rows[0]))
    return np.concatenate(outputs)
