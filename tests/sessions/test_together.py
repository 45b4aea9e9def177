"""Many at once: turns within a session, several stores on one database, ends in the middle."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, text

from colonnade.messages import Failure, FailureKind
from colonnade.sessions import Exchange, SessionStore
from colonnade.sessions.tables import sessions
from colonnade.sessions.turns import Turns
from tests.sessions.conftest import Clock, OpenStore, connection_to, live

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

ONE = Exchange("one", "1")

ADD_AND_DIE = """
import asyncio, os, signal, sys
from colonnade.sessions import Exchange, SessionStore

async def main(url):
    store = await SessionStore.open(url, expire_seconds=60, now=lambda: 1e9)
    for number in range(30):
        await store.of("").add("ab"[number % 2], Exchange(f"{number}", "x" * 5000))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
async def memory() -> AsyncIterator[SessionStore]:
    store = await SessionStore.open("sqlite://", expire_seconds=60)
    yield store
    await store.close()


async def test_turns_in_a_session_come_in_the_order_of_asking(memory: SessionStore) -> None:
    order: list[tuple[str, int]] = []
    inside: set[str] = set()

    async def take_turn(session_id: str, number: int) -> None:
        async with memory.of("").exclusive(session_id):
            assert session_id not in inside
            inside.add(session_id)
            order.append((session_id, number))
            await memory.of("").add(session_id, ONE)
            inside.remove(session_id)

    turns = [(session_id, number) for number in range(100) for session_id in ("a", "b")]
    await asyncio.gather(*(take_turn(*each) for each in turns))
    for session_id in ("a", "b"):
        assert [number for each, number in order if each == session_id] == list(range(100))
    assert not memory._turns._turns


async def test_so_many_may_wait_for_their_turn() -> None:
    turns = Turns(most_of_one=2, most=3)

    async def enter(session: str) -> None:
        async with turns.take(session):
            await leave.wait()

    leave = asyncio.Event()
    entered = [asyncio.create_task(enter(each)) for each in ("a", "a", "a", "b", "b", "c")]
    await asyncio.sleep(0)
    assert turns.waiting == 3
    for session, what in (("a", "this session already: 2"), ("b", "their sessions already: 3")):
        with pytest.raises(Failure, match=what) as failure:
            async with turns.take(session):
                pass
        assert failure.value.kind is FailureKind.QUEUE_FULL
    async with turns.take("d"):  # it has no queue to be in
        pass
    leave.set()
    await asyncio.gather(*entered)
    assert turns.waiting == 0
    assert not turns._turns


async def test_one_session_does_not_wait_for_another(memory: SessionStore) -> None:
    async with memory.of("").exclusive("a"), memory.of("").exclusive("b"):
        assert set(memory._turns._turns) == {("", "a"), ("", "b")}
    assert not memory._turns._turns


async def test_who_goes_away_keeps_nobody_waiting(memory: SessionStore) -> None:
    async def wait_for_turn() -> None:
        async with memory.of("").exclusive("a"):
            pass

    async with memory.of("").exclusive("a"):
        waiting = [asyncio.create_task(wait_for_turn()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        waiting[1].cancel()
    gone = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(each) for each in gone] == [asyncio.CancelledError] * 2 + [type(None)]
    assert not memory._turns._turns


async def test_a_turn_that_fails_is_over(memory: SessionStore) -> None:
    with pytest.raises(ZeroDivisionError):
        async with memory.of("").exclusive("a"):
            1 / 0  # noqa: B018
    async with memory.of("").exclusive("a"):
        pass
    assert not memory._turns._turns


async def test_what_was_begun_is_done_when_its_task_is_cancelled(memory: SessionStore) -> None:
    for steps in range(20):
        task = asyncio.create_task(memory.of("").add("a", Exchange(f"{steps}", "")))
        for _ in range(steps + 1):
            await asyncio.sleep(0)
        under_way = task.cancel()
        (end,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(end, asyncio.CancelledError) == under_way
    assert [each.user for each in await memory.of("").history("a", 99)] == [
        f"{n}" for n in range(20)
    ]


async def test_stores_that_open_at_once(open_store: OpenStore) -> None:
    stores = await asyncio.gather(*(open_store() for _ in range(8)))
    await asyncio.gather(*(store.of("").add("a", ONE) for store in stores))
    assert await stores[0].of("").history("a", 99) == [ONE] * 8


@pytest.mark.parametrize("count", [1, 50])
async def test_two_stores_that_add_at_once_lose_nothing(open_store: OpenStore, count: int) -> None:
    stores = [await open_store(), await open_store()]
    numbers = range(150)

    async def add(number: int) -> None:
        await stores[number % 2].of("").add(f"{number % count}", Exchange(f"{number}", ""))

    await asyncio.gather(*(add(number) for number in numbers))
    for store in stores:
        found = [await store.of("").history(each, 999) for each in await live(store)]
        assert len(found) == count
        assert sorted(int(each.user) for said in found for each in said) == list(numbers)


async def test_everything_at_once(open_store: OpenStore, clock: Clock) -> None:
    stores = [await open_store(), await open_store()]

    async def use(number: int) -> None:
        store, session_id = stores[number % 2], f"{number % 7}"
        clock.seconds += number % 11
        await store.of("").add(session_id, Exchange(session_id, ""))
        await store.of("").touch(session_id)
        await store.sweep()
        assert {each.user for each in await store.of("").history(session_id, 99)} <= {session_id}
        await store.of("").clear(f"{number % 5}")

    await asyncio.gather(*(use(number) for number in range(70)))
    clock.seconds += 60
    await asyncio.gather(*(store.sweep() for store in stores))
    assert await live(stores[0]) == []


async def test_what_was_added_survives_kill_9(url: str, open_store: OpenStore) -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", ADD_AND_DIE, url)
    assert await child.wait() == -signal.SIGKILL
    store = await open_store()
    said = [Exchange(f"{number}", "x" * 5000) for number in range(30)]
    assert await store.of("").history("a", 99) == said[::2]
    assert await store.of("").history("b", 99) == said[1::2]


async def test_sweeping_waits_for_nobody(postgresql_url: str, clock: Clock) -> None:
    stores = [
        await SessionStore.open(postgresql_url, expire_seconds=60, now=clock) for _ in range(2)
    ]
    for session_id in ("a", "b", "c"):
        await stores[0].of("").touch(session_id)
    clock.seconds += 60
    async with stores[0]._database.transaction() as connection:
        await connection.execute(select(sessions).where(sessions.c.id == "b").with_for_update())
        assert await stores[1].sweep() == 2
    assert await stores[1].sweep() == 1
    for store in stores:
        await store.close()


async def test_a_server_that_was_restarted_is_found_again(postgresql_url: str) -> None:
    store = await SessionStore.open(postgresql_url, expire_seconds=60)
    await asyncio.gather(*(store.of("").add("a", ONE) for _ in range(5)))
    async with connection_to(postgresql_url) as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    await asyncio.gather(*(store.of("").add("a", ONE) for _ in range(5)))
    assert await store.of("").history("a", 99) == [ONE] * 10
    await store.close()
