"""Target ratios of our times to those of the fastest peer."""

from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]

STEP_RATIO = {"numpy": 1.3, "numba": 1.0}  # by kernel backend
SMALL_NETWORK_STEP_RATIO = {"fnn": 0.5, "rbfn": 0.5, "modular": 0.5, "autoencoder": 0.5}  # with compiled kernels
PREDICT_ONE_RATIO = 0.3

SENTENCE = (
    "Our time divided by that of the fastest peer. Targets: a step of at most "
    f"{STEP_RATIO['numba']:g} with compiled kernels ({SMALL_NETWORK_STEP_RATIO['fnn']:g} for "
    f"{', '.join(SMALL_NETWORK_STEP_RATIO)}) and of {STEP_RATIO['numpy']:g} in plain NumPy, a prediction of one "
    f"example of at most {PREDICT_ONE_RATIO:g}. Ratios above their target are **bold**."
)


def fastest(rows: Sequence[Row]) -> dict[tuple[str, str, str], Row]:
    """Return the comparison with the fastest peer by architecture, kernel backend, and what was timed.

    Its ratio before is against the peer that was fastest then.
    """
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["architecture"], row["kernels"], row["what"]), []).append(row)
    best = {}
    for key, group in groups.items():
        before = [row["before"] for row in group if "before" in row]
        best[key] = max(group, key=lambda row: row["ratio"]) | ({"before": max(before)} if before else {})
    return best


def target(row: Row) -> float | None:
    """Return the greatest ratio that meets the target, or None; "usual" kernels have the target of numba."""
    match row["what"], row["kernels"]:
        case "step", "numpy":
            return STEP_RATIO["numpy"]
        case "step", _:
            return SMALL_NETWORK_STEP_RATIO.get(row["architecture"], STEP_RATIO["numba"])
        case "predict 1", _:
            return PREDICT_ONE_RATIO
    return None


def cell(row: Row) -> str:
    """Return a table cell: the ratio, bold above its target, the peer, and the ratio before."""
    most, ratio = target(row), f"{row['ratio']:.2f}"
    marked = f"**{ratio}**" if most is not None and row["ratio"] > most else ratio
    before = f", before {row['before']:.2f}" if "before" in row else ""
    return f"{marked} {row['peer']}{before}"
