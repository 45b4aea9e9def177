"""What a store keeps, for how long, and what it reads."""

from __future__ import annotations

import itertools
import logging
import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from colonnade.sessions import Exchange, SessionError, SessionStore
from colonnade.sessions.tables import exchanges, sessions
from tests.sessions.conftest import live

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tests.sessions.conftest import Clock, Connect, OpenStore

pytestmark = pytest.mark.anyio

ANY_TEXT = st.text(st.characters(exclude_categories=()))


def _exchange(number: int) -> Exchange:
    return Exchange(f"question {number}", f"answer {number}")


async def _add(store: SessionStore, session_id: str, *numbers: int) -> None:
    for number in numbers:
        await store.of("").add(session_id, _exchange(number))


async def _count(connection: AsyncConnection) -> int | None:
    return await connection.scalar(select(func.count()).select_from(exchanges))


async def test_the_newest_exchanges_oldest_first(store: SessionStore) -> None:
    await _add(store, "a", 1, 2, 3, 4, 5)
    said = [_exchange(number) for number in (1, 2, 3, 4, 5)]
    assert await store.of("").history("a", 0) == []
    assert await store.of("").history("a", 1) == said[4:]
    assert await store.of("").history("a", 3) == said[2:]
    assert await store.of("").history("a", 5) == said
    assert await store.of("").history("a", 9) == said


async def test_sessions_know_nothing_of_each_other(store: SessionStore) -> None:
    for number in range(10):
        await _add(store, "ab"[number % 2], number)
    assert await store.of("").history("a", 9) == [_exchange(number) for number in (0, 2, 4, 6, 8)]
    assert await store.of("").history("b", 9) == [_exchange(number) for number in (1, 3, 5, 7, 9)]
    assert await store.of("").history("A", 9) == []
    assert await store.of("").history("", 9) == []


async def test_what_was_said_outlives_the_store(open_store: OpenStore) -> None:
    first = await open_store()
    await _add(first, "a", 1, 2)
    await first.close()
    second = await open_store()
    await _add(second, "a", 3)
    assert await second.of("").history("a", 2) == [_exchange(2), _exchange(3)]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(session_id=ANY_TEXT, user=ANY_TEXT, assistant=ANY_TEXT)
async def test_any_text_comes_back(
    store: SessionStore, session_id: str, user: str, assistant: str
) -> None:
    await store.of("").add(session_id, Exchange(user, assistant))
    assert await store.of("").history(session_id, 1) == [Exchange(user, assistant)]
    assert await live(store) == [session_id]
    assert await store.of("").clear(session_id)


async def test_awkward_text_comes_back(store: SessionStore) -> None:
    for awkward in ("a\0b\0", "\ud83d", "\ude00\ud83d", "\ud83d\ude00", "é😀", "'; --", ""):
        long = Exchange(awkward, awkward * 100_000)
        await store.of("").add(awkward, long)
        assert await store.of("").history(awkward, 1) == [long]
        assert awkward in await live(store)


