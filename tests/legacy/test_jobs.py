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
    """A queue of two jobs, 1,000 characters, and what it publishes."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.engine.script = lambda _: None
        models = Models()
        models.add(ServedModel("fake", 0, cast("Any", self.engine), HereTemplate(FakeTemplate())))
        self.events: list[JobEvent] = []
        self.jobs = JobQueue(models, Generator(models), 2, 1000, self.events.append)

    def of(self, client: Client) -> list[JobEvent]:
        return [event for event in self.events if event.client == client]


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
    held = setting.of(ME)
    assert 200 < len(held) < 300, "the rest is with the engine, in one piece"

    engine.arrived.clear()
    assert jobs.submit(YOU, "two", "")
    await asyncio.wait_for(engine.arrived.wait(), 10)
    engine.last.say("b")
    engine.last.end()
    await _turns()
    assert isinstance(setting.of(YOU)[-1], Done)

    for _ in held:
        jobs.taken(ME)
    await _turns()
    *tokens, end = setting.of(ME)
    assert isinstance(end, Done)
    assert "".join(each.text for each in tokens if isinstance(each, Token)) == "a" * 1000
    assert len(tokens) == len(held) + 1
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
    assert Client("a", "b c").channel != Client("a b", "c").channel
    await jobs.close()


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
