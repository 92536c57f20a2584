"""Datasets, trainer hooks and figures that packages provide, beside architectures."""

import json
import re
import tomllib

import pytest

STRIPES = """
import numpy as np
from neuralzoo.registry import Task, hookimpl
from neuralzoo.registry.dataset import Dataset, DatasetEntry, DatasetInfo, Sizes, require_min, split_rngs

INFO = DatasetInfo(
    name="NAME", summary="points left and right of a line", kind="generated", sizes=Sizes(60, 20),
    task=Task(kind="classification", input="tabular", shape=(2,), outputs=2), classes=("left", "right"),
    licence="no rights: drawn at random", citation="Author (2020), Stripes", url="https://example.org",
)


def load(info, seed, *, train: int = 60, test: int = 20):
    require_min("train", train, 4)
    x, y = (rng.normal(size=(n, 2)).astype(np.float32) for rng, n in zip(split_rngs(seed), (train, test)))
    return Dataset.of(info, (x, (x[:, 0] > 0).astype(np.int64)), (y, (y[:, 0] > 0).astype(np.int64)))


@hookimpl
def dataset():
    return DatasetEntry(INFO, load)
"""
NOTIFIER = """
from neuralzoo.registry import hookimpl


class Notifier:
    def __init__(self, experiment, folder):
        self.notes = folder / "notes.txt"
        self.notes.write_text(f"{experiment.architecture} begins\\n")

    @hookimpl
    def epoch_ended(self, trainer, metrics):
        with self.notes.open("a") as notes:
            notes.write(f"epoch {trainer.epoch}: {sorted(metrics)[0]}\\n")
        ERROR


@hookimpl
def trainer_hook():
    return Notifier
"""
FIGURE = """
from neuralzoo.registry import Figure, hookimpl


def draw(figure, module, data):
    x = data.test[0]
    figure.subplots().plot(x[:, 0], x[:, 1], ".")


@hookimpl
def figure():
    return Figure(name="scatter", caption="Where the examples of the test split lie.", draw=draw)
"""
TAKEN = "first_layer_weights"
SMALL = ["--no-track", "--set", "epochs=2", "--set", "model.hidden=[4]"]
RUN = ["run", "fnn", *SMALL]


@pytest.fixture(scope="module")
def zoo(new_shelf):
    """Return a shelf with a dataset, one with a name that is taken, trainer hooks and a figure."""
    shelf = new_shelf()
    shelf.add("stripes-pack", {"dataset.stripes": "stripes"}, {"stripes": STRIPES.replace("NAME", "stripes")})
    shelf.add("rival-pack", {"dataset.mnist1d": "rival"}, {"rival": STRIPES.replace("NAME", "mnist1d")}, "2.0")
    shelf.add("notify-pack", {"hook.notifier": "notify"}, {"notify": NOTIFIER.replace("ERROR", "")})
    broken = NOTIFIER.replace("ERROR", "raise OSError('no network')")
    shelf.add("failing-pack", {"hook.failing": "failing"}, {"failing": broken}, "3.1")
    shelf.add("scatter-pack", {"figure.scatter": "scatter"}, {"scatter": FIGURE})
    return shelf


def one_run(zoo, folder):
    (run,) = (zoo.path / folder).iterdir()
    return run


def line_of(done):
    """The one line of a user's mistake."""
    assert done.returncode == 2, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    print(line)
    return line.removeprefix("neuralzoo: ")


def test_all_names_are_known_from_metadata_alone(zoo):
    found = zoo.ask("""
        import json, sys
        from neuralzoo.experiments import datasets
        from neuralzoo.registry import names
        kinds = {kind: names(kind=kind) for kind in ("dataset", "hook", "figure")}
        ours = {"stripes", "rival", "notify", "failing", "scatter"} & set(sys.modules)
        print(json.dumps([kinds, "stripes" in datasets.names(), "stripes" in names(), sorted(ours)]))
    """)
    kinds = {"dataset": ["mnist1d", "stripes"], "hook": ["failing", "notifier"], "figure": ["scatter"]}
    assert found == [kinds, True, False, []]


def test_datasets_of_packages_are_listed_unimported(zoo):
    done = zoo.command("datasets")
    assert done.stderr == ""
    assert re.search(
        r"^stripes +points left and right of a line\n +`neuralzoo datasets stripes` imports it · stripes-pack 1\.0$",
        done.stdout,
        flags=re.MULTILINE,
    )
    (row,) = [row for row in json.loads(zoo.command("datasets", "--json").stdout) if row["name"] == "stripes"]
    assert (row["package"], row["version"], row["state"]) == ("stripes-pack", "1.0", "not imported")


def test_a_dataset_of_a_package_is_shown_with_its_options(zoo):
    (row,) = json.loads(zoo.command("datasets", "stripes", "--json").stdout)
    assert (row["package"], row["task"], row["target"]) == ("stripes-pack", "classification", "class")
    assert (row["options"], row["variable_length"]) == ({"train": 60, "test": 20}, False)


