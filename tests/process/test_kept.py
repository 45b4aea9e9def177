"""What a model knows of earlier prompts is there again after it was swapped out and in."""

from __future__ import annotations

import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from colonnade.engine import Engine, KeptStates, LoadError
from colonnade.engine import supervisor as supervising
from colonnade.messages import Decoding, Failure, LoadModel, Sampling, TokenPart
from tests.process.test_cache import answer, check, some_tokens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.conftest import RandomModel
    from tests.process.conftest import StartEngine

    Start = Callable[..., Awaitable[Engine]]

pytestmark = pytest.mark.anyio

KINDS = ["llama", "sliding", "hybrid"]

NEW = 11
"""Tokens of a further turn that are new: ten, and the last drawn one, which was never read."""


@pytest.fixture
def kept() -> KeptStates:
    return KeptStates(1 << 30)


@pytest.fixture
async def start(random_model: RandomModel, kept: KeptStates) -> AsyncIterator[Start]:
    """Start an engine that may find what is kept, closed when the test ends."""
    async with AsyncExitStack() as stack:

        async def make(kind: str = "llama", **settings: Any) -> Engine:
            path = settings.pop("path", None) or random_model(kind)
            wishes = {"slots": 2, "threads": 1, "ctx_size": 512, **settings}
            engine = await Engine.start(LoadModel(str(path), **wishes), kept=kept)
            stack.push_async_callback(engine.close)
            return engine

        yield make
    kept.close()
    assert not _files()


def _files() -> list[str]:
    """Files of states that this process has open."""
    links = []
    for each in Path("/proc/self/fd").iterdir():
        try:
            links.append(str(each.readlink()))
        except FileNotFoundError:  # the descriptor of this very listing
            continue
    return [link for link in links if "colonnade-states" in link]


async def go_on(engine: Engine, history: list[int]) -> int:
    """A conversation's next turn; returns how much of its prompt was there."""
    found, finish = await answer(engine, history)
    history += [*found, *some_tokens(len(history), NEW - 1)]
    return finish.cached_tokens


@pytest.mark.parametrize("kind", KINDS)
async def test_a_conversation_reads_only_what_is_new(
    start: Start, start_engine: StartEngine, kept: KeptStates, kind: str
) -> None:
    """Four conversations in two slots; the model is swapped out and in between their turns."""
    plain = await start_engine(kind, cache_size=0)
    histories = [some_tokens(number, 90) for number in range(4)]
    for turn in range(2):
        engine = await start(kind)
        assert kept.hits == turn
        for history in histories:
            prompt = list(history)
            assert await go_on(engine, history) == (len(prompt) - NEW if turn else 0)
            await check(plain, prompt, history[len(prompt) : -NEW + 1])
        await engine.retire()
        assert len(kept) == 1
        assert kept.size


async def test_requests_under_way_leave_what_they_have_read(start: Start, kept: KeptStates) -> None:
    engine, prompt = await start(), some_tokens(1, 300)
    endless = Decoding(Sampling(temperature=0), ignore_eos=True)
    stream = await engine.submit((TokenPart(tuple(prompt)),), endless)
    async for _ in stream:  # it has read its prompt
        break
    await engine.retire()
    with pytest.raises(Failure, match="shutting down"):
        async for _ in stream:
            pass
    assert len(kept) == 1
    again = await start()
    assert (await answer(again, prompt))[1].cached_tokens == 299


async def test_two_models_take_turns(start: Start, kept: KeptStates) -> None:
    histories = {"llama": some_tokens(1, 200), "hybrid": some_tokens(2, 200)}
    for turn in range(3):
        for kind, history in histories.items():
            engine, length = await start(kind), len(history)
            assert await go_on(engine, history) == (length - NEW if turn else 0)
            await engine.retire()
    assert len(kept) == 2


