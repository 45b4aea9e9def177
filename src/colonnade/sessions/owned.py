"""The sessions of one owner, which no other one can see or change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Integer, and_, delete, exists, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from colonnade.sessions import tables
from colonnade.sessions.whole import to_the_end

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection

    from colonnade.sessions.database import Database
    from colonnade.sessions.turns import Turns

_INSERTS: dict[str, Callable[..., Any]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
"""By dialect: both know ON CONFLICT, in the same words, and SQLAlchemy's general one does not."""

_ENDLESS = 1 << 62


@dataclass(frozen=True, slots=True)
class Exchange:
    """One user message and the answer to it."""

    user: str
    assistant: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept.

    ``exchanges``: of one session, the newest; ``sessions`` and ``size`` (bytes of what was said):
    of one owner, those used last. ``waiting_of_one`` and ``waiting``: requests that may wait for
    their turn in one session, and in all together.
    """

    exchanges: int = _ENDLESS
    sessions: int = _ENDLESS
    size: int = _ENDLESS
    waiting_of_one: int = _ENDLESS
    waiting: int = _ENDLESS


NO_BOUNDS = Bounds()


class Place(NamedTuple):
    """A session's place in the listing: when it was used last, and its id."""

    used: float
    id: str


def _length(column: ColumnElement[str]) -> ColumnElement[int]:
    """Bytes of a text."""
    return func.length(column, type_=Integer)


