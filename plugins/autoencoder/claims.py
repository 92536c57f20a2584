"""Claims of the autoencoder against principal component analysis (PCA), and their evaluators.

Comparisons are paired over the test examples: a gain is the lower end of the 95 % bootstrap interval of the mean
difference, above 0 where the autoencoder is better. PCA is fitted to the training examples, with as many components
as the code has dimensions.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from neuralzoo.core.blocks.inference import predict_in_batches
from neuralzoo.core.module import Array
from neuralzoo.plugins.autoencoder.baselines import pca_code, pca_reconstruct, principal_components
from neuralzoo.plugins.autoencoder.experiments import DENOISING, FULL, PLANE, QUICK
from neuralzoo.plugins.autoencoder.metrics import class_labels, nearest_neighbour_hits, psnr, squared_errors
from neuralzoo.plugins.autoencoder.network import Autoencoder
from neuralzoo.registry import Candidate, Claim, Condition, Published

BATCH_SIZE = 1000
BOOTSTRAP_RESAMPLES = 2000
NOISE_STD = 0.5
PCA_COMPONENTS = (2, 4, 8, 12, 16, 20, 25, 30, 35, 40, 50, 60, 80, 100)  # of which the best number denoises
PCA_VALIDATION_EXAMPLES = 1000  # noisy training examples that choose it


def bootstrap_lower_bound(differences: Array) -> float:
    """Return the lower end of the 95 % bootstrap interval of a mean."""
    rng = np.random.default_rng(0)
    means = [
        differences[rng.integers(0, len(differences), len(differences))].mean() for _ in range(BOOTSTRAP_RESAMPLES)
    ]
    return float(np.quantile(means, 0.025))


def _reconstruct(module: Autoencoder, x: Array) -> Array:
    return predict_in_batches(module.predict, x, BATCH_SIZE)


def pca_sse_per_example(module: Autoencoder, data: Any) -> float:
    """Return the mean squared error of PCA on the test examples, summed over the dimensions of an example."""
    x = data.test[0]
    return float(squared_errors(pca_reconstruct(principal_components(data.train[0], module.code), x), x).mean())


def sse_saved_over_pca(module: Autoencoder, data: Any) -> float:
    """Return the lower bound of how far the squared error is below that of PCA."""
    x = data.test[0]
    pca = squared_errors(pca_reconstruct(principal_components(data.train[0], module.code), x), x)
    return bootstrap_lower_bound(pca - squared_errors(_reconstruct(module, x), x))


def noisy_test_examples(data: Any) -> Array:
    """Return the test examples with Gaussian noise, the same at each call."""
    x: Array = data.test[0]
    noisy: Array = x + NOISE_STD * np.random.default_rng(1).standard_normal(x.shape, np.float32)
    return noisy


def psnr_noisy_input(module: Autoencoder, data: Any) -> float:
    """Return the mean PSNR in dB of the noisy test examples themselves, clipped to [0, 1]."""
    return float(psnr(np.clip(noisy_test_examples(data), 0, 1), data.test[0]).mean())


def psnr_denoised(module: Autoencoder, data: Any) -> float:
    """Return the mean PSNR in dB of the reconstructions of the noisy test examples."""
    return float(psnr(_reconstruct(module, noisy_test_examples(data)), data.test[0]).mean())


def psnr_gain_over_noisy_input(module: Autoencoder, data: Any) -> float:
    """Return the lower bound of the gain in PSNR, in dB, over the clipped noisy examples."""
    noisy, x = noisy_test_examples(data), data.test[0]
    return bootstrap_lower_bound(psnr(_reconstruct(module, noisy), x) - psnr(np.clip(noisy, 0, 1), x))


def psnr_gain_over_pca(module: Autoencoder, data: Any) -> float:
    """Return the lower bound of the gain in PSNR, in dB, over denoising by PCA.

    The number of components is the best one for noisy training examples: it is not bound to the size of the code.
    """
    train, x, noisy = data.train[0], data.test[0], noisy_test_examples(data)
    clean = train[:PCA_VALIDATION_EXAMPLES]
    corrupted = clean + NOISE_STD * np.random.default_rng(2).standard_normal(clean.shape, np.float32)
    components = principal_components(train, min(max(PCA_COMPONENTS), *train.reshape(len(train), -1).shape))
    best = max(
        PCA_COMPONENTS, key=lambda count: float(psnr(pca_reconstruct(components, corrupted, count), clean).mean())
    )
    return bootstrap_lower_bound(
        psnr(_reconstruct(module, noisy), x) - psnr(pca_reconstruct(components, noisy, best), x)
    )


def _neighbour_hits(encode: Callable[[Array], Array], data: Any) -> Array:
    train, test = class_labels(data, "train"), class_labels(data, "test")
    if train is None or test is None:
        raise ValueError(f"{data.name} has no classes; nearest-neighbour accuracy needs some")
    return nearest_neighbour_hits(encode(data.train[0]), train, encode(data.test[0]), test)


def _network_hits(module: Autoencoder, data: Any) -> Array:
    return _neighbour_hits(lambda x: predict_in_batches(module.encode, x, BATCH_SIZE), data)


def _pca_hits(module: Autoencoder, data: Any) -> Array:
    components = principal_components(data.train[0], module.code)
    return _neighbour_hits(lambda x: pca_code(components, x), data)


def knn_accuracy(module: Autoencoder, data: Any) -> float:
    """Return the test accuracy of a 1-nearest-neighbour classifier on the codes."""
    return float(_network_hits(module, data).mean())


def pca_knn_accuracy(module: Autoencoder, data: Any) -> float:
    """Return the test accuracy of a 1-nearest-neighbour classifier on as many principal components."""
    return float(_pca_hits(module, data).mean())


def knn_gain_over_pca(module: Autoencoder, data: Any) -> float:
    """Return the lower bound of the gain in nearest-neighbour accuracy over PCA."""
    return bootstrap_lower_bound(_network_hits(module, data) - _pca_hits(module, data))


HINTON = {
    "source": "Hinton and Salakhutdinov (2006), Reducing the dimensionality of data with neural networks",
    "url": "https://doi.org/10.1126/science.1127647",
}

CLAIMS = (
    Claim(
        name="compression",
        sentence="Fashion-MNIST reconstruction error (SSE) with codes of 2, 8, 16 and 30 dimensions is below that of "
        "PCA with as many components",
        candidates=tuple(
            Candidate(label=f"code-{code}", experiment=QUICK.set([f"model.code={code}", "validation=0"]))
            for code in (2, 8, 16, 30)
        ),
        conditions=tuple(
            Condition(of=f"code-{code}", metric="sse_saved_over_pca", at_least=0.0) for code in (30, 16, 8, 2)
        ),
        metrics=("test/sse_per_example", "pca_sse_per_example"),
        evaluators={"sse_saved_over_pca": sse_saved_over_pca, "pca_sse_per_example": pca_sse_per_example},
    ),
    Claim(
        name="thirty-numbers",
        sentence="MNIST reconstruction SSE <= 8.01 per image with a 30-dimensional code after <= 5 minutes of training",
        profile="full",
        candidates=(Candidate(label="code-30", experiment=FULL.set(["validation=0"])),),
        conditions=(
            Condition(of="code-30", metric="test/sse_per_example", at_most=8.01),
            Condition(of="code-30", metric="time/train_s", at_most=300),
        ),
        seeds=(0, 1, 2),
        metrics=("pca_sse_per_example",),
        evaluators={"pca_sse_per_example": pca_sse_per_example},
        published=(Published(value="autoencoder 3.00, logistic PCA 8.01, PCA 13.87", provenance="quoted", **HINTON),),
    ),
    Claim(
        name="denoising",
        sentence="Denoising Fashion-MNIST (Gaussian noise, standard deviation 0.5) reaches a higher PSNR than PCA with "
        "the best number of components, and than the noisy images",
        candidates=(Candidate(label="denoising", experiment=DENOISING),),
        conditions=(
            Condition(of="denoising", metric="psnr_gain_over_pca", at_least=0.0),
            Condition(of="denoising", metric="psnr_gain_over_noisy_input", at_least=0.0),
        ),
        metrics=("psnr_denoised", "psnr_noisy_input"),
        evaluators={
            "psnr_gain_over_pca": psnr_gain_over_pca,
            "psnr_gain_over_noisy_input": psnr_gain_over_noisy_input,
            "psnr_denoised": psnr_denoised,
            "psnr_noisy_input": psnr_noisy_input,
        },
    ),
    Claim(
        name="plane",
        sentence="Fashion-MNIST nearest-neighbour accuracy in a 2-dimensional code is above that in the plane of the "
        "first two principal components",
        candidates=(Candidate(label="code-2", experiment=PLANE),),
        conditions=(Condition(of="code-2", metric="knn_gain_over_pca", at_least=0.0),),
        metrics=("knn_accuracy", "pca_knn_accuracy"),
        evaluators={
            "knn_gain_over_pca": knn_gain_over_pca,
            "knn_accuracy": knn_accuracy,
            "pca_knn_accuracy": pca_knn_accuracy,
        },
    ),
)
