"""Pictures and sounds in prompts, through a real worker and projectors of each sort."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from benchmarks.random_projector import write_random_projector
from colonnade.engine import LoadError
from colonnade.messages import (
    Decoding,
    Failure,
    FailureKind,
    Finish,
    MediaKind,
    MediaPart,
    Sampling,
    TextPart,
)
from tests.media.pictures import audio_part, image_part, picture, sound

if TYPE_CHECKING:
    from pathlib import Path

    from colonnade.engine import Engine
    from tests.conftest import RandomModel, RandomProjector
    from tests.process.conftest import StartEngine

pytestmark = pytest.mark.anyio

ROUNDING = 0.1
"""What other cuts of a prompt change in a log probability: up to 0.05 was seen. Another picture
changes 0.4 and more, another sound 0.2."""

PAIRS = [("llama", "llava"), ("sliding", "gemma3"), ("qwen2vl", "qwen2vl"), ("hybrid", "llava")]
A, B = image_part(picture(1)), image_part(picture(2, 60, 90))
GREEDY = Decoding(Sampling(temperature=0), max_tokens=8, ignore_eos=True)

Part = str | MediaPart


def parts(*given: Part) -> tuple[TextPart | MediaPart, ...]:
    return tuple(TextPart(part) if isinstance(part, str) else part for part in given)


async def ask(
    engine: Engine, *prompt: Part, decoding: Decoding = GREEDY
) -> tuple[list[str], Finish]:
    """The text of each choice, and the account of the first one."""
    texts = [""] * decoding.n
    finishes: dict[int, Finish] = {}
    async for output in await engine.submit(parts(*prompt), decoding):
        texts[output.choice] += output.text
        if output.finish is not None:
            finishes[output.choice] = output.finish
    return texts, finishes[0]


async def seen(engine: Engine, *prompt: Part) -> dict[int, float]:
    """Log probabilities of the likeliest first tokens."""
    decoding = Decoding(Sampling(temperature=0), max_tokens=1, ignore_eos=True, logprobs=20)
    async for output in await engine.submit(parts(*prompt), decoding):
        for entry in output.logprobs:
            return {each.id: each.logprob for each in entry.top}
    msg = "nothing was said"
    raise AssertionError(msg)


def differ(one: dict[int, float], other: dict[int, float]) -> float:
    """By how much, at the most, among the tokens that both have."""
    return max(abs(one[each] - other[each]) for each in one.keys() & other.keys())


async def refusal(engine: Engine, *prompt: Part, decoding: Decoding = GREEDY) -> Failure:
    with pytest.raises(Failure) as caught:
        await ask(engine, *prompt, decoding=decoding)
    return caught.value


@pytest.mark.parametrize(("kind", "projector"), PAIRS)
async def test_another_picture_another_answer_and_the_same_again(
    start_engine: StartEngine, random_projector: RandomProjector, kind: str, projector: str
) -> None:
    """In any place, several of them; of what comes again, nothing is read that is there."""
    engine = await start_engine(kind, projector_path=str(random_projector(projector)))
    assert engine.info.media == (MediaKind.IMAGE,)
    first, account = await ask(engine, "Look: ", A, " What is it?")
    other, _ = await ask(engine, "Look: ", B, " What is it?")
    assert first != other
    again, cached = await ask(engine, "Look: ", A, " What is it?")
    assert again == first
    assert cached.prompt_tokens == account.prompt_tokens
    if kind in ("llama", "qwen2vl"):
        assert cached.cached_tokens == account.prompt_tokens - 1
    both = await seen(engine, A, "and", B, "What are they?")
    assert differ(both, await seen(engine, B, "and", A, "What are they?")) > ROUNDING
    assert differ(both, await seen(engine, A, "and", B, "What are they?")) < ROUNDING


@pytest.mark.parametrize(("kind", "projector"), PAIRS)
async def test_a_conversation_goes_on_behind_its_picture(
    start_engine: StartEngine, random_projector: RandomProjector, kind: str, projector: str
) -> None:
    """Its slot was another's meanwhile; without a cache the answer is the same."""
    path = str(random_projector(projector))
    engine = await start_engine(kind, projector_path=path, slots=1)
    plain = await start_engine(kind, projector_path=path, slots=1, cache_size=0)
    question = "What is it? " * 8
    await ask(engine, "Look: ", A, question)
    await ask(engine, "Something quite different, without any picture. " * 4)
    follow_up = (question, " And then?")
    found = await seen(engine, "Look: ", A, *follow_up)
    assert differ(found, await seen(plain, "Look: ", A, *follow_up)) < ROUNDING
    assert differ(found, await seen(plain, "Look: ", B, *follow_up)) > ROUNDING
    await ask(engine, "Something quite different, without any picture. " * 4)
    _, account = await ask(engine, "Look: ", A, *follow_up, " More?")
    assert account.cached_tokens > account.prompt_tokens - 16


@pytest.mark.parametrize(("kind", "projector"), PAIRS)
async def test_choices_share_a_picture(
    start_engine: StartEngine, random_projector: RandomProjector, kind: str, projector: str
) -> None:
    engine = await start_engine(kind, projector_path=str(random_projector(projector)))
    one, _ = await ask(engine, "Look: ", A, " What is it?")
    decoding = Decoding(GREEDY.sampling, max_tokens=8, ignore_eos=True, n=3)
    three, _ = await ask(engine, "Look: ", A, " What is it?", decoding=decoding)
    assert three == one * 3


