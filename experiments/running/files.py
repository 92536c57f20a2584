"""Reading and writing the files of a run; each is written atomically."""

import json
import math
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar
from zlib import crc32

from pydantic import BaseModel, ConfigDict, ValidationError

from neuralzoo.core.files import atomic_write
from neuralzoo.registry import SettingError

FIGURE_SIZE = (7.2, 4.5)  # inches
MAX_BYTES = 1 << 28
"""Of a JSON file: what is larger was not written by a run, and is not read into memory."""
NEEDED = "it needs to be as it was written, or removed"
M = TypeVar("M", bound=BaseModel)


class Record(BaseModel):
    """What a JSON file holds, of one shape; with a checksum, so that a file that was damaged is not taken for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def save(self, path: Path, indent: int = 2) -> Path:
        """Write the record to its file, and return the file."""
        content = self.model_dump(mode="json")
        write_json(path, content | {"checksum": _checksum(content)}, indent)
        return path

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Return the record in a file, None if the file is not there.

        Raises: SettingError when it can't be read, has another shape, or is not as it was written.
        """
        if not (content := read_json(path)):
            if path.exists():
                raise SettingError(f"{path} holds an empty JSON object; {NEEDED}")
            return None
        checksum = content.pop("checksum", None)
        if checksum is not None and checksum != _checksum(content):
            raise SettingError(f"{path} is damaged (its checksum differs); {NEEDED}")
        return validated(path, cls, content)


def validated(path: Path, kind: type[M], content: Any) -> M:
    """Return the content of a file as a model.

    Raises: SettingError with the file and the first field that does not fit.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "its content"
        raise SettingError(f"{path} is damaged ({where}: {first['msg']}); {NEEDED}") from None


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file, an empty one if the file is not there.

    Raises: SettingError when it is no regular file, can't be read, or holds no JSON object.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # to read a FIFO is to wait for its writer
            raise SettingError(f"{path} is no regular file; it needs to be a JSON file")
        if status.st_size > MAX_BYTES:
            raise SettingError(f"{path} has {status.st_size:,} bytes; a JSON file needs at most {MAX_BYTES:,}")
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except SettingError:
        raise
    except OSError as error:
        raise SettingError(f"{path} can't be read ({error.strerror}); it needs to be a JSON file") from None
    except (ValueError, RecursionError) as error:  # not UTF-8, no JSON, nested too deep
        reason = " ".join(str(error).split())
        raise SettingError(f"{path} is damaged ({reason}); it needs to hold a JSON object") from None
    if not isinstance(content, dict):
        raise SettingError(f"{path} holds a JSON {type(content).__name__}; it needs to hold a JSON object")
    return content


def write_json(path: Path, content: dict[str, Any], indent: int = 2) -> None:
    """Write a JSON file."""
    write_text(path, json_text(content, indent) + "\n")


def json_text(content: Any, indent: int | None = None) -> str:
    """Return JSON, in which NaN and infinite numbers are the strings "NaN", "Infinity" and "-Infinity".

    JSON has no numbers for them. `float` and a field of a `Record` read the strings back.
    """
    try:
        return json.dumps(content, indent=indent, allow_nan=False)
    except ValueError:
        return json.dumps(_named(content), indent=indent, allow_nan=False)


def _named(content: Any) -> Any:
    """Return a JSON value whose NaN and infinite numbers are strings."""
    if isinstance(content, dict):
        return {key: _named(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_named(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return "NaN" if math.isnan(content) else "Infinity" if content > 0 else "-Infinity"
    return content


def _checksum(content: dict[str, Any]) -> str:
    return f"{crc32(json_text(content).encode()):08x}"


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def save_figure(path: Path, size: tuple[float, float] = FIGURE_SIZE) -> Iterator[Any]:
    """Yield an empty Matplotlib figure and save it as PNG; no window and no global state of pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    yield figure
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png")
