"""A store in a folder that may not be entered: every command says so in one sentence."""

import os
import traceback

import pytest

pytest.importorskip("mlflow", reason="the store needs the extra 'experiments'")

from neuralzoo.experiments import doctor
from neuralzoo.experiments.tracking import ui
from neuralzoo.experiments.tracking.address import TrackingError, resume_uri
from neuralzoo.experiments.tracking.client import connect
from neuralzoo.experiments.tracking.store import close_orphaned_runs

ANOTHER_USER = 54321


def as_another_user(call):
    """Return what a call returns or the message of its TrackingError; in a child where this process may do anything."""
    ours, theirs = os.pipe()
    if not (child := os.fork()):
        try:
            if not os.geteuid():
                os.setgid(ANOTHER_USER)
                os.setuid(ANOTHER_USER)
            answer = str(call())
        except TrackingError as error:
            answer = f"TrackingError: {error}"
        except BaseException:
            answer = traceback.format_exc()
        os.write(theirs, answer.encode())
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as answers:
        answer = answers.read()
    os.waitpid(child, 0)
    return answer


@pytest.fixture
def closed(tmp_path):
    """The address of a store in a folder that may not be entered."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0)
    yield f"sqlite:///{folder}/mlflow.db"
    folder.chmod(0o700)


def state_in_doctor(uri):
    os.environ["MLFLOW_TRACKING_URI"] = uri  # of a child process
    return f"TrackingError: {doctor._store_state()}"


USES = {
    "run": connect,
    "resume": lambda uri: resume_uri(uri, None, None),
    "clean": close_orphaned_runs,
    "ui": lambda uri: ui.serve(uri, 0, print),
    "doctor": state_in_doctor,
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_store_in_a_closed_folder_is_refused_in_one_sentence(closed, use):
    answer = as_another_user(lambda: use(closed))
    assert answer.startswith(f"TrackingError: the store {closed} can't be used: "), answer
    assert "Permission denied" in answer
    assert len(answer.splitlines()) == 1
