"""The sequences without a slot, shared out fairly between those who ask.

Every operation that a step needs takes the same time however many wait.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from colonnade.worker.sequence import Request, Sequence


_FORMER = 64
"""Entries of the heap for lines that begin with another one by now, which are let be: so that to
be rid of them costs little a step, and none grow into many while nobody is taken."""


class Waiter(NamedTuple):
    """A sequence in line."""

    number: int
    """The less, the earlier it came."""
    sequence: Sequence


class WaitingLine:
    """A line for each client: first in, first out."""

    def __init__(self, numbers: Iterator[int] | None = None) -> None:
        """``numbers`` count up, for this line and others beside it."""
        self._lines: dict[str, deque[Waiter]] = {}
        """None of them empty."""
        self._heads: list[tuple[int, str]] = []
        """A heap of the first of each line, and of what were once the first."""
        self._numbers = itertools.count() if numbers is None else numbers
        self._length = 0

    def __len__(self) -> int:
        """Number of sequences."""
        return self._length

    @property
    def oldest(self) -> int:
        """The number of who waits for longest. There is somebody."""
        while self._is_former(*self._heads[0]):
            heapq.heappop(self._heads)
        return self._heads[0][0]

    def add(self, sequence: Sequence) -> None:
        """Put a sequence at the end of its client's line."""
        client = sequence.request.client
        number = next(self._numbers)
        line = self._lines.setdefault(client, deque())
        line.append(Waiter(number, sequence))
        self._length += 1
        if len(line) == 1:
            heapq.heappush(self._heads, (number, client))

    def pop(self, held: Mapping[str, int]) -> Waiter | None:
        """Take the next one: of the client that holds the fewest slots, of those the one that
        waits for longest. ``held`` gives the slots of each client that has any."""
        client = self._first_without(held)
        if client is None:
            waiting = [each for each in held if each in self._lines]
            if not waiting:
                return None
            client = min(waiting, key=lambda each: (held[each], self._lines[each][0].number))
        line = self._lines[client]
        entry = line.popleft()
        self._length -= 1
        self._renew(client)
        return entry

    def put_back(self, entries: Collection[Waiter]) -> None:
        """Return what was taken to where it was; several in the order in which they came."""
        for entry in reversed(list(entries)):
            client = entry.sequence.request.client
            self._lines.setdefault(client, deque()).appendleft(entry)
            self._length += 1
            self._renew(client)

    def put_first(self, sequences: Collection[Sequence]) -> None:
        """Put further choices of a request before everything that its client waits for."""
        number = -next(self._numbers)
        self.put_back([Waiter(number, sequence) for sequence in sequences])

    def remove(self, request: Request) -> None:
        """Drop a request's sequences."""
        client = request.client
        line = self._lines.get(client)
        if line is None:
            return
        kept = deque(entry for entry in line if entry.sequence.request is not request)
        self._length -= len(line) - len(kept)
        self._lines[client] = kept
        self._renew(client)

    def _renew(self, client: str) -> None:
        """Note that a line begins with another one, or has ended."""
        line = self._lines[client]
        if line:
            heapq.heappush(self._heads, (line[0].number, client))
        else:
            del self._lines[client]
        if len(self._heads) > 2 * len(self._lines) + _FORMER:
            self._heads = [(each[0].number, name) for name, each in self._lines.items()]
            heapq.heapify(self._heads)

    def _first_without(self, held: Mapping[str, int]) -> str | None:
        """The client without a slot whose first one waits for longest."""
        skipped = []
        found = None
        while self._heads and found is None:
            number, client = self._heads[0]
            if self._is_former(number, client):
                heapq.heappop(self._heads)
            elif held.get(client):
                skipped.append(heapq.heappop(self._heads))
            else:
                found = client
        for head in skipped:
            heapq.heappush(self._heads, head)
        return found

    def _is_former(self, number: int, client: str) -> bool:
        """Whether an entry of the heap says what was true once."""
        line = self._lines.get(client)
        return line is None or line[0].number != number
