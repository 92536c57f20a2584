"""Results of `neuralzoo bench` as rows: dictionaries that are saved as JSON, each with the part that it belongs to."""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from neuralzoo.core.kernels import BACKENDS
from neuralzoo.experiments import doctor
from neuralzoo.experiments.benchmark import isolated, peers
from neuralzoo.experiments.benchmark.isolated import MeasurementError
from neuralzoo.experiments.benchmark.parts import flop_utilization, import_time, install_size, scaling, steps
from neuralzoo.experiments.running.files import json_text, write_text
from neuralzoo.registry import SettingError

CHECKOUT = Path(doctor.__file__).resolve().parent.parent

COMPILERS = ("torch-compile",)
"""Peers without a memory measurement: theirs is that of another peer plus that of the compiler."""

Row = dict[str, Any]
Log = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What to measure: architectures, installed peers, and kernel backends (None: the default)."""

    names: Sequence[str]
    peers: Sequence[str]
    kernels: Sequence[str | None] = (None,)


def backends() -> list[str | None]:
    """Return the kernel backends that are available."""
    return [backend for backend in BACKENDS if backend != "numba" or find_spec("numba") is not None]


def measure(part: str, request: Request, log: Log) -> Iterator[Row]:
    """Yield the rows of a part; a failed measurement has a row with its reason, which is also logged."""
    for row in PARTS[part](request, log):
        if "failed" in row:
            log(f"{part} of {row.get('architecture', 'all')} failed: {row['failed']}")
        yield {"part": part, **row}


def load(file: Path) -> list[Row]:
    """Return saved rows.

    Raises: SettingError when the file is missing or is not a report.
    """
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
        if not all(row["part"] in PARTS for row in rows):
            raise ValueError("some rows belong to no known part")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SettingError(
            f"{file} cannot be read ({error}); it needs to be written by `neuralzoo bench --json`"
        ) from None
    return list(rows)


def check_writable(file: Path) -> None:
    """Check, before anything is measured, that results can be saved in a file.

    Raises: SettingError when it is a folder, a device or a pipe, or its folder can't be written to.
    """
    try:
        if file.exists() and not file.is_file():
            raise SettingError(f"{file} is no regular file; the results of bench need one")
        with tempfile.TemporaryFile(dir=file.parent):
            file.is_symlink()  # which fails for a name that is too long
    except OSError as error:
        raise SettingError(f"{file} can't be written ({error.strerror}); the results of bench need a file") from None


def save(rows: Sequence[Row], file: Path) -> None:
    """Save rows as JSON."""
    write_text(file, json_text(rows, 1) + "\n")


def attach_baseline(rows: Sequence[Row], earlier: Sequence[Row]) -> None:
    """Add to each comparison of times the ratio of the same comparison in an earlier report, as `before`."""
    before = {_comparison(row): row["ratio"] for row in earlier if row["part"] == "times" and "failed" not in row}
    for row in rows:
        if row["part"] == "times" and "failed" not in row and _comparison(row) in before:
            row["before"] = before[_comparison(row)]


def _comparison(row: Row) -> tuple[str, ...]:
    backend = "numba" if row["kernels"] == "usual" else row["kernels"]
    return row["architecture"], row["peer"], backend, row["what"]


def _machine(request: Request, log: Log) -> Iterator[Row]:
    log("machine")
    yield _or_failed(isolated.measure, "report", "machine", list(request.peers))


def machine(names: Sequence[str]) -> Row:
    """Return what the results depend on: machine, versions and threads; and the date."""
    found, _ = peers.installed(list(names))
    versions = {peer.name: peer.version for peer in found}
    about = {**doctor.machine(), "neuralzoo": doctor.installed("neuralzoo"), "numba": doctor.installed("numba")}
    return {**about, "peers": versions, "date": datetime.now(UTC).date().isoformat()}


def _times(request: Request, log: Log) -> Iterator[Row]:
    for name in request.names:
        for peer in request.peers:
            for backend in request.kernels:
                log(f"{name} against {peer}{f', {backend} kernels' if backend else ''}")
                about = {"architecture": name, "peer": peer, "kernels": backend or "usual"}
                try:
                    timed = isolated.measure("report", "time_against", name, peer, kernels=backend)
                except MeasurementError as error:
                    yield {**about, "failed": str(error)}
                    continue
                for message in timed["messages"]:
                    log(message)
                yield from ({**about, **row} for row in timed["rows"])


def time_against(name: str, peer: str) -> dict[str, Any]:
    """Return the times of an architecture against a peer, and the messages to log."""
    messages: list[str] = []
    found, _ = peers.installed([peer])
    rows = [asdict(row) for row in steps.compare([name], found, messages.append)]
    return {"rows": rows, "messages": messages[1:]}


def _memory(request: Request, log: Log) -> Iterator[Row]:
    ours = [("neuralzoo", "our_steps"), ("neuralzoo", "our_epoch")]
    measured_peers = [name for name in request.peers if name not in COMPILERS]
    for name in request.names:
        log(f"memory of {name}")
        runs: list[tuple[str, str, str | None]] = [(*run, backend) for backend in request.kernels for run in ours]
        runs += [(peer, "peer_steps", None) for peer in measured_peers]
        for library, function, backend in runs:
            what = "epoch" if function == "our_epoch" else "steps"
            arguments = [name] if library == "neuralzoo" else [name, library]
            row = _or_failed(isolated.measure, "parts.memory", function, *arguments, kernels=backend)
            if row:  # empty where the peer has no such network
                yield {"architecture": name, "library": library, "kernels": backend or "usual", "what": what, **row}


def _imports(request: Request, log: Log) -> Iterator[Row]:
    log("imports")
    statements = import_time.OURS | {
        name: import_time.THEIRS[name] for name in request.peers if name in import_time.THEIRS
    }
    try:
        yield from import_time.measure(statements)
    except MeasurementError as error:
        yield {"failed": str(error)}


def _size(request: Request, log: Log) -> Iterator[Row]:
    log("size of a minimal installation")
    yield _or_failed(install_size.measure, CHECKOUT)


def _scaling(request: Request, log: Log) -> Iterator[Row]:
    for name in request.names:
        log(f"scaling of {name}")
        try:
            yield from scaling.measure(name)
        except MeasurementError as error:
            yield {"architecture": name, "failed": str(error)}


def _utilization(request: Request, log: Log) -> Iterator[Row]:
    for name in request.names:
        for profile in ("quick", "full") if name in flop_utilization.FULL_PROFILE else ("quick",):
            log(f"FLOP utilization of {name}, {profile}")
            row = _or_failed(flop_utilization.measure, name, profile)
            yield {"architecture": name, "profile": profile, **row}


def _or_failed(measurement: Callable[..., Row], *arguments: Any, **options: Any) -> Row:
    try:
        return measurement(*arguments, **options)
    except MeasurementError as error:
        return {"failed": str(error)}


PARTS: dict[str, Callable[[Request, Log], Iterator[Row]]] = {
    "machine": _machine,
    "times": _times,
    "memory": _memory,
    "imports": _imports,
    "size": _size,
    "scaling": _scaling,
    "utilization": _utilization,
}
"""The parts by name, in the order of BENCHMARKS.md."""
