"""An experiment as data: changed by assignments, written as TOML and read back the same."""

import itertools
import random
import tomllib

import pytest

from neuralzoo.registry import (
    SGD,
    Adam,
    AdamW,
    Config,
    Constant,
    Cosine,
    Experiment,
    RMSprop,
    SettingError,
    StepDecay,
)
from neuralzoo.registry.config import parse

SCHEDULES = [Constant(), StepDecay(every=3, factor=0.5), Cosine(warmup=7, floor=0.1)]
OPTIMIZERS = [
    SGD(lr=0.3, momentum=0.9, nesterov=True, weight_decay=1e-4),
    RMSprop(decay=0.8),
    Adam(beta1=0.5, epsilon=1e-3),
    AdamW(beta2=0.9, weight_decay=0.5),
]


def experiment(**settings):
    return Experiment(**{"architecture": "fnn", "dataset": "mnist", "epochs": 2, "batch_size": 8, **settings})


def random_value(random_, depth=0):
    kinds = ["int", "float", "text", "bool", "none"] + (["list", "table", "tables"] if depth < 3 else [])
    match random_.choice(kinds):
        case "int":
            return random_.randint(-(10**9), 10**9)
        case "float":
            return random_.choice([0.1, -1e-300, 1e300, 3.0, random_.random()])
        case "text":
            return random_.choice(
                ["", "relu", "none", 'a "quoted" text', "back\\slash", "two\nlines", "# no", "[x]", "é"]
            )
        case "bool":
            return random_.random() < 0.5
        case "list":
            return [random_value(random_, depth + 1) for _ in range(random_.randint(0, 4))]
        case "tables":
            return [{"width": random_.randint(1, 9), "clip": None} for _ in range(random_.randint(1, 3))]
        case "table":
            names = random_.sample(["a", "b c", "d.e", "epochs", "optimizer", "ü", "x=y"], random_.randint(0, 4))
            return {name: random_value(random_, depth + 1) for name in names}
    return None


@pytest.mark.parametrize("clip", [None, 1.5])
@pytest.mark.parametrize(
    ("optimizer", "schedule"), list(itertools.product(OPTIMIZERS, SCHEDULES)), ids=lambda settings: settings.name
)
def test_every_optimizer_and_schedule_comes_back_from_toml(optimizer, schedule, clip):
    one = experiment(optimizer=optimizer.model_copy(update={"schedule": schedule, "clip": clip}))
    again = Experiment.from_toml(one.to_toml())
    assert again == one
    assert type(again.optimizer) is type(optimizer)
    assert type(again.optimizer.schedule) is type(schedule)


@pytest.mark.parametrize("seed", range(100))
def test_any_settings_of_a_model_come_back_from_toml(seed):
    random_ = random.Random(seed)
    model = {f"key{i}": random_value(random_) for i in range(5)}
    one = experiment(model=model, seed=seed)
    assert Experiment.from_toml(one.to_toml()) == one
    assert Experiment.model_validate(one.settings()) == one


@pytest.mark.parametrize("seed", range(20))
def test_any_options_of_a_dataset_come_back_from_toml(seed):
    random_ = random.Random(seed)
    one = experiment(data={f"key{i}": random_value(random_) for i in range(5)}, task="reconstruction")
    assert Experiment.from_toml(one.to_toml()) == one
    assert Experiment.model_validate(one.settings()) == one


def test_toml_describes_options_and_task():
    lines = experiment(data={"context": 64}, task="generation").to_toml().splitlines()
    assert "[data]  # options of the dataset" in lines
    assert 'task = "generation"  # kind of task; none for that of the dataset' in lines


def test_options_and_task_are_set_like_other_settings():
    one = experiment().set(["data.context=64", "data.stride=none", "task=reconstruction"])
    assert one.data == {"context": 64, "stride": "none"}
    assert one.task == "reconstruction"
    assert one.set(["task=none"]).task is None
    with pytest.raises(SettingError, match=r"task='reconstuction'; .* did you mean reconstruction"):
        one.set(["task=reconstuction"])