async def test_logs_are_short_and_hold_nothing_that_was_said(
    open_store: OpenStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store = await open_store()
    await store.of("").add("a", Exchange("a secret", "another secret"))
    assert len(await store.of("").history("a", 9)) == 1
    assert "secret" not in caplog.text
    assert "aiosqlite" not in {each.name for each in caplog.records}


async def test_a_session_expires_when_it_is_unused(store: SessionStore, clock: Clock) -> None:
    await _add(store, "a", 1)
    clock.seconds += 59.9
    assert await store.of("").history("a", 1) == [_exchange(1)]
    assert await live(store) == ["a"]
    clock.seconds += 0.1
    assert await store.of("").history("a", 1) == []
    assert await live(store) == []
    assert not await store.of("").clear("a")


@pytest.mark.parametrize("use", ["add", "touch"])
async def test_use_renews_a_session(store: SessionStore, clock: Clock, use: str) -> None:
    await _add(store, "a", 1)
    clock.seconds += 40
    await (store.of("").touch("a") if use == "touch" else store.of("").add("a", _exchange(2)))
    clock.seconds += 40
    assert (await store.of("").history("a", 9))[0] == _exchange(1)


@pytest.mark.parametrize("use", ["add", "touch"])
async def test_an_expired_session_begins_anew(
    store: SessionStore, clock: Clock, connect: Connect, use: str
) -> None:
    await _add(store, "a", 1, 2)
    clock.seconds += 60
    await (store.of("").touch("a") if use == "touch" else store.of("").add("a", _exchange(3)))
    said = [] if use == "touch" else [_exchange(3)]
    assert await store.of("").history("a", 9) == said
    assert await live(store) == ["a"]
    assert await _count(await connect()) == len(said)


async def test_a_session_without_end(open_store: OpenStore, clock: Clock) -> None:
    store = await open_store(expire_seconds=math.inf)
    await _add(store, "a", 1)
    clock.seconds += 1e12
    assert await store.sweep() == 0
    await _add(store, "a", 2)
    assert await store.of("").history("a", 9) == [_exchange(1), _exchange(2)]
    assert await live(store) == ["a"]


async def test_a_touched_session_has_nothing_in_it(store: SessionStore) -> None:
    await store.of("").touch("a")
    assert await live(store) == ["a"]
    assert await store.of("").history("a", 9) == []
    assert await store.of("").clear("a")


async def test_clear_forgets_one_session(store: SessionStore, connect: Connect) -> None:
    await _add(store, "a", 1, 2)
    await _add(store, "b", 3)
    assert await store.of("").clear("a")
    assert not await store.of("").clear("a")
    assert not await store.of("").clear("c")
    assert await store.of("").history("a", 9) == []
    assert await live(store) == ["b"]
    assert await _count(await connect()) == 1
    await _add(store, "a", 4)
    assert await store.of("").history("a", 9) == [_exchange(4)]


async def test_clear_deletes_what_has_expired(
    store: SessionStore, clock: Clock, connect: Connect
) -> None:
    await _add(store, "a", 1, 2)
    clock.seconds += 60
    assert not await store.of("").clear("a")
    assert await _count(await connect()) == 0


async def test_the_listing_begins_with_the_newest_use(store: SessionStore, clock: Clock) -> None:
    for session_id in ("a", "b", "c", "d"):
        await store.of("").touch(session_id)
        clock.seconds += 10
    await _add(store, "b", 1)
    assert await live(store) == ["b", "d", "c", "a"]
    clock.seconds += 30
    assert await live(store) == ["b", "d", "c"]


async def test_sweep_deletes_what_has_expired(
    store: SessionStore, clock: Clock, connect: Connect
) -> None:
    for session_id in ("a", "b", "c"):
        await _add(store, session_id, 1, 2)
    clock.seconds += 30
    await _add(store, "d", 3)
    assert await store.sweep() == 0
    clock.seconds += 30
    assert await store.sweep() == 3
    assert await store.sweep() == 0
    assert await live(store) == ["d"]
    assert await _count(await connect()) == 1


async def test_an_exchange_is_kept_whole_or_not_at_all(
    store: SessionStore, connect: Connect
) -> None:
    await (await connect()).execute(text("DROP TABLE colonnade_chat_exchanges"))
    with pytest.raises(
        SessionError, match=r"cannot be used: .*colonnade_chat_exchanges"
    ) as failure:
        await store.of("").add("a", Exchange("a secret", "another secret"))
    assert "secret" not in str(failure.value)
    assert await live(store) == []


async def test_a_long_listing_reads_no_message(store: SessionStore, connect: Connect) -> None:
    connection = await connect()
    ids = [f"session {number}" for number in range(2000)]
    rows = [
        {"owner": "", "id": each, "used": 1e9 + number, "size": 0}
        for number, each in enumerate(ids)
    ]
    long = {"number": 1, "user": "question " * 500, "assistant": "answer " * 1000}
    async with store._database.transaction() as filling:
        await filling.execute(insert(sessions), rows)
        await filling.execute(
            insert(exchanges), [{"owner": "", "session": each} | long for each in ids]
        )
    statements = _statements(store)
    assert await live(store) == ids[::-1]
    (listing,) = statements
    assert "exchanges" not in listing[0]
    if connection.dialect.name == "sqlite":
        assert "USING COVERING INDEX colonnade_chat_sessions_by_use" in await _plan(
            connection, listing
        )


async def test_the_history_of_a_long_session_reads_what_it_returns(
    store: SessionStore, connect: Connect
) -> None:
    connection = await connect()
    for session_id in ("a", "b"):
        await store.of("").touch(session_id)
        whose = {"owner": "", "session": session_id, "assistant": "x" * 1000}
        said = [whose | {"number": n, "user": f"{n}"} for n in range(2000)]
        async with store._database.transaction() as filling:
            await filling.execute(insert(exchanges), said)
    await connection.execute(text("ANALYZE"))
    statements = _statements(store)
    assert [each.user for each in await store.of("").history("a", 3)] == ["1997", "1998", "1999"]
    (reading,) = statements
    plan = await _plan(connection, reading)
    if connection.dialect.name == "sqlite":
        assert "SEARCH colonnade_chat_exchanges USING INDEX" in plan
        assert "TEMP B-TREE" not in plan
    else:
        assert "Index Scan Backward using colonnade_chat_exchanges_pkey" in plan
        assert "Sort" not in plan


async def test_another_versions_tables_are_left_alone(
    open_store: OpenStore, connect: Connect
) -> None:
    store = await open_store()
    await _add(store, "a", 1)
    connection = await connect()
    await connection.execute(text("UPDATE colonnade_session_format SET format = 3"))
    with pytest.raises(SessionError, match=r"cannot be opened: .*format 3.* knows format 2"):
        await open_store()
    assert await _count(connection) == 1


async def test_what_was_kept_before_sessions_had_owners(
    open_store: OpenStore, connect: Connect
) -> None:
    connection = await connect()
    kind = "BLOB" if connection.dialect.name == "sqlite" else "BYTEA"
    for statement in (
        f"CREATE TABLE colonnade_sessions (id {kind} PRIMARY KEY, used DOUBLE PRECISION NOT NULL)",
        "CREATE INDEX colonnade_sessions_by_use ON colonnade_sessions (used, id)",
        f"CREATE TABLE colonnade_exchanges (session {kind} REFERENCES colonnade_sessions, "
        f'number INTEGER, "user" {kind}, assistant {kind}, PRIMARY KEY (session, number))',
        "CREATE TABLE colonnade_session_format (format INTEGER NOT NULL)",
        "INSERT INTO colonnade_session_format VALUES (1)",
    ):
        await connection.execute(text(statement))
    for number, session_id in enumerate((b"a", b"b", b"empty")):
        into = text("INSERT INTO colonnade_sessions VALUES (:id, :used)")
        await connection.execute(into, {"id": session_id, "used": 1e9 - number})
    for session_id, number in ((b"a", 1), (b"a", 2), (b"b", 1)):
        into = text("INSERT INTO colonnade_exchanges VALUES (:id, :number, :said, :said)")
        said = b"%s%d" % (session_id, number)
        await connection.execute(into, {"id": session_id, "number": number, "said": said})

    store = await open_store()
    assert await live(store) == ["a", "b", "empty"]
    assert await store.of("").history("a", 9) == [Exchange("a1", "a1"), Exchange("a2", "a2")]
    assert await store.of("").history("b", 9) == [Exchange("b1", "b1")]
    assert await _sizes(connection) == {"a": 8, "b": 4, "empty": 0}
    await _add(store, "b", 7)
    assert len(await (await open_store()).of("").history("b", 9)) == 2
    with pytest.raises(DBAPIError):
        await connection.execute(text("SELECT * FROM colonnade_exchanges"))


async def test_owners_know_nothing_of_each_other(store: SessionStore) -> None:
    mine, yours = store.of("me"), store.of("you")
    await mine.add("a", _exchange(1))
    await yours.add("a", _exchange(2))
    await yours.touch("b")
    assert await mine.history("a", 9) == [_exchange(1)]
    assert await yours.history("a", 9) == [_exchange(2)]
    assert await live(store, "me") == ["a"]
    assert await live(store, "you") == ["b", "a"]
    assert (await mine.count(), await yours.count(), await store.of("").count()) == (1, 2, 0)
    assert not await mine.clear("b")
    assert await mine.clear("a")
    assert await yours.history("a", 9) == [_exchange(2)]
    async with mine.exclusive("a"), yours.exclusive("a"):
        pass


async def test_of_a_session_the_newest_exchanges_are_kept(
    open_store: OpenStore, connect: Connect
) -> None:
    store = await open_store(exchanges=3)
    await _add(store, "a", 1, 2, 3, 4, 5)
    await _add(store, "b", 6)
    assert await store.of("").history("a", 9) == [_exchange(n) for n in (3, 4, 5)]
    assert await _count(await connect()) == 4
    assert await _sizes(await connect()) == {"a": 3 * len("question 1answer 1"), "b": 18}


async def test_the_sessions_of_an_owner_that_were_used_last_are_kept(
    open_store: OpenStore, clock: Clock
) -> None:
    store = await open_store(sessions=3)
    await store.of("you").touch("old")
    for session_id in ("a", "b", "c", "a", "d"):
        clock.seconds += 1
        await _add(store, session_id, 1)
    assert await live(store) == ["d", "a", "c"]
    assert await store.of("").history("b", 9) == []
    assert await live(store, "you") == ["old"]


async def test_an_owner_keeps_so_much_text(open_store: OpenStore, clock: Clock) -> None:
    store = await open_store(size=1000)
    for number in range(20):
        clock.seconds += 1
        await store.of("").add(f"{number}", Exchange("ü" * 60, "x" * 80))  # 200 bytes
    assert await live(store) == ["19", "18", "17", "16", "15"]
    await store.of("").add("15", Exchange("x" * 2000, ""))  # what is said now is kept anyway
    assert await live(store) == ["15"]
    assert len(await store.of("").history("15", 9)) == 2


async def test_pages(store: SessionStore, clock: Clock) -> None:
    for number in range(10):
        await store.of("").touch(f"{number}")
        clock.seconds += number % 3 == 2  # some at the same time
    whole = await store.of("").live(99)
    assert len(whole) == 10
    pages, behind = [], None
    while page := await store.of("").live(4, behind):
        pages.append(len(page))
        assert page == whole[sum(pages) - len(page) : sum(pages)]
        behind = page[-1]
    assert pages == [4, 4, 2]


async def _sizes(connection: AsyncConnection) -> dict[str, int]:
    rows = await connection.execute(select(sessions.c.id, sessions.c.size))
    return dict(map(tuple, rows))


async def test_sessions_in_memory() -> None:
    stores = [await SessionStore.open("sqlite://", expire_seconds=60) for _ in range(2)]
    for number, store in enumerate(stores):
        await _add(store, "a", number, number + 10)
    for number, store in enumerate(stores):
        assert await store.of("").history("a", 9) == [_exchange(number), _exchange(number + 10)]
        await store.close()


def _statements(store: SessionStore) -> list[tuple[str, object]]:
    """What the store says to the database from now on: each statement and its parameters."""
    said: list[tuple[str, object]] = []
    event.listen(
        store._database._engine.sync_engine,
        "before_cursor_execute",
        lambda *about: said.append((about[2], about[3])),
    )
    return said


async def _plan(connection: AsyncConnection, statement: tuple[str, object]) -> str:
    """How the database goes about a statement."""
    how = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    rows = await connection.exec_driver_sql(f"{how} {statement[0]}", statement[1])  # type: ignore[arg-type]
    return "\n".join(itertools.chain.from_iterable(map(str, row) for row in rows))
