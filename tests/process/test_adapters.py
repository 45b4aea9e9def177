"""Real workers with adapters: each request's answer is that of an engine with its adapters alone,
whatever runs beside it and whatever was read before."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.random_gguf import write_random_gguf
from benchmarks.random_lora import write_random_lora
from colonnade.engine import Engine, LoadError
from colonnade.engine import start_engine as start_any
from colonnade.messages import AdapterSet, Decoding, LoadModel, Sampling, TokenPart, Tuning

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.random_gguf import Kind
    from tests.conftest import RandomModel
    from tests.process.conftest import StartEngine

pytestmark = pytest.mark.anyio

SETS: tuple[AdapterSet, ...] = ((), ((0, 1.0),), ((1, 1.0),), ((1, 0.5),), ((0, 1.0), (1, -0.5)))

Entries = list[tuple[int, float | None]]


def _tokens(seed: int, count: int) -> list[int]:
    return [random.Random(f"{seed}/{i}").randrange(20, 250) for i in range(count)]


def _adapters(model: Path, folder: Path, **wishes: Any) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, str(write_random_lora(model, folder / f"{name}.gguf", seed=seed, **wishes)))
        for seed, name in enumerate(("one", "two"))
    )


async def _says(
    engine: Engine, prompt: list[int], adapters: AdapterSet, **wishes: Any
) -> list[Entries]:
    """Each choice's tokens and log probabilities."""
    decoding = Decoding(Sampling(temperature=0), logprobs=0, ignore_eos=True, **wishes)
    stream = await engine.submit((TokenPart(tuple(prompt)),), decoding, adapters=adapters)
    choices: list[Entries] = [[] for _ in range(decoding.n)]
    async for output in stream:
        choices[output.choice] += [(entry.id, entry.logprob) for entry in output.logprobs]
    return choices


@pytest.mark.parametrize("kind", ["llama", "hybrid"])
async def test_answers_are_those_of_engines_with_one_set_alone(
    kind: Kind, start_engine: StartEngine, tmp_path: Path
) -> None:
    """Together, of one prompt and of others; again, with all of it read before; with choices."""
    model = write_random_gguf(tmp_path / "model.gguf", kind=kind, quant="f32")
    files = _adapters(model, tmp_path)
    engine = await start_engine(model, slots=5, adapters=files)
    shared = _tokens(0, 150)
    prompts = [shared, [*shared, *_tokens(1, 30)], _tokens(2, 40)]
    wanted = {}
    for adapters in SETS:
        always = tuple((files[place][1], scale) for place, scale in adapters)
        alone = await start_engine(model, slots=1, tuning=Tuning(lora=always or None), cache_size=0)
        for number, prompt in enumerate(prompts):
            wanted[number, adapters] = await _says(alone, prompt, (), max_tokens=4)
        await alone.close()
    firsts = {tuple(token for token, _ in said[0]) for said in wanted.values()}
    assert len(firsts) > len(prompts), "the adapters change what is said"

    async def check(number: int, adapters: AdapterSet, n: int = 1) -> None:
        said = await _says(engine, prompts[number], adapters, max_tokens=4, n=n)
        expected = wanted[number, adapters][0]
        for choice in said:
            assert [token for token, _ in choice] == [token for token, _ in expected]
            for (_, found), (_, other) in zip(choice, expected, strict=True):
                assert found == pytest.approx(other, abs=0.02)

    for _ in range(2):
        await asyncio.gather(*(check(n, each) for each in SETS for n in range(len(prompts))))
    await asyncio.gather(*(check(0, each, 3) for each in SETS[:3]))


async def test_bits_are_the_same_where_batches_do_not_matter(
    start_engine: StartEngine, random_model: RandomModel, tmp_path: Path
) -> None:
    files = _adapters(random_model("llama"), tmp_path, kind="f16")
    wishes = {"batch_invariant": True, "adapters": files}
    alone = await start_engine("llama", slots=1, cache_size=0, **wishes)
    busy = await start_engine("llama", slots=4, **wishes)
    prompts = [_tokens(n, n) for n in (3, 70, 150)]
    cases = [(prompt, adapters) for prompt in prompts for adapters in SETS]
    wanted = [await _says(alone, *case, max_tokens=12) for case in cases]
    for _ in range(2):
        said = await asyncio.gather(*(_says(busy, *case, max_tokens=12) for case in cases))
        assert said == wanted


