"""Every way in which a plugin can be broken: the message, and that other plugins are not affected."""

import pytest

REPORT = """
    import json, neuralzoo
    from neuralzoo.registry import ZooError, entries, get, statuses
    report = {}
    for name in neuralzoo.names():
        try:
            get(name)
            report[name] = ["fine", ""]
        except ZooError as error:
            report[name] = [type(error).__name__, str(error)]
    listed = {s.entry.name: s.problem for s in statuses()}
    print(json.dumps({"got": report, "listed": listed}))
"""

# name: the changes to the Architecture of a working plugin, and what the message needs to say
DECLARATIONS = {
    "misnamed": (
        "name='other', experiments={'quick': Experiment(architecture='other', dataset='d', epochs=1, batch_size=1)}",
        ["its architecture is named 'other'; it needs the entry point's name 'misnamed'"],
    ),
    "newer": (
        "api_version=2, summary=3, colour='red'",
        ["written for plugin API 2", "has 1; it needs a newer neuralzoo"],
    ),
    "older": ("api_version=0, url=None", ["written for plugin API 0", "has 1", "an update of the plugin"]),
    "textual": ("api_version='1'", ["Architecture got api_version='1'; it needs to be a whole number"]),
    "extra": ("sumary='a summary of it'", ["no setting 'sumary'; did you mean summary?"]),
    "short": ("summary='short'", ["summary='short'; it needs to be text of at least 10 characters"]),
    "capable": ("tasks=frozenset({'clasification'})", ["'clasification'", "did you mean classification?"]),
    "unprofiled": ("experiments={}", ["it needs one for the profile quick"]),
    "foreign": (
        "experiments={'quick': Experiment(architecture='fnn', dataset='d', epochs=1, batch_size=1)}",
        ["can't be used: the quick experiment is of 'fnn'; it needs to be of 'foreign'"],
    ),
    "misset": (
        "experiments={'quick': Experiment(architecture='misset', dataset='d', epochs=1, batch_size=1, "
        "model={'widht': 3})}",
        ["misset has no setting 'widht'; did you mean width?"],
    ),
    "default": (
        "config=type('C', (Config,), {'__annotations__': {'width': int}, 'width': Field(default=0, ge=1)})",
        ["default got width=0; it needs to be greater than or equal to 1"],
    ),
    "required": (
        "config=type('C', (Config,), {'__annotations__': {'width': int}})",
        ["required got no value for 'width'"],
    ),
    "undefaulted": (
        "config=type('C', (Config,), {'__annotations__': {'width': int}}), experiments={'quick': Experiment("
        "architecture='undefaulted', dataset='d', epochs=1, batch_size=1, model={'width': 3})}",
        ["undefaulted got no value for 'width'"],
    ),
    "classless": ("config=dict", ["Architecture got config=", "a class that is a Config"]),
    "buildless": ("build=3", ["Architecture got build=3; it needs to be a function"]),
}

HOOK = "from neuralzoo.registry import hookimpl\n"

# name: the source of the module, and what the message needs to say
SOURCES = {
    "dependent": ("import no_such_module", ["No module named 'no_such_module'"]),
    "ahead": (
        "from neuralzoo.registry import NotYetThere",
        ["cannot import name 'NotYetThere'", "another version of neuralzoo"],
    ),
    "misspelt": ("def architecture(:", ["SyntaxError", "invalid syntax"]),
    "unruly": ("class Odd(BaseException): pass\nraise Odd('no Exception')", ["Odd: no Exception"]),
    "leaving": ("import sys; sys.exit(3)", ["called sys.exit(3)"]),
    "raising": (
        f"{HOOK}@hookimpl\ndef architecture():\n    raise RuntimeError('two\\nlines')",
        ["RuntimeError: two lines"],
    ),
    "silent": (f"{HOOK}@hookimpl\ndef architecture():\n    raise RuntimeError", ["RuntimeError: no message"]),
    "hookless": ("", ["hookless has no hook", "architecture() marked with @hookimpl"]),
    "unmarked": ("def architecture():\n    return 1", ["marked with @hookimpl"]),
    "mishooked": (
        f"{HOOK}@hookimpl\ndef architectur():\n    return 1",
        ["unknown hook 'architectur'", "it needs a function architecture()"],
    ),
    "greedy": (f"{HOOK}@hookimpl\ndef architecture(zoo):\n    return 1", ["zoo", "it needs a function architecture()"]),
    "nonsense": (f"{HOOK}@hookimpl\ndef architecture():\n    return 'fnn'", ["returned 'fnn'", "an Architecture"]),
    "borrowing": (
        f"from neuralzoo.registry import get\n{HOOK}@hookimpl\ndef architecture():\n    return get('lender')",
        ["can't be used: no architecture is named 'lender'"],
    ),
    "nothing": (f"{HOOK}@hookimpl\ndef architecture():\n    pass", ["@hookimpl"]),
}

