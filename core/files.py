"""Atomic writes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Atomic replacement of a file: yield a temporary path beside it, which takes its place when the block succeeds.

    Whatever interrupts the block, the file is complete or as it was, and the temporary file is removed.

    Raises: OSError, with a file name also where the system gives none, as for a full disk.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):  # of a folder that is gone: the error of the block says more
            temporary.unlink(missing_ok=True)
