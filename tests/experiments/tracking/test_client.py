"""The client of a tracking store."""

from contextlib import contextmanager

from neuralzoo.experiments.tracking import client


def test_a_spinner_is_shown_while_a_store_is_opened(tmp_path, monkeypatch):
    shown = []

    @contextmanager
    def show(text):
        shown.append(text)
        yield
        shown.append("done")

    monkeypatch.setattr(client, "_spinner", client._spinner)
    client.set_spinner(show)
    monkeypatch.setattr(client, "_connect", lambda uri, file: shown.append("open"))
    client.connect(f"sqlite:///{tmp_path}/mlflow.db")
    assert shown == ["opening mlflow.db", "open", "done"]