def test_only_settings_that_are_no_defaults_are_hashed_and_all_are_saved():
    one = experiment(model={"hidden": [3]}, optimizer=SGD(lr=0.3))
    needed = {"architecture": "fnn", "dataset": "mnist", "epochs": 2, "batch_size": 8}
    changed = {**needed, "model": {"hidden": [3]}, "optimizer": {"name": "sgd", "lr": 0.3}}
    for same in (one, one.set(["data={}", "task=none"])):
        dumped = same.model_dump(mode="json", exclude_defaults=True)
        dumped["optimizer"].setdefault("name", "sgd")  # pydantic leaves it out, as it is a default too
        assert dumped == changed
        assert same.settings().keys() == Experiment.model_fields.keys()
    assert experiment().model_dump(mode="json", exclude_defaults=True) == needed


@pytest.mark.parametrize(
    ("stop_when", "stop_condition"),
    [
        ("train/accuracy >= 0.9", ("train/accuracy", ">=", 0.9)),
        ("val/loss<=1e-3", ("val/loss", "<=", 0.001)),
        ("val/score >= -2", ("val/score", ">=", -2.0)),
        (None, None),
    ],
)
def test_a_stop_condition_is_parsed_and_comes_back_from_toml(stop_when, stop_condition):
    one = experiment(stop_when=stop_when)
    assert one.stop_condition == stop_condition
    assert Experiment.from_toml(one.to_toml()) == one
    assert one.settings()["stop_when"] == (stop_when or "none")
    assert experiment().set([f"stop_when={stop_when or 'none'}"]) == one


@pytest.mark.parametrize(
    "stop_when",
    [
        *("test/accuracy >= 0.9", "accuracy >= 0.9", "train/loss < 1", "val/loss <= small", ""),
        *("val/loss <= 1e999", "val/loss >= -1e999", "val/loss <= nan", "val/loss <= inf"),
    ],
)
def test_a_malformed_stop_condition_is_refused_with_what_it_needs(stop_when):
    with pytest.raises(
        SettingError, match=r"stop_when.*it needs a metric of training or validation, >= or <=, and a finite"
    ):
        experiment().set([f"stop_when='{stop_when}'"])


def test_none_in_the_settings_of_a_model_is_still_none_after_toml():
    class Clipped(Config):
        clip: float | None = 1.0
        hidden: tuple[int, ...] = (3,)

    one = experiment(model={"clip": None, "hidden": (4, 5)})
    again = Experiment.from_toml(one.to_toml())
    for settings in (one.model, again.model):
        assert parse(Clipped, settings, "net") == Clipped(clip=None, hidden=(4, 5))


def test_values_that_toml_lacks_are_refused_at_once():
    with pytest.raises(ValueError, match="can't be written as TOML; it needs numbers"):
        experiment(model={"x": object()})


def test_an_experiment_does_not_change_with_the_dictionary_it_was_made_from():
    model = {"hidden": [3]}
    one = experiment(model=model)
    model["hidden"].append(4)
    assert one.model == {"hidden": [3]}


def test_toml_describes_each_setting_of_the_experiment():
    text = experiment(optimizer=SGD(), model={"epochs": 3}).to_toml()
    lines = text.splitlines()
    assert "epochs = 2  # passes over the training examples" in lines
    assert "lr = 0.1  # learning rate" in lines
    assert 'clip = "none"  # largest gradient norm; a longer gradient is scaled down' in lines
    # A setting of the model has no description here: it belongs to the architecture.
    assert lines[lines.index("[model]  # settings of the architecture") + 1] == "epochs = 3"
    assert tomllib.loads(text)["optimizer"]["name"] == "sgd"


@pytest.mark.parametrize(
    ("assignments", "expected"),
    [
        (["epochs=7"], {"epochs": 7}),
        (["dataset=mnist-5k"], {"dataset": "mnist-5k"}),
        (["dataset='mnist-5k'"], {"dataset": "mnist-5k"}),
        (["model.hidden=[64, 32]"], {"model": {"hidden": [64, 32]}}),
        (["model.activation=tanh", "model.clip=none"], {"model": {"activation": "tanh", "clip": None}}),
        (["optimizer.lr=1e-2"], {"optimizer": Adam(lr=1e-2)}),
        (["optimizer.lr=.5"], {"optimizer": Adam(lr=0.5)}),
        (["optimizer.clip=1"], {"optimizer": Adam(clip=1.0)}),
        (["optimizer={name = 'sgd', lr = 0.5}"], {"optimizer": SGD(lr=0.5)}),
        (
            ["optimizer.schedule.name=cosine", "optimizer.schedule.warmup=5"],
            {"optimizer": Adam(schedule=Cosine(warmup=5))},
        ),
        (
            ["optimizer.schedule.warmup=5", "optimizer.schedule.name=cosine"],
            {"optimizer": Adam(schedule=Cosine(warmup=5))},
        ),
        ([], {}),
    ],
    ids=str,
)
def test_assignments_change_what_they_name(assignments, expected):
    assert experiment().set(iter(assignments)) == experiment(**expected)


