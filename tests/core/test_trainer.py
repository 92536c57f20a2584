import json
import time
from typing import ClassVar

import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.stopping import EarlyStopping
from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.learner import Learner
from neuralzoo.core.module import Module, Parameter
from neuralzoo.core.trainer import Trainer


class Diary(Learner):
    """Records its calls; its loss is the first value of the batch."""

    def __init__(self):
        module = Module()
        module.counter = Parameter(np.zeros(1, np.float32))
        super().__init__(module, {})
        self.pages = []

    def prepare(self, data, ctx):
        self.pages.append(("prepare", len(data), ctx.training))

    def learn(self, batch, ctx):
        self.pages.append(("learn", batch[0].tolist()))
        return {"loss": float(batch[0].mean())}

    def evaluate(self, batch):
        self.pages.append(("evaluate", batch[0].tolist()))
        return {"loss": float(batch[0].mean())}


def data(*values, size=2):
    return ArrayBatches((np.array(values, np.float64),), size)


def test_a_run_is_prepared_once_then_learns_validates_and_tests_in_that_order():
    learner = Diary()
    Trainer(learner, epochs=2).run(data(1, 2, 3), data(7), data(9))
    epoch = [("learn", [1, 2]), ("learn", [3]), ("evaluate", [7])]
    assert learner.pages == [("prepare", 2, True), *epoch, *epoch, ("evaluate", [9])]


def test_the_counters_are_of_epochs_batches_and_steps():
    trainer = Trainer(Diary(), epochs=3)
    trainer.run(data(1, 2, 3))
    assert (trainer.epoch, trainer.batch, trainer.step) == (3, 0, 6)
    assert trainer.seconds > 0


def test_training_seconds_include_prepare_once():
    class Slow(Diary):
        def prepare(self, data, ctx):
            time.sleep(0.05)

    first = Trainer(Slow(), epochs=1)
    assert first.run(data(1))[0]["time/train_s"] >= 0.05
    resumed = Trainer(Slow(), epochs=2)
    resumed.load_state(first.state())
    resumed.run(data(1))
    assert first.seconds < resumed.seconds < first.seconds + 0.05


def test_the_history_has_means_over_examples_for_each_epoch():
    trainer = Trainer(Diary(), epochs=2)
    history = trainer.run(data(1, 2, 9), data(5, 7, 0), data(100))
    assert [epoch["train/loss"] for epoch in history] == [4.0, 4.0]
    assert [epoch["val/loss"] for epoch in history] == [4.0, 4.0]
    assert history[0]["time/train_s"] < history[1]["time/train_s"]
    assert trainer.test_metrics == {"test/loss": 100.0}


def test_the_means_of_an_epoch_are_over_that_epoch_alone():
    class Growing(Diary):
        def learn(self, batch, ctx):
            self.module.counter.value += 1
            return {"loss": float(self.module.counter.value[0])}

    history = Trainer(Growing(), epochs=2).run(data(0, 0, 0, 0))
    assert [epoch["train/loss"] for epoch in history] == [1.5, 3.5]


def test_a_resumed_run_is_not_prepared_again():
    first = Trainer(Diary(), epochs=1)
    first.run(data(1))
    resumed = Trainer(Diary(), epochs=2)
    resumed.load_state(first.state())
    resumed.run(data(1))
    assert resumed.learner.pages == [("learn", [1])]


def test_without_validation_and_test_there_are_no_such_metrics():
    learner = Diary()
    trainer = Trainer(learner, epochs=1)
    assert trainer.run(data(1))[0].keys() == {"train/loss", "time/train_s"}
    assert trainer.test_metrics == {}
    assert all(page[0] != "evaluate" for page in learner.pages)


