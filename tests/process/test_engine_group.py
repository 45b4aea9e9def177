"""Several workers of one model: conversations stay where they were read, and one may die."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from colonnade.engine import Bounds, KeptStates, LoadError
from colonnade.generation.engines import EngineGroup, start_engines
from colonnade.generation.routing import Routes
from colonnade.messages import Decoding, Failure, FailureKind, LoadModel, Sampling, TokenPart
from tests.process.test_cache import some_tokens
from tests.process.test_kept import NEW, go_on

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from colonnade.engine import Engine, Stream
    from tests.conftest import RandomModel

    StartGroup = Callable[..., Awaitable[EngineGroup]]

pytestmark = pytest.mark.anyio


@pytest.fixture
async def start_group(random_model: RandomModel) -> AsyncIterator[StartGroup]:
    """Start two engines, closed when the test ends."""
    async with AsyncExitStack() as stack:

        async def start(
            bounds: Bounds | None = None,
            kept: KeptStates | None = None,
            routes: Routes | None = None,
            **settings: Any,
        ) -> EngineGroup:
            wishes = {"slots": 2, "threads": 1, "ctx_size": 1024, "workers": 2, **settings}
            load = LoadModel(str(random_model("llama")), **wishes)
            group = await start_engines(load, bounds=bounds or Bounds(), kept=kept, routes=routes)
            assert isinstance(group, EngineGroup)
            stack.push_async_callback(group.close)
            return group

        yield start


def engines(group: EngineGroup) -> list[Engine]:
    return list(group._engines.values())


async def submit(group: EngineGroup, prompt: list[int], most: int | None = 5) -> Stream:
    decoding = Decoding(Sampling(temperature=0), max_tokens=most, ignore_eos=True)
    return await group.submit((TokenPart(tuple(prompt)),), decoding)


async def test_conversations_stay_where_they_were_read(start_group: StartGroup) -> None:
    group = await start_group()
    assert group.info.slots == 4
    histories = [some_tokens(number, 200) for number in range(4)]
    for turn in range(3):
        lengths = [len(each) for each in histories]
        cached = await asyncio.gather(*(go_on(group, history) for history in histories))
        expected = [length - NEW if turn else 0 for length in lengths]
        assert cached == expected
    served = [each.totals.requests for each in engines(group)]
    assert served == [6, 6], "and new ones went where less was to do"


async def test_one_dies_and_the_others_go_on(start_group: StartGroup) -> None:
    group = await start_group()
    streams = [await submit(group, some_tokens(number, 60), 400) for number in range(4)]
    first, second = engines(group)
    assert (first.active, second.active) == (2, 2)
    dying = set(first._requests)
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)

    async def end(stream: Stream) -> str:
        try:
            async for _ in stream:
                pass
        except Failure as failure:
            return failure.kind
        return "answered"

    ends = await asyncio.gather(*map(end, streams))
    assert {stream.id: found for stream, found in zip(streams, ends, strict=True)} == {
        stream.id: FailureKind.WORKER_DIED if stream.id in dying else "answered"
        for stream in streams
    }
    assert group.ready
    assert not group.trouble
    await submit(group, some_tokens(9, 60))
    assert second.restarts == 0


async def test_who_finds_the_other_dead_is_served(start_group: StartGroup) -> None:
    group = await start_group()
    history = some_tokens(1, 200)
    await go_on(group, history)
    reader = next(each for each in engines(group) if each.totals.requests)
    assert reader.pid is not None
    os.kill(reader.pid, signal.SIGKILL)
    while reader.ready:  # noqa: ASYNC110 - its death is a matter of the system
        await asyncio.sleep(0.005)
    length = len(history)
    assert await go_on(group, history) == 0
    assert await go_on(group, history) > length


async def test_where_one_is_full_the_other_takes_it(start_group: StartGroup) -> None:
    group = await start_group(Bounds(queue_size=0), slots=1)
    prompt = some_tokens(1, 500)
    streams = [await submit(group, prompt, None), await submit(group, prompt, None)]
    assert [each.active for each in engines(group)] == [1, 1]
    with pytest.raises(Failure) as caught:
        await submit(group, prompt)
    assert caught.value.kind is FailureKind.QUEUE_FULL
    assert caught.value.retry_after
    for stream in streams:
        assert group.about(stream.id) is stream.about
        await stream.aclose()
    await group.drained()
    assert group.active == group.waiting == 0


async def test_after_a_swap_each_has_what_it_knew(start_group: StartGroup) -> None:
    kept, routes = KeptStates(1 << 30), Routes()
    histories = [some_tokens(number, 200) for number in range(4)]
    try:
        group = await start_group(kept=kept, routes=routes)
        await asyncio.gather(*(go_on(group, history) for history in histories))
        await group.retire()
        assert len(kept) == 2
        lengths = [len(each) for each in histories]
        again = await start_group(kept=kept, routes=routes)
        cached = await asyncio.gather(*(go_on(again, history) for history in histories))
        assert cached == [length - NEW for length in lengths]
    finally:
        kept.close()


async def test_embeddings_are_made_by_one_worker(random_model: RandomModel) -> None:
    before = set(children())
    with pytest.raises(LoadError, match="workers is 2"):
        await start_engines(LoadModel(str(random_model("embedding")), threads=1, workers=2))
    assert set(children()) <= before


async def test_what_cannot_be_loaded_leaves_no_worker() -> None:
    before = set(children())
    with pytest.raises(LoadError, match="no such file"):
        await start_engines(LoadModel("/nowhere.gguf", workers=2))
    assert set(children()) <= before


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii").split()
