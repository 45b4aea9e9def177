"""Constraints built in other processes: turns, limits, cancelled work, what is kept."""

from __future__ import annotations

import asyncio
import pickle
from collections import Counter
from itertools import pairwise, repeat
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.generation.builders import Builders
from colonnade.generation.constraints import Constraints, Wanted
from colonnade.generation.fair_queue import FairQueue
from colonnade.messages import Failure, FailureKind
from colonnade.prompt.builder import Held, Order, Refused
from colonnade.prompt.calls.known import KNOWN
from colonnade.prompt.calls.tools import CallMode, Tool, ToolUse
from colonnade.prompt.forms import JsonForm, RegexForm
from colonnade.prompt.schema import SchemaLimits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.prompt.calls import CallFormat

LIMITS = SchemaLimits(max_seconds=0.5)


def order(schema: Any, limits: SchemaLimits = LIMITS) -> Order:
    return Order(JsonForm(schema, "the.field"), None, None, {}, (), False, limits)


def endless(limits: SchemaLimits = LIMITS) -> Order:
    """An order that is never done with: an answer may have heads without end."""
    heads: Any = repeat("head")
    return order({"type": "null"}, limits)._replace(heads=heads)


@pytest.fixture
def builders() -> Iterator[Builders]:
    found = Builders()
    yield found
    found.close()


async def test_what_is_built_comes_back_as_if_built_here(builders: Builders) -> None:
    built = await builders.build("a", order({"type": "integer"}))
    assert isinstance(built, Held)
    assert built.constraint is not None
    assert "%json" in built.constraint.grammar
    refused = await builders.build("a", order({"type": "nonsense"}))
    assert isinstance(refused, Refused)
    assert refused.param == "the.field"
    assert "nonsense" in refused.message


async def test_what_never_ends_is_refused_and_nobody_waits_for_it(builders: Builders) -> None:
    limits = SchemaLimits(max_seconds=60)
    hostile = [
        asyncio.ensure_future(builders.build(f"hostile {n}", endless(limits))) for n in range(3)
    ]
    for number in range(5):
        schema = {"type": "object", "properties": {f"p{number}": True}}
        assert isinstance(await builders.build("honest", order(schema)), Held)
    assert not any(task.done() for task in hostile)
    for task in hostile:
        task.cancel()
    assert all(map(asyncio.Task.cancelled, await finished(hostile)))
    late = await builders.build("hostile", endless())
    assert isinstance(late, Refused)
    assert "too long" in late.message


async def finished(tasks: list[Any]) -> list[Any]:
    await asyncio.wait(tasks)
    return tasks


async def test_a_process_that_dies_is_replaced(
    builders: Builders, monkeypatch: pytest.MonkeyPatch
) -> None:
    await builders.build("a", order({"type": "null"}))
    lane = builders._quick
    assert lane._process is not None
    lane._process.kill()
    assert isinstance(await builders.build("a", order({"type": "boolean"})), Held)
    monkeypatch.setattr("colonnade.generation.builders._MODULE", "no.such.module")
    lane._process.kill()
    with pytest.raises(Failure, match="process ended") as failed:
        await builders.build("a", order({"type": "string"}))
    assert failed.value.kind is FailureKind.INTERNAL


class Counting(Builders):
    """Counts what is asked for, and answers when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()
        self.cancelled = 0
        self.go_on = asyncio.Event()

    async def build(self, client: str, order: Order) -> Held | Refused:
        self.asked[order.param] += 1
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if order.param == "wrong":
            return Refused(FailureKind.INVALID_REQUEST, "no", "wrong")
        return Held()


async def test_the_same_is_built_once_and_kept_refusals_too() -> None:
    constraints, builders = Constraints({}, LIMITS), Counting()

    def ask(param: str) -> asyncio.Task[Held]:
        wanted = Wanted(RegexForm("a+", param), None)
        return asyncio.ensure_future(constraints.build(wanted, builders, client="a"))

    tasks = [ask("right") for _ in range(5)] + [ask("wrong") for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks[0].cancel()
    builders.go_on.set()
    await finished(tasks)
    assert [task.cancelled() for task in tasks[:5]] == [True, False, False, False, False]
    assert {task.result() for task in tasks[1:5]} == {Held()}
    assert all(isinstance(task.exception(), Failure) for task in tasks[5:])
    await ask("right")
    with pytest.raises(Failure):
        await ask("wrong")
    assert builders.asked == {"right": 1, "wrong": 1}
    assert not builders.cancelled


async def test_work_ends_when_the_last_one_who_waits_has_gone() -> None:
    constraints, builders = Constraints({}, LIMITS), Counting()
    wanted = Wanted(RegexForm("a+"), None)
    tasks = [
        asyncio.ensure_future(constraints.build(wanted, builders, client="a")) for _ in range(2)
    ]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.sleep(0)
    assert not builders.cancelled
    tasks[1].cancel()
    await finished(tasks)
    await asyncio.sleep(0)
    assert builders.cancelled == 1


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_every_call_format_travels(known: CallFormat) -> None:
    tool = Tool("look", "", {"type": "object", "properties": {"x": {"type": "string"}}})
    use = ToolUse((tool,), CallMode.REQUIRED)
    there = Order(None, use, known, {}, (), False, LIMITS)
    assert pickle.loads(pickle.dumps(there)) == there


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers()), max_size=30))
def test_clients_take_turns_and_none_is_overtaken_by_itself(items: list[tuple[str, int]]) -> None:
    queue: FairQueue[tuple[str, int]] = FairQueue(100, 100, "full")
    for item in items:
        queue.put(item[0], item)
    given_out = [queue.get() for _ in items]
    for client in "abc":
        mine = [item for item in items if item[0] == client]
        assert [item for item in given_out if item and item[0] == client] == mine
    clients = {client for client, _ in items}
    for client in clients:
        turns = [at for at, item in enumerate(given_out) if item and item[0] == client]
        assert turns[0] < len(clients)
        assert all(later - sooner <= len(clients) for sooner, later in pairwise(turns))


def test_one_client_s_share_of_the_queue_is_bounded() -> None:
    queue: FairQueue[int] = FairQueue(2, 3, "full")
    queue.put("a", 1)
    queue.put("a", 2)
    with pytest.raises(Failure) as refused:
        queue.put("a", 3)
    assert refused.value.kind is FailureKind.QUEUE_FULL
    queue.put("b", 4)
    with pytest.raises(Failure):
        queue.put("c", 5)
    assert queue.discard("a", 1)
    assert not queue.discard("a", 1)
    assert not queue.discard("c", 5)
    assert [queue.get(), queue.get()] == [2, 4]
    queue.close()
    assert queue.get() is None
