"""Errors and warnings in one line."""

import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest


def test_a_warning_of_neuralzoo_is_one_line(capsys):
    from neuralzoo.experiments.cli.output import show_warning
    from neuralzoo.experiments.running.figures import FigureWarning

    show_warning(FigureWarning("the figure broken is missing"), FigureWarning, "file.py", 3)
    assert capsys.readouterr().err == "neuralzoo: the figure broken is missing\n"


def test_too_little_memory_is_one_line():
    from neuralzoo.experiments.cli.output import one_line_message

    with pytest.raises(MemoryError) as caught:
        np.empty(2**60, np.uint8)
    assert re.fullmatch(
        r"the memory is too small \(Unable to allocate .* EiB .*\); it needs .*", one_line_message(caught.value)
    )


def test_what_the_system_refuses_is_one_line_with_the_file(tmp_path):
    from neuralzoo.core.files import atomic_write
    from neuralzoo.experiments.cli.output import one_line_message

    (tmp_path / "kept").write_text("as it was")
    with pytest.raises(OSError, match="No space") as caught, atomic_write(tmp_path / "kept"):
        Path("/dev/full").write_text("x")
    assert one_line_message(caught.value) == (
        f"{tmp_path / 'kept'} can't be used (No space left on device); it needs more room on the disk "
        "(--debug shows where)"
    )
    assert (tmp_path / "kept").read_text() == "as it was"
    with pytest.raises(OSError, match="too long") as caught:
        (tmp_path / ("n" * 300)).mkdir()
    assert "it needs a shorter name" in one_line_message(caught.value)
    with pytest.raises(FileNotFoundError) as caught:
        (tmp_path / "missing").read_text()
    assert one_line_message(caught.value) is None


def test_a_traceback_shows_no_password(capsys, monkeypatch):
    import typer

    from neuralzoo.experiments.cli import app

    failing = typer.Typer(pretty_exceptions_enable=False)

    @failing.command()
    def command():
        raise ValueError("postgresql://me:sEcret@host/x can't be reached")

    monkeypatch.setattr(app, "app", failing)
    monkeypatch.setattr(app.atexit, "register", lambda function: None)
    monkeypatch.setattr(app, "set_spinner", lambda spinner: None)
    monkeypatch.setattr(sys, "argv", ["neuralzoo", "--debug"])
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    monkeypatch.setattr("warnings.showwarning", app.show_warning)
    with pytest.raises(ValueError, match="sEcret") as caught:
        app.main()
    sys.excepthook(caught.type, caught.value, caught.tb)
    shown = capsys.readouterr().err
    assert "ValueError: postgresql://***@host/x can't be reached" in shown
    assert "sEcret" not in shown


def test_a_deleted_working_directory_is_one_sentence(tmp_path, monkeypatch):
    from neuralzoo.experiments.cli.app import options
    from neuralzoo.registry import SettingError

    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(SettingError, match="the working directory was deleted"):
        options()


ODD_NAME = "a\x1b[31m\x1b]8;;http://x\x07b\x9b1m\u202e"


def test_no_text_controls_the_terminal():
    from rich.progress import Progress, TextColumn

    from neuralzoo.experiments.cli.output import Console, PrintableConsole

    written = io.StringIO()
    out = Console()
    for name in ("stdout", "stderr"):
        setattr(out, name, PrintableConsole(file=written, force_terminal=True, color_system=None, width=200))
    table = out.table(ODD_NAME, "x")
    out.row(table, ODD_NAME, ODD_NAME)
    out.print(ODD_NAME)
    out.entry(ODD_NAME, ODD_NAME, ODD_NAME, 3)
    out.error(f"{ODD_NAME}\nsecond line")
    out.show(table)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", written.getvalue())
    assert "a\\x1b[31m" in written.getvalue()
    assert written.getvalue().count("second line") == 1
    with Progress(TextColumn("{task.fields[note]}"), console=out.stdout) as bar:
        bar.add_task("", note=ODD_NAME)
    assert "\x1b[31m" not in written.getvalue()
    assert "\x07" not in written.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "cp932", "latin-1"])
@pytest.mark.parametrize(
    "words",
    [
        ["list"],
        ["datasets"],
        ["show", "capsnet"],
        ["datasets", "adding-100"],
        ["results"],
        ["--help"],
        ["run", "--help"],
    ],
    ids=" ".join,
)
def test_no_command_ends_where_the_terminal_lacks_a_character(words, encoding, monkeypatch):
    from neuralzoo.experiments.cli import main

    streams = {name: io.TextIOWrapper(io.BytesIO(), encoding=encoding) for name in ("stdout", "stderr")}
    monkeypatch.setattr(sys, "argv", ["neuralzoo", *words])
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    with pytest.raises(SystemExit) as ended:
        main()
    for stream in streams.values():
        stream.flush()
    assert ended.value.code == 0
    assert streams["stdout"].buffer.getvalue()
