"""Configuration of a radial basis function network."""

from typing import Literal

from pydantic import Field

from neuralzoo.registry import Config


class RBFNConfig(Config):
    """Configuration of a radial basis function network."""

    units: int = Field(default=100, ge=1, description="radial units, each with a centre")
    basis: Literal["gaussian", "inverse_quadratic", "inverse_multiquadric", "multiquadric", "cubic", "thin_plate"] = (
        Field(default="gaussian", description="radial basis function of the distance from a centre")
    )
    centres: Literal["kmeans", "examples"] = Field(
        default="kmeans", description="initialization of the centres: k-means, or random examples"
    )
    by_class: bool = Field(
        default=False,
        description="in classification each class has an equal fraction of the centres, from its own examples",
    )
    lloyd_steps: int = Field(default=20, ge=0, description="largest number of Lloyd steps of k-means")
    sample: int = Field(
        default=10_000, ge=1, description="largest number of examples for k-means; never fewer than units"
    )
    neighbours: int = Field(
        default=2, ge=1, description="nearest other centres, whose mean distance is the width of a unit"
    )
    width: float = Field(default=2.0, gt=0, description="factor of that mean distance")
    shared_width: bool = Field(default=False, description="one width for all units: the mean of theirs")
    ridge: float = Field(
        default=1e-6, ge=0, description="ridge (L2) regularisation of the output weights, for each example"
    )
    finetune: bool = Field(
        default=True, description="after the closed form, train centres, widths and weights by gradient descent"
    )
