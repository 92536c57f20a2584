"""The saved verdicts, and the tables that are generated from them."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from neuralzoo.experiments.claims.runner import claim_key, claims_of
from neuralzoo.experiments.claims.verdict import Verdict, condition_rows
from neuralzoo.experiments.running.files import write_text
from neuralzoo.experiments.running.markdown import markdown_table
from neuralzoo.experiments.running.metrics import MetricInfo, metric_info
from neuralzoo.registry import Claim, SettingError, ZooError, find, get

HOME = Path(os.path.realpath(__file__)).parent
ROOT = HOME.parents[1]
VERDICTS = HOME / "verdicts"
RESULTS = ROOT / "experiments" / "reports" / "RESULTS.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- results: written by `neuralzoo results --write` -->", "<!-- end of results -->"

DECISIONS = ("yes", "partly", "no")
HEAD = """# Results

Written by `neuralzoo prove --write` and `neuralzoo results --write` from the saved verdicts in
[`experiments/claims/verdicts/`](../claims/verdicts/). Every claim, its bounds, seeds and settings stood in the
plugin's `claims.py` before the run that is shown; where an earlier run had other settings, its outcome is stated too.
An interval is a 95 % t interval over the seeds, of paired differences where two candidates are compared. A verdict is
*yes* if every condition holds with its whole interval, *no* if the first condition fails, else *partly*.
"""


def load(folder: Path = VERDICTS) -> list[Verdict]:
    """Return the saved verdicts, by architecture, quick before full.

    Raises: SettingError when a file is damaged.
    """
    verdicts = [found for path in folder.glob("*.json") if (found := Verdict.load(path)) is not None]
    return sorted(verdicts, key=lambda v: (v.architecture, v.profile != "quick", v.claim))


def save(verdict: Verdict, seeds: Sequence[int], folder: Path = VERDICTS) -> Path:
    """Save a verdict that was reached with the seeds that the claim declares.

    Raises: SettingError when the seeds are others.
    """
    if tuple(verdict.seeds) != tuple(seeds):
        raise SettingError(
            f"the verdict on {verdict.claim!r} has seeds {list(verdict.seeds)}; to be saved it needs {list(seeds)}"
        )
    folder.mkdir(exist_ok=True)
    return verdict.save(folder / f"{verdict.architecture}-{verdict.claim}.json", indent=1)


def check_writable(architecture: str, claim: Claim, seeds: int | None) -> None:
    """Check, before anything is trained, that the verdict on a claim may be saved here.

    Raises: SettingError when the claim is another package's, the seeds are not its own, or this is not a checkout.
    """
    entry = find(architecture)
    if not entry.is_built_in:
        raise SettingError(
            f"--write got {architecture} from {entry.distribution}; it saves verdicts on neuralzoo's own claims and "
            "needs to be left out: those of other packages stay in their folder below --runs"
        )
    if seeds is not None and tuple(range(seeds)) != claim.seeds:
        raise SettingError(
            f"--write got --seeds {seeds}; to save the verdict on {claim.name!r} it needs its own {list(claim.seeds)}"
        )
    if not README.is_file():
        raise SettingError(f"{README} is not there; --write needs a checkout of neuralzoo")


def stale(verdict: Verdict) -> str:
    """Return why a verdict does not hold for the installed code, an empty string if it does."""
    try:
        claims = [c for c in claims_of(verdict.architecture) if c.name == verdict.claim]
    except ZooError as error:
        return str(error)
    if not claims:
        return "the claim is no longer declared"
    return "" if claim_key(claims[0]) == verdict.key else "the claim or the code has changed since"


def short_table(verdicts: Sequence[Verdict]) -> str:
    """Return the table of the README: a row for each claim, with the result of its first condition."""
    rows = []
    for v in verdicts:
        first = v.conditions[0]
        rows.append(
            (
                v.architecture,
                v.sentence,
                v.datasets[first.condition.of],
                _quantity(v),
                "; ".join(p.value for p in v.published) or "-",
                first.interval,
                f"**{v.decision}**{' (stale)' if stale(v) else ''}",
            )
        )
    head = ("architecture", "claim", "dataset", "metric", "published", "ours, 95 % interval", "verdict")
    return markdown_table(head, rows)


def _quantity(v: Verdict) -> str:
    """Return what the value of the first condition is: a metric, or a difference or ratio of two, and its unit."""
    condition = v.conditions[0].condition
    if condition.ratio:
        return f"{condition.metric}, ratio"
    return f"{condition.metric}{', difference' * (condition.over is not None)}{_unit(condition.metric, _metrics(v))}"


def page(verdicts: Sequence[Verdict]) -> str:
    """Return RESULTS.md."""
    counts = {decision: sum(v.decision == decision for v in verdicts) for decision in DECISIONS}
    head = [
        HEAD,
        f"{len(verdicts)} claims: {', '.join(f'{count} {decision}' for decision, count in counts.items())}.",
    ]
    return "\n".join(head + [line for verdict in verdicts for line in _section(verdict)]) + "\n"


def _section(v: Verdict) -> list[str]:
    declared = _metrics(v)
    lines = ["", f"## {v.architecture}: {v.claim} ({v.decision})", "", v.sentence, ""]
    if reason := stale(v):
        lines += [f"**Stale**: {reason}.", ""]
    lines += [
        markdown_table(("condition", "ours, 95 % interval", "effect size d", "holds"), condition_rows(v)),
        "",
        markdown_table(
            ("candidate", "dataset", "parameters", "metric", f"seeds {', '.join(map(str, v.seeds))}"),
            [
                (
                    label,
                    v.datasets[label],
                    f"{v.num_parameters[label]:,}",
                    f"{metric}{_unit(metric, declared)}",
                    _list(values),
                )
                for label, by in v.values.items()
                for metric, values in by.items()
            ],
        ),
        "",
    ]
    for p in v.published:
        source = f"[{p.source}]({p.url})" if p.url else p.source
        lines.append(f"- Published: {p.value} ({source}; {p.provenance}).")
    if v.counter_evidence:
        lines.append(f"- Counter-evidence: {v.counter_evidence}")
    machine = v.environment
    lines += [
        f"- Budget matched on: {v.match}. Profile: {v.profile}. {v.minutes:g} minutes on {machine['machine']}; "
        f"neuralzoo {machine['neuralzoo']}, Python {machine['python']}, NumPy {machine['numpy']}, {machine['date']}.",
        *([f"- Carried over to today's code from {v.carried}."] if v.carried else []),
        f"- Settings: [`plugins/{v.architecture}/claims.py`](../../plugins/{v.architecture}/claims.py); run again: "
        f"`neuralzoo prove {v.architecture} --claim {v.claim}`.",
    ]
    return lines


def _metrics(v: Verdict) -> Mapping[str, MetricInfo]:
    try:
        return get(v.architecture).metrics
    except ZooError:  # not installed: the verdict is called stale, with the reason
        return {}


def _unit(metric: str, declared: Mapping[str, MetricInfo]) -> str:
    info = metric_info(metric, declared)
    return f" ({info.unit})" if info is not None and info.unit else ""


def _list(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


def write(verdicts: Sequence[Verdict]) -> list[Path]:
    """Write RESULTS.md, and the table of the README beside it.

    Raises: SettingError when this is not a checkout.
    """
    if not README.is_file():
        raise SettingError(f"{README} is not there; writing results needs a checkout of neuralzoo")
    write_text(RESULTS, page(verdicts))
    write_text(README, with_table(README.read_text(encoding="utf-8"), verdicts))
    return [RESULTS, README]


def with_table(text: str, verdicts: Sequence[Verdict]) -> str:
    """Return the README with the table between its two markers.

    Raises: SettingError when the README has no markers.
    """
    head, begin, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    if not begin:
        raise SettingError(f"the README has no line {BEGIN!r}; it needs one where the table begins")
    return f"{head}{BEGIN}\n\n{short_table(verdicts)}\n\n{END}{tail}"
