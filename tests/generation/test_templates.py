"""Chat templates in other processes: bounds, turns, deaths."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from colonnade.generation.template_process import TemplateProcess
from colonnade.generation.templates import Template, _chosen, _Lane
from colonnade.messages import Failure, FailureKind
from colonnade.prompt.renderer import Choice
from colonnade.prompt.rendering import Rendered, Wish
from tests.generation import hostile
from tests.prompt.conversations import CHATML
from tests.prompt.test_choose import model

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

MOST = 2.0
"""Seconds that the loop may stand: this machine may have other things to do. What is looked for
takes ten times as long and more."""
ON_DEMAND = """
{%- for m in messages %}{{ m.content }};{% endfor %}
{%- set ask = messages[-1].content %}
{%- if ask == 'time' %}{% for i in range(99999) %}{{ ('a' * 9999)|wordwrap(1) }}{% endfor %}
{%- elif ask == 'call' %}{{ 9 ** 1000 ** 1000 ** 9 }}
{%- elif ask == 'memory' %}{{ 'x'.center(2500000000) }}
{%- elif ask.startswith('raise') %}{{ raise_exception('no: ' ~ messages[0].content) }}
{%- elif ask == 'a while' %}{% for i in range(99) %}{{ ('a' * 999)|wordwrap(1) }}{% endfor %}
{%- endif %}"""


def wish(*texts: str, **fields: Any) -> Wish:
    messages = tuple({"role": "user", "content": text} for text in texts)
    return Wish(messages, {}, **fields)


@pytest.fixture
async def template() -> AsyncIterator[Template]:
    info = model(templates={"default": ON_DEMAND}, tokens=["<|end|>"])
    found = await Template.start(info)
    yield found
    await found.close()


@contextlib.asynccontextmanager
async def quick_loop() -> AsyncIterator[None]:
    """Fails where the loop stood in the meantime."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - before)

    task = asyncio.ensure_future(watch())
    try:
        yield
    finally:
        task.cancel()
    assert longest < MOST


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - of other processes
            await asyncio.sleep(0.01)


async def refused(awaited: Any) -> Failure:
    with pytest.raises(Failure) as raised:
        await awaited
    assert raised.value.kind is FailureKind.TEMPLATE_REFUSED
    return raised.value


HOSTILE = {**hostile.MEMORY, **hostile.TIME, **hostile.DEPTH}


async def test_a_hostile_template_is_no_model_s() -> None:
    process = await TemplateProcess.start()
    async with quick_loop():
        for name, source in HOSTILE.items():
            if process.ended:
                process = await TemplateProcess.start()
            choice = Choice(model(templates={"default": source}), None, "")
            failure = await refused(_chosen(process, choice, 0.1))
            assert "chat template" in failure.message, name
    await process.close()


async def test_a_model_of_a_hostile_template_leaves_nothing_behind() -> None:
    async with quick_loop():
        for source in (hostile.MEMORY["zfill"], hostile.TIME["loops"]):
            info = model(templates={"default": source})
            await refused(Template.start(info, seconds=0.2))
    await until(lambda: not _children("renderer"))


async def test_a_hostile_template_for_a_purpose() -> None:
    own = {"default": CHATML, "tool_use": hostile.MEMORY["zfill"]}
    await refused(Template.start(model(templates=own)))


@pytest.mark.parametrize("source", hostile.BROKEN.values())
async def test_what_cannot_be_compiled_is_replaced_by_a_packaged_template(source: str) -> None:
    template = await Template.start(model(templates={"default": source}))
    assert template.study.warning is not None
    assert "cannot be compiled" in template.study.warning
    await template.close()


async def test_what_goes_wrong_for_some_messages_alone_is_their_s(template: Template) -> None:
    async with quick_loop():
        late = asyncio.ensure_future(refused(template.render(wish("time"), "hostile")))
        dead = asyncio.ensure_future(refused(template.render(wish("call"), "hostile")))
        for number in range(20):
            assert (await template.render(wish(f"{number}"), "a")).pieces == [f"{number};"]
        assert not late.done()
        assert not dead.done()
        full = await refused(template.render(wish("memory"), "b"))
        assert "memory" in full.message
        own = await refused(template.render(wish("raise <|end|>"), "b"))
        assert (own.message, own.param) == ("no: raise <|end|>", "messages")
        for task in (late, dead):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await late
    assert (await template.render(wish("a" * 200_000), "a")).pieces == ["a" * 200_000 + ";"]


