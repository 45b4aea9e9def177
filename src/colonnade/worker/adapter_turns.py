"""Whose turn it is among running sequences that are computed with different adapters.

One step has one set of adapters. To change it costs llama.cpp a new plan of its graph, so a set
keeps its turn for some steps; and no longer, so that nobody's answer stands still.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from colonnade.messages import AdapterSet
    from colonnade.worker.sequence import Sequence

TURN = 0.05
"""Seconds that a turn lasts while others wait for theirs, but one step at least: several times what
a change costs, and no pause that a reader would notice."""


class AdapterTurns:
    """Gives turns to sets, the one that has waited for longest first. Knows no clock: it is told
    what steps took."""

    def __init__(self, turn: float) -> None:
        """``turn``: seconds."""
        self._turn = turn
        self._numbers = itertools.count()
        self._latest: dict[AdapterSet, int] = {(): next(self._numbers)}
        """The number of the latest turn of each set that has had one, of those that run."""
        self._left = 0.0
        self.current: AdapterSet = ()
        """The set of the latest step."""

    def took(self, seconds: float) -> None:
        """Note what a step of the current set has taken."""
        self._left -= seconds

    def choose(self, running: Collection[Sequence]) -> list[Sequence]:
        """The sequences of one set that have something to read; none where none has."""
        # others wait for a mask, or for what makes a picture readable
        ready = [each for each in running if each.unread and each.lacks is None]
        sets = {each.request.adapters for each in ready}
        if not sets:
            return []
        if self.current not in sets or (len(sets) > 1 and self._left <= 0):
            self._begin(min(ready, key=self._precedence).request.adapters, running)
        if len(sets) == 1:
            return ready
        return [each for each in ready if each.request.adapters == self.current]

    def _precedence(self, sequence: Sequence) -> tuple[int, float]:
        request = sequence.request
        return self._latest.get(request.adapters, -1), request.submitted

    def _begin(self, chosen: AdapterSet, running: Collection[Sequence]) -> None:
        """Give a set its turn; those that run no longer are forgotten."""
        here = {each.request.adapters for each in running}
        self._latest = {each: at for each, at in self._latest.items() if each in here}
        self._latest[chosen] = next(self._numbers)
        self._left = self._turn
        self.current = chosen
