"""The queue of jobs on a fake engine: what a slow reader holds up, and how much may wait."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from colonnade.generation import Generator, Models, ServedModel, asking
from colonnade.legacy.jobs import Client, Done, JobEvent, JobQueue, Token
from colonnade.messages import Failure, FailureKind
from tests.api.fakes import FakeEngine, FakeTemplate, HereTemplate

pytestmark = pytest.mark.anyio

ME, YOU = Client("", "me"), Client("", "you")


class Setting:
    """A queue of two jobs, 1,000 characters, and what its clients are told."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.engine.script = lambda _: None
        models = Models()
        models.add(ServedModel("fake", 0, cast("Any", self.engine), HereTemplate(FakeTemplate())))
        self.jobs = JobQueue(models, Generator(models), 2, 1000)

    async def read(self, client: Client) -> list[JobEvent]:
        """What a client is told of a job, to its end."""
        told: list[JobEvent] = []
        async with asyncio.timeout(10):
            async for event in self.jobs.events(client):
                told.append(event)
                if isinstance(event, Done):
                    break
        return told

    def untaken(self, client: Client) -> int:
        """How many events a client has not taken."""
        return self.jobs._clients[client].events.qsize()


@pytest.fixture
def setting() -> Setting:
    return Setting()


async def _turns() -> None:
    """Let everything happen that needs nothing from outside."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_who_reads_slowly_waits_for_nobody_but_itself(setting: Setting) -> None:
    jobs, engine = setting.jobs, setting.engine
    for client in (ME, YOU):
        assert jobs.connect(client)
    assert jobs.submit(ME, "one", "")
    await asyncio.wait_for(engine.arrived.wait(), 10)
    mine = engine.last
    for _ in range(1000):
        mine.say("a")
        await asyncio.sleep(0)
    mine.end()
    await _turns()
    held = setting.untaken(ME)
    assert 200 < held < 300, "the rest is with the engine, in one piece"

    engine.arrived.clear()
    assert jobs.submit(YOU, "two", "")
    await asyncio.wait_for(engine.arrived.wait(), 10)
    engine.last.say("b")
    engine.last.end()
    assert isinstance((await setting.read(YOU))[-1], Done)

    *tokens, end = await setting.read(ME)
    assert isinstance(end, Done)
    assert "".join(each.text for each in tokens if isinstance(each, Token)) == "a" * 1000
    assert len(tokens) == held + 1
    await jobs.close()


async def test_so_much_text_waits(setting: Setting) -> None:
    jobs = setting.jobs
    engine_slots = setting.engine.info.slots
    clients = [Client("", f"{number}") for number in range(engine_slots + 2)]
    for client in clients:
        jobs.connect(client)
    for client in clients[:engine_slots]:
        assert jobs.submit(client, "runs", "x" * 5000)
    assert jobs.submit(clients[-1], "waits", "x" * 600)
    with pytest.raises(Failure, match="too long together") as failure:
        jobs.submit(clients[-2], "waits", "x" * 600)
    assert failure.value.kind is FailureKind.QUEUE_FULL
    assert jobs.submit(clients[-2], "waits", "")
    await jobs.close()


async def test_the_same_name_of_two_owners_is_two_clients(setting: Setting) -> None:
    jobs = setting.jobs
    assert jobs.connect(Client("a", "one"))
    assert not jobs.connect(Client("a", "one"))
    assert jobs.submit(Client("b", "one"), "prompt", "") is None
    assert jobs.connect(Client("b", "one"))
    await jobs.close()


async def test_nothing_is_kept_of_clients_that_are_gone(setting: Setting) -> None:
    for number in range(100):
        client = Client("", f"{number}")
        assert setting.jobs.connect(client)
        await setting.jobs.disconnect(client)
    assert setting.jobs.clients == 0


async def test_a_job_counts_for_who_submitted_it(setting: Setting) -> None:
    jobs, asked = setting.jobs, []
    setting.engine.script = lambda submitted: asked.append(asking.get()) or submitted.end()
    jobs.connect(ME)
    asking.set("key:mine")
    jobs.submit(ME, "one", "")
    jobs.submit(ME, "two", "")
    asking.set("somebody else")
    await _turns()
    assert asked == ["key:mine", "key:mine"]
    await jobs.close()
