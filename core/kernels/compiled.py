"""The inner loops compiled by numba, one pass over memory each: compiled once for each dtype, then from a cache."""

from typing import Any

import numpy as np
from numba import njit

from neuralzoo.core.module import Array

# Sums may be taken in another order and products fused with them: rounding differs, NaN and infinity do not.
compiled: Any = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc"})


@compiled
def _adam(w: Any, g: Any, m: Any, v: Any, settings: Any) -> None:
    beta1, beta2, rate, epsilon, keep = settings
    for i in range(w.size):
        m_i = m[i] * beta1 + g[i]
        v_i = v[i] * beta2 + g[i] * g[i]
        m[i] = m_i
        v[i] = v_i
        w[i] = w[i] * keep - rate * m_i / (np.sqrt(v_i) + epsilon)


def adam(
    w: Array, g: Array, m: Array, v: Array, beta1: float, beta2: float, rate: float, epsilon: float, keep: float
) -> None:
    """Do a step of Adam on vectors, in place."""
    number = w.dtype.type  # what is computed in double precision would take twice as long
    _adam(w, g, m, v, tuple(map(number, (beta1, beta2, rate, epsilon, keep))))
