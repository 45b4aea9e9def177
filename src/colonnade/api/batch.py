"""Several generations started and read as one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from colonnade.web.disconnect import cancel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from colonnade.generation import Event, Generation, Generator, Turn
    from colonnade.prompt.schema import Narrowing

    Item = tuple[int, Event]
    Ready = list[Item] | Exception | None

_AT_ONCE = 16
"""Turns on their way to the engine: what has not arrived is kept as bytes."""


class Batch:
    """The generations of one request, by the number of their prompt."""

    def __init__(self, generations: Sequence[Generation]) -> None:
        self.generations = generations

    @classmethod
    async def start(cls, generator: Generator, turns: Iterable[Turn]) -> Batch:
        """Start all turns, or none. In the bounds of the queue they count as one request.

        Raises:
            Failure: one of them was refused.
        """
        first, *others = turns
        gate = asyncio.Semaphore(_AT_ONCE)

        async def join(turn: Turn) -> Generation:
            async with gate:
                return await generator.start(turn, joining=True)

        starting = [asyncio.ensure_future(generator.start(first))]
        try:
            await starting[0]
            starting += [asyncio.ensure_future(join(turn)) for turn in others]
            return cls(await asyncio.gather(*starting))
        except BaseException:
            # Also when the request itself is cancelled: what has started must not run on.
            await cancel(*starting)
            await cls([task.result() for task in starting if _started(task)]).aclose()
            raise

    @property
    def narrowings(self) -> tuple[Narrowing, ...]:
        """Of the form, which all turns share."""
        return self.generations[0].narrowings

    async def batches(self) -> AsyncIterator[list[Item]]:
        """Yield (number of the prompt, event) in the order of coming, what is ready together.

        Raises:
            Failure: one of the generations failed.
        """
        queue: asyncio.Queue[Ready] = asyncio.Queue()
        readers = [
            asyncio.ensure_future(_read(number, generation, queue))
            for number, generation in enumerate(self.generations)
        ]
        try:
            reading = len(readers)
            while reading:
                ready = await queue.get()
                if ready is None:
                    reading -= 1
                elif isinstance(ready, Exception):
                    raise ready
                else:
                    yield ready
        finally:
            await cancel(*readers)

    async def aclose(self) -> None:
        """Cancel what is still running."""
        for generation in self.generations:
            await generation.aclose()


async def _read(number: int, generation: Generation, queue: asyncio.Queue[Ready]) -> None:
    try:
        async for events in generation.batches():
            queue.put_nowait([(number, event) for event in events])
    except Exception as exc:  # noqa: BLE001 - raised again by the reader of the queue
        queue.put_nowait(exc)
    else:
        queue.put_nowait(None)


def _started(task: asyncio.Future[Generation]) -> bool:
    return not task.cancelled() and task.exception() is None
