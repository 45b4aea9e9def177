"""With `batch_invariant`, log probabilities are the same to the bit, whatever runs beside a request
and whatever of its prompt was read before."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest

from colonnade.engine import Engine, LoadError
from colonnade.messages import Decoding, LoadModel, Sampling, TokenPart

if TYPE_CHECKING:
    from tests.conftest import RandomModel
    from tests.process.conftest import StartEngine

pytestmark = pytest.mark.anyio

Entries = list[tuple[int, float | None]]


async def _answer(engine: Engine, prompt: list[int], **wishes: Any) -> list[Entries]:
    """Each choice's tokens and log probabilities; and first the prompt's, where asked for."""
    decoding = Decoding(Sampling(temperature=0), logprobs=0, ignore_eos=True, **wishes)
    stream = await engine.submit((TokenPart(tuple(prompt)),), decoding)
    choices: list[Entries] = [[] for _ in range(decoding.n)]
    async for output in stream:
        choices[output.choice] += [(entry.id, entry.logprob) for entry in output.logprobs]
    return [[(entry.id, entry.logprob) for entry in stream.prompt_logprobs or ()], *choices]


def _tokens(seed: int, count: int) -> list[int]:
    return [random.Random(f"{seed}/{i}").randrange(20, 250) for i in range(count)]


@pytest.mark.parametrize("kind", ["llama", "qwen2", "sliding"])
async def test_neighbours_and_caches_change_nothing(start_engine: StartEngine, kind: str) -> None:
    """Prompts of all lengths, alone and cold; then together, again, as turns of conversations, with
    further choices, and with the log probabilities of the prompt."""
    shared = _tokens(0, 90)
    prompts = [_tokens(n, n) for n in (1, 2, 59, 62, 70, 130, 201, 333)]
    prompts += [[*shared, *_tokens(n, n)] for n in (1, 40, 90)]
    alone = await start_engine(kind, slots=1, cache_size=0, batch_invariant=True)
    busy = await start_engine(kind, slots=5, batch_invariant=True)
    wanted = [await _answer(alone, prompt, max_tokens=24) for prompt in prompts]
    together = [_answer(busy, prompt, max_tokens=24) for prompt in prompts]
    assert await asyncio.gather(*together) == wanted
    assert [await _answer(busy, prompt, max_tokens=24) for prompt in prompts] == wanted
    # the first choice says the same, whoever its followers are
    [_, *choices] = await _answer(busy, prompts[5], max_tokens=24, n=3)
    assert choices == [wanted[5][1]] * 3
    turns = [
        [*prompt, *(token for token, _ in said[1])]
        for prompt, said in zip(prompts, wanted, strict=True)
    ]
    later = [await _answer(alone, turn, max_tokens=8, prompt_logprobs=0) for turn in turns]
    assert await asyncio.gather(*(_answer(busy, t, max_tokens=8) for t in turns)) == [
        [[], *said[1:]] for said in later
    ]
    echoed = (_answer(busy, turn, max_tokens=8, prompt_logprobs=0) for turn in turns)
    assert await asyncio.gather(*echoed) == later


@pytest.mark.parametrize("wrong", [{"flash_attention": "off"}, {"draft_path": "x.gguf"}])
async def test_what_it_cannot_be_had_with_is_named(
    random_model: RandomModel, wrong: dict[str, str]
) -> None:
    path = str(random_model("llama"))
    with pytest.raises(LoadError, match="batch_invariant cannot be had with"):
        await Engine.start(LoadModel(path, threads=1, batch_invariant=True, **wrong))


@pytest.mark.parametrize("kind", ["hybrid", "recurrent"])
async def test_memory_that_cannot_be_cut_is_refused(random_model: RandomModel, kind: str) -> None:
    load = LoadModel(str(random_model(kind)), threads=1, batch_invariant=True)
    with pytest.raises(LoadError, match="cannot be cut"):
        await Engine.start(load)
