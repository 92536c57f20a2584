"""Damaged files of runs, comparisons, claims: each is refused in one sentence, or changes nothing that comes out.

    python tests/experiments/cli/damaged_files.py 1000 --seed 0 [--only 17] [--architecture fnn]

Every case is a forked child (see `hostile`) with a copy of what a run, comparison or claim wrote, in which one file is
damaged; then a command reads it. Prints the cases that failed, as JSON lines, and ends with exit code 1 if any did.
"""

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from hostile import commanded, confine, forked, warm
from hostile_cases import base, subjects

SHAPES = [
    "null",
    "[]",
    "{}",
    "1",
    '"x"',
    '{"metrics": []}',
    '{"uri": 1}',
    "[" * 9999,
    '{"a": ' + "9" * 5000 + "}",
    "NaN",
]
CLAIM = ("fnn", "nonlinearity")
QUICK = ["epochs=2", "batch_size=32", "model.hidden=[4]"]


def written(root: Path, chosen: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Write what cases damage below a folder: pairs of what reads it and its folder's name."""
    os.chdir(root)
    import neuralzoo
    from neuralzoo.core.hooks import hookimpl
    from neuralzoo.experiments.claims import results
    from neuralzoo.registry import get

    class Interrupt:
        @hookimpl
        def batch_ended(self, trainer: Any) -> None:
            if trainer.epoch == 1:
                raise RuntimeError("interrupted")

    found = []
    for i, (name, dataset) in enumerate(chosen):
        experiment = get(name).experiments["quick"]
        other = ["model={}"] if dataset != experiment.dataset else []
        experiment = experiment.set([*base(dataset)[1::2], *other, "epochs=2"])
        neuralzoo.run(experiment, track=False, root=f"model-{i}")
        with contextlib.suppress(RuntimeError):
            neuralzoo.run(experiment, track=False, root=f"resume-{i}", hooks=[Interrupt()])
        (folder,) = Path(f"resume-{i}").iterdir()
        (folder / "tracking.json").write_text('{"uri": "sqlite:///none.db", "run_id": "0"}')
        found += [("model", f"model-{i}"), ("resume", f"resume-{i}")]
    commanded(commands("compare", "compare"))
    shutil.copytree("compare", "page")
    commanded(commands("prove", "prove"))
    for verdict in results.load():
        if verdict.architecture == CLAIM[0]:
            results.save(verdict, verdict.seeds, Path("verdicts"))
    return found + [(each, each) for each in ("compare", "page", "prove", "verdicts")] * 5


def commands(kind: str, folder: str) -> list[str]:
    """Return the command line that reads a folder."""
    settings = [word for setting in QUICK for word in ("--set", setting)]
    compared = ["a: fnn", "b: fnn model.hidden=[5]", "--dataset", "two-spirals", "--seeds", "1", *settings]
    return {
        "resume": ["run", "--resume", "last", "--runs", folder, "--no-track"],
        "compare": ["compare", *compared, "--no-track", "--out", folder],
        "page": ["compare", "--page", folder],
        "prove": ["prove", CLAIM[0], "--claim", CLAIM[1], "--no-track", "--runs", folder],
    }[kind]


def read(kind: str, folder: str) -> int:
    """Let the library or the command line read a folder, and return its exit code."""
    from neuralzoo.experiments.claims import results
    from neuralzoo.experiments.cli.output import out, user_errors
    from neuralzoo.experiments.running.model_file import load_model

    if kind not in ("model", "verdicts"):
        return commanded(commands(kind, folder))
    try:
        if kind == "model":
            (run,) = Path(folder).iterdir()
            state = load_model(run).state()
            text = "".join(f"{name}{state[name].tobytes().hex()}" for name in sorted(state))
        else:
            text = "".join(map(str, results.load(Path(folder))))
        Path("outcome").write_text(hashlib.sha256(text.encode()).hexdigest())
    except user_errors() as error:
        out.error(str(error))
        return 2
    return 0


def outcome(kind: str, folder: str) -> Any:
    """Return what came out of reading a folder, without times."""
    if kind in ("model", "verdicts"):
        return Path("outcome").read_text()
    if kind == "page":
        return Path(folder, "comparison.html").read_bytes()
    if kind == "prove":
        verdict = json.loads(Path(folder, "claims", "-".join(CLAIM), "verdict.json").read_text())
        return [verdict[key] for key in ("decision", "values", "conditions", "num_parameters")]
    runs = sorted(Path(folder).glob("*/result.json"))
    return [
        [
            {key: value for key, value in result["metrics"].items() if not key.startswith("time/train")},
            [{key: value for key, value in epoch.items() if "time" not in key} for epoch in result["history"]],
            result["steps"],
        ]
        for result in (json.loads(path.read_text()) for path in runs)
    ]


def damage(path: Path, rng: random.Random, removable: bool = True) -> str:
    """Damage a file and say how."""
    data = bytearray(path.read_bytes())
    how = rng.choice(["flip"] * 6 + ["digit"] * 4 + ["cut", "empty", "removed", "folder", "pipe", "link", "zeros"])
    how = rng.choice([how, how, "shape", "encoding", "longer"])
    if how == "removed" and not removable:
        how = "empty"
    if how in ("removed", "folder", "pipe", "link"):
        path.unlink()
        {"removed": str, "folder": os.mkdir, "pipe": os.mkfifo, "link": lambda p: os.symlink(p.name, p)}[how](path)
        return how
    digits = [i for i, byte in enumerate(data) if chr(byte).isdigit()]
    if how == "digit" and digits:
        place = rng.choice(digits)
        data[place] = ord(rng.choice([d for d in "0123456789" if ord(d) != data[place]]))
    elif how in ("flip", "digit") and data:
        for _ in range(rng.choice([1, 1, 1, 5])):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif how == "cut":
        data = data[: rng.randrange(len(data) + 1)]
    elif how == "empty":
        data = bytearray()
    elif how == "zeros":
        data = bytearray(len(data))
    elif how == "shape":
        data = bytearray(rng.choice(SHAPES).encode())
    elif how == "encoding":
        data = bytearray(data.decode("latin-1").encode(rng.choice(["utf-16", "utf-8-sig", "utf-32"])))
    else:
        data += data[: rng.randrange(1, 100)] or b"x"
    path.write_bytes(data)
    return how


def judged(kind: str, folder: str, here: Path, status: int | None, expected: Any) -> str:
    """Return what is wrong with how a case ended, or nothing."""
    out, err = ((here / n).read_text(errors="replace") if (here / n).exists() else "" for n in ("out", "err"))
    if status is None:
        return "hang"
    if os.WIFSIGNALED(status):
        return f"ended by signal {os.WTERMSIG(status)}"
    if "Traceback (most recent call last)" in out + err:
        return "traceback"
    code = os.WEXITSTATUS(status)
    if code not in (0, 2):
        return f"exit code {code}"
    if code == 2:
        return "" if any(line.startswith("neuralzoo: ") for line in err.splitlines()) else "no sentence"
    os.chdir(here)
    return "" if outcome(kind, folder) == expected else "another result, without a word"


def case(kind: str, source: Path, root: Path, rng: random.Random | None, expected: Any) -> tuple[dict[str, Any], Any]:
    """Damage a file of a copy of a folder, unless there is no `rng`, and read it; return what happened and came out."""
    here, folder = Path(tempfile.mkdtemp(dir=root)), source.name
    shutil.copytree(source, here / folder)
    about: dict[str, Any] = {"kind": kind, "folder": folder, "file": "", "how": ""}
    files = [p for p in sorted((here / folder).rglob("*")) if p.is_file() and p.suffix not in (".png", ".html")]
    if rng is not None:
        if kind == "page":
            files = [p for p in files if p.name == "comparison.json"]
        if kind == "model":
            files = [p for p in files if p.name == "model.safetensors"]
        path = rng.choice(files)
        about |= {"file": str(path.relative_to(here)), "how": damage(path, rng, removable=kind != "verdicts")}

    def child() -> int:
        os.chdir(here)
        confine(here)
        return read(kind, folder)

    try:
        status = forked(child)
        if rng is None:
            assert status == 0, (kind, folder, (here / "err").read_text())
            os.chdir(here)
            return about, outcome(kind, folder)
        wrong = judged(kind, folder, here, status, expected)
        code = None if status is None else os.waitstatus_to_exitcode(status)
        return about | {"wrong": wrong, "code": code, "err": (here / "err").read_text(errors="replace")[-1500:]}, None
    finally:
        os.chdir(root)
        with contextlib.suppress(OSError):
            shutil.rmtree(here)


def main() -> int:
    """Run the cases of the command line and return how many failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="the number of one case, with everything that it says")
    parser.add_argument("--architecture", help="the only one of the runs (default: all)")
    chosen = parser.parse_args()
    warm()
    since, failed, refused = time.perf_counter(), 0, 0
    expected: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
            runs = [each for each in subjects() if chosen.architecture in (None, each[0])]
            subjects_of_cases = written(root, runs)
        for number in range(chosen.count):
            rng = random.Random(f"{chosen.seed} {number}")
            kind, name = rng.choice(subjects_of_cases)
            if chosen.only not in (None, number):
                continue
            if name not in expected:
                expected[name] = case(kind, root / name, root, None, None)[1]
            about, _ = case(kind, root / name, root, rng, expected[name])
            failed += bool(about["wrong"])
            refused += about["code"] == 2
            if about["wrong"] or chosen.only is not None:
                print(json.dumps({"case": number} | about), flush=True)
        os.chdir("/")
    seconds = time.perf_counter() - since
    print(f"{chosen.count} cases, {failed} failed, {refused} refused in a sentence, {seconds:.0f} s")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
