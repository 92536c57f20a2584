"""Interruptions at random moments: the record, the exit code and what is said are right, and the run goes on.

    python tests/experiments/cli/interrupted.py 50 SIGTERM pipe --seed 0 [--only 17]

The words are some of SIGINT, SIGTERM, SIGHUP, pipe (the reader of the output goes away), SIGKILL. Cases go through all
architectures and a comparison. Every case is a forked child of this process, which has all imports done, but for one in
ten, which is a process of its own. An interrupted run is resumed, and has to end with the bits of an undisturbed one.
Prints the cases that failed, as JSON lines, and ends with exit code 1 if any did.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import hostile
from hostile_cases import base, subjects

SECONDS = 120.0
EPOCHS = 15
FORKED, REAL = "forked", "real"
COMPARISON = ("compare", "small: fnn model.hidden=[4]", "linear: fnn model.hidden=[]", "--dataset", "two-spirals")
HOWS = ("SIGINT", "SIGTERM", "SIGHUP", "pipe", "SIGKILL")
ENDED_BY = re.compile(r"neuralzoo: stopped(?: by (SIG[A-Z]+);|, its output is read no more;) (.+)")
RESUME = re.compile(r"`neuralzoo (run --resume \S+)` resumes it")


@dataclass(frozen=True)
class Subject:
    """A command that is interrupted: its words, and whether it is a process of its own and draws figures."""

    words: tuple[str, ...]
    kind: str = FORKED
    figures: bool = False


def all_subjects() -> list[Subject]:
    """Return a command for each architecture and dataset, a comparison, one with figures, and a real process."""
    chosen = dict(reversed(subjects())) | {"lstm": "embedded-reber"}  # the music has long sequences
    short = ("--set", f"epochs={EPOCHS}")
    small = ("--set", "dataset=two-spirals", "--set", "model.hidden=[8]")
    return [
        *(Subject(("run", name, *base(dataset)[:-2], *short)) for name, dataset in chosen.items()),
        Subject((*COMPARISON, "--set", "epochs=10", "--seeds", "2")),
        Subject(("run", "fnn", *small, *short), figures=True),
        Subject(("run", "fnn", *small, *short), REAL),
    ]


def start(subject: Subject, words: tuple[str, ...], folder: Path, pipe: tuple[int, int] | None = None) -> int:
    """Start a command in a folder and return its process id; its output goes to files, or into a pipe."""
    files = [os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) for name in ("out", "err")]
    out = files[0] if pipe is None else pipe[1]
    if subject.kind == REAL:
        command = [str(Path(sys.executable).with_name("neuralzoo")), *words]
        pid = subprocess.Popen(command, cwd=folder, stdout=out, stderr=files[1], preexec_fn=default_signals).pid
    else:

        def work() -> int:
            os.chdir(folder)
            os.dup2(out, 1)
            os.dup2(files[1], 2)
            for file in {*files, *(pipe or ())}:  # with the pipe's other end open it would read its own output
                os.close(file)
            sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
            if subject.figures:
                sys.modules["neuralzoo.experiments.run"].find_spec = importlib.util.find_spec  # type: ignore[attr-defined]
            default_signals()
            return hostile.commanded(list(words))

        pid = hostile.begun(work)
    for file in files:
        os.close(file)
    return pid


def default_signals() -> None:
    """Set the signals as a shell does; this process may run under nohup, or in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def ended(pid: int) -> int | None:
    """Wait for a process and return its exit code, negative for a signal; None if it had to be killed."""
    status = hostile.ended(pid, SECONDS)
    return None if status is None else os.waitstatus_to_exitcode(status)


def bits(folder: Path) -> str:
    """Return a digest of the weights and metrics of every finished run in a folder, apart from times."""
    from safetensors.numpy import load_file

    digest = sha256()
    for result in sorted(folder.glob("runs/**/result.json"), key=lambda path: path.parent.name[:12]):
        metrics = json.loads(result.read_text())["metrics"]
        digest.update(repr([(k, v) for k, v in sorted(metrics.items()) if not k.startswith("time/")]).encode())
        for name, array in sorted(load_file(result.with_name("model.safetensors")).items()):
            digest.update(name.encode() + array.tobytes())
    return digest.hexdigest()


