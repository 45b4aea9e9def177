"""Turns at a template's process, when those who wait go away."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from colonnade.generation.templates import _Lane


class OneAtATime:
    """A process that notes whether it is asked for two things at once."""

    ended = False

    def __init__(self) -> None:
        self.under_way: asyncio.Future[Any] | None = None

    def ask(self, order: bytes, seconds: float) -> asyncio.Future[Any]:
        assert self.under_way is None or self.under_way.done()
        self.under_way = asyncio.get_running_loop().create_future()
        return self.under_way


async def test_who_leaves_as_its_turn_comes_gives_it_to_one() -> None:
    process = OneAtATime()

    async def start() -> Any:
        return process

    lane = _Lane(cast("Any", start), 1.0)
    first, leaving, second, third = [
        asyncio.create_task(lane.ask("a", bytes([number]))) for number in range(4)
    ]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert process.under_way is not None
    process.under_way.set_result("first")
    leaving.cancel()
    done: list[Any] = []
    while len(done) < 2:
        await asyncio.sleep(0)
        if not process.under_way.done():
            process.under_way.set_result("more")
        done = [each for each in (second, third) if each.done()]
    assert await first == "first"
    assert [await each for each in done] == ["more", "more"]
    assert leaving.cancelled()
