"""The trainer hook that saves the trained model."""

from neuralzoo.core.hooks import hookimpl
from neuralzoo.experiments.running.assembly import Assembly
from neuralzoo.experiments.running.model_file import save_model
from neuralzoo.experiments.running.run_folder import RunFolder


class SaveModel:
    """A trainer hook that saves the model after the test, before the hooks that read the file."""

    def __init__(self, assembly: Assembly, folder: RunFolder) -> None:
        self.assembly = assembly
        self.folder = folder

    @hookimpl(tryfirst=True)
    def test_ended(self) -> None:
        """Save the model file."""
        a = self.assembly
        save_model(self.folder.model, a.module, a.experiment.architecture, a.experiment.model, a.data.task)
