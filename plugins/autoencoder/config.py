"""What can be chosen about an autoencoder."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from neuralzoo.registry import Config


class AutoencoderConfig(Config):
    """The settings of an autoencoder."""

    code: int = Field(default=16, ge=1, description="numbers that an example is squeezed into")
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(512, 128), description="widths of the layers before the code; those after it mirror them"
    )
    channels: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(),
        description="channels of convolutions before the hidden layers, for images, each halving height and width; "
        "transposed ones mirror them; none is a dense network",
    )
    kernel: int = Field(default=4, ge=2, description="height and width of the kernels, if there are channels")
    activation: Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid", "softplus", "identity"] = Field(
        default="relu", description="non-linearity after each hidden layer"
    )
    code_activation: Literal["identity", "relu", "tanh", "sigmoid"] = Field(
        default="identity", description="non-linearity of the code; identity lets it be any number"
    )
    tied: bool = Field(default=False, description="decode with the encoder's weights, transposed")
    output: Literal["sigmoid", "identity"] | None = Field(
        default=None,
        description="what turns the last sums into an example; none is sigmoid for images, identity for other inputs",
    )
    loss: Literal["squared_error", "cross_entropy"] | None = Field(
        default=None,
        description="what reconstructions are compared by; none is cross_entropy, for values in 0..1, where the output "
        "is sigmoid, squared_error where it is identity",
    )
    noise: float = Field(
        default=0.0,
        ge=0,
        description="noise on the inputs in training: a standard deviation, or a share that is masked",
    )
    noise_kind: Literal["gaussian", "masking"] = Field(
        default="gaussian", description="add normal numbers to the inputs, or set a share of them to 0"
    )
    sparsity: float = Field(default=0.0, ge=0, description="weight of the penalty on a code that is not sparse")
    sparsity_kind: Literal["l1", "kl"] = Field(
        default="l1", description="penalty on the code's size, or on its mean, of each unit, being off sparsity_target"
    )
    sparsity_target: float = Field(default=0.05, gt=0, lt=1, description="mean of a unit of the code that kl asks for")
    variational: bool = Field(
        default=False, description="make the code a normal distribution, close to the standard one, to sample from"
    )
    beta: float = Field(
        default=1.0, ge=0, description="weight of the divergence from the standard normal, if variational"
    )

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.tied and self.channels:
            raise ValueError(
                f"tied is true with channels={list(self.channels)}; it needs none: only dense weights are transposed"
            )
        if self.noise_kind == "masking" and self.noise >= 1:
            raise ValueError(f"noise is {self.noise:g} with noise_kind='masking'; it needs a share below 1")
        if self.loss == "cross_entropy" and self.output == "identity":
            raise ValueError("loss is 'cross_entropy' with output='identity'; it needs 'sigmoid', for values in 0..1")
        if self.sparsity and self.sparsity_kind == "kl" and self.code_activation != "sigmoid":
            raise ValueError(
                f"sparsity_kind is 'kl' with code_activation={self.code_activation!r}; it needs 'sigmoid', for a code "
                "in 0..1"
            )
        if self.variational and (self.sparsity or self.code_activation != "identity"):
            raise ValueError(
                f"variational is true with sparsity={self.sparsity:g} and code_activation={self.code_activation!r}; it "
                "needs 0 and 'identity', for its code is a normal distribution"
            )
        return self
