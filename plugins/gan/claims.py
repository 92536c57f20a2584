"""Claims of the generative adversarial network."""

from neuralzoo.plugins.gan.experiments import FULL, GRID, QUICK, VARIATIONAL, without_stabilisation
from neuralzoo.plugins.gan.metrics.frechet import classes_present, frechet, frechet_ceiling, frechet_floor
from neuralzoo.registry import Candidate, Claim, Condition, Published

VEEGAN = {
    "source": "Srivastava, Valkov, Russell, Gutmann and Sutton (2017), VEEGAN",
    "url": "https://arxiv.org/abs/1705.07761",
}

PROTOCOL = (
    "The published networks and their training differ: their values are context, not a baseline. A mode counts as "
    "covered there with one sample of 2,500 near it, here with 20. The control is our GAN without techniques against "
    "mode collapse."
)

CLAIMS = (
    Claim(
        name="ring",
        sentence="Covers 8 of 8 modes of the Gaussian ring, with >= 90 % of samples in a mode, in 4 of 5 runs",
        candidates=(
            Candidate(label="gan", experiment=QUICK.set(["validation=0"])),
            Candidate(label="plain", experiment=without_stabilisation(QUICK.set(["validation=0"])), control=True),
        ),
        conditions=(
            Condition(of="gan", metric="test/modes_covered", at_least=8, min_seeds=4),
            Condition(of="gan", metric="test/high_quality_fraction", at_least=0.9, min_seeds=4),
        ),
        published=(
            Published(
                value="modes covered: GAN 1.0, unrolled GAN 7.6, VEEGAN 8 of 8",
                provenance="as commonly cited",
                **VEEGAN,
            ),
        ),
        counter_evidence=PROTOCOL,
    ),
    Claim(
        name="grid",
        sentence="Covers >= 23 of 25 modes of the Gaussian grid, with >= 90 % of samples in a mode, in 4 of 5 runs",
        candidates=(
            Candidate(label="gan", experiment=GRID.set(["validation=0"])),
            Candidate(label="plain", experiment=without_stabilisation(GRID.set(["validation=0"])), control=True),
        ),
        conditions=(
            Condition(of="gan", metric="test/modes_covered", at_least=23, min_seeds=4),
            Condition(of="gan", metric="test/high_quality_fraction", at_least=0.9, min_seeds=4),
        ),
        published=(
            Published(
                value="modes covered: GAN 3.3, unrolled GAN 23.6, VEEGAN 24.6 of 25",
                provenance="as commonly cited",
                **VEEGAN,
            ),
        ),
        counter_evidence=PROTOCOL,
    ),
    Claim(
        name="images",
        sentence="Fashion-MNIST samples have a lower Fréchet distance, in the features of a classifier, than those of "
        "a variational autoencoder with the same decoder, and cover all ten classes",
        profile="full",
        candidates=(
            Candidate(label="gan", experiment=FULL.set(["validation=0"])),
            Candidate(label="variational", experiment=VARIATIONAL),
        ),
        conditions=(
            Condition(of="gan", over="variational", metric="frechet", at_most=0.0),
            Condition(of="gan", metric="classes_present", at_least=10),
        ),
        seeds=(0, 1, 2),
        metrics=("frechet_floor", "frechet_ceiling"),
        evaluators={
            "frechet": frechet,
            "classes_present": classes_present,
            "frechet_floor": frechet_floor,
            "frechet_ceiling": frechet_ceiling,
        },
    ),
)