@pytest.mark.parametrize("name", ["stripes", "stripes-pack:stripes"])
def test_an_experiment_runs_on_a_dataset_of_a_package(zoo, name):
    folder = f"runs-{len(name)}"
    done = zoo.command(*RUN, "--runs", folder, "--set", f"dataset={name}", "--set", "data.train=40")
    assert "test/accuracy" in done.stdout, done.stderr
    assert f'dataset = "{name}"' in next(one_run(zoo, folder).glob("*.toml")).read_text()


def test_the_name_of_a_built_in_dataset_means_that_one(zoo):
    line = line_of(zoo.command(*RUN, "--set", "dataset=mnist1d", "--set", "model.nope=1"))
    assert line.startswith("fnn has no setting 'model.nope'")
    listed = zoo.command("datasets").stdout
    assert re.search(
        r"mnist1d +not loaded: 'mnist1d' is a built-in name; that of rival-pack 2\.0 needs its full name "
        r"rival-pack:mnist1d\n +rival-pack 2\.0",
        listed,
    )


def test_the_full_name_selects_the_dataset(zoo):
    shapes = zoo.ask("""
        import json
        from neuralzoo.experiments import datasets
        print(json.dumps([datasets.info(f"{p}:mnist1d").task.shape for p in ("neuralzoo", "rival-pack")]))
    """)
    assert shapes == [[40, 1], [2]]


def test_a_misspelt_dataset_or_option_suggests_the_nearest(zoo):
    assert "'strips'; did you mean stripes?" in line_of(zoo.command(*RUN, "--set", "dataset=strips"))
    line = line_of(zoo.command(*RUN, "--set", "dataset=stripes", "--set", "data.trian=9"))
    assert line == "dataset stripes has no option 'trian'; did you mean train? (it has train, test)"


def test_a_trainer_hook_of_a_package_is_called_in_a_run_that_names_it(zoo):
    done = zoo.command(*RUN, "--set", "dataset=two-spirals", "--hook", "notifier", "--runs", "watched")
    assert done.returncode == 0, done.stderr
    run = one_run(zoo, "watched")
    assert (run / "notes.txt").read_text() == "fnn begins\nepoch 1: time/train_s\nepoch 2: time/train_s\n"
    assert tomllib.loads(next(run.glob("*.toml")).read_text())["hooks"] == ["notifier"]


def test_a_failing_trainer_hook_is_isolated(zoo):
    given = ["--set", "dataset=two-spirals"]
    alone = zoo.command(*RUN, *given, "--runs", "alone")
    done = zoo.command(*RUN, *given, "--runs", "failed", "--hook", "failing", "--hook", "notifier")
    assert done.returncode == 0
    assert done.stderr == (
        "neuralzoo: trainer hook 'failing' from failing-pack 3.1 is disabled for the rest of the run: "
        "epoch_ended failed with OSError: no network (failing.py, line 14); a newer failing-pack may help\n"
    )
    failed = one_run(zoo, "failed")
    assert "epoch 2" in (failed / "notes.txt").read_text()
    assert (failed / "model.safetensors").exists()
    accuracy = re.search(r"test/accuracy \S+", alone.stdout).group()
    assert accuracy in done.stdout


def test_an_unknown_trainer_hook_or_figure_is_reported_before_anything_starts(zoo):
    assert line_of(zoo.command(*RUN, "--hook", "notify", "--runs", "none")) == (
        "no trainer hook is named 'notify'; did you mean notifier? (`neuralzoo doctor` shows all)"
    )
    assert line_of(zoo.command(*RUN, "--set", 'figures=["scater"]', "--runs", "none")) == (
        "no figure is named 'scater'; did you mean scatter? (`neuralzoo doctor` shows all)"
    )
    assert not (zoo.path / "none").exists()


def test_a_figure_of_a_package_is_drawn_beside_the_others(zoo):
    given = ["--set", "dataset=two-spirals", "--set", 'figures=["scatter"]', "--runs", "drawn"]
    done = zoo.command(*RUN, *given)
    assert done.returncode == 0, done.stderr
    drawn = {path.stem for path in one_run(zoo, "drawn").glob("**/*.png")}
    assert {"scatter", "learning_curve", "first_layer_weights"} <= drawn
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("error", "words"),
    [("1 / 0", "ZeroDivisionError: division by zero"), ("raise SystemExit(1)", "it called sys.exit(1)")],
)
def test_a_figure_that_fails_is_isolated_and_names_its_package(shelf, error, words):
    shelf.add("odd-pack", {"figure.scatter": "odd"}, {"odd": FIGURE.replace("x = data", f"{error}\n    x = data")})
    done = shelf.command(*RUN, "--set", "dataset=two-spirals", "--set", 'figures=["scatter"]')
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("neuralzoo: the figure scatter is missing: ")
    assert f"figure 'scatter' from odd-pack 1.0 can't be used: its drawing failed with {words}" in line
    assert {"learning_curve", "first_layer_weights"} <= {path.stem for path in shelf.path.glob("runs/*/figures/*.png")}


