"""What keys have used of the server, by days, in the same database."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from colonnade.generation import Used
from colonnade.sessions.database import Database
from colonnade.sessions.tables import usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_INSERTS: dict[str, Callable[..., Any]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
"""By dialect: both know ON CONFLICT, in the same words, and SQLAlchemy's general one does not."""

_KEPT_DAYS = 1100
"""Three years."""


class UsageStore:
    """The accounts of all keys. Several servers may share a database, and add up there.

    Make one with ``open``. What asks the database raises ``SessionError`` when that fails.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = _INSERTS[database.dialect]

    @classmethod
    async def open(cls, url: str, today: dt.date) -> UsageStore:
        """Open the database that a URL names, as ``SessionStore.open``; forget what is old.

        Raises:
            SessionError: it cannot be opened.
        """
        store = cls(await Database.open(url))
        old = delete(usage).where(usage.c.day < today - dt.timedelta(days=_KEPT_DAYS))
        async with store._database.transaction() as connection:
            await connection.execute(old)
        return store

    async def close(self) -> None:
        """Let go of the database."""
        await self._database.close()

    async def add(self, used: Mapping[tuple[str, dt.date], Used]) -> None:
        """Add to what is kept of each key and day, all of it or nothing."""
        rows = self._insert(usage)
        counts = ("requests", "prompt_tokens", "completion_tokens")
        adding = rows.on_conflict_do_update(
            index_elements=[usage.c.name, usage.c.day],
            set_={name: usage.c[name] + rows.excluded[name] for name in counts},
        )
        # in one order everywhere, so that two servers do not wait for each other in a circle
        values = [
            {"name": name, "day": day} | {each: getattr(of, each) for each in counts}
            for (name, day), of in sorted(used.items(), key=lambda item: item[0])
        ]
        async with self._database.transaction() as connection:
            await connection.execute(adding, values)

    async def since(self, day: dt.date) -> dict[tuple[str, dt.date], Used]:
        """What was used on a day and after it."""
        asked = select(usage).where(usage.c.day >= day)
        async with self._database.transaction() as connection:
            rows = (await connection.execute(asked)).all()
        return {
            (row.name, row.day): Used(row.requests, row.prompt_tokens, row.completion_tokens)
            for row in rows
        }
