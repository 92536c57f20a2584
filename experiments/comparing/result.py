"""The result of a comparison, and its report: saved as JSON with all that the page needs, so that it never trains."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from neuralzoo.experiments.datasets import DatasetInfo
from neuralzoo.experiments.running.files import Record
from neuralzoo.experiments.running.metrics import format_metric, metric_info
from neuralzoo.registry import Candidate, SettingError
from neuralzoo.registry.claim import Match

REPORT = "comparison.json"
WEB_ADDRESS = r"^(https?://.*)?$"
"""An address that a page may lead to: a browser would run one that begins with `javascript:`."""


class Model(BaseModel):
    """A part of a report: frozen, without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SeedResult(Model):
    """What one run of a candidate came to."""

    seed: int
    metrics: dict[str, float]
    history: tuple[dict[str, float], ...] = Field(description="metrics after each epoch")
    steps: int
    figures: dict[str, str] = Field(description="paths by name, relative to the folder of the comparison")
    url: str = Field(pattern=WEB_ADDRESS, description="the run in MLflow, empty if it is not tracked")


class CandidateResult(Model):
    """The results of one candidate: one for each seed, the mean of the primary metric and its 95 % t interval."""

    candidate: Candidate
    settings: dict[str, str] = Field(description="every setting by its dotted name, defaults included")
    runs: tuple[SeedResult, ...]
    mean: float
    low: float
    high: float

    @property
    def label(self) -> str:
        """The candidate's name in the comparison."""
        return self.candidate.label

    @property
    def shown_interval(self) -> tuple[float, float]:
        """The interval within what the metric can be: the t interval of few seeds may go beyond an accuracy of 1."""
        info = metric_info(self.candidate.experiment.primary_metric)
        if info is None or info.quantity != "accuracy":
            return self.low, self.high
        return max(self.low, 0.0), min(self.high, 1.0)

    @property
    def num_parameters(self) -> int:
        """Number of parameters."""
        return int(self.runs[0].metrics["model/n_params"])

    @property
    def seconds(self) -> float:
        """Training seconds, the mean over the seeds."""
        return sum(run.metrics["time/train_s"] for run in self.runs) / len(self.runs)


class ComparisonResult(Model):
    """The result of a comparison: the candidates on one dataset, and what they were matched on.

    The best one comes first, or they are in the order of the command line where none is better: see `unranked`.
    """

    dataset: DatasetInfo
    primary_metric: str
    match: Match
    match_description: str
    seeds: tuple[int, ...]
    ranking: tuple[CandidateResult, ...]
    better: str = Field(default="", description="which end of the primary metric: lower, higher, neither, not declared")
    folder: Path = Field(description="where the run folders are")
    url: str = Field(pattern=WEB_ADDRESS, description="the runs in MLflow, empty if they are not tracked")

    @property
    def unranked(self) -> str:
        """Why the candidates are not ranked, in one sentence, or nothing if they are."""
        if self.better in ("lower", "higher", ""):
            return ""
        why = "no end of it is the better one" if self.better == "neither" else "its direction is not declared"
        return f"Not ranked by {self.primary_metric}: {why}."


class PageText(Model):
    """The text of a page around its comparisons: title, introduction, published values by dataset and label."""

    title: str
    intro: str
    published: dict[str, dict[str, float]] = Field(default_factory=dict)
    source: str = Field(default="", description="where the published values are from")
    skip_figures: tuple[str, ...] = ()


class Report(Record):
    """Everything that a page shows: its text, the results, and how they came about."""

    text: PageText
    results: tuple[ComparisonResult, ...]
    environment: dict[str, str] = Field(description="machine and versions")
    date: str
    command: str

    def save(self, path: Path, indent: int = 1) -> Path:
        """Write the report as JSON, with the folders of its results relative to the file's, and return the file."""
        here = path.parent
        return super(Report, self._with_folders(lambda folder: Path(os.path.relpath(folder, here)))).save(path, indent)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a report from its file, or from the folder that has it.

        Raises: SettingError when there is no report or it can't be read.
        """
        file = path / REPORT if path.is_dir() else path
        if (report := super().load(file)) is None:
            raise SettingError(f"{file} is not there; it needs to be a {REPORT}, or its folder")
        return report._with_folders(lambda folder: file.parent / folder)

    def _with_folders(self, change: Callable[[Path], Path]) -> Self:
        results = tuple(r.model_copy(update={"folder": change(r.folder)}) for r in self.results)
        return self.model_copy(update={"results": results})


def format_interval(result: CandidateResult) -> str:
    """Return the interval as text."""
    if len(result.runs) < 2:
        return "one seed"
    return " to ".join(format_metric(end) for end in result.shown_interval)


def ranking_table(result: ComparisonResult) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return head and rows of the ranking as text."""
    head = ("candidate", result.primary_metric, "95 % interval", "parameters", "steps", "training")
    return head, [
        (
            r.label,
            format_metric(r.mean),
            format_interval(r),
            f"{r.num_parameters:,}",
            f"{r.runs[0].steps:,}",
            f"{r.seconds:.1f} s",
        )
        for r in result.ranking
    ]