async def test_pictures_and_sounds_by_one_projector(
    start_engine: StartEngine, random_projector: RandomProjector
) -> None:
    engine = await start_engine("llama", projector_path=str(random_projector("omni")))
    assert engine.info.media == (MediaKind.AUDIO, MediaKind.IMAGE)
    heard = [audio_part(sound(seed)) for seed in (1, 2)]
    _, account = await ask(engine, "Hear: ", heard[0], " and see ", A, " What is it?")
    first = await seen(engine, "See ", A, " and hear: ", heard[0], "!")
    assert differ(first, await seen(engine, "See ", A, " and hear: ", heard[1], "!")) > 0.05
    assert account.prompt_tokens > 94 + 64, "half a minute in 94, and a picture in 64"


async def test_others_go_on_meanwhile(
    start_engine: StartEngine, random_projector: RandomProjector
) -> None:
    """Requests with pictures, with new ones and with none, more than there are slots."""
    engine = await start_engine("llama", projector_path=str(random_projector("llava")))
    pictures = [image_part(picture(seed)) for seed in range(4)]
    prompts = [("Look: ", each, " What is it?") for each in pictures] + [("Once upon a time",)]
    alone = [await seen(engine, *prompt) for prompt in prompts]
    fresh = await start_engine("llama", projector_path=str(random_projector("llava")))
    found = await asyncio.gather(*[seen(fresh, *prompt) for prompt in prompts])
    for one, other in zip(alone, found, strict=True):
        assert differ(one, other) < ROUNDING


async def test_who_leaves_while_a_picture_is_looked_at(
    start_engine: StartEngine, random_projector: RandomProjector
) -> None:
    engine = await start_engine("llama", projector_path=str(random_projector("llava")), slots=1)
    for seed in range(5):
        part = image_part(picture(seed))
        stream = await engine.submit(parts("Look: ", part, " What is it?"), GREEDY)
        await stream.aclose()
    texts, _ = await ask(engine, "Look: ", A, " What is it?")
    assert texts[0]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no format"),
        (b"GIF, says who?", "no format"),
        (picture(1)[:300], "damaged"),
        (b"BM" + bytes(60), "damaged"),
        (sound(1), "no format"),
    ],
    ids=["empty", "none", "cut off", "zeros", "a sound"],
)
async def test_what_is_no_picture(
    start_engine: StartEngine, random_projector: RandomProjector, data: bytes, words: str
) -> None:
    engine = await start_engine("llama", projector_path=str(random_projector("omni")))
    failure = await refusal(engine, "Look: ", image_part(data), " What is it?")
    assert (failure.kind, failure.param) == (FailureKind.INVALID_REQUEST, "messages")
    assert words in failure.message
    assert (await ask(engine, "Look: ", A, " What is it?"))[0]


async def test_a_wav_that_says_it_is_endless(
    start_engine: StartEngine, random_projector: RandomProjector
) -> None:
    """Memory is had for what there is, not for what a chunk beside it says."""
    engine = await start_engine("llama", projector_path=str(random_projector("ultravox")))
    good = sound(1)
    fact = b"fact" + (4).to_bytes(4, "little") + b"\xff\xff\xff\xff"
    lying = good[:12] + fact + good[12:]
    texts, _ = await ask(engine, "Hear: ", audio_part(lying), " What is it?")
    assert texts == (await ask(engine, "Hear: ", audio_part(good), " What is it?"))[0]


@pytest.mark.parametrize(
    ("prompt", "decoding", "param"),
    [
        (("Look: ", A), GREEDY, "messages"),
        (("Look: ", A, "!"), Decoding(prompt_logprobs=1), "prompt_logprobs"),
        (("Look: ", A, "!"), Decoding(most_prompt=5), "truncate_prompt_tokens"),
        ((*[A, "and"] * 9,), GREEDY, "messages"),
    ],
    ids=["nothing behind it", "log probabilities", "cut", "too many"],
)
async def test_what_cannot_be_had_with_a_picture(
    start_engine: StartEngine,
    random_projector: RandomProjector,
    prompt: tuple[Part, ...],
    decoding: Decoding,
    param: str,
) -> None:
    engine = await start_engine("llama", projector_path=str(random_projector("llava")))
    assert (await refusal(engine, *prompt, decoding=decoding)).param == param


async def test_a_sound_for_a_model_that_only_sees(
    start_engine: StartEngine, random_projector: RandomProjector
) -> None:
    engine = await start_engine("llama", projector_path=str(random_projector("llava")))
    failure = await refusal(engine, "Hear: ", audio_part(sound(1)), "!")
    assert failure.kind is FailureKind.UNSUPPORTED
    assert "takes no audio" in failure.message


async def test_token_ids_of_a_picture_are_none(
    start_engine: StartEngine, random_projector: RandomProjector
) -> None:
    engine = await start_engine("llama", projector_path=str(random_projector("llava")))
    decoding = Decoding(GREEDY.sampling, max_tokens=2, token_ids=True)
    stream = await engine.submit(parts("Look: ", A, "!"), decoding)
    async for _ in stream:
        pass
    assert stream.prompt_ids.count(-1) == 64


async def test_a_projector_of_another_model(start_engine: StartEngine, tmp_path: Path) -> None:
    path = write_random_projector(tmp_path / "other.gguf", width=96)
    with pytest.raises(LoadError, match=r"n_embd = 128.*n_embd = 96"):
        await start_engine("llama", projector_path=str(path))


async def test_a_model_as_projector(start_engine: StartEngine, random_model: RandomModel) -> None:
    with pytest.raises(LoadError, match="is no projector"):
        await start_engine("llama", projector_path=str(random_model("llama")))