def test_hooks_are_called_in_order_within_fit():
    heard = []

    class Listener:
        @hookimpl(wrapper=True)
        def fit(self, trainer):
            heard.append("fit begins")
            result = yield
            heard.append("fit ends")
            return result

        @hookimpl
        def batch_ended(self, trainer, metrics):
            heard.append(("batch", trainer.step, metrics["loss"]))

        @hookimpl
        def should_stop(self, trainer):
            heard.append(("stop?", trainer.epoch))

        @hookimpl
        def epoch_ended(self, trainer, metrics):
            heard.append(("epoch", trainer.epoch, metrics["val/loss"], len(trainer.history)))

        @hookimpl
        def test_ended(self, trainer, metrics):
            heard.append(("test", metrics))

    Trainer(Diary(), epochs=2, hooks=[Listener()]).run(data(1, 2, 3), data(7), data(9))
    assert heard == [
        "fit begins",
        ("batch", 1, 1.5),
        ("batch", 2, 3.0),
        ("stop?", 1),
        ("epoch", 1, 7.0, 1),
        ("batch", 3, 1.5),
        ("batch", 4, 3.0),
        ("stop?", 2),
        ("epoch", 2, 7.0, 2),
        ("test", {"test/loss": 9.0}),
        "fit ends",
    ]


def test_a_fit_wrapper_gets_an_error_of_training():
    heard = []

    class Wrapper:
        @hookimpl(wrapper=True)
        def fit(self, trainer):
            try:
                return (yield)
            except ZeroDivisionError as error:
                heard.append(str(error))
                raise

    class Breaks:
        @hookimpl
        def batch_ended(self):
            raise ZeroDivisionError("in the middle")

    with pytest.raises(ZeroDivisionError):
        Trainer(Diary(), epochs=1, hooks=[Wrapper(), Breaks()]).run(data(1))
    assert heard == ["in the middle"]


def test_a_misspelt_hook_is_an_error_that_names_it_and_the_right_ones():
    class Misspelt:
        @hookimpl
        def batch_end(self, trainer):
            pass

    with pytest.raises(ValueError, match=r"Misspelt has a hook .* 'batch_end' .*; it calls fit, batch_ended, epoch_e"):
        Trainer(Diary(), epochs=1, hooks=[Misspelt()])


def test_a_hook_with_an_unknown_argument_is_an_error_that_names_it():
    class Wishful:
        @hookimpl
        def batch_ended(self, trainer, gradient):
            pass

    with pytest.raises(ValueError, match=r"Wishful has a hook that a Trainer can't call: .*'gradient'"):
        Trainer(Diary(), epochs=1, hooks=[Wishful()])


def test_hooks_of_one_trainer_are_not_called_by_another():
    class Counter:
        count = 0

        @hookimpl
        def batch_ended(self):
            self.count += 1

    mine, other = Counter(), Counter()
    first = Trainer(Diary(), epochs=1, hooks=[mine])
    Trainer(Diary(), epochs=1, hooks=[other])
    first.run(data(1, 2, 3))
    assert (mine.count, other.count) == (2, 0)


def test_training_time_excludes_hooks_and_includes_loading_batches():
    class Slow:
        @hookimpl
        def batch_ended(self):
            time.sleep(0.1)

    class SlowData(ArrayBatches):
        def epoch(self, rng, start=0):
            for batch in super().epoch(rng, start):
                time.sleep(0.02)
                yield batch

    trainer = Trainer(Diary(), epochs=1, hooks=[Slow()])
    trainer.run(SlowData((np.zeros(4),), 1))
    assert 0.08 <= trainer.seconds < 0.3


class StopAfter:
    def __init__(self, epoch):
        self.epoch = epoch

    @hookimpl
    def should_stop(self, trainer):
        return trainer.epoch >= self.epoch or None


def test_a_hook_can_end_training_and_the_test_split_is_still_evaluated():
    trainer = Trainer(Diary(), epochs=10, hooks=[StopAfter(2)])
    trainer.run(data(1), test=data(5))
    assert (trainer.epoch, trainer.stopped) == (2, True)
    assert trainer.test_metrics == {"test/loss": 5.0}


