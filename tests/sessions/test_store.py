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

from colonnade.sessions import Exchange, SessionError, SessionStore
from colonnade.sessions.tables import exchanges, sessions

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tests.sessions.conftest import Clock, Connect, OpenStore

pytestmark = pytest.mark.anyio

ANY_TEXT = st.text(st.characters(exclude_categories=()))


def _exchange(number: int) -> Exchange:
    return Exchange(f"question {number}", f"answer {number}")


async def _add(store: SessionStore, session_id: str, *numbers: int) -> None:
    for number in numbers:
        await store.add(session_id, _exchange(number))


async def _count(connection: AsyncConnection) -> int | None:
    return await connection.scalar(select(func.count()).select_from(exchanges))


async def test_the_newest_exchanges_oldest_first(store: SessionStore) -> None:
    await _add(store, "a", 1, 2, 3, 4, 5)
    said = [_exchange(number) for number in (1, 2, 3, 4, 5)]
    assert await store.history("a", 0) == []
    assert await store.history("a", 1) == said[4:]
    assert await store.history("a", 3) == said[2:]
    assert await store.history("a", 5) == said
    assert await store.history("a", 9) == said


async def test_sessions_know_nothing_of_each_other(store: SessionStore) -> None:
    for number in range(10):
        await _add(store, "ab"[number % 2], number)
    assert await store.history("a", 9) == [_exchange(number) for number in (0, 2, 4, 6, 8)]
    assert await store.history("b", 9) == [_exchange(number) for number in (1, 3, 5, 7, 9)]
    assert await store.history("A", 9) == []
    assert await store.history("", 9) == []


async def test_what_was_said_outlives_the_store(open_store: OpenStore) -> None:
    first = await open_store()
    await _add(first, "a", 1, 2)
    await first.close()
    second = await open_store()
    await _add(second, "a", 3)
    assert await second.history("a", 2) == [_exchange(2), _exchange(3)]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(session_id=ANY_TEXT, user=ANY_TEXT, assistant=ANY_TEXT)
async def test_any_text_comes_back(
    store: SessionStore, session_id: str, user: str, assistant: str
) -> None:
    await store.add(session_id, Exchange(user, assistant))
    assert await store.history(session_id, 1) == [Exchange(user, assistant)]
    assert await store.live() == [session_id]
    assert await store.clear(session_id)


async def test_awkward_text_comes_back(store: SessionStore) -> None:
    for awkward in ("a\0b\0", "\ud83d", "\ude00\ud83d", "\ud83d\ude00", "é😀", "'; --", ""):
        long = Exchange(awkward, awkward * 100_000)
        await store.add(awkward, long)
        assert await store.history(awkward, 1) == [long]
        assert awkward in await store.live()


