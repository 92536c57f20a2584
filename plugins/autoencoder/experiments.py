"""The reference experiments of the autoencoder, and its claims."""

from neuralzoo.plugins.autoencoder import baselines as rivals
from neuralzoo.plugins.autoencoder.config import AutoencoderConfig
from neuralzoo.registry import Adam, AdamW, Claim, Condition, Contestant, Cosine, Experiment, Published

# Widths, activation, rate, decay and epochs were chosen on the validation split (seed 0) and looked at with seed 1.
QUICK = Experiment(
    architecture="autoencoder",
    dataset="fashion-mnist-5k",
    task="reconstruction",
    epochs=40,
    batch_size=64,
    optimizer=AdamW(lr=1e-3, weight_decay=0.3, schedule=Cosine(warmup=70)),
    headline="test/squared_error",
    model={"hidden": [512, 256], "code": 16, "activation": "silu"},
)

CONVOLUTIONAL = QUICK.set(
    ["epochs=15", "optimizer.lr=0.002", "model.channels=[16, 32]", "model.hidden=[128]"],
)

FULL = Experiment(
    architecture="autoencoder",
    dataset="mnist",
    task="reconstruction",
    epochs=10,
    batch_size=128,
    validation=1 / 12,
    optimizer=Adam(lr=1e-3, schedule=Cosine(warmup=400)),
    headline="test/squared_error",
    model={"hidden": [1000, 500, 250], "code": 30, "activation": "silu"},
)

DENOISING = QUICK.set(["model.noise=0.5", "model.code=64", "validation=0", "headline=test/denoised_psnr"])

PLANE = QUICK.set(["model.code=2", "validation=0"])

HINTON = {
    "source": "Hinton and Salakhutdinov (2006), Reducing the dimensionality of data with neural networks",
    "url": "https://doi.org/10.1126/science.1127647",
}

CLAIMS = (
    Claim(
        name="compression",
        sentence="Pictures of clothes are told through 2, 8, 16 and 30 numbers with less squared error than by as many "
        "principal components",
        contestants=tuple(
            Contestant(label=f"code-{code}", experiment=QUICK.set([f"model.code={code}", "validation=0"]))
            for code in (2, 8, 16, 30)
        ),
        conditions=tuple(
            Condition(of=f"code-{code}", measure="saved_squared_error", at_least=0.0) for code in (30, 16, 8, 2)
        ),
        measures=("test/squared_error", "pca_squared_error"),
        probes={
            "saved_squared_error": rivals.saved_squared_error,
            "pca_squared_error": rivals.pca_squared_error,
        },
    ),
    Claim(
        name="thirty-numbers",
        sentence="Thirty numbers tell a handwritten digit with a squared error of at most 8.01, after at most five "
        "minutes of training",
        profile="full",
        contestants=(Contestant(label="code-30", experiment=FULL.set(["validation=0"])),),
        conditions=(
            Condition(of="code-30", measure="test/squared_error", at_most=8.01),
            Condition(of="code-30", measure="time/train_s", at_most=300),
        ),
        seeds=(0, 1, 2),
        measures=("pca_squared_error",),
        probes={"pca_squared_error": rivals.pca_squared_error},
        published=(Published(value="autoencoder 3.00, logistic PCA 8.01, PCA 13.87", mark="quoted", **HINTON),),
    ),
    Claim(
        name="denoising",
        sentence="Pictures with noise of deviation 0.5 come out nearer to the clean ones than by the best number of "
        "principal components, or by leaving them as they are",
        contestants=(Contestant(label="denoising", experiment=DENOISING),),
        conditions=(
            Condition(of="denoising", measure="gained_over_pca", at_least=0.0),
            Condition(of="denoising", measure="gained_over_noise", at_least=0.0),
        ),
        measures=("psnr_denoised", "psnr_of_noise"),
        probes={
            "gained_over_pca": rivals.gained_over_pca,
            "gained_over_noise": rivals.gained_over_noise,
            "psnr_denoised": rivals.psnr_denoised,
            "psnr_of_noise": rivals.psnr_of_noise,
        },
    ),
    Claim(
        name="plane",
        sentence="In a plane of two numbers the nearest neighbour of a picture is of its class more often than in the "
        "plane of the first two principal components",
        contestants=(Contestant(label="code-2", experiment=PLANE),),
        conditions=(Condition(of="code-2", measure="gained_neighbours", at_least=0.0),),
        measures=("neighbour_accuracy", "pca_neighbour_accuracy"),
        probes={
            "gained_neighbours": rivals.gained_neighbours,
            "neighbour_accuracy": rivals.neighbour_accuracy,
            "pca_neighbour_accuracy": rivals.pca_neighbour_accuracy,
        },
    ),
)


def resize(config: AutoencoderConfig, factor: float) -> AutoencoderConfig:
    """Return the config with its hidden widths and channels times a factor; the code stays what it is."""

    def times(sizes: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(max(1, round(size * factor)) for size in sizes)

    return config.model_copy(update={"hidden": times(config.hidden), "channels": times(config.channels)})
