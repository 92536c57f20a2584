"""Peak memory of training, beyond that of imported libraries and loaded data."""

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
PEAK_KEY, RESIDENT_KEY = "VmHWM", "VmRSS"
RESET_PEAK = "5"

Usage = dict[str, float]


def our_steps(name: str) -> Usage:
    """Return the peak bytes of building the network and STEPS training steps on one batch."""
    experiment = reference(name)
    task, batches, _ = _data(experiment)
    batch = next(iter(batches.epoch(np.random.default_rng(0))))
    before = resident()
    step = assembled(experiment, experiment.model, task, batch).step()
    for _ in range(STEPS):
        step()
    return {"bytes": peak() - before}


def our_epoch(name: str) -> Usage:
    """Return the peak bytes of building the network, an epoch of training, and the test."""
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


def peer_steps(name: str, peer: str) -> Usage:
    """Return the peak bytes of building the network in a peer and STEPS training steps on one batch.

    The result is empty where the peer has no such network.
    """
    module = import_module(f"{peers.__name__}.{peers.MODULES[peer]}")
    import_module(module.PACKAGE)
    work = workload(name)
    before = resident()
    counterpart = module.counterpart(work)
    if counterpart is None:
        return {}
    for _ in range(STEPS):
        counterpart.step()
    return {"bytes": peak() - before}


def _data(experiment: Experiment) -> tuple[Task, ArrayBatches, ArrayBatches]:
    """Return the task of an experiment, its training and its test examples."""
    data = load(experiment)
    train, _ = split(data, experiment.validation, experiment.seed)
    batches = ArrayBatches(train, experiment.batch_size, shuffle=True), ArrayBatches(data.test, EVALUATION_BATCH)
    return data.task, *batches


def resident() -> float:
    """Return the resident bytes of this process, and reset the peak."""
    if REFERENCES.exists():
        REFERENCES.write_text(RESET_PEAK)
        return _of_status(RESIDENT_KEY)
    import psutil

    return float(psutil.Process().memory_info().rss)


def peak() -> float:
    """Return the peak resident bytes, since `resident` on Linux, elsewhere since the process began.

    On Linux the kernel's high-water mark is read: that of getrusage is inherited from the parent process.
    """
    if STATUS.exists():
        return _of_status(PEAK_KEY)
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def _of_status(key: str) -> float:
    """Return an entry of the process's status, in bytes."""
    lines = [line for line in STATUS.read_text().splitlines() if line.startswith(f"{key}:")]
    return float(lines[0].split()[1]) * 1024