async def test_what_is_kept_is_bounded(random_model: RandomModel) -> None:
    kept = KeptStates(400_000)
    load = LoadModel(str(random_model("llama")), slots=2, threads=1, ctx_size=512)
    prompts = [some_tokens(number, 200) for number in range(6)]
    try:
        engine = await Engine.start(load, kept=kept)
        for prompt in prompts:
            await answer(engine, prompt)
        await engine.retire()
        assert 0 < kept.size <= 400_000
        engine = await Engine.start(load, kept=kept)
        cached = [(await answer(engine, prompt))[1].cached_tokens for prompt in reversed(prompts)]
        await engine.close()
    finally:
        kept.close()
    assert cached[0] == 199
    assert 0 in cached
    assert cached == sorted(cached, reverse=True)


async def test_no_more_is_kept_than_the_cache_may_take(start: Start, kept: KeptStates) -> None:
    engine = await start(cache_size=0)
    await answer(engine, some_tokens(1, 200))
    await engine.retire()
    assert not len(kept)


@pytest.mark.parametrize(
    "change",
    [{"kv_type": "q8_0"}, {"ctx_size": 1024}, {"slots": 3}, {"flash_attention": "off"}],
)
async def test_under_other_settings_nothing_is_found(
    start: Start, kept: KeptStates, change: dict[str, Any]
) -> None:
    prompt = some_tokens(1, 200)
    engine = await start()
    await answer(engine, prompt)
    await engine.retire()
    other = await start(**change)
    assert (await answer(other, prompt))[1].cached_tokens == 0
    assert kept.hits == 0
    again = await start(prefill_step_ms=50.0)  # which makes no other state
    assert (await answer(again, prompt))[1].cached_tokens == 199


async def test_in_another_file_nothing_is_found(
    start: Start, kept: KeptStates, random_model: RandomModel, tmp_path: Path
) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(random_model("llama").read_bytes())
    engine = await start(path=path)
    await answer(engine, some_tokens(1, 200))
    await engine.retire()
    assert len(kept) == 1
    os.utime(path, ns=(1, 1))
    other = await start(path=path)
    assert (await answer(other, some_tokens(1, 200)))[1].cached_tokens == 0
    assert kept.hits == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_worker_that_does_not_answer_leaves_nothing(
    start: Start, kept: KeptStates, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "_RETIRING", 0.5)
    engine = await start()
    await answer(engine, some_tokens(1, 200))
    pid = engine.pid
    assert pid is not None
    os.kill(pid, number)
    await engine.retire()
    assert not len(kept)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_what_is_damaged_is_read_again(
    start: Start, start_engine: StartEngine, kept: KeptStates
) -> None:
    prompt = some_tokens(1, 200)
    engine = await start()
    await answer(engine, prompt)
    await engine.retire()
    [file] = kept._files.values()
    os.pwrite(file.descriptor, bytes(1000), os.sysconf("SC_PAGE_SIZE") + 2000)
    again = await start()
    said, finish = await answer(again, prompt)
    assert kept.hits == 1
    assert finish.cached_tokens == 0
    await check(await start_engine(cache_size=0), prompt, said)


async def test_states_stay_where_a_load_fails(start: Start, kept: KeptStates) -> None:
    engine = await start()
    await answer(engine, some_tokens(1, 200))
    await engine.retire()
    with pytest.raises(LoadError):  # a draft makes no other state, and this is none
        await start(draft_path="/nowhere.gguf")
    assert len(kept) == 1
    again = await start()
    assert (await answer(again, some_tokens(1, 200)))[1].cached_tokens == 199


async def test_the_server_lets_go_of_what_a_worker_has(start: Start, kept: KeptStates) -> None:
    engine = await start()
    await answer(engine, some_tokens(1, 200))
    await engine.retire()
    assert len(_files()) == 1
    again = await start()
    assert not kept.size
    assert len(_files()) == 1  # the one that this worker may fill
    await again.close()
    assert not _files()
