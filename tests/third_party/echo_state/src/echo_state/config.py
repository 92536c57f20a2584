"""What can be chosen about an echo state network."""

from neuralzoo.registry import Config
from pydantic import Field


class EchoStateConfig(Config):
    """The settings of an echo state network."""

    units: int = Field(default=200, ge=1, description="units of the reservoir")
    radius: float = Field(default=0.9, ge=0, description="spectral radius of the reservoir: how long echoes last")
    leak: float = Field(default=0.5, gt=0, le=1, description="share of a unit's state that is new at each step")
    input_scale: float = Field(default=1.0, gt=0, description="deviation of the weights from the inputs")
    density: float = Field(default=0.1, gt=0, le=1, description="share of the reservoir's connections that are there")
    ridge: float = Field(default=1e-4, ge=0, description="pull of the readout towards zero, for each training example")
