"""Everything that `neuralzoo bench` measures, as rows: dictionaries that JSON keeps, each with the part it is of."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from neuralzoo.core.kernels import BACKENDS
from neuralzoo.experiments import doctor
from neuralzoo.experiments.benchmark import isolated as apart
from neuralzoo.experiments.benchmark import peers
from neuralzoo.experiments.benchmark.isolated import MeasurementError
from neuralzoo.experiments.benchmark.parts import flop_utilization as share
from neuralzoo.experiments.benchmark.parts import import_time as imports
from neuralzoo.experiments.benchmark.parts import install_size as installed
from neuralzoo.experiments.benchmark.parts import scaling, steps
from neuralzoo.registry import SettingError

CHECKOUT = Path(doctor.__file__).resolve().parent.parent

COMPILERS = ("torch-compile",)
"""Peers whose memory is that of another one and of a compiler, which is no part of training."""

Row = dict[str, Any]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What is to be measured: architectures, peers that are installed, forms of the inner loops (none: the usual)."""

    names: Sequence[str]
    peers: Sequence[str]
    kernels: Sequence[str | None] = (None,)


def forms() -> list[str | None]:
    """Return the forms of the inner loops that are possible here."""
    return [form for form in BACKENDS if form != "numba" or find_spec("numba") is not None]


def measure(part: str, wanted: Wanted, tell: Tell) -> Iterator[Row]:
    """Yield the rows of a part; what could not be measured has a row that says why, and is told."""
    for row in PARTS[part](wanted, tell):
        if "failed" in row:
            tell(f"{part} of {row.get('architecture', 'all')} came to nothing: {row['failed']}")
        yield {"part": part, **row}


def load(file: Path) -> list[Row]:
    """Return rows that were kept.

    Raises: SettingError when the file is not there or holds something else.
    """
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
        if not all(row["part"] in PARTS for row in rows):
            raise ValueError("some rows are of no part that there is")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SettingError(
            f"{file} can't be read ({error}); it needs to be written by `neuralzoo bench --json`"
        ) from None
    return list(rows)


def keep(rows: Sequence[Row], file: Path) -> None:
    """Write rows as JSON."""
    file.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def remember(rows: Sequence[Row], earlier: Sequence[Row]) -> None:
    """Set beside each comparison of times what the same one had given in an earlier report."""
    before = {_comparison(row): row["ratio"] for row in earlier if row["part"] == "times" and "failed" not in row}
    for row in rows:
        if row["part"] == "times" and "failed" not in row and _comparison(row) in before:
            row["before"] = before[_comparison(row)]


def _comparison(row: Row) -> tuple[str, ...]:
    form = "numba" if row["kernels"] == "usual" else row["kernels"]
    return row["architecture"], row["peer"], form, row["what"]


def _machine(wanted: Wanted, tell: Tell) -> Iterator[Row]:
    tell("machine")
    yield _or_failed(apart.measure, "report", "here", list(wanted.peers))


def here(names: Sequence[str]) -> Row:
    """Return what the measurements depend on: machine, versions, threads and the day."""
    found, _ = peers.installed(list(names))
    versions = {peer.name: peer.version for peer in found}
    about = {**doctor.machine(), "neuralzoo": doctor.installed("neuralzoo"), "numba": doctor.installed("numba")}
    return {**about, "peers": versions, "date": datetime.now(UTC).date().isoformat()}


def _times(wanted: Wanted, tell: Tell) -> Iterator[Row]:
    for name in wanted.names:
        for peer in wanted.peers:
            for form in wanted.kernels:
                tell(f"{name} beside {peer}{f', kernels of {form}' if form else ''}")
                about = {"architecture": name, "peer": peer, "kernels": form or "usual"}
                try:
                    found = apart.measure("report", "beside", name, peer, kernels=form)
                except MeasurementError as error:
                    yield {**about, "failed": str(error)}
                    continue
                for told in found["told"]:
                    tell(told)
                yield from ({**about, **row} for row in found["rows"])


def beside(name: str, peer: str) -> dict[str, Any]:
    """Return the times of an architecture beside a peer, and what is to be told of them."""
    told: list[str] = []
    found, _ = peers.installed([peer])
    rows = [asdict(row) for row in steps.compare([name], found, told.append)]
    return {"rows": rows, "told": told[1:]}


def _memory(wanted: Wanted, tell: Tell) -> Iterator[Row]:
    ours = [("neuralzoo", "ours_by_steps"), ("neuralzoo", "ours_by_epoch")]
    rivals = [name for name in wanted.peers if name not in COMPILERS]
    for name in wanted.names:
        tell(f"memory of {name}")
        runs: list[tuple[str, str, str | None]] = [(*one, form) for form in wanted.kernels for one in ours]
        runs += [(peer, "theirs_by_steps", None) for peer in rivals]
        for who, function, form in runs:
            what = "epoch" if function == "ours_by_epoch" else "steps"
            arguments = [name] if who == "neuralzoo" else [name, who]
            row = _or_failed(apart.measure, "memory", function, *arguments, kernels=form)
            if row:  # else a peer that has no such network
                yield {"architecture": name, "library": who, "kernels": form or "usual", "what": what, **row}


def _imports(wanted: Wanted, tell: Tell) -> Iterator[Row]:
    tell("imports")
    statements = imports.OURS | {name: imports.THEIRS[name] for name in wanted.peers if name in imports.THEIRS}
    try:
        yield from imports.measure(statements)
    except MeasurementError as error:
        yield {"failed": str(error)}


def _size(wanted: Wanted, tell: Tell) -> Iterator[Row]:
    tell("size of a minimal installation")
    yield _or_failed(installed.measure, CHECKOUT)


def _scaling(wanted: Wanted, tell: Tell) -> Iterator[Row]:
    for name in wanted.names:
        tell(f"scaling of {name}")
        try:
            yield from scaling.measure(name)
        except MeasurementError as error:
            yield {"architecture": name, "failed": str(error)}


def _share(wanted: Wanted, tell: Tell) -> Iterator[Row]:
    for name in wanted.names:
        for profile in ("quick", "full") if name in share.LARGE else ("quick",):
            tell(f"share of the machine's speed of {name}, {profile}")
            row = _or_failed(share.measure, name, profile)
            yield {"architecture": name, "profile": profile, **row}


def _or_failed(measurement: Callable[..., Row], *arguments: Any, **options: Any) -> Row:
    try:
        return measurement(*arguments, **options)
    except MeasurementError as error:
        return {"failed": str(error)}


PARTS: dict[str, Callable[[Wanted, Tell], Iterator[Row]]] = {
    "machine": _machine,
    "times": _times,
    "memory": _memory,
    "imports": _imports,
    "size": _size,
    "scaling": _scaling,
    "share": _share,
}
"""The parts by name, in the order of the page."""
