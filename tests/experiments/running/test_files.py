"""Reading JSON files: what is no JSON object in a regular file has one sentence."""

import json
import math
import os
import re

import pytest

from neuralzoo.experiments.running import run_folder
from neuralzoo.experiments.running.files import MAX_BYTES, json_text, read_json, write_json
from neuralzoo.experiments.running.run_folder import Result, RunFolder
from neuralzoo.registry import SettingError

RESULT = Result(
    metrics={"test/loss": math.nan, "test/accuracy": 0.25}, steps=7, seconds=1.5, history=[{"val/loss": -math.inf}]
)


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


def test_a_json_file_has_a_largest_size(tmp_path):
    with open(tmp_path / "result.json", "wb") as file:
        file.seek(MAX_BYTES)
        file.write(b"0")
    with pytest.raises(SettingError, match="a JSON file needs at most"):
        read_json(tmp_path / "result.json")


def test_numbers_that_json_lacks_are_strings_and_are_read_back(tmp_path):
    def refuse(constant):
        raise AssertionError(constant)

    saved = json.loads(RESULT.save(tmp_path / "result.json").read_text(), parse_constant=refuse)
    assert saved["metrics"]["test/loss"] == "NaN"
    assert saved["history"] == [{"val/loss": "-Infinity"}]
    loaded = Result.load(tmp_path / "result.json")
    assert math.isnan(loaded.metrics["test/loss"])
    assert loaded.history == RESULT.history
    assert json_text([math.inf, (1, math.nan)]) == '["Infinity", [1, "NaN"]]'


def test_no_changed_digit_or_letter_of_a_record_is_taken_for_it(tmp_path):
    text = RESULT.save(tmp_path / "result.json").read_text()
    places = [found.start() for found in re.finditer(r"\w", text)]
    for place in places:
        other = "1" if text[place] != "1" else "2"
        (tmp_path / "result.json").write_text(text[:place] + other + text[place + 1 :])
        with pytest.raises(SettingError, match=r"result\.json is damaged"):
            Result.load(tmp_path / "result.json")


@pytest.mark.parametrize("content", ["{}", '{"metrics": 1}', '{"metrics": {}, "steps": "x", "seconds": 1}'])
def test_a_record_of_another_shape_has_one_sentence(tmp_path, content):
    (tmp_path / "result.json").write_text(content)
    with pytest.raises(SettingError, match="needs to be as it was written, or removed") as caught:
        Result.load(tmp_path / "result.json")
    assert "\n" not in str(caught.value)


def test_a_record_without_a_checksum_is_that_of_an_earlier_version(tmp_path):
    RESULT.save(tmp_path / "result.json")
    saved = read_json(tmp_path / "result.json")
    del saved["checksum"]
    write_json(tmp_path / "result.json", saved)
    assert Result.load(tmp_path / "result.json").steps == RESULT.steps


@pytest.mark.parametrize("content", [b"", b"\xff" * 16, b"0123456789abcdeg", b"0123456789abcde", b"0" * 99])
def test_a_damaged_key_has_one_sentence(tmp_path, content):
    folder = RunFolder(tmp_path)
    assert folder.read_key() is None
    folder.key.write_bytes(content)
    with pytest.raises(SettingError, match="key is damaged"):
        folder.read_key()


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: path.write_bytes(b"\xff\n\x1b[2J")])
def test_the_damaged_process_file_of_a_held_lock_names_no_process(tmp_path, make):
    folder = RunFolder(tmp_path)
    with folder.locked():
        (tmp_path / ".process").unlink()
        make(tmp_path / ".process")
        with pytest.raises(SettingError, match="trained by process of unknown id"), folder.locked():
            pass


def test_a_full_disk_promises_no_checkpoint_that_is_not_there(tmp_path):
    folder = RunFolder(tmp_path)
    folder.experiment.write_text("")
    with pytest.raises(SettingError, match="has no checkpoint yet, and"), folder.report_disk_errors():
        raise OSError(28, "No space left on device")
    folder.checkpoint.write_text("")
    with pytest.raises(SettingError, match="its last checkpoint is kept"), folder.report_disk_errors():
        raise OSError(28, "No space left on device", str(folder.checkpoint))
    with pytest.raises(FileNotFoundError), folder.report_disk_errors():
        raise FileNotFoundError(2, "No such file", "/another/file")