def test_a_run_that_was_stopped_stays_stopped_when_it_is_resumed():
    stopped = Trainer(Diary(), epochs=10, hooks=[StopAfter(2)])
    stopped.run(data(1))
    resumed = Trainer(Diary(), epochs=10)
    resumed.load_state(stopped.state())
    resumed.run(data(1))
    assert resumed.epoch == 2


class Falling(Diary):
    """Its validation loss falls, then rises."""

    losses: ClassVar = [5.0, 3.0, 2.0, 4.0, 4.0, 1.0, 1.0]

    def learn(self, batch, ctx):
        self.module.counter.value += 1
        return {"loss": 0.0}

    def evaluate(self, batch):
        return {"loss": self.losses[int(self.module.counter.value[0]) - 1]}


def test_early_stopping_ends_when_nothing_has_improved_for_its_patience():
    trainer = Trainer(Falling(), epochs=7, hooks=[EarlyStopping(patience=2)])
    trainer.run(data(1), data(1))
    assert [epoch["val/loss"] for epoch in trainer.history] == [5.0, 3.0, 2.0, 4.0, 4.0]


def test_early_stopping_resumes_its_count():
    first = Trainer(Falling(), epochs=4, hooks=[EarlyStopping(patience=2)])
    first.run(data(1), data(1))
    resumed = Trainer(Falling(), epochs=7, hooks=[EarlyStopping(patience=2)])
    resumed.load_state(first.state())
    resumed.learner.load_state(first.learner.state())
    resumed.run(data(1), data(1))
    assert resumed.epoch == 5


def test_the_data_order_depends_on_seed_and_epoch_alone():
    def order(seed):
        learner = Diary()
        Trainer(learner, epochs=2, seed=seed).run(ArrayBatches((np.arange(8.0),), 8, shuffle=True))
        return [page[1] for page in learner.pages if page[0] == "learn"]

    first, second = order(1)
    assert first != second
    assert order(1) == [first, second]
    assert order(2) != [first, second]


def test_two_runs_with_one_seed_have_the_same_bits(small_run, bits):
    runs = [small_run.finish(small_run.trainer()) for _ in range(2)]
    assert bits(runs[0]) == bits(runs[1])


def test_another_seed_gives_another_run(small_run, bits):
    runs = [small_run.finish(small_run.trainer(seed=seed)) for seed in (4, 5)]
    assert bits(runs[0]) != bits(runs[1])


class InterruptionError(Exception):
    pass


class InterruptAt:
    def __init__(self, step):
        self.step = step

    @hookimpl
    def batch_ended(self, trainer):
        if trainer.step == self.step:
            raise InterruptionError


@pytest.mark.parametrize("step", range(1, 19))
def test_a_run_interrupted_after_any_batch_and_resumed_has_the_same_bits(step, small_run, bits):
    whole = small_run.finish(small_run.trainer())
    assert whole.step == 18
    cut = small_run.trainer(InterruptAt(step))
    with pytest.raises(InterruptionError):
        small_run.finish(cut)
    resumed = small_run.trainer(weights=1)
    resumed.learner.load_state(cut.learner.state())
    resumed.load_state(json.loads(json.dumps(cut.state())))
    assert bits(small_run.finish(resumed)) == bits(whole)


def test_a_finished_run_can_be_resumed_for_more_epochs(small_run, bits):
    short = small_run.finish(small_run.trainer(epochs=2))
    longer = small_run.trainer(epochs=3, weights=1)
    longer.learner.load_state(short.learner.state())
    longer.load_state(short.state())
    assert bits(small_run.finish(longer)) == bits(small_run.finish(small_run.trainer(epochs=3)))


def test_the_state_is_a_copy(small_run):
    trainer = small_run.trainer(epochs=1)
    before = trainer.state()
    small_run.finish(trainer)
    assert (before["history"], before["step"], before["epoch_metrics"]) == ([], 0, {"sums": {}, "weights": {}})


def test_the_state_of_a_run_with_another_seed_is_refused(small_run):
    with pytest.raises(ValueError, match="Trainer got the state of a run with seed 9; it needs 4"):
        small_run.trainer().load_state(small_run.trainer(seed=9).state())
