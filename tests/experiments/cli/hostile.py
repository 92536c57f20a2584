"""Hostile settings and command lines: each must work or be refused in one sentence, never hang, never fail silently.

    python tests/experiments/cli/hostile.py 1000 --seed 0 [--only 17]

Every case is a forked child of this process, which has all imports done, with a limit of time and memory, a folder of
its own, and few examples and epochs. Prints the cases that failed, as JSON lines, and ends with exit code 1 if any did.
"""

import argparse
import contextlib
import dataclasses
import json
import math
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from hostile_cases import LONG, NUMBERS, VALUES, Case, base, cases, subjects

SECONDS, CPU_SECONDS = 60.0, 10  # the second where it computes: other processes may take their time
MEMORY = 3 << 30  # bytes of addresses on top of the parent's
EXAMPLES, EPOCHS = 24, 2


def furnish(case: Case) -> list[str]:
    """Write the files that words may name, and return the command line."""
    from neuralzoo.registry import get

    Path("folder.toml").mkdir()
    Path("deep.toml").write_text("seed = " + "[" * 900 + "]" * 900)
    Path("binary.toml").write_bytes(bytes(range(256)) * 8)
    Path("empty.toml").write_text("")
    Path("number.toml").write_text(f"seed = {LONG}")
    Path("mixed.toml").write_text("[optimizer]\nname = [1, 'x', {a = nan}]\n")
    Path("closed.toml").write_text("epochs = 1")
    Path("closed.toml").chmod(0)
    Path("result.json").write_text("{" * 900)
    quick = ["epochs=1", "dataset=two-spirals", "model.hidden=[4]"]
    Path("quick.toml").write_text(get("fnn").experiments["quick"].set(quick).to_toml())
    words = list(case.words)
    for i, word in enumerate(words):
        if word.startswith("damaged:"):
            _, name, dataset, number = word.removesuffix(".toml").split(":")
            settings = [s for s in base(dataset) if s != "--set"]
            text = get(name).experiments["quick"].set(settings).to_toml()
            words[i] = "damaged.toml"
            Path(words[i]).write_text(damaged(text, random.Random(int(number))))
    return words


def damaged(text: str, rng: random.Random) -> str:
    """Return text with one line removed, doubled, or with another value, or shortened."""
    lines = text.splitlines()
    i = rng.randrange(len(lines))
    key = lines[i].partition(" = ")[0]
    lines[i : i + 1] = rng.choice(
        [
            [],
            [lines[i]] * 2,
            [lines[i][: rng.randrange(99)]],
            [f"{key} = {rng.choice(VALUES)}"],
            [f"{key} = {rng.choice(NUMBERS)}"],
            [f"{key}.x = 1"],
            ["\0"],
            [f"[{key}]"],
        ]
    )
    return "\n".join(lines)


def few_examples_and_epochs() -> None:
    """Make every dataset small and every run short, whatever the settings say."""
    from neuralzoo.core.hooks import hookimpl
    from neuralzoo.experiments import run
    from neuralzoo.registry.dataset import DatasetEntry

    load, stop_hooks, find_spec = DatasetEntry.load, run.stop_hooks, run.find_spec

    def few(part: Any) -> Any:
        return None if part is None else tuple(array[:EXAMPLES] for array in part)

    def load_few(self: Any, seed: int, options: Any) -> Any:
        data = load(self, seed, options)
        return dataclasses.replace(data, train=few(data.train), test=few(data.test), validation=few(data.validation))

    class Stop:
        @hookimpl
        def should_stop(self, trainer: Any) -> bool | None:
            return trainer.epoch >= EPOCHS or None

    DatasetEntry.load = load_few  # type: ignore[method-assign]
    run.stop_hooks = lambda experiment: [*stop_hooks(experiment), Stop()]  # type: ignore[attr-defined, list-item]
    run.find_spec = lambda name: None if name == "matplotlib" else find_spec(name)  # type: ignore[attr-defined]


def child(case: Case, folder: Path) -> int:
    """Run a case in its folder and return its exit code."""
    os.chdir(folder / "here")
    words = furnish(case)
    os.environ.update(case.environment)
    confine(folder)
    return called(case.call) if case.call else commanded(words)