def statuses(folder: Path) -> list[str]:
    """Return the status of every run in the folder's store."""
    store = folder / "mlflow.db"
    with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as database:
        return [status for (status,) in database.execute("SELECT status FROM runs ORDER BY start_time")]


class Trial:
    """Interrupts commands in folders of its own; `store` is an empty tracking store, which is copied to each."""

    def __init__(self, root: Path, store: Path, how: str) -> None:
        self.root = root
        self.store = store
        self.how = how
        self.whole: dict[Subject, tuple[float, str]] = {}
        self.finished = 0

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """Make a folder with a store, and remove it at the end."""
        folder = Path(tempfile.mkdtemp(dir=self.root))
        shutil.copy(self.store, folder / "mlflow.db")
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def tracked(self, subject: Subject) -> tuple[str, ...]:
        """Return the words of a command; a killed process has no time to close its runs, and tracks none."""
        return (*subject.words, *(("--no-track",) if self.how == "SIGKILL" else ()))

    def undisturbed(self, subject: Subject) -> tuple[float, str]:
        """Return how long a command takes, and the bits that it ends with."""
        if subject not in self.whole:
            with self.folder() as folder:
                since = time.monotonic()
                code = ended(start(subject, self.tracked(subject), folder))
                assert code == 0, (subject, code, (folder / "err").read_text()[-2000:])
                self.whole[subject] = time.monotonic() - since, bits(folder)
        return self.whole[subject]

    def wrong(self, subject: Subject, fraction: float) -> tuple[str, str]:
        """Interrupt a command after a fraction of its time; return what is wrong, and the end of what it said."""
        seconds, expected = self.undisturbed(subject)
        with self.folder() as folder:
            code = self.interrupted(subject, folder, fraction * seconds)
            said = (folder / "err").read_text(errors="replace")
            again, problem = self.judged(subject, folder, code, said)
            if not problem and again:
                code = ended(start(subject, again, folder))
                if code != 0:
                    said += (folder / "err").read_text(errors="replace")
                    problem = f"resuming it with {' '.join(again)!r} ended with exit code {code}"
            if not problem and bits(folder) != expected:
                problem = "it ended with other bits"
            if not problem and self.how != "SIGKILL" and not set(statuses(folder)) <= {"FINISHED"}:
                problem = f"the resumed runs are recorded as {statuses(folder)}"
            return problem, said[-1500:]

    def interrupted(self, subject: Subject, folder: Path, seconds: float) -> int | None:
        """Start a command, interrupt it after some seconds, and return its exit code."""
        if self.how == "pipe":
            reader, writer = os.pipe()
            pid = start(subject, self.tracked(subject), folder, (reader, writer))
            os.close(writer)
            time.sleep(seconds)
            os.close(reader)
        else:
            pid = start(subject, self.tracked(subject), folder)
            time.sleep(seconds)
            os.kill(pid, getattr(signal, self.how))  # it is not waited for yet, so that the id is still its own
        return ended(pid)

    def judged(self, subject: Subject, folder: Path, code: int | None, said: str) -> tuple[tuple[str, ...], str]:
        """Return the command that goes on, and what is wrong with how a command ended."""
        if code is None:
            return (), "hang"
        if "Traceback" in said or "Exception ignored" in said:
            return (), "traceback"
        same = self.tracked(subject)
        if code == 0:
            self.finished += 1
            return (), ""
        if self.how == "SIGKILL":
            runs = [path.parent for path in folder.glob("runs/*/experiment.toml")]
            resume = ("run", "--resume", "last", "--no-track") if runs and subject.words[0] == "run" else same
            done = bool(runs) and (runs[0] / "result.json").exists()
            return () if done else resume, "" if code == -signal.SIGKILL else f"exit code {code}"
        number = 13 if self.how == "pipe" else getattr(signal, self.how)
        stopped = [line for line in said.splitlines() if line.startswith("neuralzoo: stopped")]  # others are warnings
        if code == -number and not said and not list(folder.glob("runs/*")):
            return same, ""  # before the command began
        recorded = statuses(folder)
        if code != 128 + number:
            return (), f"exit code {code}"
        if not set(recorded) <= {"KILLED", "FINISHED"}:
            return (), f"its runs are recorded as {recorded}"
        if files := [*folder.glob("**/.*.tmp"), *folder.glob("**/.process")]:
            return (), f"it left {files[0].name}"
        if number == 13 and not stopped and "KILLED" not in recorded:
            return () if recorded else same, ""
        found = ENDED_BY.fullmatch(stopped[0]) if len(stopped) == 1 else None
        if found is None or (found[1] or "pipe") != self.how:
            return (), "it did not say in one line what happened and how to go on"
        if resume := RESUME.fullmatch(found[2]):
            return tuple(resume[1].split()), ""
        return () if found[2].endswith("is finished") else same, ""


