"""Configuration of the autoencoder."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from neuralzoo.registry import Config


class AutoencoderConfig(Config):
    """Configuration of an autoencoder."""

    code: int = Field(default=16, ge=1, description="dimensions of the code (latent space)")
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(512, 128), description="widths of the encoder's hidden layers; the decoder mirrors them"
    )
    channels: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(),
        description="channels of the encoder's stride-2 convolutions before the hidden layers, for images; the decoder "
        "mirrors them with transposed convolutions; none is a dense network",
    )
    kernel: int = Field(default=4, ge=2, description="height and width of the convolution kernels")
    activation: Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid", "softplus", "identity"] = Field(
        default="relu", description="activation function of the hidden layers"
    )
    code_activation: Literal["identity", "relu", "tanh", "sigmoid"] = Field(
        default="identity", description="activation function of the code"
    )
    tied: bool = Field(default=False, description="tied weights: the decoder uses the encoder's, transposed")
    output: Literal["sigmoid", "identity"] | None = Field(
        default=None,
        description="activation function of the output; none is sigmoid for images, identity for other inputs",
    )
    loss: Literal["squared_error", "cross_entropy"] | None = Field(
        default=None,
        description="reconstruction loss; none is cross_entropy, for values in 0..1, where the output is sigmoid, "
        "squared_error where it is identity",
    )
    noise: float = Field(
        default=0.0,
        ge=0,
        description="noise on the inputs in training: its standard deviation, or the fraction that is masked",
    )
    noise_kind: Literal["gaussian", "masking"] = Field(
        default="gaussian", description="add Gaussian noise to the inputs, or set a fraction of them to 0"
    )
    sparsity: float = Field(default=0.0, ge=0, description="weight of the sparsity penalty on the code")
    sparsity_kind: Literal["l1", "kl"] = Field(
        default="l1",
        description="sparsity penalty: the code's l1 norm, or the KL divergence of each unit's mean activation from "
        "sparsity_target",
    )
    sparsity_target: float = Field(
        default=0.05, gt=0, lt=1, description="target mean activation of a code unit, for kl"
    )
    variational: bool = Field(
        default=False,
        description="variational autoencoder: the code is a normal distribution, kept close to the standard normal",
    )
    beta: float = Field(
        default=1.0, ge=0, description="weight of the KL divergence from the standard normal (beta-VAE), if variational"
    )

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.tied and self.channels:
            raise ValueError(
                f"tied is true with channels={list(self.channels)}; it needs none: only dense weights are transposed"
            )
        if self.noise_kind == "masking" and self.noise >= 1:
            raise ValueError(f"noise is {self.noise:g} with noise_kind='masking'; it needs a fraction below 1")
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
                "needs 0 and 'identity', since its code is a normal distribution"
            )
        return self