# entry points that no package should have
POINTS = {
    "absent": ("no_such_plugin_module", ["No module named 'no_such_plugin_module'"]),
    "attribute": ("json:no_such_attribute", ["no_such_attribute"]),
    "unparsable": ("not a module!!", ["'not a module!!'; it needs to be a module, or module:object"]),
    "Big Name": ("json", ["'Big Name'; it needs lower-case letters"]),
    "ünïcode.näme": ("json", ["it needs lower-case letters"]),
    "42": ("json", ["it needs lower-case letters"]),
    "layer.gated": ("json", ["'layer.gated'", "a newer neuralzoo may know what 'layer' is"]),
}

CASES = {name: words for table in (DECLARATIONS, SOURCES, POINTS) for name, (_, words) in table.items()}


@pytest.fixture(scope="module")
def zoo(new_shelf, source):
    """Return a shelf with every broken plugin and a sound one."""
    shelf = new_shelf()
    shelf.add_plugin("sound-pack", "sound")
    modules = {name: source(name, changes) for name, (changes, _) in DECLARATIONS.items()}
    modules |= {name: code for name, (code, _) in SOURCES.items()}
    for name, code in modules.items():
        shelf.add(f"{name}-pack", {name: f"plugin_{name}"}, {f"plugin_{name}": code})
    for number, (name, (point, _)) in enumerate(POINTS.items()):
        shelf.add(f"strange-{number}", {name: point}, {})
    return shelf


@pytest.fixture(scope="module")
def report(zoo):
    """Return what became of each: asked for by name, and listed."""
    return zoo.ask(REPORT)


@pytest.mark.parametrize("name", CASES)
def test_a_broken_plugin_is_reported_with_the_reason_in_one_line(report, name):
    kind, message = report["got"][name]
    print(message)
    assert kind == "PluginError"
    assert message.startswith(f"{name!r} from ")
    assert [word for word in CASES[name] if word not in message] == []
    assert "\n" not in message
    assert len(message) < 400


@pytest.mark.parametrize("name", CASES)
def test_a_broken_plugin_is_listed_with_the_same_reason(report, name):
    assert report["listed"][name] == report["got"][name][1]


def test_another_plugin_api_is_reported_without_the_fields_that_changed_with_it(report):
    for name in ("newer", "older"):
        message = report["got"][name][1]
        assert message.count(";") == 1
        assert not any(field in message for field in ("summary", "colour", "url"))


def test_the_other_plugins_are_unaffected(report):
    assert report["got"]["sound"] == ["fine", ""]
    assert report["listed"]["sound"] == ""
    assert report["got"]["fnn"] == ["fine", ""]


def test_a_strict_zoo_raises_at_the_first_broken_plugin(zoo):
    code = "import json; from neuralzoo.registry import statuses; print(json.dumps(len(statuses())))"
    strict = zoo.start(code, NEURALZOO_STRICT="1")
    assert strict.returncode == 1
    assert "PluginError: '42' from strange-5 1.0 can't be used" in strict.stderr
    assert zoo.ask(code, NEURALZOO_STRICT="0") > len(CASES)


def test_a_strict_zoo_without_broken_plugins_lists_them_all(zoo):
    code = "import json; from neuralzoo.registry import statuses; print(json.dumps([s.entry.name for s in statuses()]))"
    assert {"fnn", "sound"} <= set(zoo.ask(code, NEURALZOO_STRICT="1", NEURALZOO_BLOCK=", ".join(CASES)))


def test_what_a_plugin_prints_when_it_is_imported_goes_to_standard_error(shelf, source):
    loud = "print('hello from the plugin')\n" + source("loud")
    shelf.add("loud-pack", {"loud": "loud_plugin"}, {"loud_plugin": loud})
    done = shelf.start("from neuralzoo.registry import statuses; print([s.entry.name for s in statuses('lou*')])")
    assert done.stdout == "['loud']\n"
    assert "hello from the plugin" in done.stderr


def test_global_state_that_a_plugin_sets_is_restored(shelf, source):
    rude = "import warnings, numpy\nwarnings.simplefilter('ignore')\nnumpy.seterr(all='raise')\n" + source("rude")
    shelf.add("rude-pack", {"rude": "rude_plugin"}, {"rude_plugin": rude})
    assert shelf.ask("""
        import json, warnings, numpy, neuralzoo
        before = [str(warnings.filters), numpy.geterr()]
        neuralzoo.get("rude")
        print(json.dumps(before == [str(warnings.filters), numpy.geterr()]))
    """)


def test_an_interrupt_while_a_plugin_is_imported_is_not_reported_as_its_error(shelf):
    shelf.add("slow", {"slow": "slow_plugin"}, {"slow_plugin": "raise KeyboardInterrupt"})
    assert "KeyboardInterrupt" in shelf.start("import neuralzoo; neuralzoo.get('slow')").stderr.splitlines()[-1]
