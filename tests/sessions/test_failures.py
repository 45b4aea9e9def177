"""What cannot be opened or used is told in one line that gives no secret away."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import sys
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from colonnade.messages import FailureKind
from colonnade.sessions import Exchange, SessionError, SessionStore
from colonnade.sessions import database as database_module

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

ONE = Exchange("one", "1")


async def _failure(url: str) -> str:
    """What opening says."""
    with pytest.raises(SessionError) as failure:
        await SessionStore.open(url, expire_seconds=60)
    told = str(failure.value)
    assert "\n" not in told
    assert "pwd" not in told
    return told


@pytest.mark.parametrize(
    "url",
    [
        "",
        "pwd",
        "sessions.db",
        "://",
        "mysql://user:pwd@host/db",
        "sqlite+pysqlite://host/db",
        "sqlite://sessions.db",
        "sqlite://user:pwd@/sessions.db",
        "postgresql://user:pwd@host:port/db",
        "postgresql://user:pwd/db",
        "postgresql://user:a@pwd@host/db",
        "postgresql://us/er:pwd@host/db",
        "postgresql+nodriver://us/er:pwd@host/db",
    ],
)
async def test_a_url_that_says_nothing(url: str) -> None:
    told = await _failure(url)
    assert "cannot be read" in told
    assert "sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/DATABASE" in told


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:pwd@127.0.0.1:{port}/db",
        "postgresql+asyncpg://user:pwd@127.0.0.1:{port}/db",
        "postgresql+psycopg://user:pwd@127.0.0.1:{port}/db?sslmode=disable",
        "postgresql://user@127.0.0.1:{port}/db?password=pwd",
    ],
)
async def test_a_server_that_is_not_there(url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        port = taken.getsockname()[1]
        told = await _failure(url.format(port=port))
    assert f"@127.0.0.1:{port}/db cannot be opened: " in told
    assert "Connect call failed" in told


async def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "_CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        told = await _failure(f"postgresql://user:pwd@127.0.0.1:{port}/db")
    assert told.endswith("cannot be opened: there is no answer")


async def test_a_server_that_has_no_such_database(postgresql_url: str) -> None:
    missing = postgresql_url.replace("colonnade_test", "missing").replace(
        "postgres@", "postgres:pwd@"
    )
    told = await _failure(missing)
    assert "cannot be opened: database" in told
    assert told.endswith("does not exist")


@pytest.mark.parametrize("query", ["nonsense=1", "command_timeout=soon", "ssl=nonsense"])
async def test_a_server_that_is_asked_for_nonsense(query: str) -> None:
    assert "cannot be opened: " in await _failure(f"postgresql://user:pwd@127.0.0.1:1/db?{query}")


async def test_a_driver_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    told = await _failure("postgresql://user:pwd@127.0.0.1:1/db")
    assert told.endswith("asyncpg is not installed: pip install 'colonnade[postgres]'")
    assert "postgresql://user:***@127.0.0.1:1/db" in told


async def test_directories_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for url in (f"sqlite:///{tmp_path}/some/where/x.db", "sqlite+aiosqlite:///else/where/x.db"):
        store = await SessionStore.open(url, expire_seconds=60)
        await store.of("").add("a", ONE)
        await store.close()
    assert (tmp_path / "some/where/x.db").stat().st_size
    assert (tmp_path / "else/where/x.db").stat().st_size


async def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = await _failure(f"sqlite:///{tmp_path}/file/x.db")
    assert f"sqlite:///{tmp_path}/file/x.db cannot be opened: " in told


async def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write everywhere")
    assert "unable to open database file" in await _failure(f"sqlite:///{folder}/x.db")
    assert "Permission denied" in await _failure(f"sqlite:///{folder}/more/x.db")


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    assert "unable to open database file" in await _failure(f"sqlite:///{tmp_path}")
    (tmp_path / "x.db").write_text("this is no database" * 100)
    assert "file is not a database" in await _failure(f"sqlite:///{tmp_path}/x.db")


async def test_a_database_that_somebody_else_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "_BUSY_SECONDS", 0.1)
    path = tmp_path / "x.db"
    store = await SessionStore.open(f"sqlite:///{path}", expire_seconds=60)
    await store.of("").add("a", ONE)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(SessionError, match=r"x\.db cannot be used: database is locked$"):
        await store.of("").add("a", ONE)
    assert await store.of("").history("a", 9) == [ONE]
    other.execute("ROLLBACK")
    other.close()
    await store.of("").add("a", ONE)
    assert await store.of("").history("a", 9) == [ONE, ONE]
    await store.close()


async def test_a_disk_that_is_full(tmp_path: Path) -> None:
    store = await SessionStore.open(f"sqlite:///{tmp_path / 'x.db'}", expire_seconds=60)
    await store.of("").add("a", ONE)
    async with store._database.transaction() as connection:
        pages = await connection.scalar(text("PRAGMA page_count"))
        await connection.execute(text(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(
        SessionError, match=r"x\.db cannot be used: database or disk is full$"
    ) as told:
        await store.of("").add("a", Exchange("x" * 100_000, ""))
    assert told.value.kind is FailureKind.STORAGE_FULL
    assert str(tmp_path) not in told.value.message
    assert await store.of("").history("a", 9) == [ONE]
    async with store._database.transaction() as connection:
        await connection.execute(text(f"PRAGMA max_page_count = {pages + 1000}"))
    await store.of("").add("a", Exchange("x" * 100_000, ""))
    await store.close()


LIMITED = """
import asyncio, resource, sys
from colonnade.sessions import Exchange, SessionError, SessionStore

async def main(url):
    store = await SessionStore.open(url, expire_seconds=60)
    kept = 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    try:
        while True:
            await store.of("").add("a", Exchange("x" * 5000, ""))
            kept += 1
    except SessionError as error:
        print(kept, error.kind, len(await store.of("").history("a", 9999)))

asyncio.run(main(sys.argv[1]))
"""


async def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LIMITED, url, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()
    kept, kind, found = out.decode().split()
    assert kind == "storage_full"
    assert int(found) == int(kept) > 10
