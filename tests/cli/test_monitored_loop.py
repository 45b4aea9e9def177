"""Callbacks that hold the event loop, of every kind, are counted with their place in the code."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from colonnade.cli.monitored_loop import new_loop
from colonnade.watch import loop as watch
from colonnade.watch.loop import Held, LoopCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_LIMIT = 0.05


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> LoopCounts:
    """The counts of this process, as they are before anything runs."""
    fresh = LoopCounts()
    for each in fields(fresh):
        monkeypatch.setattr(watch.LOOP_COUNTS, each.name, getattr(fresh, each.name))
    return watch.LOOP_COUNTS


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=lambda: new_loop(_LIMIT)) as runner:
        runner.run(main())


def compute(seconds: float = 0.3) -> None:
    """Take that much of the processor's time."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


async def in_a_task() -> None:
    compute()


async def in_a_timer() -> None:
    asyncio.get_running_loop().call_later(0.01, compute)
    await asyncio.sleep(0.02)


async def from_a_thread() -> None:
    loop = asyncio.get_running_loop()
    await asyncio.to_thread(loop.call_soon_threadsafe, compute)
    await asyncio.sleep(0)


class Computing(asyncio.Protocol):
    """Computes when something comes, and hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        compute()
        self.transport.close()


async def in_a_protocol() -> None:
    server = await asyncio.get_running_loop().create_server(Computing, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"x")
    assert await reader.read() == b""
    writer.close()
    server.close()


@pytest.mark.parametrize("main", [in_a_task, in_a_timer, from_a_thread, in_a_protocol])
def test_computing_is_counted_and_shown(
    counts: LoopCounts, caplog: pytest.LogCaptureFixture, main: Callable[..., Any]
) -> None:
    with caplog.at_level(logging.WARNING, "colonnade.loop"):
        run(main)
    assert counts.slow["computing"] == 1
    assert counts.longest > _LIMIT
    (line,) = [each.getMessage() for each in caplog.records if "computing" in each.getMessage()]
    assert "test_monitored_loop.py" in line
    assert " compute" in line


def test_waiting_for_the_system_is_counted_apart(counts: LoopCounts) -> None:
    async def main() -> None:
        time.sleep(0.08)  # noqa: ASYNC251 - that is what is to be found

    run(main)
    assert counts.slow["computing"] == 0
    assert counts.slow["blocked"] >= 1


def test_what_does_not_hold_it_is_not_counted(counts: LoopCounts) -> None:
    async def main() -> None:
        await asyncio.sleep(0.08)
        for _ in range(20):
            compute(0.005)
            await asyncio.sleep(0)

    run(main)
    assert counts.slow["computing"] == 0
    assert counts.callbacks > 20


def test_waiting_for_a_processor_is_no_fault() -> None:
    assert Held(wall=0.3, computing=0.01, waiting=0.28).exceeds(_LIMIT) is None
    assert Held(wall=0.3, computing=0.06, waiting=0.24).exceeds(_LIMIT) == "computing"
    assert Held(wall=0.3, computing=0.01, waiting=0.1).exceeds(_LIMIT) == "blocked"


def test_without_a_limit_nothing_is_looked_at(counts: LoopCounts) -> None:
    with asyncio.Runner(loop_factory=lambda: new_loop(0.0)) as runner:
        runner.run(in_a_task())
    assert counts.callbacks == 0
