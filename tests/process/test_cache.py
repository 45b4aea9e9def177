"""What was read before stands for a part of later prompts, and changes no answer: on real memory
of each kind, with more conversations than slots."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from colonnade.messages import Decoding, Finish, Sampling, TokenPart

if TYPE_CHECKING:
    from colonnade.engine import Engine
    from tests.process.conftest import StartEngine

pytestmark = pytest.mark.anyio

KINDS = ["llama", "qwen2", "sliding", "hybrid", "recurrent"]
ROUNDING = 0.3
"""What other cuts of a prompt change in a log probability of these weights: up to 0.17 was seen."""
GREEDY = Decoding(Sampling(temperature=0), max_tokens=6, logprobs=0, ignore_eos=True)


async def answer(engine: Engine, prompt: list[int]) -> tuple[list[int], Finish]:
    stream = await engine.submit((TokenPart(tuple(prompt)),), GREEDY)
    tokens: list[int] = []
    finish = None
    async for output in stream:
        tokens += [entry.id for entry in output.logprobs]
        finish = output.finish or finish
    assert finish is not None
    return tokens, finish


async def check(engine: Engine, prompt: list[int], said: list[int]) -> None:
    """Whether an answer is the one of an engine without cache, as far as rounding lets it be one.

    The kernels round differently for other batches, so that of two tokens that are as good as
    equally likely the other one may come.
    """
    decoding = Decoding(Sampling(temperature=0), max_tokens=1, prompt_logprobs=1)
    stream = await engine.submit((TokenPart((*prompt, *said)),), decoding)
    async for _ in stream:
        pass
    for entry in stream.prompt_logprobs[len(prompt) :]:
        assert entry.logprob is not None
        assert entry.logprob > entry.top[0].logprob - ROUNDING


def some_tokens(seed: int, count: int) -> list[int]:
    return [random.Random(f"{seed}/{i}").randrange(20, 250) for i in range(count)]


@pytest.mark.parametrize("kind", KINDS)
async def test_conversations_find_their_past(start_engine: StartEngine, kind: str) -> None:
    """Five conversations of three turns take turns in two slots."""
    plain = await start_engine(kind, cache_size=0)
    cached = await start_engine(kind)
    histories = [some_tokens(number, 90) for number in range(5)]
    for turn in range(3):
        for number, history in enumerate(histories):
            found, finish = await answer(cached, history)
            await check(plain, history, found)
            known = len(history) - 15 - 1 if turn else 0
            # the last drawn token was never read, and belongs to what is new
            assert finish.cached_tokens == (known if turn else 0)
            history += [*found, *some_tokens(100 * turn + number, 14 + 1 - 6 + 6)]
            del history[90 + (turn + 1) * 21 :]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_shared_beginning_is_read_once(start_engine: StartEngine, kind: str) -> None:
    """Requests that arrive together wait for the one that reads what they share."""
    plain = await start_engine(kind, cache_size=0)
    cached = await start_engine(kind)
    shared = some_tokens(1, 200)
    prompts = [[*shared, *some_tokens(number + 2, 10)] for number in range(6)]
    found = await asyncio.gather(*(answer(cached, prompt) for prompt in prompts))
    for prompt, (said, _) in zip(prompts, found, strict=True):
        await check(plain, prompt, said)
    cached_tokens = sorted(finish.cached_tokens for _, finish in found)
    # the first may have read all of its prompt when the second one comes; a state that cannot be
    # cut then does not help it, and it leaves one for the others
    assert cached_tokens in ([0] + [200] * 5, [0, 0] + [200] * 4)
    assert cached_tokens[1] or kind not in ("llama", "qwen2")


@pytest.mark.parametrize("kind", KINDS)
async def test_partings_are_remembered(start_engine: StartEngine, kind: str) -> None:
    """One after the other: where a state cannot be cut, the second leaves one for the third."""
    engine = await start_engine(kind, slots=1)
    shared = some_tokens(1, 150)
    cached = []
    for number in range(4):
        _, finish = await answer(engine, [*shared, *some_tokens(number + 2, 10)])
        cached.append(finish.cached_tokens)
    first_use = 2 if kind in ("hybrid", "recurrent") else 1
    assert cached == [0] * first_use + [150] * (4 - first_use)


async def test_memory_for_states_is_bounded(start_engine: StartEngine) -> None:
    """With one MiB, the oldest of many states are gone."""
    engine = await start_engine("llama", cache_size=1, slots=1)
    prompts = [some_tokens(number, 200) for number in range(30)]
    for prompt in prompts:
        await answer(engine, prompt)
    assert (await answer(engine, prompts[0]))[1].cached_tokens == 0
    assert (await answer(engine, prompts[-1]))[1].cached_tokens == 199
