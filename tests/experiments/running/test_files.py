"""Reading JSON files: what is no JSON object in a regular file has one sentence."""

import os

import pytest

from neuralzoo.experiments.running import run_folder
from neuralzoo.experiments.running.files import read_json, write_json
from neuralzoo.registry import SettingError


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is damaged"),
        (b'{"a": 1', "is damaged"),
        (b'\xff{"a": 1}', "is damaged"),
        (b"[" * 100_000, "is damaged"),
        (b'{"a": ' + b"1" * 5000 + b"}", "is damaged"),
        (b"[1]", "holds a JSON list"),
        (b"null", "holds a JSON NoneType"),
    ],
    ids=["empty", "truncated", "not UTF-8", "nested", "long integer", "list", "null"],
)
def test_a_damaged_json_file_has_one_sentence(tmp_path, content, reason):
    path = tmp_path / "result.json"
    path.write_bytes(content)
    with pytest.raises(SettingError, match=f"result.json {reason}.*needs to hold a JSON object") as caught:
        read_json(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_json_file_is_a_regular_file(tmp_path, make):
    make(tmp_path / "result.json")
    with pytest.raises(SettingError, match="is no regular file"):
        read_json(tmp_path / "result.json")


def test_a_missing_json_file_is_an_empty_object(tmp_path):
    assert read_json(tmp_path / "result.json") == {}


def test_the_damaged_tracking_file_of_one_run_hides_no_other(tmp_path, tiny):
    damaged, other = (run_folder.create(tiny, tmp_path) for _ in range(2))
    damaged.tracking.write_text("{")
    write_json(other.tracking, {"run_id": "abc"})
    assert run_folder.find("abc", tmp_path) == other
