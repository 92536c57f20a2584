"""Work on long vectors shared among threads, as many as matrix products have.

It takes about a tenth of a millisecond until another thread has begun, so that only long vectors gain.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
LONG = 2**20  # numbers


@cache
def count() -> int:
    """Return how many threads there are: what the environment allows to matrix products, else the cores."""
    for name in VARIABLES:
        if (allowed := os.environ.get(name, "")).isdigit():
            return max(1, int(allowed))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share(work: Callable[[slice], None], size: int) -> None:
    """Call `work` for neighbouring parts of a vector, each in a thread of its own, or for all of a short one.

    `work` releases Python's lock for most of its time, and writes nothing that belongs to another part.
    """
    parts = count() if size >= LONG else 1
    bounds = [size * i // parts for i in range(parts + 1)]
    others = [_pool().submit(work, slice(*bounds[i : i + 2])) for i in range(1, parts)]
    work(slice(*bounds[:2]))
    for other in others:
        other.result()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, count() - 1), "neuralzoo")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # the threads of a pool stay with the parent
