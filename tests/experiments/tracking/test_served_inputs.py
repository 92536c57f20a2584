"""What comes in at a served model and at a loaded one: answered, or refused in one sentence."""

from types import SimpleNamespace

import numpy as np
import pytest

from neuralzoo.experiments.running.model_file import load_model, save_model
from neuralzoo.registry import create, get


@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")
@pytest.mark.parametrize("variable_length", [False, True])
def test_a_served_model_answers_lists_and_no_examples_and_refuses_the_rest(variable_length, tmp_path):
    from neuralzoo.experiments.tracking.pyfunc_model import PyfuncModel

    task = get("gru").example.model_copy(update={"variable_length": variable_length})
    network = create("gru", task=task)
    save_model(tmp_path / "model.safetensors", network, "gru", {}, task)
    served = PyfuncModel()
    served.load_context(SimpleNamespace(artifacts={"model": str(tmp_path / "model.safetensors")}))
    x = np.random.default_rng(0).integers(0, 3, (2, *task.shape))
    for predict in (lambda x: served.predict(None, x), load_model(tmp_path / "model.safetensors").predict):
        np.testing.assert_allclose(predict(x.tolist()), network.predict(x.astype(np.float32)), rtol=1e-5)
        assert predict(np.zeros((0, *task.shape))).shape == (0, 3)
        for wrong in (None, "abc", [[1, 2], [3]]):
            with pytest.raises(ValueError, match=r"; it needs an array of numbers, a row for each example$"):
                predict(wrong)