def test_none_unsets_a_setting():
    assert experiment(optimizer=Adam(clip=1.0)).set(["optimizer.clip=none"]) == experiment()


@pytest.mark.parametrize(
    ("old", "new"), list(itertools.permutations(OPTIMIZERS, 2)), ids=lambda settings: settings.name
)
def test_another_optimizer_keeps_the_settings_it_has_and_drops_the_others(old, new):
    changed = experiment(optimizer=old).set([f"optimizer.name={new.name}"]).optimizer
    assert type(changed) is type(new)
    for key in type(changed).model_fields.keys() - {"name"}:
        kept = key in type(old).model_fields
        assert getattr(changed, key) == (getattr(old, key) if kept else type(new)().model_dump()[key])


@pytest.mark.parametrize(("old", "new"), list(itertools.permutations(SCHEDULES, 2)), ids=lambda settings: settings.name)
def test_another_schedule_drops_the_settings_it_lacks(old, new):
    changed = experiment(optimizer=SGD(lr=0.3, schedule=old)).set([f"optimizer.schedule.name={new.name}"])
    assert changed.optimizer == SGD(lr=0.3, schedule=type(new)())


def test_optimizer_and_schedule_change_together():
    old = experiment(optimizer=SGD(momentum=0.9, schedule=StepDecay(every=3)))
    new = old.set(["optimizer.schedule.floor=0.5", "optimizer.name=rmsprop", "optimizer.schedule.name=cosine"])
    assert new.optimizer == RMSprop(lr=0.1, schedule=Cosine(floor=0.5))


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        ("epohcs=3", "the experiment has no setting 'epohcs'; did you mean epochs? (it has architecture, dataset, "),
        ("lr=3", "the experiment has no setting 'lr'; did you mean optimizer.lr? (it has architecture, "),
        ("warmup=3", "the experiment has no setting 'warmup'; did you mean optimizer.schedule.warmup? (it has "),
        ("optimizer.lrr=3", "the experiment has no setting 'optimizer.lrr'; did you mean lr? (adam has lr, schedule, "),
        ("optimizer.momentum=0.9", "the experiment has no setting 'optimizer.momentum' (adam has lr, schedule, clip, "),
        (
            "optimizer.schedule.warmup=3",
            "the experiment has no setting 'optimizer.schedule.warmup' (constant has name)",
        ),
        (
            "optimizer.name=admw",
            "the experiment got optimizer.name='admw'; it needs to be one of sgd, rmsprop, adam, adamw; "
            "did you mean adamw or adam?",
        ),
        (
            "optimizer.schedule.name=cosin",
            "the experiment got optimizer.schedule.name='cosin'; it needs to be one of constant, step, cosine; "
            "did you mean cosine?",
        ),
        (
            "optimizer=sgd",
            "the experiment got optimizer='sgd'; it needs to be a group of settings, such as optimizer.name=sgd",
        ),
        ("optimizer.lr=0", "the experiment got optimizer.lr=0; it needs to be greater than 0"),
        ("optimizer.lr=inf", "the experiment got optimizer.lr=inf; it needs to be a finite number"),
        ("optimizer.clip=None", "the experiment got optimizer.clip='None'; it needs to be a number or none"),
        ("validation=0,1", "the experiment got validation='0,1'; it needs to be a number"),
        ("epochs=", "the experiment got epochs=''; it needs to be a whole number"),
        ("epochs=0", "the experiment got epochs=0; it needs to be greater than or equal to 1"),
        (
            "primary_metric=acc",
            "the experiment got primary_metric='acc'; it needs to be a split and a metric, such as test/accuracy",
        ),
        ("model=3", "the experiment got model=3; it needs to be a group of settings"),
        ("hooks=3", "the experiment got hooks=3; it needs to be a list"),
    ],
)
def test_a_wrong_assignment_is_reported_in_one_sentence(assignment, sentence):
    with pytest.raises(SettingError) as caught:
        experiment().set([assignment])
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_a_setting_that_the_chosen_optimizer_lacks_is_refused():
    with pytest.raises(SettingError, match=r"no setting 'optimizer.beta1' \(sgd has lr, "):
        experiment().set(["optimizer.beta1=0.5", "optimizer.name=sgd"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"epochs = ", "is not TOML: Invalid value (at end of document)"),
        (b"\xff\xfe\x00\x01", "is not text; it needs to be a TOML file"),
        (b"", "got no value for 'architecture'; it needs one"),
        (b"architecture = 'fnn'\ndatset = 'x'", "has no setting 'datset'; did you mean dataset or data?"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path, content, words):
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(SettingError) as caught:
        Experiment.from_file(path)
    assert str(caught.value).startswith(f"{path} {words}")


def test_a_file_that_can_not_be_read_is_named(tmp_path):
    with pytest.raises(
        SettingError, match=r"none\.toml can't be read \(No such file or directory\); it needs to be a TOML"
    ):
        Experiment.from_file(tmp_path / "none.toml")
    with pytest.raises(SettingError, match=r"can't be read \(Is a directory\); it needs to be a TOML file"):
        Experiment.from_file(tmp_path)


def test_a_file_comes_back_also_from_an_editor_that_writes_a_byte_order_mark(tmp_path):
    path = tmp_path / "mine.toml"
    for encoding in ("utf-8", "utf-8-sig"):
        path.write_text(experiment(model={"label": "é"}).to_toml(), encoding=encoding)
        assert Experiment.from_file(path) == experiment(model={"label": "é"})
        assert Experiment.from_file(str(path)) == experiment(model={"label": "é"})


@pytest.mark.parametrize("word", ["nan", "inf", "true", "1e3", "0x10", "3", "1979-05-27", "[1]"])
def test_a_setting_of_text_takes_what_is_written_as_text(word):
    """TOML reads most of these as numbers, true or a list; a dataset or an option of one may be called so."""
    changed = experiment().set([f"dataset={word}", f"data.how={word}", "model.hidden=[3]"], texts={"data.how"})
    assert (changed.dataset, changed.data["how"], changed.model["hidden"]) == (word, word, [3])
    assert experiment().set([f'dataset="{word}"']).dataset == word
    assert Experiment.from_toml(changed.to_toml()) == changed


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        (f"seed={'9' * 5000}", "set 'seed' has an integer of more than 64 bits; it needs a smaller one"),
        (f"seed=0x{'f' * 5000}", "set 'seed' has an integer of more than 64 bits; it needs a smaller one"),
        (
            f"model.x={'[' * 900}{']' * 900}",
            "set 'model.x' is nested too deep; it needs at most 20 levels of lists and",
        ),
        (f"model.x={'[' * 90}{']' * 90}", "set 'model.x' is nested too deep; it needs at most 20 levels of lists and"),
        (f"{'a.' * 900}b=1", "set got 'a.a.a."),
        ("optimizer.name=[1.5]", "the experiment got optimizer.name='[1.5]'; it needs to be one of sgd, rmsprop"),
        ("model.hidden=inf", "the experiment model: inf is not finite; a setting needs a finite number"),
        ("data.x=[1, {y = nan}]", "the experiment data: nan is not finite; a setting needs a finite number"),
        ("seed=true", "the experiment: seed is True; it needs a number, which true and false are not"),
    ],
    ids=lambda text: text[:20],
)
def test_values_beyond_what_can_be_saved_are_refused_in_one_sentence(assignment, sentence):
    with pytest.raises(SettingError) as caught:
        experiment().set([assignment])
    assert str(caught.value).startswith(sentence)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("text", [f"seed = {'9' * 5000}", f"model.x = {'[' * 900}{']' * 900}", f"x = {'{a=' * 900}"])
def test_a_file_beyond_what_can_be_read_is_refused_in_one_sentence(text):
    with pytest.raises(SettingError, match=r"^the experiment (has an integer of more|is nested too deep)"):
        Experiment.from_toml(text)


def test_settings_that_hold_themselves_are_refused():
    endless = []
    endless.append(endless)
    with pytest.raises(SettingError, match="nested too deep"):
        parse(Experiment, experiment().settings() | {"model": {"hidden": endless}}, "the experiment")
