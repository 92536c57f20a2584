"""What can be chosen about a radial basis function network."""

from typing import Literal

from pydantic import Field

from neuralzoo.registry import Config


class RBFNConfig(Config):
    """The settings of a radial basis function network."""

    units: int = Field(default=100, ge=1, description="radial units, each with a centre")
    kernel: Literal["gaussian", "inverse_quadratic", "inverse_multiquadric", "multiquadric", "cubic", "thin_plate"] = (
        Field(default="gaussian", description="what a unit makes of the distance from its centre")
    )
    centres: Literal["kmeans", "examples"] = Field(
        default="kmeans", description="where centres come from: means of groups of examples, or examples themselves"
    )
    by_class: bool = Field(
        default=False, description="in classification each class has its share of the centres, among its own examples"
    )
    lloyd_steps: int = Field(default=20, ge=0, description="most times that k-means moves the centres")
    sample: int = Field(
        default=10_000, ge=1, description="most examples that centres are sought among; never fewer than units"
    )
    neighbours: int = Field(default=2, ge=1, description="nearest other centres whose mean distance makes a width")
    width: float = Field(default=2.0, gt=0, description="what that mean distance is multiplied with")
    shared_width: bool = Field(default=False, description="one width for all units: the mean of theirs")
    ridge: float = Field(default=1e-6, ge=0, description="pull of the output weights towards zero, for each example")
    descend: bool = Field(
        default=True, description="after the closed form, train centres, widths and weights down the gradient"
    )