class Sessions:
    """What ``SessionStore.of`` gives. All of it raises ``SessionError`` when the database fails."""

    def __init__(
        self,
        owner: str,
        database: Database,
        turns: Turns,
        bounds: Bounds,
        now: Callable[[], float],
        expire_seconds: float,
    ) -> None:
        self._owner = owner
        self._database = database
        self._turns = turns
        self._bounds = bounds
        self._now = now
        self._expire_seconds = expire_seconds

    def exclusive(self, session_id: str) -> AbstractAsyncContextManager[None]:
        """Be alone with a session in this process; who asks first comes first.

        Raises:
            Failure: queue_full, where too many wait already.
        """
        return self._turns.take((self._owner, session_id))

    @to_the_end
    async def history(self, session_id: str, exchanges: int) -> list[Exchange]:
        """The newest exchanges of a session, oldest first; none where there is no session."""
        said = tables.exchanges.c
        # A join would say the same, and lets the database begin at its other end and sort.
        is_live = exists().where(self._named(session_id), ~self._expired())
        newest = (
            select(said.user, said.assistant)
            .where(self._said(session_id), is_live)
            .order_by(said.number.desc())
            .limit(exchanges)
        )
        async with self._database.transaction() as connection:
            rows = (await connection.execute(newest)).all()
        return [Exchange(user, assistant) for user, assistant in reversed(rows)]

    @to_the_end
    async def add(self, session_id: str, exchange: Exchange) -> None:
        """Keep an exchange. Renews the session, which begins here where there is none.

        What is too much by now is forgotten: the session's oldest exchanges, and those of the
        owner's other sessions that were not used for longest.
        """
        said = tables.exchanges.c
        last = select(func.coalesce(func.max(said.number), 0)).where(self._said(session_id))
        row = insert(tables.exchanges).values(
            owner=self._owner,
            session=session_id,
            number=last.scalar_subquery() + 1,
            user=exchange.user,
            assistant=exchange.assistant,
        )
        async with self._database.transaction() as connection:
            await self._renew(connection, session_id)  # from here on nobody else adds to it
            await connection.execute(row)
            await self._forget_oldest(connection, session_id)
            await self._measure(connection, session_id)
            await self._forget_unused(connection, session_id)

    @to_the_end
    async def touch(self, session_id: str) -> None:
        """Renew a session, which begins here where there is none."""
        async with self._database.transaction() as connection:
            await self._renew(connection, session_id)
            await self._forget_unused(connection, session_id)

    @to_the_end
    async def clear(self, session_id: str) -> bool:
        """Forget a session; False where there is none."""
        this = delete(tables.sessions).where(self._named(session_id))
        async with self._database.transaction() as connection:
            await connection.execute(this.where(self._expired()))
            return (await connection.execute(this)).rowcount > 0

    @to_the_end
    async def live(self, most: int, behind: Place | None = None) -> list[Place]:
        """The first sessions, or the first ones behind a place; the one used last comes first."""
        kept = tables.sessions.c
        page = select(kept.used, kept.id).where(self._mine(), ~self._expired())
        if behind is not None:
            then = (kept.used == behind.used) & (kept.id < behind.id)
            page = page.where((kept.used < behind.used) | then)
        page = page.order_by(kept.used.desc(), kept.id.desc()).limit(most)
        async with self._database.transaction() as connection:
            return [Place(*row) for row in await connection.execute(page)]

    @to_the_end
    async def count(self) -> int:
        """How many there are."""
        count = select(func.count()).where(self._mine(), ~self._expired())
        async with self._database.transaction() as connection:
            return await connection.scalar(count) or 0

    async def _renew(self, connection: AsyncConnection, session_id: str) -> None:
        """Note a session's use. What it was before it expired is gone."""
        kept, now = tables.sessions, self._now()
        this = delete(kept).where(self._named(session_id), self._expired())
        await connection.execute(this)
        begin = _INSERTS[self._database.dialect](kept).values(
            owner=self._owner, id=session_id, used=now, size=0
        )
        renew = begin.on_conflict_do_update(
            index_elements=[kept.c.owner, kept.c.id], set_={"used": now}
        )
        await connection.execute(renew)

    async def _forget_oldest(self, connection: AsyncConnection, session_id: str) -> None:
        """Of a session, what no answer will build on."""
        said = tables.exchanges.c
        last = select(func.max(said.number)).where(self._said(session_id)).scalar_subquery()
        old = self._said(session_id) & (said.number <= last - self._bounds.exchanges)
        await connection.execute(delete(tables.exchanges).where(old))

    async def _measure(self, connection: AsyncConnection, session_id: str) -> None:
        """Note how much a session holds."""
        said = tables.exchanges.c
        length = func.sum(_length(said.user) + _length(said.assistant))
        size = select(func.coalesce(length, 0)).where(self._said(session_id)).scalar_subquery()
        this = update(tables.sessions).where(self._named(session_id))
        await connection.execute(this.values(size=size))

    async def _forget_unused(self, connection: AsyncConnection, session_id: str) -> None:
        """Forget the owner's sessions that were not used for longest, where there are too many."""
        if await self._fits(connection):
            return
        kept = tables.sessions.c
        order = (kept.id != session_id, kept.used.desc(), kept.id.desc())
        ranked = (
            select(
                kept.id,
                func.row_number().over(order_by=order).label("place"),
                func.sum(kept.size).over(order_by=order).label("total"),
            )
            .where(self._mine())
            .subquery()
        )
        over = self._over(ranked.c.place, ranked.c.total)
        # One that somebody else has in hand is left alone: two would wait for each other.
        those = (
            select(kept.id)
            .where(self._mine(), kept.id.in_(select(ranked.c.id).where(over)))
            .with_for_update(skip_locked=True)
        )
        unused = self._mine() & (kept.id != session_id) & kept.id.in_(those)
        await connection.execute(delete(tables.sessions).where(unused))

    async def _fits(self, connection: AsyncConnection) -> bool:
        kept = tables.sessions.c
        sums = select(func.count(), func.coalesce(func.sum(kept.size), 0)).where(self._mine())
        count, size = (await connection.execute(sums)).one()
        return bool(count <= self._bounds.sessions and size <= self._bounds.size)

    def _over(self, place: ColumnElement[Any], total: ColumnElement[Any]) -> ColumnElement[bool]:
        """That a session is beyond the bounds, by its place and the size up to it."""
        return (place > self._bounds.sessions) | (total > self._bounds.size)

    def _mine(self) -> ColumnElement[bool]:
        """That a session is the owner's."""
        return tables.sessions.c.owner == self._owner

    def _named(self, session_id: str) -> ColumnElement[bool]:
        """That a session is this one."""
        return and_(self._mine(), tables.sessions.c.id == session_id)

    def _said(self, session_id: str) -> ColumnElement[bool]:
        """That an exchange is of this session."""
        said = tables.exchanges.c
        return and_(said.owner == self._owner, said.session == session_id)

    def _expired(self) -> ColumnElement[bool]:
        """That a session is, by now."""
        return tables.sessions.c.used <= self._now() - self._expire_seconds
