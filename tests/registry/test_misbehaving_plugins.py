"""Twelve plugins that misbehave, installed side by side: the output of every command, and that all others work."""

import json
import re

import pytest

TRAINABLE = (
    "learner=__import__('neuralzoo.core.blocks.supervised', fromlist=['supervised']).supervised, "
    "build=lambda config, task, rng: Tiny(task, TinyConfig(width=2, heads=1), rng), "
    "experiments={'quick': Experiment(architecture='NAME', dataset='two-spirals', epochs=1, batch_size=64)}"
)
UNDESCRIBED = "config=type('Bare', (Config,), {'__annotations__': {'depth': int}, 'depth': 3})"
HOOK = "from neuralzoo.registry import hookimpl\n@hookimpl\ndef architecture():\n    "
FINE = "ready"
NOT_IMPORTED = "not imported"
CONFLICT = "name the one you mean: "


def _trainable(source, name, changes="", first="", last=""):
    both = ", ".join(filter(None, [TRAINABLE.replace("NAME", name), changes]))
    return f"{first}\n{source(name, both)}\n{last}"


# name: the message for a user behind "'name' from package 1.0 can't be used: ", or nothing if it can be used
PROBLEMS = {
    "unimportable": "ImportError: cannot import name 'NotYetThere' from 'neuralzoo.registry' "
    ".*; it may have been written for another version of neuralzoo, a newer unimportable-pack may help",
    "raising": r"RuntimeError: no luck \(plugin_raising.py, line 4\); a newer raising-pack may help, "
    "NEURALZOO_BLOCK=raising skips it",
    "misspelt": r"SyntaxError: invalid syntax \(plugin_misspelt.py, line 1\); a newer misspelt-pack may help, "
    "NEURALZOO_BLOCK=misspelt skips it",
    "leaving": r"it called sys.exit\(3\); it needs to raise an error instead",
    "slow": "",
    "futuristic": "it was written for plugin API 2, this neuralzoo has 1; it needs a newer neuralzoo",
    "dependent": "ModuleNotFoundError: No module named 'no_such_module'; it needs no_such_module installed",
    "undescribed": "",
    "Wéird näme!": "the name of its entry point is 'Wéird näme!'; it needs lower-case letters, digits, - and _, "
    "behind dataset., hook., figure. if it is no architecture",
    "loud": "",
}
CONFLICTS = {
    "twin": f"'twin' is provided by blue-pack 1.0 and red-pack 1.0; {CONFLICT}blue-pack:twin or red-pack:twin, or "
    "uninstall one",
}
# what the doctor says about those that can be used all the same
REMARKS = {
    "slow": r"importing it takes \d\.\d s; it needs to import slow modules inside functions",
    "undescribed": r"model\.depth has no description; it needs Field\(default=..., description='...'\)",
    "loud": "",
}


@pytest.fixture(scope="module")
def zoo(new_shelf, source):
    """Return a shelf with the twelve, and one plugin that is sound."""
    shelf = new_shelf()
    modules = {
        "sound": _trainable(source, "sound"),
        "unimportable": "from neuralzoo.registry import NotYetThere",
        "raising": f"{HOOK}raise RuntimeError('no luck')",
        "misspelt": "def architecture(:",
        "leaving": "import sys; sys.exit(3)",
        "slow": _trainable(source, "slow", first="import time; time.sleep(1.1)"),
        "futuristic": source("futuristic", "api_version=2"),
        "dependent": "import no_such_module",
        "undescribed": _trainable(source, "undescribed", UNDESCRIBED),
        "Wéird näme!": _trainable(source, "weird"),
        "loud": _trainable(source, "loud", first="print('hello from a plugin')"),
    }
    for name, code in modules.items():
        package = name if name.isascii() else "weird"
        shelf.add(f"{package}-pack", {name: f"plugin_{package}"}, {f"plugin_{package}": code})
    shelf.add_plugin("rival", "fnn")
    for package in ("red-pack", "blue-pack"):
        shelf.add_plugin(package, "twin")
    return shelf


def expected(name):
    """Return the pattern of the message for a user of a plugin."""
    if name in CONFLICTS:
        return re.escape(CONFLICTS[name])
    package = name if name.isascii() else "weird"
    return f"{re.escape(repr(name))} from {package}-pack 1\\.0 can't be used: {PROBLEMS[name]}"


BROKEN = [name for name in (*PROBLEMS, *CONFLICTS) if PROBLEMS.get(name) != ""]
USABLE = [name for name in PROBLEMS if not PROBLEMS[name]]


@pytest.fixture(scope="module")
def listed(zoo):
    """Return what `neuralzoo list` says: two lines for each plugin."""
    done = zoo.command("list")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    return list(zip(lines[::2], lines[1::2], strict=True))


