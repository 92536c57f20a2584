"""A run as a program that can be killed in mid-epoch: `python run_to_be_killed.py FOLDER [HOLD]`.

It resumes from the checkpoint in the folder if there is one, prints each step, and writes its result at the end. With
HOLD it slows each step down and waits to be killed after step HOLD.
Dropout, shuffling, a schedule and Adam's moments make every generator and every counter matter.
"""

import sys
import time
from pathlib import Path

import numpy as np

from neuralzoo.core import history
from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.activation import ACTIVATIONS
from neuralzoo.core.blocks.combine import Sequential
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.dropout import Dropout
from neuralzoo.core.blocks.losses import CrossEntropy
from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.blocks.schedules import cosine
from neuralzoo.core.checkpoint import Checkpoints, load_checkpoint, save_checkpoint
from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.learner import Supervised
from neuralzoo.core.trainer import Trainer

EPOCHS, STEPS_PER_EPOCH, EVERY_STEPS = 4, 15, 4
SETTINGS = {"architecture": "to be killed"}
history.EPOCHS_AT_ONCE = 1  # so that kills meet the file of the history, too


class Progress:
    """Prints each step."""

    def __init__(self, hold: int | None) -> None:
        self.hold = hold

    @hookimpl(trylast=True)
    def batch_ended(self, trainer: Trainer) -> None:
        print(trainer.step, flush=True)
        if self.hold is not None:
            time.sleep(0.003 if trainer.step < self.hold else 60)


def main(folder: Path, hold: int | None = None) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(58, 6)).astype(np.float32), rng.integers(0, 3, 58)
    network = Sequential(Dense(6, 16, rng), ACTIVATIONS["relu"](), Dropout(0.4), Dense(16, 3, rng))
    optimizer = Adam(network, cosine(0.02, EPOCHS * STEPS_PER_EPOCH, warmup=5), clip=1.0)
    path = folder / "checkpoint.safetensors"
    hooks = Progress(hold), Checkpoints(path, SETTINGS, every_steps=EVERY_STEPS)
    trainer = Trainer(Supervised(network, CrossEntropy(), optimizer), epochs=EPOCHS, seed=7, hooks=hooks)
    if path.exists():
        load_checkpoint(path, trainer, SETTINGS)
    print("from", trainer.step, flush=True)
    trainer.run(ArrayBatches((x, y), 4, shuffle=True), ArrayBatches((x, y), 25))
    save_checkpoint(folder / "result.safetensors", trainer, SETTINGS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