async def test_a_draft_model_guesses_for_every_set(
    start_engine: StartEngine, random_model: RandomModel, tmp_path: Path
) -> None:
    path = random_model("llama")
    files = _adapters(path, tmp_path)
    plain = await start_engine(adapters=files, speculate=False)
    guessed = await start_engine(adapters=files, draft_path=str(path))
    prompt = _tokens(5, 40)

    async def tokens(engine: Engine, adapters: AdapterSet) -> tuple[list[int], int]:
        decoding = Decoding(Sampling(temperature=0), ignore_eos=True, token_ids=True, max_tokens=30)
        stream = await engine.submit((TokenPart(tuple(prompt)),), decoding, adapters=adapters)
        ids: list[int] = []
        async for output in stream:
            ids += output.ids
            finish = output.finish
        assert finish is not None
        return ids, finish.drafted_tokens

    for adapters in SETS:
        wanted, _ = await tokens(plain, adapters)
        said, drafted = await tokens(guessed, adapters)
        assert said == wanted
        assert drafted >= 0


async def test_the_largest_scale_harms_nobody(
    start_engine: StartEngine, random_model: RandomModel, tmp_path: Path
) -> None:
    """What overflows is no number any more."""
    files = _adapters(random_model("llama"), tmp_path, size=1e6)
    engine = await start_engine(adapters=files)
    prompt = _tokens(7, 20)
    wanted = await _says(engine, prompt, (), max_tokens=4)
    pid = engine.pid
    for temperature in (0.0, 1.0):
        decoding = Decoding(
            Sampling(temperature=temperature, seed=1), logprobs=2, max_tokens=4, ignore_eos=True
        )
        stream = await engine.submit(
            (TokenPart(tuple(prompt)),), decoding, adapters=((0, 100.0), (1, -100.0))
        )
        async for _ in stream:
            pass
    assert await _says(engine, prompt, (), max_tokens=4) == wanted
    assert engine.pid == pid


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"rank": 8, "invocation": [5, 6]}, "is an activated adapter"),
        ({"other": "qwen2"}, "arch mismatch"),
        ({"other": "large"}, "incorrect shape"),
        ({"cut": 100}, "the file is damaged|not within the file"),
    ],
)
async def test_what_is_no_adapter_of_the_model_is_refused_at_the_start(
    wishes: dict[str, Any], words: str, random_model: RandomModel, tmp_path: Path
) -> None:
    model, path = random_model("llama"), tmp_path / "adapter.gguf"
    other, cut = wishes.pop("other", "llama"), wishes.pop("cut", 0)
    if other == "large":
        write_random_lora(write_random_gguf(tmp_path / "m.gguf", size="40m"), path)
    else:
        write_random_lora(random_model(other), path, **wishes)
    if cut:
        path.write_bytes(path.read_bytes()[:-cut])
    load = LoadModel(str(model), threads=1, ctx_size=256, adapters=(("it", str(path)),))
    with pytest.raises(LoadError, match=words) as caught:
        await Engine.start(load)
    assert "lora" in str(caught.value)


async def test_a_model_for_embeddings_takes_none(random_model: RandomModel) -> None:
    files = (("one", "/no/such.gguf"),)
    load = LoadModel(str(random_model("embedding")), threads=1, adapters=files)
    with pytest.raises(LoadError, match="is made for embeddings: adapters"):
        await start_any(load)


async def test_too_many_adapters_are_refused(random_model: RandomModel) -> None:
    files = tuple((str(number), "/no/such.gguf") for number in range(65))
    load = LoadModel(str(random_model("llama")), threads=1, adapters=files)
    with pytest.raises(LoadError, match="at most 64"):
        await Engine.start(load)
