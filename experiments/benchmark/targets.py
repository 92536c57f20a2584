"""What the times are meant to be: no longer than the fastest peer's, by so much."""

from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]

STEPS = {"numpy": 1.3, "numba": 1.0}
SMALL = {"fnn": 0.5, "rbfn": 0.5, "modular": 0.5, "autoencoder": 0.5}  # with compiled kernels
FIRST = 0.3  # a prediction of one example

SENTENCE = (
    "Our time by that of the peer that is fastest beside us. Targets: a step of at most "
    f"{STEPS['numba']:g} with compiled kernels ({SMALL['fnn']:g} for {', '.join(SMALL)}) and of {STEPS['numpy']:g} in "
    f"plain NumPy, a prediction of one example of at most {FIRST:g}. What is over its target is **bold**."
)


def fastest(rows: Sequence[Row]) -> dict[tuple[str, str, str], Row]:
    """Return the comparison with the fastest peer by architecture, form of the inner loops, and what was timed.

    What it was before is beside the peer that was the fastest then.
    """
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["architecture"], row["kernels"], row["what"]), []).append(row)
    found = {}
    for key, group in groups.items():
        before = [row["before"] for row in group if "before" in row]
        found[key] = max(group, key=lambda row: row["ratio"]) | ({"before": max(before)} if before else {})
    return found


def target(row: Row) -> float | None:
    """Return what a ratio is meant to be at most, if anything; "usual" kernels are those that should be fastest."""
    match row["what"], row["kernels"]:
        case "step", "numpy":
            return STEPS["numpy"]
        case "step", _:
            return SMALL.get(row["architecture"], STEPS["numba"])
        case "predict 1", _:
            return FIRST
    return None


def cell(row: Row) -> str:
    """Return a ratio and beside whom, marked when it is over its target, and what it was before."""
    most, ratio = target(row), f"{row['ratio']:.2f}"
    marked = f"**{ratio}**" if most is not None and row["ratio"] > most else ratio
    before = f", before {row['before']:.2f}" if "before" in row else ""
    return f"{marked} {row['peer']}{before}"
