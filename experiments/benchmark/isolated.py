"""Measurements in a process of their own: nothing that was measured before is in memory, imported or compiled there.

    python -m neuralzoo.experiments.benchmark.isolated [--counted] MODULE FUNCTION ARGUMENTS

It calls the function with the arguments (a list in JSON) and prints what it returns as the last line, in JSON. Little
is imported before, so that the module itself decides what is.
"""

import json
import os
import subprocess
import sys
from importlib import import_module
from typing import Any

THREADS = 2
VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Read by NumPy's BLAS and by the peers when they start, never later."""
LIMIT_S = 900
KERNELS = "NEURALZOO_KERNELS"


class MeasurementError(Exception):
    """A measurement that came to nothing; the message is one sentence that says why."""


def measure(module: str, function: str, *arguments: Any, kernels: str | None = None, counted: bool = False) -> Any:
    """Return what a function of this package returns in a fresh process, with as many threads as all others have.

    `kernels` chooses the form of the inner loops; `counted` counts matrix products (see `products`), which costs time.

    Raises: MeasurementError when it raises, ends otherwise, or takes longer than a quarter of an hour.
    """
    command = [sys.executable, "-P", "-m", __name__, *["--counted"] * counted]
    command += [f"{__package__}.{module}", function, json.dumps(arguments)]
    try:
        ended = subprocess.run(
            command, env=environment(kernels), capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise MeasurementError(f"{module}.{function} took more than {LIMIT_S // 60} minutes") from None
    lines = ended.stdout.splitlines()
    if ended.returncode or not lines:
        said = ended.stderr.strip().splitlines() or [""]
        raise MeasurementError(f"{module}.{function} ended with code {ended.returncode}: {said[-1]}".rstrip(": "))
    answer = json.loads(lines[-1])
    if "failed" in answer:
        raise MeasurementError(answer["failed"])
    return answer["found"]


def environment(kernels: str | None = None) -> dict[str, str]:
    """Return the environment of a measurement: that of this process, with the number of threads of all."""
    chosen = {} if kernels is None else {KERNELS: kernels}
    return os.environ | dict.fromkeys(VARIABLES, str(threads())) | chosen


def threads() -> int:
    """Return how many threads each side has: two, or what OPENBLAS_NUM_THREADS says."""
    return int(os.environ.get(VARIABLES[0], THREADS))


def main() -> None:
    """Call the function that the command line names."""
    _take_cores(threads())
    *options, module, function, arguments = sys.argv[1:]
    if options:
        from neuralzoo.experiments.benchmark.flop_counter import count_products

        count_products()
    try:
        answer = {"found": getattr(import_module(module), function)(*json.loads(arguments))}
    except Exception as error:
        answer = {"failed": f"{type(error).__name__}: {' '.join(str(error).split())}"}
    print(f"\n{json.dumps(answer)}")


def _take_cores(count: int) -> None:
    """Leave this process so many cores where the system can: JAX takes all that it sees, whatever variables say."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


if __name__ == "__main__":
    main()
