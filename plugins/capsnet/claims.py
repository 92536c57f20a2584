"""Claims of the capsule network, and their evaluators."""

from neuralzoo.core.blocks.inference import predict_in_batches
from neuralzoo.plugins.capsnet.experiments import AFFINE, FULL, PAIRS, POOLING
from neuralzoo.plugins.capsnet.figures import draw_affine_accuracy
from neuralzoo.plugins.capsnet.network import CapsNet
from neuralzoo.registry import Candidate, Claim, ClaimFigure, Condition, Experiment, Published
from neuralzoo.registry.dataset import Dataset

SABOUR = {
    "source": "Sabour, Frosst and Hinton (2017), Dynamic routing between capsules",
    "url": "https://arxiv.org/abs/1710.09829",
}


def translated_accuracy(module: CapsNet, data: Dataset) -> float:
    """Return the accuracy on test digits that are translated as in training."""
    x, digits = data.extra_test_sets["translated"]
    return float((predict_in_batches(module.predict, x, 500).argmax(axis=-1) == digits).mean())


def _variant(label: str, experiment: Experiment, *changes: str) -> Candidate:
    return Candidate(label=label, experiment=experiment.set(changes), control=True)


CLAIMS = (
    Claim(
        name="affine",
        sentence="Generalises better to affine-transformed MNIST (affNIST-like) than a CNN of equal parameters and "
        "equal accuracy on translated MNIST",
        profile="full",
        candidates=(
            Candidate(label="capsnet", experiment=AFFINE),
            Candidate(label="cnn", experiment=POOLING),
            _variant("one-iteration", AFFINE, "model.routing_iterations=1"),
            _variant("no-reconstruction", AFFINE, "model.reconstruction=0"),
            _variant("shared", AFFINE, "model.shared=true"),
        ),
        match="parameters",
        conditions=(
            Condition(of="capsnet", over="cnn", at_least=0.0),
            Condition(of="capsnet", over="cnn", metric="translated_accuracy", at_most=0.01),
        ),
        seeds=(0, 1, 2),
        metrics=("val/accuracy", "time/epochs"),
        evaluators={"translated_accuracy": translated_accuracy},
        figures=(
            ClaimFigure(
                name="affine_accuracy",
                caption="Accuracy on affine-transformed test digits, and on translated ones as in training.",
                draw=draw_affine_accuracy,
            ),
        ),
        published=(
            Published(value="0.79, a convolutional network 0.66", provenance="quoted", **SABOUR),
            Published(
                value="0.93 without routing and with one transformation for all capsules",
                source="Gu and Tresp (2020), Improving the robustness of capsule networks to image affine "
                "transformations, abstract",
                url="https://arxiv.org/abs/1911.07968",
                provenance="read",
            ),
        ),
        counter_evidence="Gu, Tresp and Hu (2021), Capsule network is not more robust than convolutional network, "
        "https://arxiv.org/abs/2103.15459. Ablations: one routing iteration, no reconstruction, transformations "
        "shared between positions.",
    ),
    Claim(
        name="pairs",
        sentence="MultiMNIST: both digits right in >= 80 % of test pairs",
        profile="full",
        candidates=(Candidate(label="capsnet", experiment=PAIRS),),
        conditions=(Condition(of="capsnet", at_least=0.8),),
        seeds=(0, 1, 2),
        metrics=("test/class_accuracy",),
        published=(Published(value="5.2 % error on pairs", provenance="quoted", **SABOUR),),
    ),
    Claim(
        name="mnist",
        sentence="MNIST test error <= 0.75 % after <= 5 minutes of training",
        profile="full",
        candidates=(Candidate(label="capsnet", experiment=FULL.set(["validation=0"])),),
        conditions=(
            Condition(of="capsnet", at_least=0.9925),
            Condition(of="capsnet", metric="time/train_s", at_most=300),
        ),
        seeds=(0, 1, 2),
        published=(
            Published(value="0.25 % error with 3 routing iterations and reconstruction", provenance="quoted", **SABOUR),
        ),
    ),
)
