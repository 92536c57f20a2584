"""What all tests share: they end when they are told to, and know where public data files are, if they are at all."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from neuralzoo.registry.errors import Terminated

MIRROR = Path(__file__).parents[2] / "shared" / "data" / "mirror"

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job ignores Ctrl-C, and so would children
    signal.signal(signal.SIGINT, signal.default_int_handler)

if "PYTEST_XDIST_WORKER" in os.environ:  # one thread for each of the processes that share the cores
    os.environ |= {name: os.environ.get(name, "1") for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    from threadpoolctl import threadpool_limits  # what is imported already has its threads

    threadpool_limits(int(os.environ["OPENBLAS_NUM_THREADS"]))


def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> None:
    """End the tests where SIGTERM or SIGHUP ended one: what runs make of it is a failure like any other to pytest."""
    if call.excinfo is not None and isinstance(call.excinfo.value, Terminated):
        pytest.exit("terminated by a signal", returncode=int(call.excinfo.value.code or 1))


@pytest.fixture(scope="session", autouse=True)
def data_mirror() -> Iterator[None]:
    """Read public data files from the folder beside the project, where there is one; what is set already stays."""
    with pytest.MonkeyPatch.context() as patch:
        if MIRROR.is_dir() and "NEURALZOO_DATA_MIRROR" not in os.environ:
            patch.setenv("NEURALZOO_DATA_MIRROR", str(MIRROR))
        yield


@pytest.fixture
def public_data(data_mirror: None) -> None:
    """Skip the test where the public data files are not at hand; no test downloads them."""
    if not os.environ.get("NEURALZOO_DATA_MIRROR"):
        pytest.skip("needs public data files: NEURALZOO_DATA_MIRROR names no folder that has them")
