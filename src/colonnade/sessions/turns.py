"""Whose turn it is in a session: requests to one are served one after the other."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable


@dataclass(slots=True)
class _Turn:
    """A session, for as long as somebody has it or waits for it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    asked: int = 0


class Turns:
    """Lets one after the other into a session; who asks first comes first."""

    def __init__(self, most_of_one: int, most: int) -> None:
        """``most_of_one``, ``most``: how many may wait for one session, and for all together."""
        self._most_of_one = most_of_one
        self._most = most
        self._turns: dict[Hashable, _Turn] = {}
        self.waiting = 0
        """Requests that wait for others to the same session."""

    @asynccontextmanager
    async def take(self, session: Hashable) -> AsyncIterator[None]:
        """Be alone with a session in this process.

        Raises:
            Failure: queue_full, where too many wait already.
        """
        turn = self._turns.get(session) or _Turn()
        if turn.asked:
            self._check_room(turn)
        self._turns[session] = turn
        turn.asked += 1
        try:
            await self._acquire(turn)
            try:
                yield
            finally:
                turn.lock.release()
        finally:
            turn.asked -= 1
            if not turn.asked:
                del self._turns[session]

    async def _acquire(self, turn: _Turn) -> None:
        self.waiting += 1
        try:
            await turn.lock.acquire()
        finally:
            self.waiting -= 1

    def _check_room(self, turn: _Turn) -> None:
        if turn.asked > self._most_of_one:
            msg = f"Too many requests wait for this session already: {turn.asked - 1}."
        elif self.waiting >= self._most:
            msg = f"Too many requests wait for their sessions already: {self.waiting}."
        else:
            return
        raise Failure(FailureKind.QUEUE_FULL, msg)
