"""Sequences of variable length, from a run of a plugin to the pyfunc model that MLflow serves."""

import json
import os
import subprocess
import sys

import pytest

PLUGIN = '''
import numpy as np

from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.supervised import supervised
from neuralzoo.core.layer import Layer
from neuralzoo.experiments.tracking.client import connect, use_tracking_uri
from neuralzoo.registry import Adam, Architecture, Config, Experiment, Task, hookimpl


class AverageConfig(Config):
    """Nothing to choose."""


class Average(Layer):
    """The mean over the steps inside the lengths, and a dense layer."""

    def __init__(self, task, rng):
        self.dense = Dense(task.shape[1], task.outputs, rng)

    def __call__(self, inputs, ctx):
        x, lengths = inputs
        inside = (np.arange(x.shape[1]) < lengths[:, None])[..., None]
        share = (inside / lengths[:, None, None]).astype(x.dtype)
        y, pull = self.dense((x * share).sum(axis=1), ctx)
        return y, lambda dy: pull(dy)[:, None] * share


@hookimpl
def architecture():
    return Architecture(
        api_version=1,
        name="average",
        summary="The mean of a sequence, classified by a linear model",
        citation="Author (2020), Title",
        url="https://example.org",
        tasks=frozenset({"classification"}),
        inputs=frozenset({"sequence"}),
        supports_variable_length=True,
        config=AverageConfig,
        build=lambda config, task, rng: Average(task, rng),
        learner=supervised,
        example=Task(kind="classification", input="sequence", shape=(5, 3), outputs=2, variable_length=True),
        experiments={
            "quick": Experiment(
                architecture="average", dataset="japanese-vowels", epochs=3, batch_size=30, optimizer=Adam(lr=0.05)
            )
        },
    )
'''

TASK = """
import json, sys, warnings
import numpy as np

import neuralzoo.experiments.run as runner
from neuralzoo.core.batches import inputs_of
from neuralzoo.core.blocks.inference import predict_in_batches
from neuralzoo.experiments import datasets
from neuralzoo.experiments.running.model_file import load_model
from neuralzoo.experiments.tracking.client import connect, use_tracking_uri

warnings.simplefilter("ignore")  # MLflow's own
result = runner.run("average", tracking_uri=sys.argv[1])
(x, lengths), y = inputs_of(datasets.load("japanese-vowels").test), datasets.load("japanese-vowels").test[-1]
own = predict_in_batches(load_model(result.folder.model).predict, (x, lengths))
with use_tracking_uri(sys.argv[1]) as mlflow:
    (logged,) = connect(sys.argv[1]).search_logged_models([result.tracked["experiment_id"]])
    served = mlflow.pyfunc.load_model(f"models:/{logged.model_id}")
short = int(lengths[0])
inner = served.unwrap_python_model()
errors = []
for wrong in ([0, 29], [1, 30], [29]):
    try:
        served.predict({"x": x[:2], "lengths": np.array(wrong)})
    except ValueError as error:
        errors.append(str(error))
print(json.dumps({
    "served": bool(np.array_equal(served.predict({"x": x, "lengths": lengths}), own)),
    "accuracy": float((own.argmax(axis=1) == y).mean()),
    "reported": result.metrics["test/accuracy"],
    "unpadded": float(abs(served.predict({"x": x[:1, :short], "lengths": lengths[:1]}) - own[:1]).max()),
    "without_lengths": float(abs(inner.predict(None, x[:1, :short]) - own[:1]).max()),
    "inputs": [(spec.name, str(spec.type), list(spec.shape)) for spec in served.metadata.signature.inputs.inputs],
    "example": {name: list(a.shape) for name, a in served.input_example.items()},
    "errors": errors,
    "figures": sorted(path.name for path in result.folder.figures.iterdir()),
}))
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The output of a new Python process with a plugin for lengths, after a tracked run."""
    pytest.importorskip("mlflow", reason="tracking needs the extra 'experiments'")
    folder = tmp_path_factory.mktemp("lengths")
    info = folder / "average-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: average\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[neuralzoo.plugins]\naverage = average_plugin\n")
    (folder / "average_plugin.py").write_text(PLUGIN)
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", TASK, f"sqlite:///{folder}/mlflow.db"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_pyfunc_model_predicts_as_the_trained_one_from_examples_and_lengths(served):
    assert served["served"]
    assert served["accuracy"] == pytest.approx(served["reported"], abs=1e-9)


def test_the_signature_names_the_inputs_and_leaves_the_number_of_steps_free(served):
    assert served["inputs"] == [["x", "float32", [-1, -1, 12]], ["lengths", "int64", [-1]]]
    assert served["example"] == {"x": [2, 29, 12], "lengths": [2]}


def test_padding_does_not_change_predictions(served):
    assert served["unpadded"] < 1e-6


def test_without_lengths_all_examples_have_the_full_length(served):
    assert served["without_lengths"] < 1e-6


def test_invalid_lengths_are_an_error_of_one_sentence(served):
    assert served["errors"] == [
        f"the model got lengths {wrong} for 2 examples of 29 steps; it needs one from 1 to 29 for each"
        for wrong in ([0, 29], [1, 30], [29])
    ]


def test_a_run_on_sequences_with_lengths_has_its_figures(served):
    assert served["figures"] == ["confusion_matrix.png", "learning_curve.png"]
