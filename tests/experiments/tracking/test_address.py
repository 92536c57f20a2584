"""The address of a tracking store: its form, and what of it is shown or written."""

import pytest

from neuralzoo.experiments import run as runner
from neuralzoo.experiments.tracking.address import (
    TrackingError,
    check_address,
    redacted,
    resume_uri,
    ui_option,
    without_secrets,
)
from neuralzoo.registry import SettingError

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own


@pytest.mark.parametrize(
    ("uri", "shown", "written"),
    [
        ("http://ann:s3cret@host:5000", "http://***@host:5000", "http://host:5000"),
        ("http://ann:s3/cr?t@host:5000/x", "http://ann:s3/cr?t@host:5000/x", None),  # no URI: it needs %2F and %3F
        ("postgresql://ann:s%40@host/db", "postgresql://***@host/db", "postgresql://host/db"),
        (
            "mysql+pymysql://h/db?user=ann&password=s",
            "mysql+pymysql://h/db?user=***&password=***",
            "mysql+pymysql://h/db",
        ),
        ("sqlite:////a/mlflow.db", "sqlite:////a/mlflow.db", "sqlite:////a/mlflow.db"),
    ],
)
def test_users_and_passwords_are_neither_shown_nor_written(uri, shown, written):
    assert redacted(uri) == shown
    assert redacted(f"request to '{uri}' failed") == f"request to '{shown}' failed"
    if written is not None:
        assert without_secrets(uri) == written


@pytest.mark.parametrize("path", ["a%20b", "a?b", "a\nb"])
def test_a_path_that_would_not_be_taken_literally_is_an_error_of_one_sentence(path):
    with pytest.raises(TrackingError, match="does not take literally") as caught:
        check_address(f"sqlite:////{path}/mlflow.db")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["a b", "a%b", "100%", "a#b", "ü", "a;b'c"])
def test_a_run_is_tracked_in_a_folder_of_an_unusual_name(tiny, tmp_path, monkeypatch, path, empty_store):
    import shutil

    from neuralzoo.experiments.tracking.client import connect

    place = tmp_path / path
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(empty_store, place / "mlflow.db")
    result = runner.run(tiny.set(["epochs=1"]))
    client = connect(f"sqlite:///{place}/mlflow.db")
    assert client.get_run(result.tracked["run_id"]).info.status == "FINISHED"
    assert client.list_artifacts(result.tracked["run_id"], "figures")
    assert [entry.name for entry in tmp_path.iterdir()] == [path]
    assert {entry.name for entry in place.iterdir()} <= {"mlflow.db", "mlflow.db.lock", "mlartifacts", "runs"}


@pytest.mark.parametrize("uri", ["nowhere", "file:./mlruns", "foo://u:secret@h", "http:", "", "sqlite:"])
def test_an_address_of_another_kind_is_an_error_without_its_password(uri):
    with pytest.raises(TrackingError, match="needs to be like") as caught:
        check_address(uri)
    assert "secret" not in str(caught.value)


def test_a_recorded_server_is_contacted_only_if_it_is_named_here(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(SettingError, match=r"tracked in http://host.*--tracking-uri.*--no-track"):
        resume_uri("http://host", None, None)
    with pytest.raises(SettingError, match="neither"):
        resume_uri("sqlite:////not/there/mlflow.db", None, None)
    assert resume_uri("http://host", False, None) is None
    assert resume_uri("http://host", None, "http://ann:s@host") == "http://ann:s@host"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:s@other")
    with pytest.raises(SettingError, match="neither"):
        resume_uri("http://host", None, None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:s@host")
    assert resume_uri("http://host", None, None) == "http://ann:s@host"
    assert ui_option("http://host") == ""


def test_a_deleted_working_directory_is_an_error_of_one_sentence(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    place = tmp_path / "gone"
    place.mkdir()
    monkeypatch.chdir(place)
    place.rmdir()
    try:
        with pytest.raises(TrackingError, match="working directory was deleted"):
            resume_uri("http://host", None, None)
    finally:
        monkeypatch.chdir(tmp_path)
