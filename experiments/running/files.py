"""Reading and writing the files of a run; each is written atomically."""

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neuralzoo.core.files import atomic_write
from neuralzoo.registry import SettingError

FIGURE_SIZE = (7.2, 4.5)  # inches


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file, an empty one if the file is not there.

    Raises: SettingError when it is no regular file, can't be read, or holds no JSON object.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # to read a FIFO is to wait for its writer
            raise SettingError(f"{path} is no regular file; it needs to be a JSON file")
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
    write_text(path, json.dumps(content, indent=indent) + "\n")


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
