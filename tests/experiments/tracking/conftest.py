import pytest


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """The file of an empty SQLite store, to be copied: creating one takes seconds."""
    pytest.importorskip("mlflow", reason="the store needs the extra 'experiments'")
    from neuralzoo.experiments.tracking.client import connect

    file = tmp_path_factory.mktemp("empty") / "mlflow.db"
    connect(f"sqlite:///{file}")
    return file
