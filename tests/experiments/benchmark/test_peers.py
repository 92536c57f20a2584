"""The peers of the benchmark: the same networks in other libraries, with our weights."""

import json
import shutil
from importlib.metadata import PackageNotFoundError, entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from neuralzoo.experiments.benchmark import peers, timing
from neuralzoo.experiments.benchmark.parts import steps
from neuralzoo.experiments.benchmark.peers import Counterpart, Peer
from neuralzoo.experiments.benchmark.workload import Workload, workload
from neuralzoo.experiments.cli.app import app
from neuralzoo.registry import get

NAMES = (
    "autoencoder",
    "capsnet",
    "cnn",
    "fnn",
    "gan",
    "gru",
    "lstm",
    "modular",
    "rbfn",
    "rnn",
    "transformer",
)


def peer(name: str) -> Peer:
    """Return a peer; where it is not installed the test is skipped."""
    found, _ = peers.installed([name])
    if not found:
        pytest.skip(f"{name} is not installed; it comes with the extra 'bench'")
    return found[0]


def deterministic_settings(name: str) -> list[str]:
    """Return settings under which steps are equal: a constant learning rate, and no dropout.

    The first step of Adam has the sign of each gradient, which for the smallest ones is that of a rounding error, and
    is blind to a factor of all gradients; a large epsilon is neither. The gradient penalty
    amplifies rounding errors at kinks, the more the larger the step is.
    """
    config: Any = get(name).config()
    dropouts = [f"model.{field}=0" for field in ("dropout", "input_dropout") if hasattr(config, field)]
    shorter = ["optimizer.lr=5e-4"] if name == "gan" else []
    # The effect of the usual decay is too small after two steps.
    decay = ["optimizer.weight_decay=5"] if name == "transformer" else []
    return ["optimizer.schedule.name=constant", "optimizer.epsilon=1e-3", *shorter, *decay, *dropouts]


def check_predictions(work: Workload, counterpart: Counterpart, tolerance: float = 1e-4) -> None:
    """Check that a peer has our predictions."""
    ours, theirs = (np.asarray(predict()) for predict in (work.our_prediction(3), counterpart.prediction(3)))
    np.testing.assert_allclose(theirs, ours, rtol=tolerance, atol=tolerance)


def test_every_architecture_of_the_zoo_has_a_counterpart() -> None:
    found = entry_points(group="neuralzoo.plugins")
    assert list(NAMES) == sorted(entry.name for entry in found if entry.value.startswith("neuralzoo.plugins."))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("library", ["torch", "jax"])
def test_a_peer_has_our_predictions_and_our_loss_before_and_after_two_steps(library: str, name: str) -> None:
    library_peer = peer(library)
    work = workload(name, deterministic_settings(name), random=False)
    counterpart = library_peer.counterpart(work)
    assert counterpart is not None
    before = work.our_loss()
    assert counterpart.loss() == pytest.approx(before, rel=steps.TOLERANCE)
    check_predictions(work, counterpart)
    for _ in range(2):  # the first does not depend on Adam's moments
        work.ours()()
        counterpart.step()
    assert work.our_loss() != pytest.approx(before, rel=5e-3)
    # PyTorch's recurrent layers have two biases where ours have one, which then moves twice as far.
    twice = library == "torch" and name in ("rnn", "lstm", "gru")
    assert counterpart.loss() == pytest.approx(work.our_loss(), rel=1e-2 if twice else steps.TOLERANCE)
    if not twice:
        check_predictions(work, counterpart, 1e-3)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_a_gan_in_a_peer_samples_new_examples_each_time_and_its_loss_changes_nothing(library: str) -> None:
    library_peer = peer(library)
    work = workload("gan")
    counterpart = library_peer.counterpart(work)
    assert counterpart is not None
    make = counterpart.prediction(1000)
    first, second = np.asarray(make()), np.asarray(make())
    assert first.shape == second.shape == (1000, 2)
    assert abs(first - second).max() > 0.1
    assert first.std(axis=0) == pytest.approx(second.std(axis=0), rel=0.2)
    assert counterpart.loss() == counterpart.loss() == pytest.approx(work.our_loss(), rel=steps.TOLERANCE)
    assert work.our_loss() == work.our_loss()


def test_losses_that_differ_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    work = workload("fnn")
    other = Peer("another", "1", lambda work: Counterpart(lambda: None, lambda examples: lambda: None, lambda: 0.5))
    with pytest.raises(RuntimeError, match=r"fnn has a loss of .*, in another of 0\.5; .* needs equal losses"):
        next(steps.rows(work, other))


def test_a_peer_that_is_not_installed_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(peers, "version", missing)
    assert peers.installed(["torch", "jax"]) == ([], ["torch", "jax"])


def test_bench_saves_its_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peer("torch")
    monkeypatch.setattr(timing, "PAUSE_S", 0.0)
    file = tmp_path / "results.json"
    result = CliRunner().invoke(app, ["bench", "rbfn", "--json", str(file)])
    assert result.exit_code == 0, result.output
    rows = json.loads(file.read_text())
    assert [row["what"] for row in rows] == ["predict 1", "predict 256", "step"]
    assert all(row["low"] <= row["ratio"] <= row["high"] and row["peer"] == "torch" for row in rows)


def test_an_architecture_without_a_counterpart_is_skipped() -> None:
    messages: list[str] = []
    assert list(steps.compare(["fnn"], [Peer("another", "1", lambda work: None)], messages.append)) == []
    assert messages[-1] == "fnn has no counterpart in another; skipped"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.skipif(
    shutil.which("g++") is None and shutil.which("c++") is None, reason="torch.compile needs a compiler"
)
def test_a_compiled_network_computes_our_loss_before_and_after_a_step() -> None:
    library_peer = peer("torch-compile")
    work = workload("fnn", deterministic_settings("fnn"), random=False)
    counterpart = library_peer.counterpart(work)
    assert counterpart is not None
    check_predictions(work, counterpart)
    work.ours()()
    counterpart.step()
    assert counterpart.loss() == pytest.approx(work.our_loss(), rel=steps.TOLERANCE)
