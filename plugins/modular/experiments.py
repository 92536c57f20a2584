"""The reference experiments of the modular network, and its claims."""

from typing import Any

from neuralzoo.plugins.modular.config import ModularConfig
from neuralzoo.plugins.modular.metrics import FIELD, agreement, harm_to_its_own, squared_error
from neuralzoo.registry import (
    SGD,
    Adam,
    AdamW,
    Claim,
    Condition,
    Contestant,
    Cosine,
    Experiment,
    Published,
    SettingError,
    get,
)

# Chosen by leaving a fifth of the training speakers out, 3 or 4 times 5 folds: 0.940 to 0.946 of their vowels right
# with 4 or 8 experts of 8 or 16 hidden units and rates of 0.02 to 0.05; 0.926 with a rate of 0.01, 0.933 with 4 hidden
# units, 0.939 with linear experts (rate 0.1, 80 epochs). One network of 32 hidden units: 0.945 at its best rate, too.
QUICK = Experiment(
    architecture="modular",
    dataset="peterson-barney",
    epochs=40,
    batch_size=32,
    optimizer=Adam(lr=3e-2, schedule=Cosine()),
    model={"experts": 4, "expert_settings": {"hidden": [8], "activation": "tanh"}},
)

# Two of eight experts for each picture: three quarters of the experts' weights rest. A first choice: 0.878 of held-out
# examples after five epochs, the busiest expert with a share of 0.17.
FULL = Experiment(
    architecture="modular",
    dataset="fashion-mnist",
    epochs=15,
    batch_size=128,
    optimizer=Adam(lr=1e-3, schedule=Cosine(warmup=400)),
    model={
        "experts": 8,
        "expert_settings": {"hidden": [128, 64], "dropout": 0.2},
        "top": 2,
        "noise": 0.3,
        "balance": 0.1,
    },
)

# On a fifth of the training examples held out: 0.60 with experts of 100 and 100 units in competition, which learn the
# noise of their own share; 0.66 in cooperation. With 64 and 64 units and 100 epochs 0.665 and 0.68.
ARENA = Experiment(
    architecture="modular",
    dataset="mnist1d",
    epochs=100,
    batch_size=100,
    validation=0.0,
    optimizer=AdamW(lr=6e-3, weight_decay=0.1, schedule=Cosine(warmup=50)),
    model={
        "experts": 4,
        "expert_settings": {"hidden": [64, 64], "activation": "silu", "dropout": 0.3},
        "loss": "cooperative",
    },
)

# Rates were chosen on a fifth of the training examples held out, with other seeds than the claims': the error of the
# mixture falls from 4e-5 to 3e-8 as its rate rises from 0.01 to 0.1. Of one network of six hidden units the activation
# was chosen, too, by the mean error at its best rate: elu 5e-4, leaky_relu and relu 1e-3, silu and gelu 2e-3, tanh
# 1e-2. Relu had 2e-8 with one seed and 6e-3 with another: four such units that the field switches are linear experts.
CONFLICT = Experiment(
    architecture="modular",
    dataset="four-subtasks",
    epochs=60,
    batch_size=32,
    validation=0.0,
    optimizer=Adam(lr=0.1, schedule=Cosine()),
    headline="test/mean_squared_error",
    model={"experts": 4, "expert_settings": {"hidden": []}, "field": list(FIELD)},
)
ONE_NETWORK = CONFLICT.model_copy(
    update={
        "architecture": "fnn",
        "headline": "test/loss",
        "optimizer": Adam(lr=0.3, schedule=Cosine()),
        "model": {"hidden": [6], "activation": "elu"},
    }
)

VOWELS = QUICK.set(["validation=0"])

# One network of 32 hidden units, which shows how hard the speakers of the test are.
ONE_LISTENER = VOWELS.model_copy(
    update={"architecture": "fnn", "model": {"hidden": [32], "activation": "tanh", "init": "glorot_uniform"}}
)

# Epochs until nine of ten training vowels are right, by plain gradient descent: all examples in one step. Each has the
# rate with the fewest epochs, geometric mean over the seeds 100 to 124: the mixture 22 with a rate of 4 (24 with 3.5
# and 26 with 5); one network of eight hidden units, which has as many parameters, 40 with 1.1 (41 with 0.95, 55 with
# 1.2) from its best start; 42 to 49 from other starts. With six or twelve hidden units the fewest were 42. All runs
# were there after 32 and 168 epochs; one that never is counts all 400.
HALF = Experiment(
    architecture="modular",
    dataset="peterson-barney",
    epochs=400,
    batch_size=408,
    validation=0.0,
    until="train/accuracy >= 0.9",
    optimizer=SGD(lr=4.0),
    model={"experts": 4, "expert_settings": {"hidden": []}},
)
PLAIN = HALF.model_copy(
    update={
        "architecture": "fnn",
        "optimizer": SGD(lr=1.1),
        "model": {"hidden": [8], "activation": "tanh", "init": "glorot_uniform"},
    }
)


