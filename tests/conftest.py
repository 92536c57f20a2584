"""What all tests share: where the public data files are, if they are there at all."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

MIRROR = Path(__file__).parents[2] / "shared" / "data" / "mirror"


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