def warm(chosen: list[Subject]) -> None:
    """Do the imports, read the data and load the compiled loops once, so that a child starts at once."""
    hostile.EPOCHS = EPOCHS
    hostile.warm()
    from neuralzoo.experiments.running import figures  # noqa: F401
    from neuralzoo.experiments.tracking import run_logger, ui  # noqa: F401
    from neuralzoo.experiments.tracking.client import import_mlflow

    import_mlflow()
    import mlflow.pyfunc
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401

    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
        os.chdir(folder)
        tracked = [("run", "fnn", "--set", "dataset=two-spirals", "--set", "epochs=1")]  # MLflow imports much, late
        runs = [subject.words for subject in chosen if subject.kind == FORKED and subject.words[0] == "run"]
        for words in [*tracked, *((*words[:-2], "--set", "epochs=1", "--no-track") for words in runs)]:
            code = hostile.commanded(list(words))
            assert code == 0, words
        os.chdir(here)


def empty_store(folder: Path) -> Path:
    """Return a new tracking store; it is made in a child: a database that is open does not survive a fork."""
    store = folder / "empty.db"
    code = f"from neuralzoo.experiments.tracking.client import connect; connect('sqlite:///{store}')"
    subprocess.run([sys.executable, "-c", code], check=True)
    return store


def main() -> int:
    """Run the cases of the command line and return how many failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("hows", choices=HOWS, nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="the number of one case, with everything that it says")
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    everything = all_subjects()
    real = everything.pop()
    order = rng.sample(everything, len(everything))
    cases = [
        (number, real if number % 10 == 9 else order[number % len(order)], rng.uniform(0.0, 1.05))
        for number in range(asked.count)
    ]
    failed = 0
    warm(list(dict.fromkeys(subject for _, subject, _ in cases)))
    with tempfile.TemporaryDirectory() as folder:
        store = empty_store(Path(folder))
        for how in asked.hows:
            failed += interrupt(Trial(Path(folder), store, how), cases, asked.only)
    return failed


def interrupt(trial: Trial, cases: list[tuple[int, Subject, float]], only: int | None) -> int:
    """Interrupt commands in one way, print the cases that failed and a summary, and return how many failed."""
    since, failed = time.perf_counter(), 0
    for number, subject, fraction in cases:
        if only is not None and number != only:
            continue
        problem, said = trial.wrong(subject, fraction)
        failed += bool(problem)
        if problem or only is not None:
            shown = {"case": number, "wrong": problem, "at": round(fraction, 3), "words": subject.words}
            print(json.dumps(shown | {"kind": subject.kind, "err": said}), flush=True)
    ran = f"{len(cases)} interruptions by {trial.how}, {failed} failed"
    print(f"{ran} ({trial.finished} came after the end), {time.perf_counter() - since:.0f} s", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
