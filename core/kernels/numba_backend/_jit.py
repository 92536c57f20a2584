"""Settings of the compiler, and its cache."""

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache


class CompileCacheWarning(UserWarning):
    """Compiled kernels can't be kept for the next process, which compiles them again."""


class CompileCache(FunctionCache):
    """A cache to do without: what can't be read from it is compiled, what can't be written is not kept."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled function of a signature, None if it has to be compiled."""
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # a damaged pickle raises anything
            try:
                self.flush()
            except OSError:  # nor can it be written
                self.disable()
            self._warn("read", error)
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled function."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            self._warn("written", error)

    def _warn(self, done: str, error: Exception) -> None:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        text = f"the compile cache {self.cache_path} can't be {done} ({reason}); kernels are compiled again"
        warnings.warn(text, CompileCacheWarning, stacklevel=2)


@cache
def cache_folder() -> str | None:
    """Return the folder of the compile cache, None where numba finds none that it can write to."""
    try:
        return str(CompileCache(cache_folder.__wrapped__).cache_path)
    except RuntimeError:
        return None


def compiled(function: Callable[..., Any]) -> Any:
    """Return the function as compiled at its first call with a dtype, by an earlier process where there is a cache.

    Sums may be taken in another order and products fused with them: rounding differs, NaN and infinity do not.
    """
    dispatcher: Any = njit(nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})(function)
    if cache_folder() is not None:
        dispatcher._cache = CompileCache(function)  # as `cache=True` does, with a cache that may fail
    return dispatcher


if cache_folder() is None:  # said once, for a module is imported once
    warnings.warn(
        "numba can't write to the folder of any compile cache; each process compiles its kernels again, "
        "unless NUMBA_CACHE_DIR names a writable one",
        CompileCacheWarning,
        stacklevel=2,
    )
