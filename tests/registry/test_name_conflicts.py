"""Two packages that provide the same name: nothing is dropped, nothing is chosen silently."""

import pytest

ASK = """
    import json, neuralzoo
    from neuralzoo.registry import ZooError, entries, get, statuses
    def message_of(name):
        try:
            return get(name).summary
        except ZooError as error:
            return f"{type(error).__name__}: {error}"
    print(json.dumps(EXPRESSION))
"""


@pytest.fixture(scope="module")
def zoo(new_shelf):
    """Return a shelf where `twin` is offered twice, the built-in `fnn` once more, and `single` once."""
    shelf = new_shelf()
    shelf.add_plugin("red_pack", "twin", "summary='The twin in red'")
    shelf.add_plugin("blue-pack", "twin", "summary='The twin in blue'", version="2.1")
    shelf.add_plugin("rival", "fnn", "summary='A rival of the built-in one'")
    shelf.add_plugin("other", "single", "summary='The only one of this name'")
    return shelf


def ask(zoo, expression, **environment):
    return zoo.ask(ASK.replace("EXPRESSION", expression), **environment)


def test_both_packages_are_named_and_how_to_choose(zoo):
    assert ask(zoo, "message_of('twin')") == (
        "NameConflictError: 'twin' is provided by blue-pack 2.1 and red_pack 1.0; "
        "name the one you mean: blue-pack:twin or red-pack:twin, or uninstall one"
    )


def test_a_built_in_name_means_the_built_in_one_whatever_else_is_installed(zoo):
    assert "Feed-forward" in ask(zoo, "message_of('fnn')")
    assert ask(zoo, "[s.problem for s in statuses('fnn')]") == [
        "",
        "'fnn' is a built-in name; that of rival 1.0 needs its full name rival:fnn",
    ]


def test_what_names_a_built_in_architecture_gets_it_whatever_else_is_installed(zoo):
    assert ask(zoo, "type(neuralzoo.create('modular').gate).__module__").startswith("neuralzoo.plugins.fnn")


def test_the_full_name_selects_the_architecture(zoo):
    names = ["red-pack:twin", "blue-pack:twin", "red_pack:twin", "Blue.Pack:twin", "rival:fnn", "other:single"]
    red, blue, normalized_red, normalized_blue, rival, single = ask(zoo, f"[message_of(name) for name in {names}]")
    assert red == normalized_red == "The twin in red"
    assert blue == normalized_blue == "The twin in blue"
    assert rival == "A rival of the built-in one"
    assert single == "The only one of this name"
    assert "Feed-forward" in ask(zoo, "message_of('neuralzoo:fnn')")


def test_a_package_without_the_name_is_reported_with_those_that_provide_it(zoo):
    assert ask(zoo, "message_of('green-pack:twin')") == (
        "UnknownNameError: no package 'green-pack' provides 'twin'; it comes from blue-pack 2.1 and red_pack 1.0"
    )


def test_a_conflict_shows_in_names_and_entries_without_an_import(zoo):
    expression = (
        "[neuralzoo.names(), {n: len(e) for n, e in entries().items()}, [m for m in __import__('sys').modules]]"
    )
    names, counts, modules = ask(zoo, expression)
    assert {"fnn", "single", "twin"} <= set(names)
    assert len(names) == len(set(names))
    assert counts["twin"] == counts["fnn"] == 2
    assert counts["single"] == 1
    assert not {"red_pack_twin", "blue_pack_twin", "rival_fnn", "other_single"} & set(modules)


def test_a_conflict_is_listed_for_both_and_does_not_affect_the_others(zoo):
    listed = ask(zoo, "[[s.entry.name, s.entry.package, s.architecture is not None, s.problem] for s in statuses()]")
    twins = [row for row in listed if row[0] == "twin"]
    assert [package for _, package, _, _ in twins] == ["blue-pack", "red_pack"]
    assert all(
        not loaded and "provided by blue-pack 2.1 and red_pack 1.0" in problem for _, _, loaded, problem in twins
    )
    assert ["single", "other", True, ""] in listed


def test_blocking_a_name_skips_all_packages_that_provide_it(zoo):
    names, message = ask(zoo, "[neuralzoo.names(), message_of('twin')]", NEURALZOO_BLOCK="twin, absent")
    assert "twin" not in names
    assert "single" in names
    assert message == "UnknownNameError: 'twin' is skipped by NEURALZOO_BLOCK=twin, absent"


def test_blocking_takes_the_names_of_entry_points(new_shelf):
    shelf = new_shelf()
    for package in ("pack", "other"):
        shelf.add(package, {"hook.note": package}, {package: ""})
    code = "import json; from neuralzoo.registry import entries; print(json.dumps([e.package for e in PLACE]))"
    known = code.replace("PLACE", "entries('hook').get('note', [])")
    assert shelf.ask(known) == ["other", "pack"]
    assert shelf.ask(known, NEURALZOO_BLOCK="note") == ["other", "pack"]
    assert shelf.ask(known, NEURALZOO_BLOCK="hook.note") == []
    assert shelf.ask(known, NEURALZOO_BLOCK="pack:hook.note") == ["other"]
    done = shelf.command("run", "fnn", "--hook", "note", NEURALZOO_BLOCK="hook.note")
    assert done.stderr == "neuralzoo: 'note' is skipped by NEURALZOO_BLOCK=hook.note\n"


def test_blocking_one_of_two_packages_resolves_the_conflict(zoo):
    assert ask(zoo, "[message_of('twin'), message_of('fnn')]", NEURALZOO_BLOCK="red-pack:twin,neuralzoo:fnn") == [
        "The twin in blue",
        "A rival of the built-in one",
    ]


def test_a_strict_zoo_raises_a_name_conflict(zoo):
    done = zoo.start("from neuralzoo.registry import statuses; statuses()", NEURALZOO_STRICT="1")
    assert "NameConflictError: 'fnn' is a built-in name; that of rival 1.0 needs" in done.stderr
