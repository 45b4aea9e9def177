"""What a section finds, kept as it comes, so that a section that fails has shown what it had."""

from __future__ import annotations

from collections import defaultdict
from itertools import zip_longest

from msgspec import Struct, field

from benchmarks.contenders import OURS
from benchmarks.tables import Row, ratios, spread


class Found(Struct):
    """The figures of a section, of each round, by their name and by whose they are."""

    others: list[str] = field(default_factory=list)
    """Those beside ours, the first of whom ours are held against."""
    figures: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)
    lines: list[Row] = field(default_factory=list)
    """Rows that are no rounds of figures."""
    missing: list[str] = field(default_factory=list)
    """What there is no figure of, and why."""

    def add(self, name: str, whose: str, value: float | None) -> None:
        """Note a figure, or that there is none of a round."""
        self.figures.setdefault(name, defaultdict(list))[whose].append(value)

    def rows(self) -> list[Row]:
        """A row for each name."""
        return [*self.lines, *(self._row(name, found) for name, found in self.figures.items())]

    def _row(self, name: str, found: dict[str, list[float | None]]) -> Row:
        more: list[str] = []
        for other in self.others[1:]:
            ours, theirs = _paired(found.get(OURS, []), found.get(other, []))
            more += [spread(theirs), spread(ratios(ours, theirs), 3)]
        against = found.get(self.others[0], []) if self.others else []
        return Row.compared(name, *_paired(found.get(OURS, []), against), more=tuple(more))


def _paired(
    ours: list[float | None], theirs: list[float | None]
) -> tuple[list[float | None], list[float | None]]:
    pairs = list(zip_longest(ours, theirs))
    return [one for one, _ in pairs], [two for _, two in pairs]
