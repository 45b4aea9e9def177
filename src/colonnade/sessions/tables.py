"""The tables that sessions are kept in, and how they come into a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import (
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    TypeDecorator,
    insert,
    select,
    text,
)

from colonnade.sessions.errors import SessionError

if TYPE_CHECKING:
    from sqlalchemy import Dialect
    from sqlalchemy.ext.asyncio import AsyncConnection

_FORMAT = 1
"""What the tables below are; to be raised when they change."""

_ONE_AT_A_TIME = {
    "sqlite": text("BEGIN IMMEDIATE"),
    "postgresql": text("SELECT pg_advisory_xact_lock(4850711905)"),  # any number, the same for all
}
"""What lets only one process make tables: IF NOT EXISTS alone does not, on either database."""


class AnyText(TypeDecorator[str]):
    """Any text that Python can hold, as UTF-8.

    PostgreSQL's own text has no NUL, and neither database's has half a surrogate pair; what a
    client or a model says may have both.
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        """Make what is stored."""
        return None if value is None else value.encode("utf-8", "surrogatepass")

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Make what was meant."""
        return None if value is None else value.decode("utf-8", "surrogatepass")


_metadata = MetaData()

sessions = Table(
    "colonnade_sessions",
    _metadata,
    Column("id", AnyText, primary_key=True),
    Column("used", Double, nullable=False),  # seconds since 1970
    Index("colonnade_sessions_by_use", "used", "id"),  # the listing reads nothing else
)

exchanges = Table(
    "colonnade_exchanges",
    _metadata,
    Column("session", AnyText, ForeignKey(sessions.c.id, ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # in the session, from 1
    Column("user", AnyText, nullable=False),
    Column("assistant", AnyText, nullable=False),
    # The primary key's index is the way to the newest of a session, and there is no other to take.
)

_formats = Table("colonnade_session_format", _metadata, Column("format", Integer, nullable=False))


async def make_tables(connection: AsyncConnection) -> None:
    """Make the tables that are not there yet, within the connection's new transaction.

    Raises:
        SessionError: the tables are there, and another version of Colonnade made them.
    """
    await connection.execute(_ONE_AT_A_TIME[connection.dialect.name])
    await connection.run_sync(_metadata.create_all)
    found = await connection.scalar(select(_formats.c.format))
    if found is None:
        await connection.execute(insert(_formats).values(format=_FORMAT))
    elif found != _FORMAT:
        msg = f"its sessions are kept in format {found}, and this version knows format {_FORMAT}"
        raise SessionError(msg)
