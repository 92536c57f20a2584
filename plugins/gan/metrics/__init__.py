"""How good generated samples are."""

from neuralzoo.core.metric import MetricInfo

METRICS = {
    "generator_loss": MetricInfo("generator's loss", "neither"),
    "discriminator_loss": MetricInfo("discriminator's loss", "neither"),
    "discriminator_accuracy": MetricInfo("discriminator's accuracy", "neither", "fraction"),
    "discriminator_grad_norm": MetricInfo("norm of the discriminator's gradient", "neither"),
    "std_ratio": MetricInfo("standard deviation of samples over that of examples", "neither"),
    "coverage": MetricInfo("coverage", "higher", "fraction"),
    "modes_covered": MetricInfo("modes covered", "higher", "modes"),
    "high_quality_fraction": MetricInfo("samples near a mode", "higher", "fraction"),
    "frechet": MetricInfo("Fréchet distance", "lower"),
    "frechet_floor": MetricInfo("Fréchet distance of training images", "neither"),
    "frechet_ceiling": MetricInfo("Fréchet distance of noise", "neither"),
    "classes_present": MetricInfo("classes among the samples", "higher", "classes"),
}
