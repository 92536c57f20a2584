import pytest

from neuralzoo.experiments import datasets
from neuralzoo.experiments.comparing.candidates import candidates_of
from neuralzoo.experiments.comparing.result import CandidateResult, ComparisonResult, PageText, Report, SeedResult


def seed_result(label, seed, accuracy, params):
    history = tuple(
        {
            "train/loss": 1.0 / (epoch + 1 + seed),
            "train/accuracy": accuracy * (epoch + 1) / 3,
            "val/loss": 1.5 / (epoch + 1),
            "val/accuracy": accuracy * (epoch + 1) / 4,
            "time/train_s": 0.5 * (epoch + 1),
        }
        for epoch in range(3)
    )
    return SeedResult(
        seed=seed,
        metrics={"test/accuracy": accuracy, "model/n_params": params, "time/train_s": 1.5},
        history=history,
        steps=18,
        figures={"learning_curve": f"{label}-s{seed}/figures/learning_curve.png"},
        url=f"http://127.0.0.1:5000/#/experiments/1/runs/{label}{seed}",
    )


@pytest.fixture
def result(tmp_path):
    """The result of a comparison that nothing was trained for, and its figures of the first seed."""
    from PIL import Image

    settings = {"deep": {"epochs": "3", "model.hidden": "[8]"}, "linear": {"epochs": "3", "model.hidden": "[]"}}
    wide, linear = candidates_of(["deep: fnn model.hidden=[8]", "linear: fnn model.hidden=[]"], dataset="two-spirals")
    for label in settings:
        path = tmp_path / f"{label}-s0/figures/learning_curve.png"
        path.parent.mkdir(parents=True)
        Image.new("RGB", (900, 300), "white").save(path)
    ranking = [
        CandidateResult(
            candidate=candidate,
            settings=settings[candidate.label],
            runs=tuple(seed_result(candidate.label, i, value, params) for i, value in enumerate(values)),
            mean=sum(values) / 2,
            low=min(values) - 0.125,
            high=max(values) + 0.125,
        )
        for candidate, values, params in ((wide, (0.75, 0.875), 42.0), (linear, (0.5, 0.5625), 6.0))
    ]
    return ComparisonResult(
        dataset=datasets.info("two-spirals"),
        primary_metric="test/accuracy",
        match="none",
        match_description="Nothing is matched in this one.",
        seeds=(0, 1),
        ranking=tuple(ranking),
        folder=tmp_path,
        url="http://127.0.0.1:5000/#/experiments/1/runs",
    )


@pytest.fixture
def report(result):
    """A report of one result."""
    return Report(
        text=PageText(title="deep, linear on two-spirals", intro="Compared by hand.", source="Someone (1999)"),
        results=(result,),
        environment={"neuralzoo": "0.1.0", "BLAS": "some BLAS"},
        date="2026-01-31",
        command="neuralzoo compare 'deep: fnn model.hidden=[8]'",
    )
