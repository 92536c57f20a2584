"""BENCHMARKS.md and its picture: written from the rows of a report, never typed."""

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuralzoo.experiments.benchmark import targets
from neuralzoo.experiments.benchmark.parts import import_time as imports
from neuralzoo.experiments.benchmark.parts import install_size as installed
from neuralzoo.experiments.benchmark.parts import memory, scaling
from neuralzoo.experiments.benchmark.report import PARTS, Row
from neuralzoo.registry import SettingError

HOME = Path(os.path.realpath(__file__)).parents[1] / "reports"
PAGE, PICTURE = HOME / "BENCHMARKS.md", HOME / "scaling.svg"
WHATS = ("step", "predict 1", "predict 256")
FORMS = {"numpy": "plain NumPy", "numba": "compiled kernels", "usual": "as installed"}
NONE = "-"

HEAD = """# Benchmarks

Written by `neuralzoo bench --write`; `neuralzoo bench --only scaling` and its like measure one part. Every architecture
is measured at its reference configuration, the `quick` experiment, in float32. A peer is the same network written
plainly in another library, with our weights; before anything is timed, both must compute the same loss of the same
batch, to a relative error of 1e-4. A ratio is our time by theirs: below 1, ours is faster.
"""
SENTENCES = {
    "machine": "Each measurement ran in a process of its own, all sides with the same number of threads.",
    "times": "Both took turns in one process, ten blocks of five repetitions or more each (three of long ones) after "
    "50 ms that warm up; a ratio is the median of the blocks' ratios, in brackets those between which it lies with "
    "98 % confidence, then our median time and theirs; a step is forward, backward and optimizer.",
    "memory": f"The most memory that a fresh process had during {memory.STEPS} training steps on one batch, or during "
    "an epoch of training and the test, beyond what it had after imports and with the data loaded, before the network "
    "was built.",
    "imports": f"The median of {imports.TIMES} fresh processes each, which took turns after a first round that is "
    "dropped; in brackets the values next to the least and the greatest.",
    "size": "The bytes of the folder into which pip installed the wheel without extras, with the files that Python "
    "compiles while pip installs.",
    "scaling": "The median time of a training step with the batch, the widths or the sequences a quarter to four times "
    "as large, and the exponent b of time = a size^b, fitted by least squares in the logarithms, with its 95 % t "
    "interval, beside that of the multiply-adds of its matrix products; a step is marked where its time grows faster "
    f"than its arithmetic by more than {scaling.TOLERANCE:g} and the interval.",
    "share": "The multiply-adds of the matrix products that a step carries out, counted in a run of its own, by its "
    "median time; the share is of the best rate of a product of two matrices of 2048 x 2048 in the same process; the "
    "full experiments read random numbers instead of their data.",
}


@dataclass(frozen=True)
class Section:
    """A table, and what it is of."""

    part: str
    title: str
    head: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    failed: tuple[str, ...] = ()
    about: str = ""
    """Said instead of the sentence of the part."""

    def lines(self) -> Iterator[str]:
        """Yield the section in Markdown."""
        yield from ("", f"## {self.title}", "", self.about or SENTENCES[self.part], "")
        if self.part == "scaling":
            yield from (f"![Time of a training step by size]({PICTURE.name})", "")
        yield f"| {' | '.join(self.head)} |"
        yield f"|{' --- |' * len(self.head)}"
        yield from (f"| {' | '.join(cells)} |" for cells in self.rows)
        if self.failed:
            yield ""
        yield from (f"- {reason}" for reason in self.failed)


def sections(rows: Sequence[Row]) -> list[Section]:
    """Return the tables of a report, those of parts that were measured."""
    found = {part: [row for row in rows if row["part"] == part] for part in PARTS}
    return [section for part, own in found.items() if own for section in TABLES[part](own)]


def write(rows: Sequence[Row]) -> list[Path]:
    """Write BENCHMARKS.md, and its picture if there is something to draw.

    Raises: SettingError when this is no checkout that can be written to.
    """
    if not (HOME.parent / "pyproject.toml").is_file():
        raise SettingError(f"{HOME} is not in a checkout; writing the benchmarks needs a checkout of neuralzoo")
    PAGE.write_text(page(rows), encoding="utf-8")
    grown = _good([row for row in rows if row["part"] == "scaling"])
    if not grown:
        return [PAGE]
    from neuralzoo.experiments.benchmark.plot import draw_scaling

    draw_scaling(grown, PICTURE)
    return [PAGE, PICTURE]


def page(rows: Sequence[Row]) -> str:
    """Return BENCHMARKS.md."""
    return "\n".join([HEAD.rstrip(), *(line for section in sections(rows) for line in section.lines())]) + "\n"


def _machine(rows: list[Row]) -> Iterator[Section]:
    (row,) = rows
    peers = row.get("peers", {})
    facts = [(key, str(value)) for key, value in row.items() if key not in ("part", "peers", "failed")]
    facts += list(peers.items())
    yield Section("machine", "Machine", ("what", "found"), facts, _reasons(rows))


