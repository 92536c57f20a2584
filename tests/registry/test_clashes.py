"""Two packages that bring the same name: nothing is dropped, nothing is chosen silently."""

import pytest

import neuralzoo

ASK = """
    import json, neuralzoo
    from neuralzoo.registry import ZooError, entries, get, statuses
    def told(name):
        try:
            return get(name).summary
        except ZooError as error:
            return f"{type(error).__name__}: {error}"
    print(json.dumps(ANSWER))
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


def ask(zoo, answer, **environment):
    return zoo.ask(ASK.replace("ANSWER", answer), **environment)


def test_both_packages_are_named_and_how_to_choose(zoo):
    assert ask(zoo, "told('twin')") == (
        "NameConflictError: 'twin' is provided by blue-pack 2.1 and red_pack 1.0; "
        "name the one you mean: blue-pack:twin or red-pack:twin, or uninstall one"
    )


def test_a_clash_with_a_built_in_names_both(zoo):
    message = ask(zoo, "told('fnn')")
    assert f"neuralzoo {neuralzoo.__version__} and rival 1.0" in message
    assert "neuralzoo:fnn or rival:fnn" in message


def test_the_name_with_its_package_says_which(zoo):
    names = ["red-pack:twin", "blue-pack:twin", "red_pack:twin", "Blue.Pack:twin", "rival:fnn", "other:single"]
    red, blue, spelled_red, spelled_blue, rival, single = ask(zoo, f"[told(name) for name in {names}]")
    assert red == spelled_red == "The twin in red"
    assert blue == spelled_blue == "The twin in blue"
    assert rival == "A rival of the built-in one"
    assert single == "The only one of this name"
    assert "Feed-forward" in ask(zoo, "told('neuralzoo:fnn')")


def test_a_package_that_does_not_offer_the_name_is_reported_which_does(zoo):
    assert ask(zoo, "told('green-pack:twin')") == (
        "UnknownNameError: no package 'green-pack' provides 'twin'; it comes from blue-pack 2.1 and red_pack 1.0"
    )


def test_a_clash_shows_in_names_and_entries_without_an_import(zoo):
    answer = "[neuralzoo.names(), {n: len(e) for n, e in entries().items()}, [m for m in __import__('sys').modules]]"
    names, counts, modules = ask(zoo, answer)
    assert {"fnn", "single", "twin"} <= set(names)
    assert len(names) == len(set(names))
    assert counts["twin"] == counts["fnn"] == 2
    assert counts["single"] == 1
    assert not {"red_pack_twin", "blue_pack_twin", "rival_fnn", "other_single"} & set(modules)


def test_a_clash_is_listed_for_both_and_leaves_the_others_alone(zoo):
    listed = ask(zoo, "[[s.entry.name, s.entry.package, s.architecture is not None, s.problem] for s in statuses()]")
    twins = [row for row in listed if row[0] == "twin"]
    assert [package for _, package, _, _ in twins] == ["blue-pack", "red_pack"]
    assert all(not loaded and "offered by blue-pack 2.1 and red_pack 1.0" in reason for _, _, loaded, reason in twins)
    assert ["single", "other", True, ""] in listed


def test_blocking_a_name_leaves_out_all_who_offer_it(zoo):
    names, message = ask(zoo, "[neuralzoo.names(), told('twin')]", NEURALZOO_BLOCK="twin, absent")
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


def test_blocking_one_of_two_packages_settles_the_clash(zoo):
    assert ask(zoo, "[told('twin'), told('fnn')]", NEURALZOO_BLOCK="red-pack:twin,neuralzoo:fnn") == [
        "The twin in blue",
        "A rival of the built-in one",
    ]


def test_a_strict_zoo_raises_a_clash(zoo):
    done = zoo.start("from neuralzoo.registry import statuses; statuses()", NEURALZOO_STRICT="1")
    assert "NameConflictError: 'fnn' is provided by" in done.stderr
