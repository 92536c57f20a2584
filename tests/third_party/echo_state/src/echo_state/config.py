"""Configuration of the echo state network."""

from neuralzoo.registry import Config
from pydantic import Field


class EchoStateConfig(Config):
    """The configuration of an echo state network."""

    units: int = Field(default=200, ge=1, description="units of the reservoir")
    radius: float = Field(default=0.9, ge=0, description="spectral radius of the reservoir")
    leak: float = Field(
        default=0.5, gt=0, le=1, description="leaking rate: fraction of a unit's state that is new at each step"
    )
    input_scale: float = Field(default=1.0, gt=0, description="standard deviation of the input weights")
    density: float = Field(default=0.1, gt=0, le=1, description="fraction of nonzero reservoir weights")
    ridge: float = Field(default=1e-4, ge=0, description="ridge penalty of the readout, per training example")
