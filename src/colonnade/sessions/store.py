"""The sessions of a server: what was said in them, and when each was used last."""

from __future__ import annotations

import asyncio
import functools
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from sqlalchemy import delete, exists, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from colonnade.sessions import tables
from colonnade.sessions.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection

_P = ParamSpec("_P")
_T = TypeVar("_T")

_INSERTS: dict[str, Callable[..., Any]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
"""By dialect: both know ON CONFLICT, in the same words, and SQLAlchemy's general one does not."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One user message and the answer to it."""

    user: str
    assistant: str


@dataclass(slots=True)
class _Turn:
    """Whose turn it is in a session, for as long as somebody has it or waits for it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    asked: int = 0


def _to_the_end(
    method: Callable[_P, Coroutine[Any, Any, _T]],
) -> Callable[_P, Coroutine[Any, Any, _T]]:
    """A method that is done once it is begun: a caller who is cancelled goes away after that.

    For SQLAlchemy throws away a connection whose user is cancelled, and a database in memory goes
    with it; and who comes next in a session has to find what was done there, not see it come.
    """

    @functools.wraps(method)
    async def whole(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        task = asyncio.create_task(method(*args, **kwargs))
        cancelled: asyncio.CancelledError | None = None
        while not task.done():
            try:
                await asyncio.wait((task,))
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            if not task.cancelled():
                task.exception()  # nobody is there to hear of it, and asyncio need not complain
            raise cancelled
        return task.result()

    return whole


class SessionStore:
    """Sessions in a database, each forgotten when it has not been used for a time.

    Several stores, of several processes too, may share a database. Make one with ``open``. What
    asks the database raises ``SessionError`` when that fails.
    """

    def __init__(self, database: Database, expire_seconds: float, now: Callable[[], float]) -> None:
        self._database = database
        self._insert = _INSERTS[database.dialect]
        self._expire_seconds = expire_seconds
        self._now = now
        self._turns: dict[str, _Turn] = {}

    @classmethod
    async def open(
        cls, url: str, *, expire_seconds: float, now: Callable[[], float] = time.time
    ) -> SessionStore:
        """Open the database that a URL names, and make what is missing there.

        ``sqlite:///relative/file``, ``sqlite:////absolute/file``, ``sqlite://`` (in memory) or
        ``postgresql://user:password@host:port/database``; a driver named there does not matter.
        ``expire_seconds``: how long an unused session is kept, ``math.inf`` for ever.

        Raises:
            SessionError: it cannot be opened.
        """
        return cls(await Database.open(url), expire_seconds, now)

    async def close(self) -> None:
        """Let go of the database."""
        await self._database.close()

    @asynccontextmanager
    async def exclusive(self, session_id: str) -> AsyncIterator[None]:
        """Be alone with a session in this process; who asks first comes first."""
        turn = self._turns.setdefault(session_id, _Turn())
        turn.asked += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.asked -= 1
            if not turn.asked:
                del self._turns[session_id]

    @_to_the_end
    async def history(self, session_id: str, exchanges: int) -> list[Exchange]:
        """The newest exchanges of a session, oldest first; none where there is no session."""
        said, kept = tables.exchanges.c, tables.sessions.c
        # A join would say the same, and lets the database begin at its other end and sort.
        is_live = exists().where(kept.id == session_id, ~self._expired())
        newest = (
            select(said.user, said.assistant)
            .where(said.session == session_id, is_live)
            .order_by(said.number.desc())
            .limit(exchanges)
        )
        async with self._database.transaction() as connection:
            rows = (await connection.execute(newest)).all()
        return [Exchange(user, assistant) for user, assistant in reversed(rows)]

    @_to_the_end
    async def add(self, session_id: str, exchange: Exchange) -> None:
        """Keep an exchange. Renews the session, which begins here where there is none."""
        said = tables.exchanges.c
        last = select(func.coalesce(func.max(said.number), 0)).where(said.session == session_id)
        row = insert(tables.exchanges).values(
            session=session_id,
            number=last.scalar_subquery() + 1,
            user=exchange.user,
            assistant=exchange.assistant,
        )
        async with self._database.transaction() as connection:
            await self._renew(connection, session_id)  # from here on nobody else adds to it
            await connection.execute(row)

    @_to_the_end
    async def touch(self, session_id: str) -> None:
        """Renew a session, which begins here where there is none."""
        async with self._database.transaction() as connection:
            await self._renew(connection, session_id)

    @_to_the_end
    async def clear(self, session_id: str) -> bool:
        """Forget a session; False where there is none."""
        this = delete(tables.sessions).where(tables.sessions.c.id == session_id)
        async with self._database.transaction() as connection:
            await connection.execute(this.where(self._expired()))
            return (await connection.execute(this)).rowcount > 0

    @_to_the_end
    async def live(self) -> list[str]:
        """The ids of the sessions, the one used last first."""
        kept = tables.sessions.c
        ids = select(kept.id).where(~self._expired()).order_by(kept.used.desc(), kept.id.desc())
        async with self._database.transaction() as connection:
            return list(await connection.scalars(ids))

    @_to_the_end
    async def sweep(self) -> int:
        """Delete the expired sessions with all that was said in them; returns how many."""
        kept = tables.sessions.c
        # One that somebody else has in hand is left to them: two sweeps would wait for each other.
        ids = select(kept.id).where(self._expired()).with_for_update(skip_locked=True)
        async with self._database.transaction() as connection:
            done = await connection.execute(delete(tables.sessions).where(kept.id.in_(ids)))
        return done.rowcount

    async def _renew(self, connection: AsyncConnection, session_id: str) -> None:
        """Note a session's use. What it was before it expired is gone."""
        kept, now = tables.sessions, self._now()
        await connection.execute(delete(kept).where(kept.c.id == session_id, self._expired()))
        begin = self._insert(kept).values(id=session_id, used=now)
        renew = begin.on_conflict_do_update(index_elements=[kept.c.id], set_={"used": now})
        await connection.execute(renew)

    def _expired(self) -> ColumnElement[bool]:
        """That a session is, by now."""
        return tables.sessions.c.used <= self._now() - self._expire_seconds
