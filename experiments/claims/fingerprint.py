"""Fingerprints: hashes of the bits that the code of a claim computes, equal for versions that compute the same bits.

    python -m neuralzoo.experiments.claims.fingerprint fnn two-spirals [--whole]

prints, as JSON, the claim's key, its decision rule, and for each candidate with the first seed the hashes of the
weights and of the metrics: after the first two steps, or after the whole run.
"""

import hashlib
import json
import re
import sys
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.trainer import Trainer
from neuralzoo.experiments.claims.runner import claim_key, claims_of
from neuralzoo.experiments.running.assembly import Assembly, stop_hooks
from neuralzoo.experiments.running.preflight import prepare
from neuralzoo.registry import Claim

STEPS = 2
NOT_MEASURED = "not of the test split"
EXAMPLES = 300  # of each split, to evaluate the weights after these steps


class _EnoughError(Exception):
    """Ends training after the first steps."""


class _FirstSteps:
    @hookimpl
    def batch_ended(self, trainer: Trainer) -> None:
        """Stop after the first steps."""
        if trainer.step >= STEPS:
            raise _EnoughError


def claim_fingerprint(claim: Claim, whole: bool = False) -> dict[str, Any]:
    """Return the key of a claim, its decision rule, and the hashes of its candidates, in an order that stays."""
    labels = [c.label for c in claim.candidates]
    metrics = list(dict.fromkeys([*(condition.metric for condition in claim.conditions), *claim.metrics]))
    return {
        "key": claim_key(claim),
        "decision": _decision(claim, labels, metrics),
        "labels": labels,
        "metrics": metrics,
        "candidates": [
            _candidate(claim, prepare(c.experiment.model_copy(update={"seed": claim.seeds[0]})), metrics, whole)
            for c in claim.candidates
        ],
    }


def _decision(claim: Claim, labels: list[str], metrics: list[str]) -> list[Any]:
    """Return seeds, matching and conditions, with candidates and metrics by index."""
    conditions = []
    for c in claim.conditions:
        sides = [labels.index(c.of), None if c.over is None else labels.index(c.over)]
        conditions.append([*sides, metrics.index(c.metric), c.ratio, c.at_least, c.at_most, c.min_seeds])
    return [list(claim.seeds), claim.match, [c.control for c in claim.candidates], conditions, len(metrics)]


def _candidate(claim: Claim, assembly: Assembly, metrics: list[str], whole: bool) -> dict[str, Any]:
    experiment = assembly.experiment
    hooks = stop_hooks(experiment) if whole else [_FirstSteps()]
    trainer = Trainer(assembly.learner, epochs=experiment.epochs, seed=experiment.seed, hooks=hooks)
    with suppress(_EnoughError):
        trainer.run(assembly.train, assembly.validation)
    data = assembly.data if whole else _few(assembly.data)
    known = trainer._evaluate("test", assembly.test) if whole else _evaluate(assembly, data)
    if whole:
        known = {**known, "time/epochs": trainer.epoch}
    return {
        "steps": trainer.step,
        "settings": _values(experiment.model_dump(mode="json", exclude_defaults=True)),
        "weights": _hash([array.tobytes() for array in assembly.module.state().values()]),
        "measured": [_hash(_measured(claim, assembly, data, known, metric)) for metric in metrics],
    }


def _values(settings: Any) -> list[Any]:
    """Return the numbers among nested settings, and the texts that hold one: names may change, values may not."""
    if isinstance(settings, dict):
        settings = list(settings.values())
    if isinstance(settings, list):
        return [value for part in settings for value in _values(part)]
    if isinstance(settings, str):
        return re.findall(r"[<>]=\s*[-+.\de]+", settings)  # of a stop condition
    return [settings]


def _few(data: Any) -> Any:
    """Return a dataset with few examples in each split."""

    def few(part: Any) -> Any:
        return None if part is None else tuple(array[:EXAMPLES] for array in part)

    return replace(
        data,
        train=few(data.train),
        test=few(data.test),
        validation=few(data.validation),
        extra_test_sets={name: few(part) for name, part in data.extra_test_sets.items()},
        original_labels={name: few((labels,))[0] for name, labels in data.original_labels.items()},
    )


def _evaluate(assembly: Assembly, data: Any) -> Mapping[str, float]:
    return {f"test/{name}": value for name, value in assembly.learner.evaluate(data.test).items()}


def _measured(claim: Claim, assembly: Assembly, data: Any, known: Mapping[str, float], metric: str) -> list[Any]:
    """Return a metric's value, or the type of its error: not every metric exists after two steps on few examples."""
    if metric in claim.evaluators:
        try:
            return [float(claim.evaluators[metric](assembly.module.copy(), data)).hex()]
        except Exception as error:
            return [type(error).__name__]
    if metric == "model/n_params":
        return [assembly.module.num_parameters]
    return [float(known[metric]).hex()] if metric in known else [NOT_MEASURED]


def _hash(parts: list[Any]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else str(part).encode())
    return digest.hexdigest()[:16]


def main() -> None:
    """Print the fingerprint of the claim named on the command line."""
    architecture, name = sys.argv[1:3]
    (claim,) = claims_of(architecture, claim=name)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = claim_fingerprint(claim, whole="--whole" in sys.argv)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
