"""The language model against PyTorch's: both must have equal losses before their times are compared."""

import numpy as np
import pytest

from neuralzoo.experiments.benchmark.against_torch import transformer
from neuralzoo.experiments.running.assembly import assemble
from neuralzoo.registry import get

torch = pytest.importorskip("torch", reason="agreement with PyTorch needs the extra 'parity'")
SMALL = ["model.layers=2", "model.heads=2", "model.width=16", "optimizer.schedule.warmup=3", "optimizer.lr=0.01"]


@pytest.fixture
def both():
    assembly = assemble(get("transformer").experiments["quick"].set(SMALL))
    steps = len(assembly.train)
    batches = list(assembly.train.epoch(np.random.default_rng(0)))[:20]
    return (transformer.ours(assembly), transformer.theirs(torch, assembly, steps)), batches, assembly


def test_both_learn_the_same_step_by_step_at_rates_that_change(both):
    contenders, batches, _ = both
    first = [contender.loss(batches[0]) for contender in contenders]
    losses = np.array([[contender.step(batch) for contender in contenders] for batch in batches])
    assert losses[:, 0] == pytest.approx(losses[:, 1], abs=1e-4)
    after = [contender.loss(batches[0]) for contender in contenders]
    assert after[0] == pytest.approx(after[1], abs=1e-4)
    assert after[0] < first[0] - 0.1


def test_the_whole_recipe_says_the_loss_on_all_test_windows(both, capsys, monkeypatch):
    contenders, batches, assembly = both
    monkeypatch.setattr(transformer, "PAUSE_S", 0.0)
    transformer.whole(contenders, batches[:6], list(assembly.test.epoch(np.random.default_rng(0))))
    said = capsys.readouterr().out.splitlines()
    ours = float(said[-2].removeprefix("ours: test loss ").split()[0])
    expected = assembly.learner.evaluate(next(assembly.test.epoch(np.random.default_rng(0))))["loss"]
    assert said[-1].startswith(f"PyTorch: test loss {ours:.4f}")
    assert ours == pytest.approx(expected, rel=0.05)


def test_other_results_are_not_compared():
    transformer.check(3, (1.0, 1.00009))
    with pytest.raises(RuntimeError, match=r"losses of step 3 are 1 here and 1\.1 in PyTorch"):
        transformer.check(3, (1.0, 1.1))
