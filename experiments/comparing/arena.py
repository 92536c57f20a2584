"""The arena: every architecture that can classify sequences, on MNIST-1D and on its shuffled control.

Source: Greydanus and Kobak (2020), Scaling down deep learning with MNIST-1D, https://arxiv.org/abs/2011.14439
"""

import os
from collections.abc import Callable
from pathlib import Path

from neuralzoo.experiments import datasets
from neuralzoo.experiments.comparing.candidates import check, contestants_of
from neuralzoo.experiments.comparing.page import Frame
from neuralzoo.registry import Contestant, SettingError, matching, names

LINEAR = "linear: fnn model.hidden=[]"
SETTINGS = ("validation=0.1",)  # so that all have curves on the same held-out examples

# By label where we have such a contestant; "linear" is the paper's logistic regression, "fnn" its perceptron.
PUBLISHED = {
    "mnist1d": {"linear": 0.32, "fnn": 0.68, "cnn": 0.94, "gru": 0.91, "human": 0.96},
    "mnist1d-shuffled": {"linear": 0.32, "fnn": 0.68, "cnn": 0.56, "gru": 0.57, "human": 0.30},
}
FRAME = Frame(
    title="The arena: every classifier on MNIST-1D",
    lead="One small data set for all: ten shapes in forty numbers, shifted, scaled and noisy. Its control has the same "
    "numbers in another order, the same for all examples: who relies on neighbourhood falls, who does not stays.",
    published=PUBLISHED,
    source="Greydanus and Kobak (2020), arXiv 2011.14439, with their settings and training, not ours; theirs are "
    "logistic regression (linear), a multilayer perceptron (fnn), a convolutional network (cnn), a gru, and a human",
    without=("learning_curve",),  # the page has them all in one chart
)
PAGE = Path(os.path.realpath(__file__)).parents[1] / "reports" / "arena.html"


def contestants(dataset: str, tell: Callable[[str], None]) -> list[Contestant]:
    """Return all who can enter: the experiment `arena` of an architecture if it has one, else its quick one."""
    task = datasets.info(dataset).task
    found: list[Contestant] = []
    for a in matching():
        if a.refusal(task):
            continue
        profile = "arena" if "arena" in a.experiments else "quick"
        found += contestants_of([a.name], profile, dataset, SETTINGS)
        try:
            check(found[-1:])
        except SettingError as error:
            tell(f"left out: {error}")
            found.pop()
    if "fnn" in names():
        found += contestants_of([LINEAR], "arena", dataset, SETTINGS)
    return found