def confine(folder: Path) -> None:
    """Give this process files as its standard streams, and limits of memory, time and the size of files."""
    for number, name, mode in ((1, "out", os.O_WRONLY), (2, "err", os.O_WRONLY)):
        os.dup2(os.open(folder / name, mode | os.O_CREAT | os.O_TRUNC), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    spent = int(time.process_time())
    resource.setrlimit(resource.RLIMIT_CPU, (spent + CPU_SECONDS, spent + CPU_SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 28, 1 << 28))


def commanded(words: list[str]) -> int:
    """Run a command line in this process."""
    from neuralzoo.experiments.cli.app import main

    sys.argv = ["neuralzoo", *words]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def called(call: str) -> int:
    """Evaluate a call; errors of one sentence count as a user's mistake, others are raised."""
    import neuralzoo
    from neuralzoo.experiments.cli.output import out, user_errors

    try:
        print(eval(call, {"neuralzoo": neuralzoo}))
    except user_errors() as error:
        out.error(str(error))
        return 2
    return 0


def judged(case: Case, folder: Path, status: int | None) -> str:
    """Return what is wrong with the outcome of a case, or nothing."""
    out, err = (
        (folder / name).read_text(errors="replace") if (folder / name).exists() else "" for name in ("out", "err")
    )
    if status is None:
        return "hang"
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL):
        return "hang"
    if os.WIFSIGNALED(status):
        return f"ended by signal {os.WTERMSIG(status)}"
    if "Traceback (most recent call last)" in err or "Traceback (most recent call last)" in out:
        return "traceback"
    code = os.WEXITSTATUS(status)
    if "\x1b" in out + err and ("FORCE_COLOR", "1") not in case.environment:
        return "escape codes reach the terminal"
    if code not in (0, 1, 2):
        return f"exit code {code}"
    said = [line for line in err.splitlines() if line.startswith("neuralzoo: ")]
    if code == 2 and not (said or "Usage" in err + out):
        return "exit code 2 without a sentence"
    if code == 2 and len(max(said, key=len, default="")) > 1500:
        return "a sentence of more than 1,500 characters"
    return silent(case, folder, err) if code == 0 else ""


def silent(case: Case, folder: Path, err: str) -> str:
    """Return what a run that claims to be well did wrong without a word, or nothing."""
    for file in (folder / "here").glob("**/result.json"):
        if file.parent == folder / "here":
            continue
        values = json.loads(file.read_text())["metrics"]
        bad = [name for name, value in values.items() if not (isinstance(value, int | float) and math.isfinite(value))]
        if bad and "neuralzoo: " not in err:
            return f"{', '.join(bad)} not finite, without a word"
    if case.words[:1] == ("run",) and "--set" in case.words:
        files = list((folder / "here").glob("**/experiment.toml"))
        return unapplied(case, tomllib.loads(files[0].read_text())) if files else "no run folder"
    return ""


def unapplied(case: Case, saved: dict[str, Any]) -> str:
    """Return the setting that the saved experiment lacks, or nothing."""
    pairs = [word for before, word in pairwise(case.words) if before == "--set"]
    given = {pair.partition("=")[0]: pair.partition("=")[2] for pair in pairs}
    for key, text in given.items():
        value: Any = saved
        for part in key.split("."):
            value = value.get(part.strip(), KeyError) if isinstance(value, dict) else KeyError
        if value is KeyError:
            return f"{key} is not among the saved settings"
        with contextlib.suppress(tomllib.TOMLDecodeError, ValueError, RecursionError, KeyError):
            wanted = tomllib.loads(f"v = {text}")["v"]
            if isinstance(wanted, bool | int | float | list) and wanted != value:
                return f"{key} is {value!r:.80} in the saved settings"
    return ""


def outcome(case: Case, root: Path) -> tuple[str, str]:
    """Run a case in a forked child, and return what is wrong with it, and the end of what it said."""
    folder = Path(tempfile.mkdtemp(dir=root))
    (folder / "here").mkdir()
    status = forked(lambda: child(case, folder))
    try:
        wrong = judged(case, folder, status)
        err = (folder / "err").read_text(errors="replace")[-1500:] if (folder / "err").exists() else ""
        return wrong, err
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)


def forked(work: Callable[[], int]) -> int | None:
    """Run something in a forked child and return how it ended, None if it had to be killed."""
    return ended(begun(work), SECONDS)


def begun(work: Callable[[], int]) -> int:
    """Begin something in a forked child, whose exit code is what it returns, and return the child's process id."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = work()
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)
    return pid


def ended(pid: int, seconds: float) -> int | None:
    """Wait for a process and return how it ended, None if it had to be killed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def warm() -> None:
    """Do the imports and read the public files once, so that a child starts at once."""
    import neuralzoo
    import neuralzoo.experiments.cli.app
    from neuralzoo.experiments.claims import results, runner  # noqa: F401
    from neuralzoo.experiments.cli.output import user_errors
    from neuralzoo.experiments.comparing import arena, report  # noqa: F401
    from neuralzoo.registry import get

    user_errors()
    for name, _ in subjects():
        get(name)
    few_examples_and_epochs()
    assert neuralzoo.run is not None


def main() -> int:
    """Run the cases of the command line and return how many failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="the number of one case, with everything that it says")
    chosen = parser.parse_args()
    warm()
    since, failed = time.perf_counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(cases(chosen.count, chosen.seed)):
            if chosen.only is not None and number != chosen.only:
                continue
            began = time.perf_counter()
            wrong, err = outcome(case, Path(folder))
            failed += bool(wrong)
            if wrong or chosen.only is not None:
                shown = {"case": number, "wrong": wrong, "seconds": round(time.perf_counter() - began, 2)}
                words = [word if len(word) < 200 else f"{word[:60]}... ({len(word)} characters)" for word in case.words]
                print(
                    json.dumps(shown | {"words": words, "call": case.call, "environment": case.environment, "err": err})
                )
    print(f"{chosen.count} cases, {failed} failed, {time.perf_counter() - since:.0f} s")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
