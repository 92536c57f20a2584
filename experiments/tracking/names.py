"""Names and values in the form that MLflow accepts: its characters, its lengths."""

import hashlib
import re
import warnings

REFUSED = re.compile(r"[^/\w.\- :]")
REFUSED_IN_IMAGES = re.compile(r"[^a-zA-Z0-9_\-./ ]")
NAME_LIMIT = 250  # characters, of metrics, parameters, tags and runs
PARAM_LIMIT = 6000
TAG_LIMIT = 5000
EXPERIMENT_LIMIT = 500  # of experiments and datasets


class NameWarning(UserWarning):
    """A metric or parameter is logged under another name, since MLflow refuses its own."""


def accepted_name(name: str) -> str:
    """Return a name of a metric, parameter or tag as MLflow accepts it: others become `_` for each refused character.

    MLflow also refuses what is no plain relative path, and more than 250 characters.
    """
    parts = REFUSED.sub("_", name).split("/")
    return shortened("/".join(part for part in parts if part not in ("", ".", "..")) or "_", NAME_LIMIT)


def shortened(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters; two that differ stay different."""
    if len(text) <= limit:
        return text
    mark = f"-{hashlib.blake2b(text.encode(errors='surrogatepass'), digest_size=6).hexdigest()}"
    return text[: limit - len(mark)] + mark


class AcceptedNames:
    """The accepted names of one run: each has one, no two the same, and a changed one is reported once."""

    def __init__(self) -> None:
        self.by_name: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        """Return the name that MLflow gets."""
        if name not in self.by_name:
            accepted = wanted = accepted_name(name)
            taken, number = set(self.by_name.values()), 2
            while accepted in taken:
                accepted, number = f"{wanted[: NAME_LIMIT - 8]}_{number}", number + 1
            self.by_name[name] = accepted
            if accepted != name:
                message = f"MLflow refuses the name {shortened(name, NAME_LIMIT)!r}; it is logged as {accepted!r}"
                warnings.warn(message, NameWarning, stacklevel=2)
        return self.by_name[name]