CLAIMS = (
    Claim(
        name="sub-tasks",
        sentence="Four sub-tasks in conflict, each of them simple, are learnt with a fifth of the error of one network "
        "of as many parameters, by one expert for each",
        contestants=(
            Contestant(label="modular", experiment=CONFLICT),
            Contestant(label="fnn", experiment=ONE_NETWORK),
        ),
        match="parameters",
        conditions=(Condition(of="modular", over="fnn", ratio=True, measure="squared_error", at_most=0.2),),
        probes={"squared_error": squared_error},
        counter_evidence="Units of one network that the field switches do what experts do, and a network of rectified "
        "units finds them with some seeds. It holds where each sub-task is simpler than what decides between them. Of "
        "four waves over a square, sin(pi x) cos(pi y), cos(pi x) sin(pi y) and their opposites, which hidden units "
        "can share, a mixture of experts with hidden units found each sub-task too, but its error on held-out examples "
        "was two to six times that of one network of as many parameters.",
    ),
    Claim(
        name="specialists",
        sentence="The gate finds the sub-tasks, and removing an expert harms its own sub-task only",
        contestants=(Contestant(label="modular", experiment=CONFLICT),),
        conditions=(
            Condition(of="modular", measure="agreement", at_least=0.9),
            Condition(of="modular", measure="harm_to_its_own", at_least=0.95),
        ),
        probes={"agreement": agreement, "harm_to_its_own": harm_to_its_own},
    ),
    Claim(
        name="vowels",
        sentence="Four vowels are told apart by their first two formants, also of speakers who were not heard before",
        contestants=(
            Contestant(label="modular", experiment=VOWELS),
            Contestant(label="fnn", experiment=ONE_LISTENER, control=True),
        ),
        conditions=(Condition(of="modular", at_least=0.928),),
        measures=("test/accuracy",),
        published=(
            Published(
                value="about 90 % for mixtures of four and eight experts and for back-propagation",
                source="Jacobs, Jordan, Nowlan and Hinton (1991), Adaptive mixtures of local experts",
                url="https://doi.org/10.1162/neco.1991.3.1.79",
                mark="as commonly cited",
            ),
        ),
        counter_evidence="The bound is what another implementation in NumPy reached, on what speakers is not known "
        "here. Of training speakers who were left out 0.940 to 0.946 of the vowels were right, of "
        "those of the test 0.900 [0.896, 0.904]. The one network beside it was added after that, to "
        "tell hard speakers from a bad listener.",
    ),
    Claim(
        name="half-the-epochs",
        sentence="Linear experts and a gate have nine of ten vowels right after at most half the epochs that one "
        "network of as many parameters takes, both by gradient descent at the rate that is best for them",
        contestants=(Contestant(label="modular", experiment=HALF), Contestant(label="fnn", experiment=PLAIN)),
        match="parameters",
        conditions=(Condition(of="modular", over="fnn", ratio=True, measure="time/epochs", at_most=0.5),),
        measures=("test/accuracy",),
        seeds=tuple(range(25)),
        published=(
            Published(
                value="1,124 epochs for a mixture of four experts, 2,209 for back-propagation",
                source="Jacobs, Jordan, Nowlan and Hinton (1991), Adaptive mixtures of local experts",
                url="https://doi.org/10.1162/neco.1991.3.1.79",
                mark="as commonly cited",
            ),
        ),
        counter_evidence="It hangs on the rival's settings: in trials with other seeds the share was 0.55 against the "
        "best network that was found, 0.17 against one of six logistic units; 0.58 in batches of 32, and 0.77 there "
        "with Adam, where both take four or five epochs.",
    ),
)


def resize(config: ModularConfig, factor: float) -> ModularConfig:
    """Return the config with its experts resized by a factor, each as its architecture does it.

    Raises: SettingError when an expert's architecture declares no resize.
    """

    def resized(name: str, settings: dict[str, Any]) -> dict[str, Any]:
        architecture = get(name)
        if architecture.resize is None:
            raise SettingError(f"modular got the expert {name}, which declares no resize; it needs one that does")
        found: dict[str, Any] = architecture.resize(architecture.configure(settings), factor).model_dump(mode="json")
        return found

    others = tuple(e.model_copy(update={"settings": resized(e.name, e.settings)}) for e in config.others)
    changed = {"expert_settings": resized(config.expert, config.expert_settings), "others": others}
    return config.model_copy(update=changed)
