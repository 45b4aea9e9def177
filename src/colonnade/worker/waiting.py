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
    from colonnade.worker.shares import Shares


_FORMER = 64
"""Entries of a heap that say what was true once, which are let be: so that to be rid of them costs
little a step, and none grow into many while nobody is taken."""


class Waiter(NamedTuple):
    """A sequence in line."""

    number: int
    """The less, the earlier it came."""
    sequence: Sequence


class Turn(NamedTuple):
    """When a client's first sequence is to be taken: the least comes first."""

    served: float
    """What its client has been served, see ``shares``."""
    number: int
    client: str


class WaitingLine:
    """A line for each client: first in, first out."""

    def __init__(self, shares: Shares, numbers: Iterator[int] | None = None) -> None:
        """``numbers`` count up, for this line and others beside it."""
        self._shares = shares
        self._lines: dict[str, deque[Waiter]] = {}
        """None of them empty."""
        self._heads: list[tuple[int, str]] = []
        """A heap of the first of each line, and of what were once the first."""
        self._turns: list[Turn] = []
        """A heap of a turn for each line, not later than its own, and of what were once some."""
        self._turn: dict[str, Turn] = {}
        """The one of each line that counts."""
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
        line = self._lines.setdefault(client, deque())
        self._shares.join(client, waits=bool(line))
        line.append(Waiter(next(self._numbers), sequence))
        self._length += 1
        if len(line) == 1:
            self._renew(client)

    def pop(self, held: Mapping[str, int], usual: float) -> Waiter | None:
        """Take the next one: of the client that has been served the least, where each slot that it
        holds counts for what it is about to be served; among equals, the one that waits for
        longest. ``held`` gives the slots of each client that has any, ``usual`` the cost of a
        sequence."""
        found = self._first_without(held)
        others = [
            Turn(self._shares.served(each) + slots * usual, self._lines[each][0].number, each)
            for each, slots in held.items()
            if each in self._lines
        ]
        turn = min(others if found is None else [found, *others], default=None)
        if turn is None:
            return None
        entry = self._lines[turn.client].popleft()
        self._length -= 1
        self._renew(turn.client)
        return entry

    def put_back(self, entries: Collection[Waiter]) -> None:
        """Return what was taken to where it was; several in the order in which they came."""
        for entry in reversed(list(entries)):
            client = entry.sequence.request.client
            self._lines.setdefault(client, deque()).appendleft(entry)
            self._length += 1
            self._renew(client)

    def put_first(self, sequences: Collection[Sequence]) -> None:
        """Put further choices of a request before everything that its client waits for. They were
        asked for when the request was."""
        number = -next(self._numbers)
        for sequence in sequences:
            self._shares.join(sequence.request.client, waits=True)
        self.put_back([Waiter(number, sequence) for sequence in sequences])

    def remove(self, request: Request) -> None:
        """Drop a request's sequences."""
        client = request.client
        line = self._lines.get(client)
        if line is None:
            return
        kept = deque(entry for entry in line if entry.sequence.request is not request)
        dropped = len(line) - len(kept)
        if dropped:
            self._length -= dropped
            self._lines[client] = kept
            self._renew(client)
            self._shares.leave(client, dropped)

    def _renew(self, client: str) -> None:
        """Note that a line begins with another one, or has ended."""
        line = self._lines[client]
        if line:
            heapq.heappush(self._heads, (line[0].number, client))
            self._note_turn(client)
        else:
            del self._lines[client]
            self._turn.pop(client, None)
        if len(self._heads) > 2 * len(self._lines) + _FORMER:
            self._heads = [(each[0].number, name) for name, each in self._lines.items()]
            heapq.heapify(self._heads)

    def _note_turn(self, client: str) -> None:
        turn = Turn(self._shares.served(client), self._lines[client][0].number, client)
        self._turn[client] = turn
        heapq.heappush(self._turns, turn)
        if len(self._turns) > 2 * len(self._lines) + _FORMER:
            self._turns = list(self._turn.values())
            heapq.heapify(self._turns)

    def _first_without(self, held: Mapping[str, int]) -> Turn | None:
        """The turn of the client without a slot that comes first."""
        skipped = []
        found = None
        while self._turns and found is None:
            turn = self._turns[0]
            if self._turn.get(turn.client) != turn:
                heapq.heappop(self._turns)
            elif turn.served != self._shares.served(turn.client):  # it was served more since then
                heapq.heappop(self._turns)
                self._note_turn(turn.client)
            elif held.get(turn.client):
                skipped.append(heapq.heappop(self._turns))
            else:
                found = turn
        for turn in skipped:
            heapq.heappush(self._turns, turn)
        return found

    def _is_former(self, number: int, client: str) -> bool:
        """Whether an entry of the heap says what was true once."""
        line = self._lines.get(client)
        return line is None or line[0].number != number
