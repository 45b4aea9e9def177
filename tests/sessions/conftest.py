"""A database of its own for each test: SQLite's, and PostgreSQL's where a server is given."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import NullPool, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from colonnade.sessions import Bounds, SessionStore

if TYPE_CHECKING:
    from pathlib import Path

OpenStore = Callable[..., Awaitable[SessionStore]]
Connect = Callable[[], Awaitable[AsyncConnection]]

_numbers = itertools.count(1)


class Clock:
    """A time that goes on when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1e9

    def __call__(self) -> float:
        return self.seconds


async def live(store: SessionStore, owner: str = "") -> list[str]:
    """The ids of an owner's sessions, the one used last first."""
    return [place.id for place in await store.of(owner).live(1 << 30)]


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """Of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'sessions.db'}"
        return
    async with _postgresql_database() as it:
        yield it


@pytest.fixture
async def postgresql_url() -> AsyncIterator[str]:
    """Of an empty database on a PostgreSQL server."""
    async with _postgresql_database() as it:
        yield it


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def open_store(url: str, clock: Clock) -> AsyncIterator[OpenStore]:
    """Open stores on the database, which keep sessions for 60 s; closed when the test ends."""
    async with AsyncExitStack() as stack:

        async def start(expire_seconds: float = 60, **bounds: int) -> SessionStore:
            store = await SessionStore.open(
                url, expire_seconds=expire_seconds, bounds=Bounds(**bounds), now=clock
            )
            stack.push_async_callback(store.close)
            return store

        yield start


@pytest.fixture
async def store(open_store: OpenStore) -> SessionStore:
    return await open_store()


@pytest.fixture
async def connect(url: str) -> AsyncIterator[Connect]:
    """Connect to the database, each statement a transaction of its own."""
    async with AsyncExitStack() as stack:

        async def start() -> AsyncConnection:
            return await stack.enter_async_context(connection_to(url))

        yield start


@asynccontextmanager
async def connection_to(url: str) -> AsyncIterator[AsyncConnection]:
    """A connection past the store, each statement a transaction of its own."""
    parsed = make_url(url)
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
    engine = create_async_engine(
        parsed.set(drivername=driver[parsed.get_backend_name()]),
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
    )
    async with engine.connect() as connection:
        yield connection


@asynccontextmanager
async def _postgresql_database() -> AsyncIterator[str]:
    server = os.environ.get("TEST_DATABASE_URL")
    if not server:
        pytest.skip("TEST_DATABASE_URL names no PostgreSQL server")
    name = f"colonnade_test_{os.getpid()}_{next(_numbers)}"
    async with connection_to(server) as connection:
        await connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
        try:
            yield make_url(server).set(database=name).render_as_string(hide_password=False)
        finally:
            await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
