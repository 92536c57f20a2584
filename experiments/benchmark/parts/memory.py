"""How much memory training takes, beyond what is there when libraries are imported and data is loaded."""

import resource
import sys
from importlib import import_module
from pathlib import Path

import numpy as np

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.layer import Context
from neuralzoo.experiments.benchmark import peers
from neuralzoo.experiments.benchmark.scaled_workload import assembled, reference
from neuralzoo.experiments.benchmark.workload import workload
from neuralzoo.experiments.running.assembly import EVALUATION_BATCH, load, split
from neuralzoo.registry import Experiment, Task

STEPS = 50
STATUS, REFERENCES = Path("/proc/self/status"), Path("/proc/self/clear_refs")
MOST, NOW = "VmHWM", "VmRSS"
FORGET = "5"

Used = dict[str, float]


def ours_by_steps(name: str) -> Used:
    """Return the bytes that building the network and STEPS training steps on one batch take at most."""
    experiment = reference(name)
    task, batches, _ = _data(experiment)
    batch = next(iter(batches.epoch(np.random.default_rng(0))))
    before = resident()
    step = assembled(experiment, experiment.model, task, batch).step()
    for _ in range(STEPS):
        step()
    return {"bytes": peak() - before}


def ours_by_epoch(name: str) -> Used:
    """Return the bytes that building the network, an epoch of training and the test take at most."""
    experiment = reference(name)
    task, train, test = _data(experiment)
    ctx = Context(training=True, rng=np.random.default_rng(0))
    before = resident()
    learner = assembled(experiment, experiment.model, task, ()).learner
    learner.prepare(train, ctx)
    for batch in train.epoch(np.random.default_rng(0)):
        learner.learn(batch, ctx)
    learner.evaluate_all(test.epoch(np.random.default_rng(0)))
    return {"bytes": peak() - before}


def theirs_by_steps(name: str, peer: str) -> Used:
    """Return the bytes that building the network in a peer and STEPS training steps on one batch take at most.

    Nothing is returned where the peer has no such network.
    """
    module = import_module(f"{peers.__name__}.{peers.MODULES[peer]}")
    import_module(module.PACKAGE)
    work = workload(name)
    before = resident()
    rival = module.rival(work)
    if rival is None:
        return {}
    for _ in range(STEPS):
        rival.step()
    return {"bytes": peak() - before}


def _data(experiment: Experiment) -> tuple[Task, ArrayBatches, ArrayBatches]:
    """Return the task of an experiment, its training and its test examples; what builds its network is imported."""
    data = load(experiment)
    train, _ = split(data, experiment.validation, experiment.seed)
    batches = ArrayBatches(train, experiment.batch_size, shuffle=True), ArrayBatches(data.test, EVALUATION_BATCH)
    return data.task, *batches


def resident() -> float:
    """Return the bytes that this process has in memory now; from now on `peak` counts."""
    if REFERENCES.exists():
        REFERENCES.write_text(FORGET)
        return _of_status(NOW)
    import psutil

    return float(psutil.Process().memory_info().rss)


def peak() -> float:
    """Return the most bytes in memory, since `resident` on Linux, elsewhere since the process began.

    On Linux the kernel's own mark is read: getrusage has a process begin with the most that its parent ever had.
    """
    if STATUS.exists():
        return _of_status(MOST)
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def _of_status(key: str) -> float:
    """Return a line of the process's status, in bytes."""
    lines = [line for line in STATUS.read_text().splitlines() if line.startswith(f"{key}:")]
    return float(lines[0].split()[1]) * 1024
