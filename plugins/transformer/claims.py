"""Claims about the transformer."""

from typing import Any

from neuralzoo.core.blocks.targets import IGNORE_INDEX
from neuralzoo.plugins.transformer.experiments import (
    DATES,
    DATES_ABLATION,
    FEED_FORWARD,
    FULL,
    IMAGES,
    RECALL,
    RECALL_LSTM,
    RECIPE,
)
from neuralzoo.registry import Candidate, Claim, Condition, Published


def oldest_key_accuracy(module: Any, data: Any) -> float:
    """Return the accuracy on test sequences whose query is the oldest key, that of the first pair."""
    x, lengths, digits = data.extra_test_sets["first_pair"]
    return float((module.predict((x, lengths)).argmax(axis=-1) == digits).mean())


def exact_match(module: Any, data: Any) -> float:
    """Return the fraction of test sequences whose labels are all correct, with greedy decoding."""
    x, lengths, target = data.test
    correct = (module.predict((x, lengths)).argmax(axis=-1) == target) | (target == IGNORE_INDEX)
    return float(correct.all(axis=1).mean())


NANOGPT = Published(
    value="1.88 nats per character",
    source="Karpathy (2022), nanoGPT, the recipe for a processor in its README",
    url="https://github.com/karpathy/nanoGPT",
    provenance="read",
)

CLAIMS = (
    Claim(
        name="shakespeare",
        sentence="Tiny Shakespeare validation loss <= 1.88 nats/character with nanoGPT's CPU recipe (2,000 steps)",
        profile="full",
        candidates=(Candidate(label="transformer", experiment=RECIPE),),
        conditions=(Condition(of="transformer", metric="test/loss", at_most=1.88),),
        seeds=(0, 1, 2),
        published=(NANOGPT,),
        counter_evidence="The published figure is a mean over 20 batches of windows drawn at random, ours one over "
        "all of the held-out text. `python -m neuralzoo.experiments.benchmark.against_torch.transformer --whole` "
        "trains PyTorch's network from the same weights on the same windows.",
    ),
    Claim(
        name="start",
        sentence="Tiny Shakespeare validation loss <= 1.88 nats/character after 2,000 steps, and lower than with "
        "nanoGPT's CPU recipe, with a larger initialization and twice the learning rate, chosen on held-out training "
        "text",
        profile="full",
        candidates=(
            Candidate(label="transformer", experiment=FULL),
            Candidate(label="recipe", experiment=RECIPE),
        ),
        conditions=(
            Condition(of="transformer", metric="test/loss", at_most=1.88),
            Condition(of="transformer", over="recipe", metric="test/loss", at_most=0.0),
        ),
        seeds=(0, 1, 2),
        published=(NANOGPT,),
    ),
    Claim(
        name="recall",
        sentence="Associative recall: accuracy >= 0.999 for the oldest of 100 keys, with attention to all positions; "
        "an LSTM of equal parameters is at chance",
        candidates=(
            Candidate(label="transformer", experiment=RECALL),
            Candidate(label="lstm", experiment=RECALL_LSTM),
        ),
        match="parameters",
        conditions=(
            Condition(of="transformer", metric="oldest_key_accuracy", at_least=0.999),
            Condition(of="transformer", metric="oldest_key_accuracy", at_least=1.0, min_seeds=5),
            Condition(of="lstm", metric="oldest_key_accuracy", at_most=0.15),
        ),
        evaluators={"oldest_key_accuracy": oldest_key_accuracy},
    ),
    Claim(
        name="dates",
        sentence="Date normalization: exact match >= 0.98 on held-out dates with greedy decoding; without "
        "cross-attention an encoder-decoder of equal parameters has <= 0.02",
        candidates=(
            Candidate(label="transformer", experiment=DATES),
            Candidate(label="no-cross-attention", experiment=DATES_ABLATION),
        ),
        match="parameters",
        conditions=(
            Condition(of="transformer", metric="exact_match", at_least=0.98),
            Condition(of="no-cross-attention", metric="exact_match", at_most=0.02),
        ),
        evaluators={"exact_match": exact_match},
        counter_evidence="Dates do not need a decoder: an encoder alone, of five blocks and as many parameters, had "
        "an exact match of 0.835 on held-out training dates where the encoder-decoder had 0.905, after six epochs of "
        "2,000 dates (one seed).",
    ),
    Claim(
        name="fashion",
        sentence="Fashion-MNIST: an encoder of image patches has a higher accuracy than a feed-forward network, the "
        "published one (0.8833) and ours of the same widths",
        profile="full",
        candidates=(
            Candidate(label="transformer", experiment=IMAGES),
            Candidate(label="fnn", experiment=FEED_FORWARD),
        ),
        conditions=(
            Condition(of="transformer", at_least=0.8834),
            Condition(of="transformer", over="fnn", at_least=0.0),
        ),
        seeds=(0, 1, 2),
        published=(
            Published(
                value="0.8833 of a feed-forward network with hidden layers of 256, 128 and 100",
                source="the benchmark of Fashion-MNIST, Zalando Research",
                url="https://github.com/zalandoresearch/fashion-mnist",
                provenance="read",
            ),
        ),
    ),
)
