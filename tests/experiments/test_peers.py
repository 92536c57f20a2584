"""The peers of the benchmark: the same networks in other libraries, with our weights."""

import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from neuralzoo.experiments.benchmark import peers, sidebyside, steps
from neuralzoo.experiments.benchmark.peers import Peer, Rival
from neuralzoo.experiments.benchmark.workload import workload
from neuralzoo.experiments.cli import app
from neuralzoo.registry import get

NAMES = ("autoencoder", "fnn", "gru", "lstm", "rbfn", "rnn")


def peer(name: str) -> Peer:
    """Return a peer; where it is not installed the test is skipped."""
    found, _ = peers.installed([name])
    if not found:
        pytest.skip(f"{name} is not installed; it comes with the extra 'bench'")
    return found[0]


def without_chance(name: str) -> list[str]:
    """Return settings under which two steps are equal: the same rate at each, and nothing dropped."""
    config: Any = get(name).config()
    dropouts = [f"model.{field}=0" for field in ("dropout", "input_dropout") if hasattr(config, field)]
    return ["optimizer.schedule.name=constant", *dropouts]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("library", ["torch", "jax"])
def test_a_peer_computes_our_loss_before_and_after_a_step(library: str, name: str) -> None:
    work = workload(name, without_chance(name))
    rival = peer(library).rival(work)
    assert rival is not None
    before = work.our_loss()
    assert rival.loss() == pytest.approx(before, rel=steps.TOLERANCE)
    work.ours()()
    rival.step()
    assert work.our_loss() != pytest.approx(before, rel=5e-3)
    # PyTorch's recurrent layers have two biases where ours have one, which then moves twice as far.
    twice = library == "torch" and name in ("rnn", "lstm", "gru")
    assert rival.loss() == pytest.approx(work.our_loss(), rel=1e-2 if twice else steps.TOLERANCE)


def test_losses_that_differ_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    work = workload("fnn")
    other = Peer("another", "1", lambda work: Rival(lambda: None, lambda examples: lambda: None, lambda: 0.5))
    with pytest.raises(RuntimeError, match=r"fnn has a loss of .*, in another of 0\.5; .* needs equal losses"):
        next(steps.rows(work, other))


def test_a_peer_that_is_not_installed_is_left_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(peers, "version", missing)
    assert peers.installed(["torch", "jax"]) == ([], ["torch", "jax"])


def test_bench_writes_its_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peer("torch")
    monkeypatch.setattr(sidebyside, "PAUSE_S", 0.0)
    file = tmp_path / "figures.json"
    result = CliRunner().invoke(app, ["bench", "rbfn", "--json", str(file)])
    assert result.exit_code == 0, result.output
    rows = json.loads(file.read_text())
    assert [row["what"] for row in rows] == ["predict 1", "predict 256", "step"]
    assert all(row["low"] <= row["ratio"] <= row["high"] and row["peer"] == "torch" for row in rows)


def test_an_architecture_without_a_counterpart_is_left_out_by_name() -> None:
    told: list[str] = []
    assert list(steps.compare(["fnn"], [Peer("another", "1", lambda work: None)], told.append)) == []
    assert told[-1] == "fnn has no counterpart written for another yet and is left out"
