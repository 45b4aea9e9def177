"""What each client has been served, so that the one that has had the least comes next.

Start-time fair queueing (Goyal, Vin, Cheng, 1996), with what was served in place of what is asked
for, which nobody knows beforehand. A client's account grows with what is computed for it. A client
that waits for nothing gathers no claim meanwhile: when it comes (again), its account is put forward
to the virtual time, which follows the accounts of those whose turn comes. It also follows, one
large request behind, what an equal share would have given each: or else ever new clients could keep
out for ever one that has had something.
"""

from __future__ import annotations

import heapq
from collections import Counter

_MOST_PAST = 1024
"""Clients that are remembered after they left, because they have had more than their share."""

_SHRINKS = 63 / 64
"""By how much the largest cost becomes less with each sequence."""


class Shares:
    """The accounts of those whose sequences wait or run. Costs are in tokens of prompts read."""

    def __init__(self) -> None:
        self._served: dict[str, float] = {}
        self._active: Counter[str] = Counter()
        """Sequences of each client that wait or run; none is 0."""
        self._past: list[tuple[float, str]] = []
        """A heap of those that have left ahead of the time."""
        self._started = 0.0
        """The largest account of those whose turn came, at that time."""
        self._equal = 0.0
        """What an equal share would have given each."""
        self._largest = 0.0
        """What a large sequence costs; it becomes less where none comes again."""

    def __len__(self) -> int:
        """Clients that are remembered."""
        return len(self._served)

    @property
    def _time(self) -> float:
        return max(self._started, self._equal - self._largest)

    @property
    def idle(self) -> bool:
        """Nobody waits or runs."""
        return not self._active

    def served(self, client: str) -> float:
        """What a client has been served, or could have been."""
        return self._served[client]

    def join(self, client: str, count: int = 1, *, waits: bool = False) -> None:
        """Add sequences of a client. ``waits``: others of it wait already, so that its account is
        what it is."""
        if not waits:
            self._served[client] = max(self._time, self._served.get(client, 0.0))
        self._active[client] += count

    def leave(self, client: str, count: int = 1) -> None:
        """Take sequences away: they have ended, or wait no more."""
        self._active[client] -= count
        if not self._active[client]:
            del self._active[client]
            heapq.heappush(self._past, (self._served[client], client))
            self._forget()

    def start(self, client: str) -> None:
        """It was a client's turn."""
        self._started = max(self._started, self._served[client])
        self._largest *= _SHRINKS

    def charge(self, client: str, cost: float, altogether: float) -> None:
        """Note that so much more was computed for a sequence of a client that is there, and how
        much it is altogether."""
        self._served[client] += cost
        self._equal += cost / len(self._active)
        self._largest = max(self._largest, altogether)

    def _forget(self) -> None:
        """Forget those who have had no more than their share, and of the others those that have had
        the least."""
        past, time = self._past, self._time
        while past and (past[0][0] <= time or len(past) > _MOST_PAST):
            served, client = heapq.heappop(past)
            if client not in self._active and self._served.get(client) == served:
                del self._served[client]