async def test_time_is_up_in_the_second_lane(
    template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(template._slow, "_seconds", 0.3)
    for ask in ("time", "call"):
        assert "too long" in (await refused(template.render(wish(ask), "a"))).message
    assert (await template.render(wish("a" * 200_000), "a")).pieces == ["a" * 200_000 + ";"]


async def test_a_process_that_is_killed_is_replaced(template: Template) -> None:
    first = template._quick._process
    assert first is not None
    task = asyncio.ensure_future(template.render(wish("a while"), "a"))
    await asyncio.sleep(0)
    os.kill(first.pid, signal.SIGKILL)
    others = [template.render(wish(f"{number}"), "b") for number in range(5)]
    assert [each.pieces for each in await asyncio.gather(*others)] == [
        [f"{number};"] for number in range(5)
    ]
    assert (await task).pieces[0].startswith("a while;")
    assert template._quick._process is not first
    assert first.pid not in _children("renderer")


async def test_who_kills_it_again_and_again_is_refused(template: Template) -> None:
    task = asyncio.ensure_future(template.render(wish("time", "x" * 200_000, "time"), "a"))
    killed = set()
    while not task.done():
        process = template._slow._process
        if process is not None and process._outcome is not None and process.pid not in killed:
            killed.add(process.pid)
            process.kill()
        await asyncio.sleep(0.01)
    failure = await refused(task)
    assert "SIGKILL" in failure.message
    assert len(killed) == 2


async def test_a_process_that_stands_still_is_replaced(
    template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = template._quick._process
    assert first is not None
    os.kill(first.pid, signal.SIGSTOP)
    with monkeypatch.context() as patch:
        patch.setattr("colonnade.generation.template_process._PAUSE", 0.1)
        patch.setattr(template._quick, "_seconds", 0.01)
        late = asyncio.ensure_future(template.render(wish("1"), "a"))
        await until(lambda: first.ended)
    assert (await late).pieces == ["1;"]
    assert (await template.render(wish("2"), "a")).pieces == ["2;"]
    assert template._quick._process is not first


async def test_one_that_dies_as_it_starts_is_not_the_request_s_fault(
    template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = TemplateProcess.ask

    def dying(process: TemplateProcess, order: bytes, seconds: float) -> asyncio.Future[Any]:
        outcome = ask(process, order, seconds)
        process.kill()
        return outcome

    assert template._quick._process is not None
    template._quick._process.kill()
    with monkeypatch.context() as patch:
        patch.setattr(TemplateProcess, "ask", dying)
        with pytest.raises(Failure, match="could not be started again") as raised:
            await template.render(wish("1"), "a")
    assert raised.value.kind is FailureKind.MODEL_UNAVAILABLE
    assert raised.value.retry_after
    assert "SIGKILL" in raised.value.detail
    assert (await template.render(wish("1"), "a")).pieces == ["1;"]


class Slow:
    """In place of a process: does what it is told when it is told to."""

    def __init__(self) -> None:
        self.ended = False
        self.orders: list[bytes] = []
        self.outcomes: list[asyncio.Future[Rendered]] = []

    def ask(self, order: bytes, seconds: float) -> asyncio.Future[Rendered]:
        assert all(outcome.done() for outcome in self.outcomes), "one at a time"
        self.orders.append(order)
        self.outcomes.append(asyncio.get_running_loop().create_future())
        return self.outcomes[-1]

    async def finish(self) -> None:
        while not (self.outcomes and all(outcome.done() for outcome in self.outcomes)):
            for outcome in self.outcomes:
                if not outcome.done():
                    outcome.set_result(Rendered([""]))
            await asyncio.sleep(0.001)


async def test_clients_take_turns_and_who_left_is_passed_over() -> None:
    process: Any = Slow()

    async def start() -> Any:
        return process

    lane = _Lane(start, 1.0)
    orders = [b"a1", b"a2", b"a3", b"b1", b"a4", b"c1"]
    tasks = [asyncio.ensure_future(lane.ask(order.decode()[0], order)) for order in orders]
    await asyncio.sleep(0)
    tasks[2].cancel()
    await asyncio.sleep(0)
    tasks[0].cancel()  # is under way, and lets nobody pass before its end
    await asyncio.sleep(0.01)
    assert process.orders == [b"a1"]
    await process.finish()
    await asyncio.wait(tasks)
    assert process.orders == [b"a1", b"a2", b"b1", b"c1", b"a4"]
    assert [task.cancelled() for task in tasks] == [True, False, True, False, False, False]


async def test_a_template_that_is_closed_refuses(template: Template) -> None:
    waiting = [asyncio.ensure_future(template.render(wish("a while"), "a")) for _ in range(3)]
    await asyncio.sleep(0)
    await template.close()
    for result in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(result, Failure)
        assert result.kind is FailureKind.MODEL_UNAVAILABLE
    with pytest.raises(Failure, match="unloaded"):
        await template.render(wish("a"), "a")
    await until(lambda: not _children("renderer"))


async def test_nothing_secret_is_in_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLONNADE_API_KEY", "sesame")
    template = await Template.start(model(templates={"default": "{{ messages[0].content }}"}))
    assert template._quick._process is not None
    assert b"sesame" not in _of(template._quick._process.pid, "environ")
    await template.close()


def _children(module: str) -> list[int]:
    """The processes below this one that run a module of the house."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            with contextlib.suppress(OSError):
                if f"prompt.{module}".encode() in _of(int(pid), "cmdline"):
                    found.append(int(pid))
    return found


def _of(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()
