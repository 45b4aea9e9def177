"""The sessions of a server: whose they are, what was said in them, when each was used last."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, tuple_

from colonnade.sessions import tables
from colonnade.sessions.database import Database
from colonnade.sessions.owned import NO_BOUNDS, Bounds, Sessions
from colonnade.sessions.turns import Turns
from colonnade.sessions.whole import to_the_end

if TYPE_CHECKING:
    from collections.abc import Callable


class SessionStore:
    """Sessions in a database, each forgotten when it has not been used for a time.

    Several stores, of several processes too, may share a database. Make one with ``open``. What
    asks the database raises ``SessionError`` when that fails.
    """

    def __init__(
        self, database: Database, expire_seconds: float, bounds: Bounds, now: Callable[[], float]
    ) -> None:
        self._database = database
        self._expire_seconds = expire_seconds
        self._bounds = bounds
        self._now = now
        self._turns = Turns(bounds.waiting_of_one, bounds.waiting)

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        expire_seconds: float,
        bounds: Bounds = NO_BOUNDS,
        now: Callable[[], float] = time.time,
    ) -> SessionStore:
        """Open the database that a URL names, and make what is missing there.

        ``sqlite:///relative/file``, ``sqlite:////absolute/file``, ``sqlite://`` (in memory) or
        ``postgresql://user:password@host:port/database``; a driver named there does not matter.
        ``expire_seconds``: how long an unused session is kept, ``math.inf`` for ever.

        Raises:
            SessionError: it cannot be opened.
        """
        return cls(await Database.open(url), expire_seconds, bounds, now)

    async def close(self) -> None:
        """Let go of the database."""
        await self._database.close()

    @property
    def waiting(self) -> int:
        """Requests that wait for others to the same session."""
        return self._turns.waiting

    def of(self, owner: str) -> Sessions:
        """The sessions of an owner: the name of a key, or nothing where none is needed."""
        return Sessions(
            owner, self._database, self._turns, self._bounds, self._now, self._expire_seconds
        )

    @to_the_end
    async def sweep(self) -> int:
        """Delete the expired sessions with all that was said in them; returns how many."""
        kept = tables.sessions.c
        expired = kept.used <= self._now() - self._expire_seconds
        # One that somebody else has in hand is left to them: two sweeps would wait for each other.
        names = select(kept.owner, kept.id).where(expired).with_for_update(skip_locked=True)
        async with self._database.transaction() as connection:
            this = delete(tables.sessions).where(tuple_(kept.owner, kept.id).in_(names))
            return (await connection.execute(this)).rowcount
