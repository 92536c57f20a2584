"""Measurements in a process of their own, unaffected by what was loaded, imported or compiled before.

    python -m neuralzoo.experiments.benchmark.isolated [--counted] MODULE FUNCTION ARGUMENTS

It calls the function with the arguments (a list in JSON) and prints the result as the last line, in JSON. It imports
little itself, so that the imports are those of the module.
"""

import json
import os
import subprocess
import sys
from importlib import import_module
from typing import Any

DEFAULT_THREADS = 2
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Read by NumPy's BLAS and by the peers at their import, never later."""
TIMEOUT_S = 900
KERNELS_VARIABLE = "NEURALZOO_KERNELS"


class MeasurementError(Exception):
    """A measurement that failed; the message is one sentence with the reason."""


def measure(module: str, function: str, *arguments: Any, kernels: str | None = None, counted: bool = False) -> Any:
    """Return the result of a function of this package in a fresh process with `threads()` threads.

    `kernels` selects the kernel backend; `counted` counts matrix products (see `flop_counter`), which is slower.

    Raises: MeasurementError when it raises, ends otherwise, or takes longer than a quarter of an hour.
    """
    command = [sys.executable, "-P", "-m", __name__, *["--counted"] * counted]
    command += [f"{__package__}.{module}", function, json.dumps(arguments)]
    try:
        ended = subprocess.run(
            command, env=environment(kernels), capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise MeasurementError(f"{module}.{function} took more than {TIMEOUT_S // 60} minutes") from None
    lines = ended.stdout.splitlines()
    if ended.returncode or not lines:
        errors = ended.stderr.strip().splitlines() or [""]
        raise MeasurementError(f"{module}.{function} ended with code {ended.returncode}: {errors[-1]}".rstrip(": "))
    outcome = json.loads(lines[-1])
    if "failed" in outcome:
        raise MeasurementError(outcome["failed"])
    return outcome["result"]


def environment(kernels: str | None = None) -> dict[str, str]:
    """Return the environment of a measurement: that of this process, with `threads()` threads and a kernel backend."""
    backend = {} if kernels is None else {KERNELS_VARIABLE: kernels}
    return os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads())) | backend


def threads() -> int:
    """Return the number of threads of each library: OPENBLAS_NUM_THREADS, or two."""
    return int(os.environ.get(THREAD_VARIABLES[0], DEFAULT_THREADS))


def main() -> None:
    """Call the function named on the command line."""
    _limit_cores(threads())
    *options, module, function, arguments = sys.argv[1:]
    if options:
        from neuralzoo.experiments.benchmark.flop_counter import count_matmuls

        count_matmuls()
    try:
        outcome = {"result": getattr(import_module(module), function)(*json.loads(arguments))}
    except Exception as error:
        outcome = {"failed": f"{type(error).__name__}: {' '.join(str(error).split())}"}
    print(f"\n{json.dumps(outcome)}")


def _limit_cores(count: int) -> None:
    """Limit this process to `count` cores where the system can: JAX ignores the environment variables."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


if __name__ == "__main__":
    main()