def _times(rows: list[Row]) -> Iterator[Section]:
    forms = [form for form in FORMS if any(row["kernels"] == form for row in rows)]
    head = ("architecture", *(f"{what}, {FORMS[form]}" for form in forms for what in WHATS))
    yield _fastest(rows, forms, head)
    for peer in dict.fromkeys(row["peer"] for row in rows):
        own = [row for row in rows if row["peer"] == peer]
        cells = {(r["architecture"], r["kernels"], r["what"]): _ratio(r) for r in _good(own)}
        cells |= {(r["architecture"], r["kernels"], WHATS[0]): r["failed"] for r in own if "failed" in r}
        table = [
            (name, *(cells.get((name, form, what), NONE) for form in forms for what in WHATS))
            for name in dict.fromkeys(row["architecture"] for row in own)
        ]
        yield Section("times", f"Times beside {peer}", head, table)


def _fastest(rows: list[Row], forms: list[str], head: tuple[str, ...]) -> Section:
    """Return the table of what the targets are about."""
    best = targets.fastest(_good(rows))
    table = []
    for name in dict.fromkeys(row["architecture"] for row in rows):
        found = (best.get((name, form, what)) for form in forms for what in WHATS)
        table.append((name, *(NONE if row is None else targets.cell(row) for row in found)))
    return Section("times", "Times beside the fastest peer", head, table, about=targets.SENTENCE)


def _memory(rows: list[Row]) -> Iterator[Section]:
    columns = list(dict.fromkeys((r["library"], r["what"], r["kernels"]) for r in rows))
    cells = {(r["architecture"], r["library"], r["what"], r["kernels"]): f"{r['bytes'] / 1e6:.1f}" for r in _good(rows)}
    head = [", ".join([library, what, *[FORMS[form]] * (form != "usual")]) for library, what, form in columns]
    table = [
        (name, *(cells.get((name, *column), NONE) for column in columns))
        for name in dict.fromkeys(row["architecture"] for row in rows)
    ]
    yield Section("memory", "Memory of training, MB", ("architecture", *head), table, _reasons(rows))


def _imports(rows: list[Row]) -> Iterator[Section]:
    table = [(f"`{r['statement']}`", f"{r['seconds']:.3f} ({r['low']:.3f} to {r['high']:.3f})") for r in _good(rows)]
    title = f"Time of an import, s (target for ours: {imports.TARGET_S:g})"
    yield Section("imports", title, ("statement", "seconds"), table, _reasons(rows))


def _size(rows: list[Row]) -> Iterator[Section]:
    table: list[tuple[str, ...]] = []
    for row in _good(rows):
        table += [(name, f"{size / 1e6:.1f}") for name, size in row["packages"].items()]
        table += [
            ("**all**", f"**{row['bytes'] / 1e6:.1f}**"),
            ("all without compiled files", f"{(row['bytes'] - row['compiled']) / 1e6:.1f}"),
            ("our wheel", f"{row['wheel'] / 1e6:.1f}"),
        ]
    title = f"Size of a minimal installation, MB (target: {installed.TARGET_BYTES / 1e6:.0f})"
    yield Section("size", title, ("package", "MB"), table, _reasons(rows))


def _scaling(rows: list[Row]) -> Iterator[Section]:
    table = []
    for r in _good(rows):
        arithmetic = NONE if math.isnan(r["arithmetic"]) else f"{r['arithmetic']:.2f}"
        first, last = (f"{1e3 * r['seconds'][i]:.3g} ({r['factors'][i]:g})" for i in (0, -1))
        exponent = f"{r['exponent']:.2f} ± {r['half']:.2f}"
        mark = "faster" if r["faster_than_arithmetic"] else ""
        table.append((r["architecture"], r["axis"], f"{first} to {last}", exponent, arithmetic, mark))
    head = ("architecture", "size", "ms (times the size)", "exponent", "arithmetic", "marked")
    yield Section("scaling", "Growth of a step", head, table, _reasons(rows))


def _share(rows: list[Row]) -> Iterator[Section]:
    table = [
        (
            r["architecture"],
            r["profile"],
            f"{r['multiply_adds'] / 1e6:,.1f}",
            f"{1e3 * r['seconds']:.2f}",
            f"{r['best'] / 1e9:.0f}",
            f"{r['share']:.2f}",
        )
        for r in _good(rows)
    ]
    head = ("architecture", "experiment", "multiply-adds, 10⁶", "ms", "best, 10⁹/s", "share")
    yield Section("share", "Share of the machine's speed", head, table, _reasons(rows))


def _ratio(row: Row) -> str:
    before = f"before {row['before']:.2f}, " if "before" in row else ""
    milliseconds = f"{row['ours_ms']:.3g} / {row['theirs_ms']:.3g} ms"
    return f"{row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f}), {before}{milliseconds}"


def _good(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if "failed" not in row]


def _reasons(rows: Sequence[Row]) -> tuple[str, ...]:
    about = ("architecture", "profile", "library", "kernels", "what")
    return tuple(
        f"{' '.join(str(row[key]) for key in about if key in row)} not measured: {row['failed']}".lstrip()
        for row in rows
        if "failed" in row
    )


TABLES: dict[str, Any] = {
    "machine": _machine,
    "times": _times,
    "memory": _memory,
    "imports": _imports,
    "size": _size,
    "scaling": _scaling,
    "share": _share,
}
