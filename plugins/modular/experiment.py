"""The reference experiments of the modular network."""

from neuralzoo.plugins.modular.config import ModularConfig
from neuralzoo.registry import Adam, Claim, Experiment, SettingError, get

QUICK = Experiment(
    architecture="modular",
    dataset="peterson-barney",
    epochs=200,
    batch_size=32,
    optimizer=Adam(lr=1e-2),
    model={"experts": 4, "expert_settings": {"hidden": []}},
)
CLAIMS: tuple[Claim, ...] = ()


def resize(config: ModularConfig, factor: float) -> ModularConfig:
    """Return the config with its experts resized by a factor, each as its architecture does it.

    Raises: SettingError when an expert's architecture declares no resize.
    """

    def resized(name: str, settings: dict[str, object]) -> dict[str, object]:
        architecture = get(name)
        if architecture.resize is None:
            raise SettingError(f"modular got the expert {name}, which declares no resize; it needs one that does")
        found: dict[str, object] = architecture.resize(architecture.configure(settings), factor).model_dump(mode="json")
        return found

    others = tuple(e.model_copy(update={"settings": resized(e.name, e.settings)}) for e in config.others)
    changed = {"expert_settings": resized(config.expert, config.expert_settings), "others": others}
    return config.model_copy(update=changed)