async def test_logs_are_short_and_hold_nothing_that_was_said(
    open_store: OpenStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store = await open_store()
    await store.add("a", Exchange("a secret", "another secret"))
    assert len(await store.history("a", 9)) == 1
    assert "secret" not in caplog.text
    assert "aiosqlite" not in {each.name for each in caplog.records}


async def test_a_session_expires_when_it_is_unused(store: SessionStore, clock: Clock) -> None:
    await _add(store, "a", 1)
    clock.seconds += 59.9
    assert await store.history("a", 1) == [_exchange(1)]
    assert await store.live() == ["a"]
    clock.seconds += 0.1
    assert await store.history("a", 1) == []
    assert await store.live() == []
    assert not await store.clear("a")


@pytest.mark.parametrize("use", ["add", "touch"])
async def test_use_renews_a_session(store: SessionStore, clock: Clock, use: str) -> None:
    await _add(store, "a", 1)
    clock.seconds += 40
    await (store.touch("a") if use == "touch" else store.add("a", _exchange(2)))
    clock.seconds += 40
    assert (await store.history("a", 9))[0] == _exchange(1)


@pytest.mark.parametrize("use", ["add", "touch"])
async def test_an_expired_session_begins_anew(
    store: SessionStore, clock: Clock, connect: Connect, use: str
) -> None:
    await _add(store, "a", 1, 2)
    clock.seconds += 60
    await (store.touch("a") if use == "touch" else store.add("a", _exchange(3)))
    said = [] if use == "touch" else [_exchange(3)]
    assert await store.history("a", 9) == said
    assert await store.live() == ["a"]
    assert await _count(await connect()) == len(said)


async def test_a_session_without_end(open_store: OpenStore, clock: Clock) -> None:
    store = await open_store(expire_seconds=math.inf)
    await _add(store, "a", 1)
    clock.seconds += 1e12
    assert await store.sweep() == 0
    await _add(store, "a", 2)
    assert await store.history("a", 9) == [_exchange(1), _exchange(2)]
    assert await store.live() == ["a"]


async def test_a_touched_session_has_nothing_in_it(store: SessionStore) -> None:
    await store.touch("a")
    assert await store.live() == ["a"]
    assert await store.history("a", 9) == []
    assert await store.clear("a")


async def test_clear_forgets_one_session(store: SessionStore, connect: Connect) -> None:
    await _add(store, "a", 1, 2)
    await _add(store, "b", 3)
    assert await store.clear("a")
    assert not await store.clear("a")
    assert not await store.clear("c")
    assert await store.history("a", 9) == []
    assert await store.live() == ["b"]
    assert await _count(await connect()) == 1
    await _add(store, "a", 4)
    assert await store.history("a", 9) == [_exchange(4)]


async def test_clear_deletes_what_has_expired(
    store: SessionStore, clock: Clock, connect: Connect
) -> None:
    await _add(store, "a", 1, 2)
    clock.seconds += 60
    assert not await store.clear("a")
    assert await _count(await connect()) == 0


async def test_the_listing_begins_with_the_newest_use(store: SessionStore, clock: Clock) -> None:
    for session_id in ("a", "b", "c", "d"):
        await store.touch(session_id)
        clock.seconds += 10
    await _add(store, "b", 1)
    assert await store.live() == ["b", "d", "c", "a"]
    clock.seconds += 30
    assert await store.live() == ["b", "d", "c"]


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
    assert await store.live() == ["d"]
    assert await _count(await connect()) == 1


async def test_an_exchange_is_kept_whole_or_not_at_all(
    store: SessionStore, connect: Connect
) -> None:
    await (await connect()).execute(text("DROP TABLE colonnade_exchanges"))
    with pytest.raises(SessionError, match=r"cannot be used: .*colonnade_exchanges") as failure:
        await store.add("a", Exchange("a secret", "another secret"))
    assert "secret" not in str(failure.value)
    assert await store.live() == []


async def test_a_long_listing_reads_no_message(store: SessionStore, connect: Connect) -> None:
    connection = await connect()
    ids = [f"session {number}" for number in range(2000)]
    rows = [{"id": each, "used": 1e9 + number} for number, each in enumerate(ids)]
    long = {"number": 1, "user": "question " * 500, "assistant": "answer " * 1000}
    async with store._database.transaction() as filling:
        await filling.execute(insert(sessions), rows)
        await filling.execute(insert(exchanges), [{"session": each} | long for each in ids])
    statements = _statements(store)
    assert await store.live() == ids[::-1]
    (listing,) = statements
    assert "exchanges" not in listing[0]
    if connection.dialect.name == "sqlite":
        assert "USING COVERING INDEX colonnade_sessions_by_use" in await _plan(connection, listing)


async def test_the_history_of_a_long_session_reads_what_it_returns(
    store: SessionStore, connect: Connect
) -> None:
    connection = await connect()
    for session_id in ("a", "b"):
        await store.touch(session_id)
        whose = {"session": session_id, "assistant": "x" * 1000}
        said = [whose | {"number": n, "user": f"{n}"} for n in range(2000)]
        async with store._database.transaction() as filling:
            await filling.execute(insert(exchanges), said)
    await connection.execute(text("ANALYZE"))
    statements = _statements(store)
    assert [each.user for each in await store.history("a", 3)] == ["1997", "1998", "1999"]
    (reading,) = statements
    plan = await _plan(connection, reading)
    if connection.dialect.name == "sqlite":
        assert "SEARCH colonnade_exchanges USING INDEX" in plan
        assert "TEMP B-TREE" not in plan
    else:
        assert "Index Scan Backward using colonnade_exchanges_pkey" in plan
        assert "Sort" not in plan


async def test_another_versions_tables_are_left_alone(
    open_store: OpenStore, connect: Connect
) -> None:
    store = await open_store()
    await _add(store, "a", 1)
    connection = await connect()
    await connection.execute(text("UPDATE colonnade_session_format SET format = 2"))
    with pytest.raises(SessionError, match=r"cannot be opened: .*format 2.* knows format 1"):
        await open_store()
    assert await _count(connection) == 1


async def test_sessions_in_memory() -> None:
    stores = [await SessionStore.open("sqlite://", expire_seconds=60) for _ in range(2)]
    for number, store in enumerate(stores):
        await _add(store, "a", number, number + 10)
    for number, store in enumerate(stores):
        assert await store.history("a", 9) == [_exchange(number), _exchange(number + 10)]
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
