"""A working plugin, installed by pip; and metadata of plugins without importing any."""

HEAVY = ("mlflow", "pandas", "scipy", "matplotlib", "sklearn", "torch")
NAMES = "import json, neuralzoo; print(json.dumps(neuralzoo.names()))"


def test_a_plugin_that_pip_installed_is_found_listed_and_created(pip_installed):
    found = pip_installed.ask("""
        import json, neuralzoo
        from neuralzoo.registry import statuses
        status = next(s for s in statuses() if s.entry.name == "tiny")
        print(json.dumps({
            "names": neuralzoo.names(), "origin": status.entry.distribution, "problem": status.problem,
            "matching": [a.name for a in neuralzoo.matching("ti*", task="classification", input="tabular")],
            "not matching": [a.name for a in neuralzoo.matching("ti*", input="image")],
            "shape": neuralzoo.create("tiny", inputs=(7,), width=6).weight.value.shape,
        }))
    """)
    assert "tiny" in found["names"]
    assert found["origin"] == "wheeled 2.5"
    assert found["problem"] == ""
    assert found["matching"] == ["tiny"]
    assert found["not matching"] == []
    assert found["shape"] == [7, 6]


def test_names_come_from_metadata_alone(pip_installed):
    found = pip_installed.ask("""
        import json, sys, neuralzoo
        names = neuralzoo.names()
        print(json.dumps({"names": names, "modules": list(sys.modules)}))
    """)
    assert {"fnn", "tiny"} <= set(found["names"])
    plugins = [m for m in found["modules"] if m.startswith(("neuralzoo.plugins", "neuralzoo.experiments", "wheeled"))]
    assert plugins == []
    assert [m for m in HEAVY if m in found["modules"]] == []


def test_creating_one_architecture_imports_no_other(pip_installed):
    modules = pip_installed.ask("""
        import json, sys, neuralzoo
        neuralzoo.create("tiny")
        print(json.dumps(list(sys.modules)))
    """)
    assert "wheeled_tiny" in modules
    assert [m for m in modules if m.startswith("neuralzoo.plugins")] == []


def test_importing_neuralzoo_imports_not_even_numpy(shelf):
    modules = shelf.ask("import json, sys, neuralzoo; print(json.dumps(list(sys.modules)))")
    assert [m for m in ("numpy", "pydantic", "pluggy", *HEAVY) if m in modules] == []


def test_names_are_listed_quickly(shelf):
    seconds = shelf.ask("""
        import json, time
        start = time.perf_counter()
        import neuralzoo
        neuralzoo.names()
        print(json.dumps(time.perf_counter() - start))
    """)
    print(f"import neuralzoo and names(): {seconds:.2f} s")
    assert seconds < 3  # ten times what it takes, for a busy machine; importing mlflow alone is more


def test_names_take_a_glob(shelf):
    shelf.add_plugin("pack", "tiny")
    assert shelf.ask("import json, neuralzoo; print(json.dumps([neuralzoo.names('t?ny'), neuralzoo.names('x*')]))") == [
        ["tiny"],
        [],
    ]


def test_globs_are_case_insensitive(shelf):
    shelf.add_plugin("pack", "tiny")
    assert shelf.ask("import json, neuralzoo; print(json.dumps(neuralzoo.names('T?NY')))") == ["tiny"]


def test_only_plugins_whose_name_matches_are_imported(shelf):
    shelf.add_plugin("pack", "tiny")
    shelf.add("other-pack", {"other": "other_plugin"}, {"other_plugin": "raise RuntimeError"})
    code = """
        import json, sys
        from neuralzoo.registry import matching, statuses
        names = [[s.entry.name for s in statuses("Ti*")], [a.name for a in matching("ti*")]]
        modules = ("pack_tiny", "other_plugin", "neuralzoo.plugins.fnn")
        print(json.dumps([names, [module for module in modules if module in sys.modules]]))
    """
    assert shelf.ask(code, NEURALZOO_STRICT="1") == [[["tiny"], ["tiny"]], ["pack_tiny"]]


def test_of_two_copies_of_a_package_the_first_on_the_path_counts(new_shelf):
    first, second = new_shelf(), new_shelf()
    first.add_plugin("My_Pack", "tiny", version="2.0")
    second.add_plugin("my-pack", "tiny", version="1.0")
    code = """
        import json
        from neuralzoo.registry import entries, get
        get("tiny")
        print(json.dumps([entry.distribution for entry in entries()["tiny"]]))
    """
    assert first.ask(code, second) == ["My_Pack 2.0"]
    assert second.ask(code, first) == ["my-pack 1.0"]


def test_packages_with_damaged_metadata_are_skipped(shelf):
    shelf.add_plugin("good", "tiny")
    shelf.add("no-metadata", {"nameless": "nowhere"}, {})
    (shelf.path / "no_metadata-1.0.dist-info" / "METADATA").unlink()
    shelf.add("binary-metadata", {"binary": "nowhere"}, {})
    (shelf.path / "binary_metadata-1.0.dist-info" / "METADATA").write_bytes(b"Name: \xff\xfe\x00")
    assert shelf.ask(NAMES) == shelf.ask(NAMES, NEURALZOO_BLOCK="nameless,binary")
    assert "tiny" in shelf.ask(NAMES)


def test_packages_with_damaged_entry_points_are_skipped(shelf):
    shelf.add_plugin("good", "tiny")
    shelf.add("no-equals", "[neuralzoo.plugins]\njust a name\n", {})
    shelf.add("others", "[console_scripts]\njust a name\n", {})
    shelf.add("binary-points", "", {})
    (shelf.path / "binary_points-1.0.dist-info" / "entry_points.txt").write_bytes(b"\xff\xfe\x00")
    # pydantic reads the entry points of all packages for plugins of its own, and stumbles over such files
    assert "tiny" in shelf.ask(NAMES, PYDANTIC_DISABLE_PLUGINS="1")
