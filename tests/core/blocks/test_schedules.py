import numpy as np
import pytest

from neuralzoo.core.blocks.schedules import constant, cosine, step_decay


def test_a_constant_schedule_does_not_change():
    assert [constant(0.3)(step) for step in (0, 1, 1000)] == [0.3, 0.3, 0.3]


def test_step_decay_multiplies_after_every_period():
    rates = [step_decay(8.0, 3, 0.5)(step) for step in range(8)]
    assert rates == [8, 8, 8, 4, 4, 4, 2, 2]


def test_a_cosine_schedule_has_known_values():
    rate = cosine(2.0, 100, floor=0.1)
    assert rate(0) == 2.0
    assert rate(50) == pytest.approx(1.1)
    assert rate(100) == pytest.approx(0.2)
    assert rate(1000) == pytest.approx(0.2)


def test_a_linear_warmup_joins_the_cosine_without_a_jump():
    rate = cosine(1.0, 100, warmup=4)
    assert [rate(step) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert rate(52) == pytest.approx(0.5)


def test_a_cosine_schedule_decreases_after_the_warmup():
    rates = [cosine(1.0, 50, warmup=10, floor=0.2)(step) for step in range(9, 51)]
    assert (np.diff(rates) <= 0).all()


def test_a_warmup_as_long_as_the_run_has_no_decay():
    rate = cosine(1.0, 4, warmup=4)
    assert [rate(step) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: step_decay(1.0, 0, 0.5), "step_decay got every=0; it needs at least 1"),
        (lambda: cosine(1.0, 0), "cosine got steps=0"),
        (lambda: cosine(1.0, 10, warmup=-1), "warmup=-1"),
    ],
)
def test_settings_out_of_range_raise(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_schedules_agree_with_pytorch():
    torch = pytest.importorskip("torch", reason="agreement with PyTorch needs the extra 'parity'")
    kinds = torch.optim.lr_scheduler
    for make, ours in [
        (lambda optimizer: kinds.StepLR(optimizer, 7, 0.3), step_decay(0.5, 7, 0.3)),
        (lambda optimizer: kinds.CosineAnnealingLR(optimizer, 40, 0.05), cosine(0.5, 40, floor=0.1)),
    ]:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.5)
        schedule = make(optimizer)
        for step in range(40):
            assert ours(step) == pytest.approx(schedule.get_last_lr()[0], rel=1e-9)
            optimizer.step()
            schedule.step()
