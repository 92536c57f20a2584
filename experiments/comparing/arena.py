"""The arena: a benchmark of all classifiers on MNIST-1D, and on its shuffled control.

Source: Greydanus and Kobak (2020), Scaling down deep learning with MNIST-1D, https://arxiv.org/abs/2011.14439
"""

import os
from collections.abc import Callable
from pathlib import Path

from neuralzoo.experiments import datasets
from neuralzoo.experiments.comparing.candidates import candidates_of, check
from neuralzoo.experiments.comparing.result import PageText
from neuralzoo.registry import Candidate, SettingError, matching, names

LINEAR = "linear: fnn model.hidden=[]"
SETTINGS = ("validation=0.1",)  # so that all have curves on the same validation split

# By label where there is such a candidate; "linear" is the paper's logistic regression, "fnn" its perceptron.
PUBLISHED = {
    "mnist1d": {"linear": 0.32, "fnn": 0.68, "cnn": 0.94, "gru": 0.91, "human": 0.96},
    "mnist1d-shuffled": {"linear": 0.32, "fnn": 0.68, "cnn": 0.56, "gru": 0.57, "human": 0.30},
}
TEXT = PageText(
    title="The arena: every classifier on MNIST-1D",
    intro="One small dataset for all: ten classes of shapes of forty values, shifted, scaled and noisy. Its control "
    "has the values in one shuffled order for all examples: networks that rely on neighbourhood lose accuracy there.",
    published=PUBLISHED,
    source="Greydanus and Kobak (2020), arXiv 2011.14439, with their settings and training, not ours; theirs are "
    "logistic regression (linear), a multilayer perceptron (fnn), a convolutional network (cnn), a gru, and a human",
    skip_figures=("learning_curve",),  # the page has them all in one chart
)
PAGE = Path(os.path.realpath(__file__)).parents[1] / "reports" / "arena.html"


def candidates(dataset: str, report: Callable[[str], None]) -> list[Candidate]:
    """Return a candidate for each architecture that can do the task: its experiment `arena`, or else its quick one."""
    task = datasets.info(dataset).task
    found: list[Candidate] = []
    for a in matching():
        if a.unsupported(task):
            continue
        profile = "arena" if "arena" in a.experiments else "quick"
        found += candidates_of([a.name], profile, dataset, SETTINGS)
        try:
            check(found[-1:])
        except SettingError as error:
            report(f"skipped: {error}")
            found.pop()
    if "fnn" in names():
        found += candidates_of([LINEAR], "arena", dataset, SETTINGS)
    return found