def test_two_figures_of_one_file_name_are_refused(shelf):
    shelf.add("first-pack", {"figure.first_layer_weights": "first"}, {"first": FIGURE.replace("scatter", TAKEN)})
    line = line_of(shelf.command(*RUN, "--set", f'figures=["{TAKEN}"]'))
    assert line == f"fnn got the figure '{TAKEN}'; it has one named {TAKEN}, it needs another"


def test_the_doctor_shows_the_kind_of_each_plugin(zoo):
    plugins = json.loads(zoo.command("doctor", "--json").stdout)["plugins"]
    states = {(p["kind"], p["name"], p["package"]): p["state"] for p in plugins if p["package"] != "neuralzoo"}
    assert states == {
        ("dataset", "mnist1d", "rival-pack"): "unusable",
        ("dataset", "stripes", "stripes-pack"): "ready",
        ("hook", "failing", "failing-pack"): "ready",
        ("hook", "notifier", "notify-pack"): "ready",
        ("figure", "scatter", "scatter-pack"): "ready",
    }


def test_one_module_may_provide_one_plugin_of_each_kind(shelf, source):
    whole = "\n".join([source("all_in_one"), STRIPES.replace("NAME", "all"), NOTIFIER.replace("ERROR", ""), FIGURE])
    points = dict.fromkeys(("all_in_one", "dataset.all", "hook.all", "figure.scatter"), "everything")
    shelf.add("all-pack", points, {"everything": whole})
    plugins = json.loads(shelf.command("doctor", "--json").stdout)["plugins"]
    ours = [(p["kind"], p["state"], p["problem"]) for p in plugins if p["package"] == "all-pack"]
    assert ours == [(kind, "ready", "") for kind in ("architecture", "dataset", "hook", "figure")]


WRONG = {
    "dataset.renamed": (
        STRIPES.replace("NAME", "other"),
        "its dataset is named 'other'; it needs the entry point's",
    ),
    "dataset.hookless": (FIGURE, r"has no hook; it needs a function dataset\(\) marked with @hookimpl"),
    "dataset.typeless": (
        STRIPES.replace("DatasetEntry(INFO, load)", "INFO"),
        "returned DatasetInfo.*; it needs to return a DatasetEntry of",
    ),
    "dataset.bare": (
        STRIPES.replace("NAME", "bare").replace(" = 60", ""),
        "options without a default: train; each needs",
    ),
    "dataset.inverted": (
        STRIPES.replace("NAME", "inverted").replace("INFO, load", "load, INFO"),
        "it needs a DatasetInfo and",
    ),
    "hook.fixed": (NOTIFIER.replace("return Notifier", "return 3"), "returned 3; it needs to return a function of"),
    "hook.absent": ("import no_such_module", "No module named 'no_such_module'; it needs no_such_module installed"),
    "figure.short": (FIGURE.replace("Where the", "").replace(" examples of the test split lie.", "W"), "caption='W'"),
    "figure.renamed": (FIGURE, "its figure is named 'scatter'; it needs the entry point's name 'renamed'"),
}


def test_a_wrong_declaration_of_each_kind_is_reported_in_one_line(shelf):
    for number, (point, (code, _)) in enumerate(WRONG.items()):
        shelf.add(f"wrong-{number}", {point: f"wrong_{number}"}, {f"wrong_{number}": code})
    plugins = json.loads(shelf.command("doctor", "--json").stdout)["plugins"]
    reasons = {f"{p['kind']}.{p['name']}": p["problem"] for p in plugins}
    for point, (_, words) in WRONG.items():
        print(reasons[point])
        assert re.search(words, reasons[point]), point
        assert "\n" not in reasons[point]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            ("require_min(", "1 / 0; require_min("),
            r"failed with ZeroDivisionError: division by zero \(odd.py, line \d+\)",
        ),
        (("require_min(", "raise SystemExit(1); require_min("), r"failed with it called sys.exit\(1\)"),
        (("return Dataset.of", "return str"), r"TypeError"),
        (("return Dataset.of", "return [].append #"), r"returned .*; it needs to return a Dataset"),
        (
            ("(x[:, 0] > 0)", "(x[:5, 0] > 0)"),
            r"a train part of arrays of shape \(60, 2\), \(5,\); it needs inputs",
        ),
        (("size=(n, 2)", "size=(n, 3)"), r"train examples of shape \(3,\); its task needs \(2,\)"),
    ],
)
def test_a_loader_that_fails_is_reported_with_its_package(shelf, change, words):
    shelf.add("odd-pack", {"dataset.odd": "odd"}, {"odd": STRIPES.replace("NAME", "odd").replace(*change)})
    line = line_of(shelf.command("run", "fnn", *SMALL, "--set", "dataset=odd"))
    assert line.startswith("dataset 'odd' from odd-pack 1.0 can't be used: its loader ")
    assert re.search(words, line)
