"""What a claim's code computes, as hashes of bits: two versions of the code that agree in them are the same to a claim.

    python -m neuralzoo.experiments.claims.fingerprint fnn two-spirals [--whole]

prints, as JSON, the claim's key, how it is decided, and for each contestant with the first seed the hashes of the
weights and of what is measured: after the first two steps, or after the whole run.
"""

import hashlib
import json
import sys
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.trainer import Trainer
from neuralzoo.experiments.claims.runner import claim_key, claims_of
from neuralzoo.experiments.run import prepare
from neuralzoo.experiments.running.assembly import Assembly
from neuralzoo.registry import Claim

STEPS = 2
EXAMPLES = 300  # of each split, to measure what two steps have made


class _EnoughError(Exception):
    """Ends training after the first steps."""


class _FirstSteps:
    @hookimpl
    def batch_ended(self, trainer: Trainer) -> None:
        """Stop after the first steps."""
        if trainer.step >= STEPS:
            raise _EnoughError


def claim_fingerprint(claim: Claim, whole: bool = False) -> dict[str, Any]:
    """Return the key of a claim, its decision without words, and the hashes of its contestants."""
    labels = [c.label for c in claim.contestants]
    measures = list(dict.fromkeys([*(condition.measure for condition in claim.conditions), *claim.measures]))
    return {
        "key": claim_key(claim),
        "decision": _decision(claim, labels, measures),
        "labels": labels,
        "measures": measures,
        "contestants": [
            _contestant(claim, prepare(c.experiment.model_copy(update={"seed": claim.seeds[0]})), measures, whole)
            for c in claim.contestants
        ],
    }


def _decision(claim: Claim, labels: list[str], measures: list[str]) -> list[Any]:
    """Return seeds, matching and conditions, with contestants and measures by their places."""
    conditions = []
    for c in claim.conditions:
        sides = [labels.index(c.of), None if c.over is None else labels.index(c.over)]
        conditions.append([*sides, measures.index(c.measure), c.ratio, c.at_least, c.at_most, c.quorum])
    return [list(claim.seeds), claim.match, [c.control for c in claim.contestants], conditions, len(measures)]


def _contestant(claim: Claim, assembly: Assembly, measures: list[str], whole: bool) -> dict[str, Any]:
    experiment = assembly.experiment
    trainer = Trainer(
        assembly.learner, epochs=experiment.epochs, seed=experiment.seed, hooks=() if whole else (_FirstSteps(),)
    )
    try:
        trainer.run(assembly.train, assembly.validation)
    except _EnoughError:
        pass
    data = assembly.data if whole else _few(assembly.data)
    test = trainer._evaluate("test", assembly.test) if whole else _evaluate(assembly, data)
    return {
        "steps": trainer.step,
        "weights": _hash([array.tobytes() for array in assembly.module.state().values()]),
        "measured": [_hash(_measured(claim, assembly, data, test, measure)) for measure in measures],
    }


def _few(data: Any) -> Any:
    """Return a data set with few examples in each split."""

    def few(part: Any) -> Any:
        return None if part is None else tuple(array[:EXAMPLES] for array in part)

    return replace(
        data,
        train=few(data.train),
        test=few(data.test),
        validation=few(data.validation),
        tests={name: few(part) for name, part in data.tests.items()},
        labels={name: few((labels,))[0] for name, labels in data.labels.items()},
    )


def _evaluate(assembly: Assembly, data: Any) -> Mapping[str, float]:
    return {f"test/{name}": value for name, value in assembly.learner.evaluate(data.test).items()}


def _measured(claim: Claim, assembly: Assembly, data: Any, test: Mapping[str, float], measure: str) -> list[Any]:
    """Return a measure's value, or what kind of error it ends in: of two steps and few examples not all can be had."""
    if measure in claim.probes:
        try:
            return [float(claim.probes[measure](assembly.module.copy(), data)).hex()]
        except Exception as error:
            return [type(error).__name__]
    if measure == "model/n_params":
        return [assembly.module.size]
    return [float(test[measure]).hex()] if measure in test else ["not of the test split"]


def _hash(parts: list[Any]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else str(part).encode())
    return digest.hexdigest()[:16]


def main() -> None:
    """Print the fingerprint of the claim that is named on the command line."""
    architecture, name = sys.argv[1:3]
    (claim,) = claims_of(architecture, claim=name)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = claim_fingerprint(claim, whole="--whole" in sys.argv)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
