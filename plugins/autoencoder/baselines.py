"""PCA baseline: reconstructions and codes of principal components, by scikit-learn.

The components are those of the training examples; reconstructions are clipped to [0, 1], which only lowers their
error.
"""

from typing import Any

import numpy as np

from neuralzoo.core.module import Array


def principal_components(x: Array, count: int) -> Any:
    """Return scikit-learn's PCA of examples, by an exact singular value decomposition."""
    from sklearn.decomposition import PCA

    return PCA(count, svd_solver="full").fit(x.reshape(len(x), -1))


def pca_code(components: Any, x: Array) -> Array:
    """Return the projections of examples on principal components.

    Shapes: x is (N, ...), the code is (N, components).
    """
    return np.asarray(components.transform(x.reshape(len(x), -1)))


def pca_reconstruct(components: Any, x: Array, count: int | None = None) -> Array:
    """Return the reconstructions by principal components, or by the first `count` of them, clipped to [0, 1].

    Shapes: x and y are (N, ...).
    """
    code = components.transform(x.reshape(len(x), -1))
    if count is not None:
        code[:, count:] = 0
    y = components.inverse_transform(code)
    clipped: Array = np.clip(y, 0, 1).reshape(x.shape)
    return clipped