@pytest.mark.parametrize("name", [*PROBLEMS, *CONFLICTS])
def test_list_names_all_of_them_and_imports_none(listed, name):
    found = [(line, facts) for line, facts in listed if line.startswith(f"{name} ")]
    print(*found, sep="\n")
    assert len(found) == (2 if name in CONFLICTS else 1)
    for line, facts in found:
        if name in CONFLICTS or not name.isascii():
            assert re.search(f"  not loaded: {expected(name)}$", line)
        else:
            assert facts.strip() == f"`neuralzoo show {name}` imports it · {name}-pack 1.0"


@pytest.fixture(scope="module")
def loaded(zoo):
    """Return what `neuralzoo list --load` says about each plugin, and how much was said on standard error."""
    done = zoo.command("list", "--load", "--json")
    assert done.returncode == 0
    return json.loads(done.stdout), done.stderr


@pytest.mark.parametrize("name", [*PROBLEMS, *CONFLICTS])
def test_list_with_load_reports_problems_in_clean_json(loaded, name):
    rows, errors = loaded
    assert errors == "hello from a plugin\n"
    found = [row for row in rows if row["name"] == name]
    for row in found:
        assert row["state"] == ("ready" if name in USABLE else "unusable")
        assert re.fullmatch(expected(name) if name in BROKEN else "", row.get("problem", ""))
    assert len(found) == (2 if name in CONFLICTS else 1)


@pytest.fixture(scope="module")
def created(zoo):
    """Return what `create` raises for each plugin, or nothing, all in one process."""
    return zoo.ask(f"""
        import json, neuralzoo
        from neuralzoo.registry import ZooError
        messages = {{}}
        for name in {[*PROBLEMS, *CONFLICTS, "sound", "neuralzoo:fnn"]}:
            try:
                neuralzoo.create(name)
                messages[name] = ""
            except ZooError as error:
                messages[name] = str(error)
        print(json.dumps(messages))
    """)


@pytest.mark.parametrize("name", [*PROBLEMS, *CONFLICTS])
def test_create_reports_the_problem_in_one_line_or_works(created, name):
    print(created[name])
    assert re.fullmatch(expected(name) if name in BROKEN else "", created[name])


def test_create_still_builds_all_the_others(created):
    assert created["sound"] == created["neuralzoo:fnn"] == ""


@pytest.mark.parametrize("name", BROKEN)
def test_run_reports_the_problem_in_one_line_and_leaves_no_files(zoo, name):
    done = zoo.command("run", name)
    print(done.stderr)
    assert done.returncode == 2
    assert re.fullmatch(f"neuralzoo: {expected(name)}\n", done.stderr)
    assert done.stdout == ""
    assert not [run for run in (zoo.path / "runs").glob("*") if name in run.name]


@pytest.mark.parametrize("name", [*USABLE, "sound"])
def test_run_trains_those_that_can_be_used(zoo, name):
    done = zoo.command("run", name, "--no-track", "--runs", f"runs-{name}")
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    assert "test/accuracy" in done.stdout
    assert done.stderr.replace("hello from a plugin\n", "") == ""


def test_run_trains_the_built_in_of_a_name_conflict_by_its_full_name(zoo):
    small = ["--set", "dataset=two-spirals", "--set", "epochs=1", "--set", "model.hidden=[4]"]
    done = zoo.command("run", "neuralzoo:fnn", "--no-track", *small)
    assert "test/accuracy" in done.stdout, done.stderr


def test_prove_skips_the_unusable(zoo):
    others = ["neuralzoo:fnn", *(row["name"] for row in json.loads(zoo.command("list", "--json").stdout))]
    blocked = ",".join(name for name in others if name not in (*PROBLEMS, "sound"))
    done = zoo.command("prove", "--no-track", NEURALZOO_BLOCK=blocked)  # no architecture with claims is left
    assert done.returncode == 2
    assert done.stderr.endswith("neuralzoo: the zoo has no claims in the profile quick\n")
    for name in BROKEN:
        assert re.search(f"^skipped: {expected(name)}$", done.stdout, flags=re.MULTILINE) or name in CONFLICTS


@pytest.fixture(scope="module")
def examined(zoo):
    """Return the plugins as `neuralzoo doctor --json` shows them."""
    done = zoo.command("doctor", "--json")
    assert (done.returncode, done.stderr) == (0, "hello from a plugin\n")
    return json.loads(done.stdout)["plugins"]


@pytest.mark.parametrize("name", [*PROBLEMS, *CONFLICTS])
def test_the_doctor_shows_package_version_path_state_and_problem(zoo, examined, name):
    found = [row for row in examined if row["name"] == name]
    assert len(found) == (2 if name in CONFLICTS else 1)
    for row in found:
        print(row)
        if row["package"] != "neuralzoo":
            assert row["version"] == "1.0"
            assert row["path"].startswith(str(zoo.path / "plugin_" if name in PROBLEMS else zoo.path))
        assert row["state"] == ("unusable" if name in BROKEN else "ready")
        assert re.fullmatch(expected(name) if name in BROKEN else REMARKS[name], row["problem"])


