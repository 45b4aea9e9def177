"""Figures, and how they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from statistics import median
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NONE = "–"
"""For a figure that there is none of."""


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
    more: tuple[str, ...] = ()
    """Further columns."""

    @classmethod
    def compared(
        cls,
        name: str,
        ours: Sequence[float | None],
        other: Sequence[float | None],
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        note: str = "",
        more: tuple[str, ...] = (),
    ) -> Row:
        """A figure with its counterpart, measured in pairs; the ratio is the pairs' median."""
        found = ratios(ours, other)
        return cls(
            name,
            spread(ours),
            spread(other),
            spread(found, 3),
            _mark(at_least, at_most),
            _met(median(found), at_least, at_most) if found else None,
            note,
            more,
        )

    @classmethod
    def bounded(
        cls, name: str, value: float, unit: str, *, at_most: float | None = None, note: str = ""
    ) -> Row:
        """A figure by itself."""
        return cls(
            name,
            f"{number(value)} {unit}",
            mark="" if at_most is None else f"<= {number(at_most)} {unit}",
            met=None if at_most is None else value <= at_most,
            note=note,
        )


def spread(values: Sequence[float | None], places: int | None = None) -> str:
    """Median, and the least and the most, of those that there are."""
    there = [value for value in values if value is not None]
    if not there:
        return NONE
    middle, least, most = (
        number(value, places) for value in (median(there), min(there), max(there))
    )
    alone = len(there) == 1 or min(there) == max(there)
    return middle if alone else f"{middle} ({least}-{most})"


def ratios(ours: Sequence[float | None], other: Sequence[float | None]) -> list[float]:
    """The ratio of each pair of which both were measured, and of which not both are nothing."""
    pairs = zip(ours, other, strict=True)
    there = [(one, two) for one, two in pairs if one is not None and two is not None]
    return [one / two if two else inf for one, two in there if one or two]


def number(value: float, places: int | None = None) -> str:
    """A number with as many places as its size makes worth having."""
    if value in {0, inf}:
        return "∞" if value else "0"
    if places is None:
        places = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 3
    return f"{value:.{places}f}"


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
    more: Sequence[str] = (),
) -> None:
    """Print a table; ``other`` is what the figures are held against. ``more``: heads of columns
    after those."""
    table = Table(title=title or None, title_justify="left")
    table.add_column("figure")
    for column in ("Colonnade", other, "ratio", "mark"):
        table.add_column(column, justify="right")
    table.add_column("")
    for column in more:
        table.add_column(column, justify="right")
    table.add_column("note")
    for row in rows:
        verdict = {True: "met", False: "missed", None: ""}[row.met]
        texts = (row.name, row.ours, row.other, row.ratio, row.mark, verdict, *row.more, row.note)
        table.add_row(*texts)
    Console(file=file, width=None if file.isatty() else 200).print(table)


def _mark(at_least: float | None, at_most: float | None) -> str:
    if at_least is not None:
        return f">= {at_least:.2f}"
    return "" if at_most is None else f"<= {at_most:.2f}"


def _met(ratio: float, at_least: float | None, at_most: float | None) -> bool | None:
    if at_least is None and at_most is None:
        return None
    return ratio >= (at_least or 0.0) and ratio <= (inf if at_most is None else at_most)
