"""Our engine's greedy output, token for token against llama-cpp-python's own ``Llama``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import llama_cpp
import numpy as np
import pytest

from colonnade.engine import Engine
from colonnade.messages import Decoding, LoadModel, Sampling, TokenPart

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RandomModel

pytestmark = pytest.mark.anyio

GREEDY = Sampling(temperature=0)
LENGTH = 24


def _reference(path: Path, prompts: list[list[int]]) -> list[list[int]]:
    """What ``Llama`` says after each prompt, greedily, from an empty memory each time."""
    llama = llama_cpp.Llama(
        str(path), n_ctx=256, n_batch=64, n_ubatch=64, n_threads=1, n_threads_batch=1, verbose=False
    )
    texts = []
    for prompt in prompts:
        llama.reset()
        texts.append([])
        for token in llama.generate(prompt, temp=0.0, reset=True):
            texts[-1].append(token)
            if len(texts[-1]) == LENGTH:
                break
    llama.close()
    return texts


async def _ours(engine: Engine, prompt: list[int], **wishes: object) -> list[int]:
    decoding = Decoding(sampling=GREEDY, max_tokens=LENGTH, ignore_eos=True, logprobs=0, **wishes)  # type: ignore[arg-type]
    stream = await engine.submit((TokenPart(tuple(prompt)),), decoding)
    return [entry.id async for output in stream for entry in output.logprobs]


def _prompts(vocab: int) -> list[list[int]]:
    random = np.random.default_rng(1)
    lengths = [1, 2, 7, 40, 90, 130]
    prompts = [random.integers(10, vocab - 10, length).tolist() for length in lengths]
    longest = prompts[-1]
    # as the next turns of a conversation, and a branch of it
    return [*prompts, longest + prompts[2], longest[:100] + prompts[2], longest[:40]]


@pytest.mark.parametrize("kind", ["llama", "qwen2", "sliding", "hybrid", "recurrent"])
async def test_one_after_the_other_with_what_the_slots_remember(
    kind: str, random_model: RandomModel
) -> None:
    path = random_model(kind)
    engine = await Engine.start(
        LoadModel(str(path), ctx_size=256, slots=2, threads=1, batch_size=64, flash_attention="off")
    )
    try:
        prompts = _prompts(engine.info.vocab_size)
        expected = _reference(path, prompts)
        found = [await _ours(engine, prompt) for prompt in prompts]
        assert found == expected
    finally:
        await engine.close()


@pytest.mark.parametrize("kind", ["llama", "qwen2", "sliding", "hybrid", "recurrent"])
async def test_side_by_side_and_with_several_choices(kind: str, random_model: RandomModel) -> None:
    path = random_model(kind)
    engine = await Engine.start(
        LoadModel(str(path), ctx_size=256, slots=4, threads=1, batch_size=64, flash_attention="off")
    )
    try:
        prompts = _prompts(engine.info.vocab_size)
        expected = _reference(path, prompts)
        found = await asyncio.gather(*[_ours(engine, prompt) for prompt in prompts])
        assert found == expected
    finally:
        await engine.close()


@pytest.mark.parametrize("kind", ["llama", "sliding", "hybrid", "recurrent"])
async def test_choices_that_share_a_prefill(kind: str, random_model: RandomModel) -> None:
    """More choices than slots: some start from the shared state in a later wave."""
    path = random_model(kind)
    engine = await Engine.start(
        LoadModel(str(path), ctx_size=256, slots=2, threads=1, batch_size=64, flash_attention="off")
    )
    try:
        prompt = _prompts(engine.info.vocab_size)[4]
        (expected,) = _reference(path, [prompt])
        decoding = Decoding(sampling=GREEDY, max_tokens=LENGTH, ignore_eos=True, logprobs=0, n=5)
        stream = await engine.submit((TokenPart(tuple(prompt)),), decoding)
        found: list[list[int]] = [[] for _ in range(5)]
        async for output in stream:
            found[output.choice] += [entry.id for entry in output.logprobs]
        assert found == [expected] * 5
    finally:
        await engine.close()