def test_the_doctor_prints_the_same_as_a_table(zoo, examined):
    shown = zoo.command("doctor").stdout
    for row in examined:
        reason = re.sub(r"\d\.\d s", "_ s", row["problem"])
        assert f"  {row['name']} ({row['package']} {row['version']}) {row['state']}" in shown
        assert reason in re.sub(r"\d\.\d s", "_ s", shown)
        assert row["path"] in shown


def test_the_doctor_shows_all_of_them_in_a_strict_zoo_too(zoo, examined):
    done = zoo.command("doctor", "--json", NEURALZOO_STRICT="1")
    assert len(json.loads(done.stdout)["plugins"]) == len(examined)


def test_fifty_plugins_are_listed_without_importing_one(shelf):
    for number in range(50):
        shelf.add_plugin(f"pack-{number}", f"net{number}")
    done = shelf.start("""
        import sys
        sys.argv = ["neuralzoo", "list", "--json"]
        from neuralzoo.experiments.cli import main
        try:
            main()
        except SystemExit:
            print([module for module in sys.modules if module.startswith("pack_")], file=sys.stderr)
    """)
    assert len([row for row in json.loads(done.stdout) if row["package"].startswith("pack-")]) == 50
    assert done.stderr == "[]\n"


DECLARED = """
from neuralzoo import registry
raise RuntimeError("this must not be imported")

def architecture():
    other = registry.Architecture(name="other", summary="Another one")
    return registry.Architecture(
        api_version=1, name="plain", summary="What it is "
        "and is for", tasks=frozenset({"regression", "classification"}), inputs={"image"}, **other.claims
    )
"""


def test_literals_of_a_declaration_are_listed_without_running_it(shelf):
    shelf.add("plain-pack", {"plain": "plain_package.inner:thing"}, {})
    (shelf.path / "plain_package").mkdir()
    (shelf.path / "plain_package" / "__init__.py").write_text("raise RuntimeError")
    (shelf.path / "plain_package" / "inner.py").write_text(DECLARED)
    (row,) = [row for row in json.loads(shelf.command("list", "--json").stdout) if row["name"] == "plain"]
    assert row == {
        "name": "plain",
        "package": "plain-pack",
        "version": "1.0",
        "state": "not imported",
        "summary": "What it is and is for",
        "tasks": ["classification", "regression"],
        "inputs": ["image"],
    }
    assert "\nplain " in shelf.command("list", "--task", "regression", "--input", "image").stdout
    assert "plain" not in shelf.command("list", "--input", "sequence").stdout


def test_an_unreadable_declaration_is_described_by_its_package(shelf):
    unreadable = {
        "binary": "\0",
        "endless": "x = " + "(" * 5000,
        "misspelt": "Architecture(name='misspelt', summary=",
        "computed": "Architecture(name='computed', summary='a' + f(1), tasks=all_of_them)",
        "renamed": "Architecture(name='other', summary='another name')",
        "large": "Architecture(name='large', summary='too large')\n" + "#" * 300_000,
        "absent": None,
    }
    for name, source in unreadable.items():
        shelf.add(f"{name}-pack", {name: f"of_{name}"}, {f"of_{name}": source} if source else {})
        with (shelf.path / f"{name}_pack-1.0.dist-info" / "METADATA").open("a") as metadata:
            metadata.write("Summary: In the words of its package\n")
    done = shelf.command("list", "--json")
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert done.stderr == ""
    for name in unreadable:
        assert (rows[name]["state"], rows[name]["summary"]) == ("not imported", "In the words of its package"), name
        assert "tasks" not in rows[name]


def test_a_filter_that_the_text_can_not_decide_imports_the_plugins(shelf):
    shelf.add_plugin("pack", "tiny")
    assert "tiny" in shelf.command("list", "--task", "classification").stdout
    assert "tiny" not in shelf.command("list", "--task", "generation").stdout


def test_every_built_in_is_listed_as_declared(shelf):
    found = shelf.ask("""
        import json, sys
        from neuralzoo.registry import summaries
        seen = {s.entry.name: [s.summary, s.tasks, s.inputs] for s in summaries() if s.entry.is_built_in}
        heavy = sorted({"numpy", "pydantic", "neuralzoo.plugins"} & set(sys.modules))
        from neuralzoo.registry import statuses
        known = [s.architecture for s in statuses() if s.entry.is_built_in]
        print(json.dumps([heavy, seen, {a.name: [a.summary, sorted(a.tasks), sorted(a.inputs)] for a in known}]))
    """)
    assert found[0] == []
    assert found[1] == found[2]
    assert "fnn" in found[1]
