"""Figures, and how they are shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf
from statistics import median
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Row:
    """A figure: ours, what it is held against, and whether it meets its mark."""

    name: str
    ours: str
    other: str = ""
    ratio: str = ""
    mark: str = ""
    met: bool | None = None
    note: str = ""

    @classmethod
    def compared(
        cls,
        name: str,
        ours: Sequence[float],
        other: Sequence[float],
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        note: str = "",
    ) -> Row:
        """A figure with its counterpart, measured in pairs; the ratio is the pairs' median."""
        ratios = [one / two if two else inf for one, two in zip(ours, other, strict=True)]
        return cls(
            name,
            spread(ours),
            spread(other),
            spread(ratios, 3),
            _mark(at_least, at_most),
            _met(median(ratios), at_least, at_most),
            note,
        )

    @classmethod
    def bounded(
        cls, name: str, value: float, unit: str, *, at_most: float | None = None, note: str = ""
    ) -> Row:
        """A figure by itself."""
        return cls(
            name,
            f"{_number(value)} {unit}",
            mark="" if at_most is None else f"<= {_number(at_most)} {unit}",
            met=None if at_most is None else value <= at_most,
            note=note,
        )


def spread(values: Sequence[float], places: int | None = None) -> str:
    """Median, and the least and the most."""
    middle, least, most = (
        _number(value, places) for value in (median(values), min(values), max(values))
    )
    return middle if len(values) == 1 else f"{middle} ({least}-{most})"


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that ``percent`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def print_rows(
    rows: Iterable[Row],
    file: TextIO,
    title: str = "",
    *,
    other: str = "bare llama.cpp",
    picture: Path | None = None,
) -> None:
    """Print a table; ``other`` is what the figures are held against. ``picture``: draw it, too."""
    table = Table(title=title or None, title_justify="left")
    table.add_column("figure")
    for column in ("Colonnade", other, "ratio", "mark"):
        table.add_column(column, justify="right")
    table.add_column("")
    table.add_column("note")
    for row in rows:
        verdict = {True: "met", False: "missed", None: ""}[row.met]
        table.add_row(row.name, row.ours, row.other, row.ratio, row.mark, verdict, row.note)
    console = Console(file=file, width=None if file.isatty() else 160, record=picture is not None)
    console.print(table)
    if picture is not None:
        svg = console.export_svg(title=f"Colonnade and {other}")
        # without the fonts that it would fetch from elsewhere
        picture.write_text(re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL), "utf-8")


def _mark(at_least: float | None, at_most: float | None) -> str:
    if at_least is not None:
        return f">= {at_least:.2f}"
    return "" if at_most is None else f"<= {at_most:.2f}"


def _met(ratio: float, at_least: float | None, at_most: float | None) -> bool | None:
    if at_least is None and at_most is None:
        return None
    return ratio >= (at_least or 0.0) and ratio <= (inf if at_most is None else at_most)


def _number(value: float, places: int | None = None) -> str:
    if places is None:
        places = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 3
    return f"{value:.{places}f}"
