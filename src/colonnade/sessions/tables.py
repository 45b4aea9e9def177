"""The tables that sessions are kept in, and how they come into a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    insert,
    select,
    text,
    update,
)

from colonnade.sessions.columns import AnyText
from colonnade.sessions.errors import SessionError
from colonnade.sessions.format_1 import keep_format_1

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

_FORMAT = 2
"""What the tables below are; to be raised when they change."""

_ONE_AT_A_TIME = {
    "sqlite": text("BEGIN IMMEDIATE"),
    "postgresql": text("SELECT pg_advisory_xact_lock(4850711905)"),  # any number, the same for all
}
"""What lets only one process make tables: IF NOT EXISTS alone does not, on either database."""


_metadata = MetaData()

sessions = Table(
    "colonnade_chat_sessions",
    _metadata,
    Column("owner", AnyText, primary_key=True),  # the name of a key; "" where none is needed
    Column("id", AnyText, primary_key=True),
    Column("used", Double, nullable=False),  # seconds since 1970
    Column("size", BigInteger, nullable=False, default=0),  # bytes of all that is kept of it
    # Listing and counting read nothing else.
    Index("colonnade_chat_sessions_by_use", "owner", "used", "id", "size"),
)

exchanges = Table(
    "colonnade_chat_exchanges",
    _metadata,
    Column("owner", AnyText, primary_key=True),
    Column("session", AnyText, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),  # from 1
    Column("user", AnyText, nullable=False),
    Column("assistant", AnyText, nullable=False),
    # The primary key's index is the way to the newest of a session, and there is no other to take.
    ForeignKeyConstraint(
        ["owner", "session"], [sessions.c.owner, sessions.c.id], ondelete="CASCADE"
    ),
)

usage = Table(
    "colonnade_usage",
    _metadata,
    Column("name", AnyText, primary_key=True),  # of a key
    Column("day", Date, primary_key=True),  # by UTC
    Column("requests", BigInteger, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
)

_formats = Table("colonnade_session_format", _metadata, Column("format", Integer, nullable=False))


async def make_tables(connection: AsyncConnection) -> None:
    """Make the tables that are not there yet, within the connection's new transaction.

    Those of the format before are replaced, and what is in them is kept.

    Raises:
        SessionError: the tables are there, and a newer version of Colonnade made them.
    """
    await connection.execute(_ONE_AT_A_TIME[connection.dialect.name])
    await connection.run_sync(_metadata.create_all)
    found = await connection.scalar(select(_formats.c.format))
    if found == _FORMAT:
        return
    if found is None:
        await connection.execute(insert(_formats).values(format=_FORMAT))
    elif found == 1:
        await keep_format_1(connection, sessions, exchanges)
        await connection.execute(update(_formats).values(format=_FORMAT))
    else:
        msg = f"its sessions are kept in format {found}, and this version knows format {_FORMAT}"
        raise SessionError(msg)
