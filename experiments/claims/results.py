"""The saved verdicts and the tables that are written from them, never typed."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from neuralzoo.experiments.claims.runner import claim_key, claims_of
from neuralzoo.experiments.claims.verdict import Verdict, table
from neuralzoo.registry import SettingError, ZooError

HERE = Path(os.path.realpath(__file__)).parent
ROOT = HERE.parents[1]
VERDICTS = HERE / "verdicts"
RESULTS = ROOT / "experiments" / "reports" / "RESULTS.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- results: written by `neuralzoo results --write` -->", "<!-- end of results -->"

ANSWERS = ("yes", "partly", "no")
HEAD = """# Results

Written by `neuralzoo prove --write` and `neuralzoo results --write` from the saved verdicts in `claims/verdicts/`.
Every claim, its bounds, seeds and settings stood in the plugin's `claims.py` before the run that is shown; where an
earlier run had other settings, its outcome is told too. An interval is a 95 % t interval over the seeds, of paired
differences where two contestants are compared. A verdict is *yes* if every condition holds with its whole interval,
*no* if the first condition fails, else *partly*.
"""


def load(folder: Path = VERDICTS) -> list[Verdict]:
    """Return the saved verdicts, by architecture, quick before full."""
    verdicts = [Verdict.model_validate_json(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    return sorted(verdicts, key=lambda v: (v.architecture, v.profile != "quick", v.claim))


def save(verdict: Verdict, seeds: Sequence[int], folder: Path = VERDICTS) -> Path:
    """Save a verdict; it must have been reached with the seeds that the claim declares.

    Raises: SettingError when the seeds are others.
    """
    if tuple(verdict.seeds) != tuple(seeds):
        raise SettingError(
            f"the verdict on {verdict.claim!r} has seeds {list(verdict.seeds)}; to be saved it needs {list(seeds)}"
        )
    folder.mkdir(exist_ok=True)
    path = folder / f"{verdict.architecture}-{verdict.claim}.json"
    path.write_text(json.dumps(verdict.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
    return path


def stale(verdict: Verdict) -> str:
    """Return why a verdict no longer speaks of what is installed, or nothing."""
    try:
        claims = [c for c in claims_of(verdict.architecture) if c.name == verdict.claim]
    except ZooError as error:
        return str(error)
    if not claims:
        return "the claim is no longer declared"
    return "" if claim_key(claims[0]) == verdict.key else "the claim or the code has changed since"


def short_table(verdicts: Sequence[Verdict]) -> str:
    """Return the table of the README: a row for each claim."""
    lines = ["| architecture | claim | published | ours, 95 % interval | verdict |", "| --- | --- | --- | --- | --- |"]
    for v in verdicts:
        published = "; ".join(f"{p.value}" for p in v.published) or "-"
        ours = table(v)[0]["ours"]
        flag = " (stale)" if stale(v) else ""
        lines.append(f"| {v.architecture} | {v.sentence} | {published} | {ours} | **{v.answer}**{flag} |")
    return "\n".join(lines)


def page(verdicts: Sequence[Verdict]) -> str:
    """Return RESULTS.md."""
    counts = {answer: sum(v.answer == answer for v in verdicts) for answer in ANSWERS}
    head = [
        HEAD,
        f"{len(verdicts)} claims: {', '.join(f'{count} {answer}' for answer, count in counts.items())}.",
    ]
    return "\n".join(head + [line for verdict in verdicts for line in _section(verdict)]) + "\n"


def _section(v: Verdict) -> list[str]:
    lines = ["", f"## {v.architecture}: {v.claim} ({v.answer})", "", v.sentence, ""]
    if reason := stale(v):
        lines += [f"**Stale**: {reason}.", ""]
    lines += ["| condition | ours, 95 % interval | effect size d | holds |", "| --- | --- | --- | --- |"]
    lines += [f"| {r['condition']} | {r['ours']} | {r['effect']} | {r['holds']} |" for r in table(v)]
    lines += ["", "| contestant | parameters | measure | seeds " + ", ".join(map(str, v.seeds)) + " |"]
    lines += ["| --- | --- | --- | --- |"]
    for label, by in v.values.items():
        for measure, values in by.items():
            lines.append(f"| {label} | {v.sizes[label]:,} | {measure} | {', '.join(f'{x:.4g}' for x in values)} |")
    lines.append("")
    for p in v.published:
        source = f"[{p.source}]({p.url})" if p.url else p.source
        lines.append(f"- Published: {p.value} ({source}; {p.mark}).")
    if v.counter_evidence:
        lines.append(f"- To know as well: {v.counter_evidence}")
    about = v.about
    lines += [
        f"- Matched by: {v.match}. Profile: {v.profile}. {v.minutes:g} minutes on {about['machine']}; "
        f"neuralzoo {about['neuralzoo']}, Python {about['python']}, NumPy {about['numpy']}, {about['date']}.",
        f"- Settings: [`plugins/{v.architecture}/claims.py`](../../plugins/{v.architecture}/claims.py); again: "
        f"`neuralzoo prove {v.architecture} --claim {v.claim}`.",
    ]
    return lines


def write(verdicts: Sequence[Verdict]) -> list[Path]:
    """Write RESULTS.md, and the table of the README where there is one beside it.

    Raises: SettingError when this is no checkout that can be written to.
    """
    if not README.is_file():
        raise SettingError(f"{README} is not there; writing results needs a checkout of neuralzoo")
    RESULTS.write_text(page(verdicts), encoding="utf-8")
    README.write_text(with_table(README.read_text(encoding="utf-8"), verdicts), encoding="utf-8")
    return [RESULTS, README]


def with_table(text: str, verdicts: Sequence[Verdict]) -> str:
    """Return the README with the table between its two marks."""
    head, mark, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    if not mark:
        raise SettingError(f"the README has no line {BEGIN!r}; the table needs its place")
    return f"{head}{BEGIN}\n\n{short_table(verdicts)}\n\n{END}{tail}"
