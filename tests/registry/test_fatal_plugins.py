"""Plugins whose import never returns or ends the process: what imports strangers survives and says so."""

import json
import os
import subprocess
import sys
import time

import pytest

ASK = """
    import json, sys
    from neuralzoo.registry import trial
    trial.LIMIT_S = 4.0
    from neuralzoo.experiments import doctor
    print(json.dumps([[p["kind"], p["name"], p["problem"]] for p in doctor.plugins() if p["package"] != "neuralzoo"]))
"""


@pytest.fixture(scope="module")
def zoo(new_shelf, source):
    """Return a shelf with plugins that take a process down, between ones that are sound."""
    shelf = new_shelf()
    shelf.add_plugin("able-pack", "able")
    shelf.add(
        "exiting-pack",
        {"exiting": "plugin_exiting"},
        {"plugin_exiting": "import os; os.write(1, b'noise'); os._exit(0)"},
    )
    shelf.add(
        "endless-pack", {"endless": "plugin_endless"}, {"plugin_endless": "while True: print('still here', flush=True)"}
    )
    killed = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    shelf.add("killed-pack", {"dataset.killed": "plugin_killed"}, {"plugin_killed": killed})
    shelf.add("hook-pack", {"hook.exits": "plugin_hook"}, {"plugin_hook": "import os; os._exit(3)"})
    shelf.add_plugin("zealous-pack", "zealous")
    return shelf


def test_they_are_reported_and_the_others_are_ready(zoo):
    ended, remedy = "importing it ended the process", "it needs to raise an error instead, NEURALZOO_BLOCK="
    found = zoo.ask(ASK)
    problems = {name: problem for _, name, problem in found}
    assert problems == {
        "able": "",
        "endless": "'endless' from endless-pack 1.0 can't be used: importing it took more than 4 s; it needs to return"
        ", NEURALZOO_BLOCK=endless skips it",
        "exiting": f"'exiting' from exiting-pack 1.0 can't be used: {ended} with exit code 0; {remedy}exiting skips it",
        "zealous": "",
        "killed": f"'killed' from killed-pack 1.0 can't be used: {ended} by signal 9; {remedy}dataset.killed skips it",
        "exits": f"'exits' from hook-pack 1.0 can't be used: {ended} with exit code 3; {remedy}hook.exits skips it",
    }


def test_commands_that_import_every_plugin_end_as_usual(zoo):
    block = {"NEURALZOO_BLOCK": "endless"}
    rows = json.loads(zoo.command("list", "--load", "--json", **block).stdout)
    assert {row["name"]: row["state"] for row in rows if row["package"] != "neuralzoo"} == {
        "able": "ready",
        "exiting": "unusable",
        "zealous": "ready",
    }
    done = zoo.command("compare", "gan", "--dataset", "two-spirals", "--no-track", **block)
    assert done.returncode == 2
    assert done.stderr.startswith("neuralzoo: gan can't do classification of tabular inputs")


def test_a_plugin_that_is_imported_already_and_a_built_in_one_are_not_tried(zoo):
    assert (
        zoo.ask("""
        import json
        from neuralzoo import registry
        from neuralzoo.registry import trial
        registry.get("able")
        trial.LIMIT_S = 0.0
        tried = trial.fatal_problems([registry.find(name) for name in ("able", "fnn")])
        print(json.dumps(len(tried)))
    """)
        == 0
    )


def test_the_child_of_a_killed_process_ends_though_its_import_does_not(shelf):
    psutil = pytest.importorskip("psutil")
    endless = "import pathlib, time; pathlib.Path('began').touch()\nwhile True: time.sleep(0.1)"
    shelf.add("endless-pack", {"endless": "plugin_endless"}, {"plugin_endless": endless})
    code = "import neuralzoo.registry as r; r.statuses()"
    environment = os.environ | {"PYTHONPATH": str(shelf.path)}
    with subprocess.Popen([sys.executable, "-c", code], cwd=shelf.path, env=environment) as process:
        wait_for((shelf.path / "began").exists)
        (child,) = psutil.Process(process.pid).children()
        process.kill()
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
