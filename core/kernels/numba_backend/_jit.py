"""Settings of the compiler."""

from typing import Any

from numba import njit

# Sums may be taken in another order and products fused with them: rounding differs, NaN and infinity do not.
compiled: Any = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc"})
