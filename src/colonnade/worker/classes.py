"""The sequences without a slot, by class: the more urgent first, and nobody kept out for ever.

Within a class slots are shared fairly between clients (``waiting``). Every operation that a step
needs takes the same time however many wait, and little more in how many classes they do.
"""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_left, insort
from typing import TYPE_CHECKING

from colonnade.worker.shares import Shares
from colonnade.worker.waiting import WaitingLine

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from colonnade.messages import Urgency
    from colonnade.worker.sequence import Request, Sequence
    from colonnade.worker.waiting import Waiter

_SHARE = 8
"""One slot in so many goes to those whom more urgent ones keep waiting."""

_USUAL = 512.0
"""Cost of a sequence before one has ended: see ``shares``."""

_NEWEST = 0.1
"""Weight of the newest one in the mean."""

_FORMER = 64
"""Entries of the heap that say what was true once, which are let be: see ``waiting``."""


class WaitingClasses:
    """A waiting line for each class.

    The most urgent class comes first. When it has got all but one of ``_SHARE`` slots while others
    waited, the next one is for the class of whoever waits for longest outside of it.
    """

    def __init__(self) -> None:
        self._lines: dict[Urgency, WaitingLine] = {}
        """None of them empty."""
        self._shares: dict[Urgency, Shares] = {}
        """What clients have been served in each class in which a sequence waits or runs."""
        self._usual = _USUAL
        """What a sequence costs, a running mean."""
        self._order: list[Urgency] = []
        """Their classes, the most urgent first."""
        self._oldest: list[tuple[int, Urgency]] = []
        """A heap of who waits for longest in each class, and of who once did."""
        self._numbers = itertools.count()
        self._passed = 0
        """Slots in a row that were given while somebody less urgent waited."""
        self._length = 0

    def __len__(self) -> int:
        """Number of sequences."""
        return self._length

    def add(self, sequence: Sequence) -> None:
        """Put a sequence at the end of its client's line in its class."""
        line = self._line(sequence)
        line.add(sequence)
        self._length += 1
        if len(line) == 1:
            self._note_oldest(sequence.request.urgency)

    def pop(self, held: Mapping[str, int]) -> Waiter | None:
        """Take the next one. ``held`` gives the slots of each client that has any."""
        if not self._order:
            return None
        urgency = self._next()
        entry = self._lines[urgency].pop(held, self._usual)
        self._length -= entry is not None
        self._drop_if_empty(urgency)
        return entry

    def started(self, sequence: Sequence) -> None:
        """Note that one that was taken has got a slot."""
        self._shares[sequence.request.urgency].start(sequence.request.client)
        urgency, order = sequence.request.urgency, self._order
        passes = bool(order) and urgency <= order[0] and urgency < order[-1]
        self._passed = self._passed + 1 if passes else 0

    def charge(self, sequence: Sequence) -> None:
        """Note what has been computed for a running sequence since the last time."""
        cost = sequence.cost
        if cost > sequence.charged:
            shares = self._shares[sequence.request.urgency]
            shares.charge(sequence.request.client, cost - sequence.charged, cost)
            sequence.charged = cost

    def ended(self, sequence: Sequence) -> None:
        """Note that one that was taken runs no more, or cannot start."""
        self.charge(sequence)
        if sequence.charged:
            self._usual += _NEWEST * (sequence.charged - self._usual)
        urgency = sequence.request.urgency
        self._shares[urgency].leave(sequence.request.client)
        self._drop_if_empty(urgency)

    def put_back(self, entries: Collection[Waiter]) -> None:
        """Return what was taken to where it was; several in the order in which they came."""
        for entry in reversed(list(entries)):
            self._line(entry.sequence).put_back([entry])
            self._length += 1
            self._note_oldest(entry.sequence.request.urgency)

    def put_first(self, sequences: Collection[Sequence]) -> None:
        """Put further choices of a request before everything that its client waits for in its
        class."""
        first = next(iter(sequences), None)
        if first is not None:  # all of one request
            self._line(first).put_first(sequences)
            self._length += len(sequences)
            self._note_oldest(first.request.urgency)

    def remove(self, request: Request) -> None:
        """Drop a request's sequences."""
        line = self._lines.get(request.urgency)
        if line is not None:
            before = len(line)
            line.remove(request)
            self._length -= before - len(line)
            self._drop_if_empty(request.urgency)

    def _line(self, sequence: Sequence) -> WaitingLine:
        urgency = sequence.request.urgency
        line = self._lines.get(urgency)
        if line is None:
            shares = self._shares.setdefault(urgency, Shares())
            line = self._lines[urgency] = WaitingLine(shares, self._numbers)
            insort(self._order, urgency)
        return line

    def _drop_if_empty(self, urgency: Urgency) -> None:
        if urgency in self._lines and not self._lines[urgency]:
            del self._lines[urgency]
            del self._order[bisect_left(self._order, urgency)]
        if urgency not in self._lines and self._shares[urgency].idle:
            del self._shares[urgency]

    def _next(self) -> Urgency:
        """Whose turn it is."""
        first = self._order[0]
        if self._passed < _SHARE - 1 or len(self._order) == 1:
            return first
        skipped = None
        while (found := self._longest_waiting())[1] == first:
            skipped = heapq.heappop(self._oldest)
        if skipped is not None:
            heapq.heappush(self._oldest, skipped)
        return found[1]

    def _longest_waiting(self) -> tuple[int, Urgency]:
        """Who waits for longest of those in the heap, with what was true once put right."""
        while True:
            number, urgency = self._oldest[0]
            line = self._lines.get(urgency)
            if line is None:
                heapq.heappop(self._oldest)
            elif line.oldest != number:
                heapq.heapreplace(self._oldest, (line.oldest, urgency))
            else:
                return self._oldest[0]

    def _note_oldest(self, urgency: Urgency) -> None:
        heapq.heappush(self._oldest, (self._lines[urgency].oldest, urgency))
        if len(self._oldest) > 2 * len(self._lines) + _FORMER:
            self._oldest = [(line.oldest, each) for each, line in self._lines.items()]
            heapq.heapify(self._oldest)
