"""A database as its URL names it, and its failures in words."""

from __future__ import annotations

import errno
import logging
import re
import sqlite3
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import AsyncAdaptedQueuePool, event, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from colonnade.sessions.errors import SessionError
from colonnade.sessions.tables import make_tables

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from sqlalchemy import URL
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_BUSY_SECONDS = 10
"""How long SQLite waits for another process that writes."""

_CONNECT_SECONDS = 10
_ANSWER_SECONDS = 30

_NO_ROOM = (
    sqlite3.SQLITE_FULL,
    # What it makes of a file that may not grow: the system's reason is lost on the way.
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_TRUNCATE,
    sqlite3.SQLITE_IOERR_SHMSIZE,
)
_POSTGRESQL_DISK_FULL = "53100"

_FAILURES = (SQLAlchemyError, SessionError, OSError)
_MISTAKES = (sqlite3.Error, TypeError, ValueError)
"""What opening may raise beside those. The last two: the URL's query says what no driver knows."""


class Database:
    """An open database. Make one with ``open``."""

    def __init__(self, engine: AsyncEngine, name: str) -> None:
        self._engine = engine
        self._name = name

    @classmethod
    async def open(cls, url: str) -> Database:
        """Connect, and make what is missing: directories, the file, tables.

        Raises:
            SessionError: the URL is of no use, the server is not there or refuses, or the tables
                are another version's.
        """
        parsed = _parse(url)
        name = parsed.set(query={}).render_as_string(hide_password=True)
        with _told(f"The session database {name} cannot be opened", *_MISTAKES):
            engine = _make_engine(parsed)
            try:
                async with engine.begin() as connection:
                    await make_tables(connection)
            except BaseException:
                await engine.dispose()
                raise
        return cls(engine, name)

    @property
    def dialect(self) -> str:
        """What SQLAlchemy calls the kind of database: ``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """All of what is done in here, or nothing.

        Raises:
            SessionError: the database fails.
        """
        with _told(f"The session database {self._name} cannot be used"):
            async with self._engine.begin() as connection:
                yield connection

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url.strip())
    except (SQLAlchemyError, ValueError):
        parsed = None
    if parsed is None or not _is_clear(parsed):
        scheme = re.match(r"\w[\w+]*://", url)  # any part of the rest may be the password
        shown = f" {scheme[0]}..." if scheme else ""
        msg = (
            f"The session database's URL{shown} cannot be read: it is sqlite:///FILE or "
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with %40 for an @ in the password."
        )
        raise SessionError(msg) from None
    return parsed


def _is_clear(url: URL) -> bool:
    """Whether it can be said what the parts of a URL are."""
    match url.get_backend_name():
        case "sqlite":
            return not (url.host or url.username or url.password or url.port)
        case "postgresql":
            return "@" not in f"{url.host}{url.database}"  # then it is the password's, unquoted
        case _:
            return False


def _make_engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    return _postgresql(url)


def _sqlite(url: URL) -> AsyncEngine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        # Where the file cannot be opened, that is found here: aiosqlite leaves a thread behind
        # then, which may find the event loop closed and complain to the terminal.
        sqlite3.connect(url.database).close()
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        # One connection: SQLite writes for one at a time anyway, and whoever waits for this one
        # gets it in turn, where SQLite's own waiting polls. In memory, it is the database.
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=_ANSWER_SECONDS,
        connect_args={"timeout": _BUSY_SECONDS},
        hide_parameters=True,  # users' words are nothing for logs
    )
    logging.getLogger("aiosqlite").setLevel(logging.INFO)  # not its every step
    event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    return engine


def _set_up_sqlite(connection: DBAPIConnection, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")  # readers and the writer do not wait for each other
    # The system has what is committed, so that it survives this process; NORMAL spares waiting
    # for the disk, and costs the last commits, not the file, when the machine itself goes down.
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _postgresql(url: URL) -> AsyncEngine:
    query = dict(url.query)
    if "sslmode" in query:  # as every other program has it in its URL; asyncpg names it otherwise
        query["ssl"] = query.pop("sslmode")
    try:
        return create_async_engine(
            url.set(drivername="postgresql+asyncpg", query=query),
            pool_pre_ping=True,  # the server may have been started anew meanwhile
            pool_timeout=_ANSWER_SECONDS,
            max_overflow=0,  # connecting for a moment costs more than waiting for one that is there
            connect_args={"timeout": _CONNECT_SECONDS, "command_timeout": _ANSWER_SECONDS},
            hide_parameters=True,
        )
    except ModuleNotFoundError as error:
        msg = f"{error.name} is not installed: pip install 'colonnade[postgres]'"
        raise SessionError(msg) from None


@contextmanager
def _told(what: str, *more: type[Exception]) -> Iterator[None]:
    """Tell a failure of the database, or what of ``more`` is raised, as a ``SessionError``."""
    failures: tuple[type[Exception], ...] = (*_FAILURES, *more)
    try:
        yield
    except failures as error:
        msg = f"{what}: {_reason(error)}"
        raise SessionError(msg, full=_is_full(error)) from error


def _is_full(error: BaseException) -> bool:
    """Whether a failure says that there is no room left."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, OSError):
        return cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", None) in _NO_ROOM
    return getattr(cause, "sqlstate", None) == _POSTGRESQL_DISK_FULL


def _reason(error: BaseException) -> str:
    """One line, of the driver's own words where there are some."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    if isinstance(error, TimeoutError):
        return "there is no answer"
    line, *_ = str(error).strip().split("\n")
    return line or type(error).__name__
