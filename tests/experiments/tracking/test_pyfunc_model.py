"""Sequences of different lengths, from a run of a plugin that reads them to the model that MLflow serves."""

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
        contract=1,
        name="average",
        summary="The mean of a sequence, classified by a linear model",
        citation="Nobody (2020), Nothing",
        url="https://example.org",
        tasks=frozenset({"classification"}),
        inputs=frozenset({"sequence"}),
        lengths=True,
        config=AverageConfig,
        build=lambda config, task, rng: Average(task, rng),
        learner=supervised,
        example=Task(kind="classification", input="sequence", shape=(5, 3), outputs=2, lengths=True),
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
from neuralzoo.experiments import datasets
from neuralzoo.experiments.tracking import store
from neuralzoo.experiments.running.model_file import load_model, predict

warnings.simplefilter("ignore")  # MLflow's own
result = runner.run("average", tracking_uri=sys.argv[1])
(x, lengths), y = inputs_of(datasets.load("japanese-vowels").test), datasets.load("japanese-vowels").test[-1]
own = predict(load_model(result.folder.model), (x, lengths))
with store.chosen(sys.argv[1]) as mlflow:
    (logged,) = store.client(sys.argv[1]).search_logged_models([result.tracked["experiment_id"]])
    served = mlflow.pyfunc.load_model(f"models:/{logged.model_id}")
short = int(lengths[0])
inner = served.unwrap_python_model()
refusals = []
for wrong in ([0, 29], [1, 30], [29]):
    try:
        served.predict({"x": x[:2], "lengths": np.array(wrong)})
    except ValueError as error:
        refusals.append(str(error))
print(json.dumps({
    "served": bool(np.array_equal(served.predict({"x": x, "lengths": lengths}), own)),
    "right": float((own.argmax(axis=1) == y).mean()),
    "reported": result.metrics["test/accuracy"],
    "unpadded": float(abs(served.predict({"x": x[:1, :short], "lengths": lengths[:1]}) - own[:1]).max()),
    "alone": float(abs(inner.predict(None, x[:1, :short]) - own[:1]).max()),
    "read": [(spec.name, str(spec.type), list(spec.shape)) for spec in served.metadata.signature.inputs.inputs],
    "example": {name: list(a.shape) for name, a in served.input_example.items()},
    "refusals": refusals,
    "pictures": sorted(path.name for path in result.folder.figures.iterdir()),
}))
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """What a new Python says that has a plugin for lengths, after a run that was tracked."""
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


def test_the_model_that_mlflow_serves_answers_as_the_trained_one_by_examples_and_lengths(served):
    assert served["served"]
    assert served["right"] == pytest.approx(served["reported"], abs=1e-9)


def test_the_signature_names_what_is_read_and_leaves_the_steps_free(served):
    assert served["read"] == [["x", "float32", [-1, -1, 12]], ["lengths", "int64", [-1]]]
    assert served["example"] == {"x": [2, 29, 12], "lengths": [2]}


def test_padding_makes_no_difference_to_what_is_served(served):
    assert served["unpadded"] < 1e-6


def test_examples_alone_are_all_as_long_as_their_array(served):
    assert served["alone"] < 1e-6


def test_lengths_that_can_not_be_are_refused_in_one_sentence(served):
    assert served["refusals"] == [
        f"the model got lengths {wrong} for 2 examples of 29 steps; it needs one from 1 to 29 for each"
        for wrong in ([0, 29], [1, 30], [29])
    ]


def test_a_run_on_sequences_with_lengths_has_its_pictures(served):
    assert served["pictures"] == ["confusion_matrix.png", "learning_curve.png"]
