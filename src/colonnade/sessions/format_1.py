"""What was kept before sessions had owners, and how it is kept now."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import (
    Column,
    Double,
    Integer,
    MetaData,
    Table,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.schema import DropTable

from colonnade.sessions.columns import AnyText

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

_metadata = MetaData()

_sessions = Table(
    "colonnade_sessions",
    _metadata,
    Column("id", AnyText, primary_key=True),
    Column("used", Double),
)

_exchanges = Table(
    "colonnade_exchanges",
    _metadata,
    Column("session", AnyText, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("user", AnyText),
    Column("assistant", AnyText),
)


async def keep_format_1(connection: AsyncConnection, sessions: Table, exchanges: Table) -> None:
    """Put what is in the tables of format 1 into today's, as nobody's, and drop those."""
    length = partial(func.length, type_=Integer)
    nobody = literal("", AnyText)
    said = _exchanges.c
    size = (
        select(func.coalesce(func.sum(length(said.user) + length(said.assistant)), 0))
        .where(said.session == _sessions.c.id)
        .scalar_subquery()
    )
    kept = select(nobody, _sessions.c.id, _sessions.c.used, size)
    await connection.execute(insert(sessions).from_select(["owner", "id", "used", "size"], kept))
    words = select(nobody, said.session, said.number, said.user, said.assistant)
    columns = ["owner", "session", "number", "user", "assistant"]
    await connection.execute(insert(exchanges).from_select(columns, words))
    for table in (_exchanges, _sessions):  # the first one refers to the other
        await connection.execute(DropTable(table))
