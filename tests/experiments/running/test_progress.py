"""The progress bar on a terminal."""

import re
from io import StringIO

import pytest
from rich.console import Console

from neuralzoo.experiments import run as runner
from neuralzoo.experiments.running.progress import ProgressBar


@pytest.mark.parametrize("width", [80, 120])
def test_the_progress_bar_keeps_loss_accuracy_and_time_readable(tiny, tmp_path, width):
    screen = StringIO()
    console = Console(file=screen, force_terminal=True, width=width, color_system=None)
    many = tiny.set(["epochs=100", "batch_size=8"])
    runner.run(many, track=False, root=tmp_path, hooks=[ProgressBar(console, "the title")])
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", screen.getvalue())
    lines = [line.rstrip() for line in text.replace("\r", "\n").splitlines() if line.strip()]
    assert lines[0] == "the title"
    assert re.fullmatch(r"epoch 100/100 \S+ .*loss \d\.\d{3}.* · val/accuracy \d\.\d{3} .*\d:\d\d:\d\d", lines[-1])
    assert ("2200/2200" in lines[-1]) == (width == 120)
    assert max(map(len, lines)) < width - 2  # a terminal shows ^C there
