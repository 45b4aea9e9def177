"""The engine with a real worker process."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from colonnade.engine import Bounds, Engine, LoadError, Stream
from colonnade.messages import (
    Decoding,
    Failure,
    FailureKind,
    Finish,
    FinishReason,
    LoadModel,
    Sampling,
    TextPart,
    TokenPart,
    Urgency,
)

if TYPE_CHECKING:
    from tests.conftest import RandomModel
    from tests.process.conftest import StartEngine

pytestmark = pytest.mark.anyio

ENDLESS = Decoding(sampling=Sampling(temperature=0), ignore_eos=True)
SHORT = Decoding(sampling=Sampling(temperature=0), max_tokens=5, ignore_eos=True)


async def _submit(engine: Engine, text: str = "Hello", decoding: Decoding = SHORT) -> Stream:
    return await engine.submit((TextPart(text),), decoding)


async def _finish(stream: Stream) -> Finish:
    finishes = [output.finish async for output in stream if output.finish is not None]
    return finishes[-1]


async def _until(condition: object) -> None:
    """Wait for a condition that other tasks bring about; the test's time limit bounds it."""
    while not condition():  # type: ignore[operator]  # noqa: ASYNC110 - whatever the condition
        await asyncio.sleep(0.005)


async def test_it_says_what_it_loaded(start_engine: StartEngine) -> None:
    progress: list[float] = []
    engine = await start_engine()
    info = engine.info
    assert info.architecture == "llama"
    assert info.ctx_size == 512
    assert info.slots == 2
    assert info.decoder
    assert "default" in info.chat_templates
    assert info.eos_token in info.special_tokens.values()
    assert info.memory > info.size
    other = await Engine.start(LoadModel(info.path, threads=1), on_progress=progress.append)
    await other.close()
    assert progress == sorted(progress)
    assert progress[-1] == 1.0


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.unlink(), "no such file"),
        (lambda path: (path.unlink(), path.mkdir()), "is not a file"),
        (lambda path: path.write_bytes(b""), "is not a GGUF file"),
        (lambda path: path.write_text("hello"), "is not a GGUF file"),
        (lambda path: path.write_bytes(path.read_bytes()[:3000]), "could not be loaded"),
        (lambda path: path.write_bytes(path.read_bytes()[:-50_000]), "could not be loaded"),
        (lambda path: path.write_bytes(b"GGUF" + bytes(400)), "could not be loaded"),
        (lambda path: path.write_bytes(b"GGUF" + b"\xff" * 400), "could not be loaded"),
    ],
)
async def test_a_file_that_is_no_model_is_one_clear_error(
    damage: object, words: str, random_model: RandomModel, tmp_path: Path
) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(random_model("llama").read_bytes())
    damage(path)  # type: ignore[operator]
    with pytest.raises(LoadError, match=words) as caught:
        await Engine.start(LoadModel(str(path), threads=1))
    assert "\n" not in str(caught.value)


async def test_settings_that_cannot_be_are_load_errors(random_model: RandomModel) -> None:
    path = str(random_model("llama"))
    for wrong in ({"kv_type": "q9"}, {"flash_attention": "maybe"}, {"ctx_size": 1 << 30}):
        with pytest.raises(LoadError):
            await Engine.start(LoadModel(path, threads=1, **wrong))


async def test_many_requests_at_once_each_get_their_own_answer(start_engine: StartEngine) -> None:
    engine = await start_engine(slots=3)
    texts = [f"Number {number}" for number in range(24)]

    async def answer(text: str) -> str:
        return "".join([output.text async for output in await _submit(engine, text)])

    alone = [await answer(text) for text in texts]
    together = await asyncio.gather(*[answer(text) for text in texts])
    assert together == alone
    assert len(set(alone)) > 1


async def test_a_stream_left_alone_is_cancelled_and_its_slot_is_free(
    start_engine: StartEngine,
) -> None:
    engine = await start_engine(slots=1)
    stream = await _submit(engine, decoding=ENDLESS)
    async for output in stream:
        assert output.finish is None
        break
    await stream.aclose()
    assert engine.active == 0
    finish = await _finish(await _submit(engine))
    assert finish.completion_tokens == 5


async def test_cancelling_in_the_queue(start_engine: StartEngine) -> None:
    engine = await start_engine(slots=1)
    running = await _submit(engine, decoding=ENDLESS)
    await _until(lambda: running.started)
    waiting = await _submit(engine)
    assert engine.waiting == 1
    await waiting.aclose()
    assert engine.waiting == 0
    await running.aclose()
    assert (await _finish(await _submit(engine))).reason is FinishReason.LENGTH


async def test_submitting_can_be_cancelled(start_engine: StartEngine) -> None:
    engine = await start_engine(slots=1)
    task = asyncio.create_task(_submit(engine, "word " * 300, ENDLESS))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert engine.active == 0
    assert (await _finish(await _submit(engine))).completion_tokens == 5


async def test_the_queue_is_bounded(start_engine: StartEngine) -> None:
    engine = await start_engine(slots=1, bounds=Bounds(queue_size=2))
    running = await _submit(engine, decoding=ENDLESS)
    await _until(lambda: running.started)
    waiting = [await _submit(engine) for _ in range(2)]
    with pytest.raises(Failure) as caught:
        await _submit(engine)
    assert caught.value.kind is FailureKind.QUEUE_FULL
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= 1
    assert engine.waiting == 2
    joined = await engine.submit((TextPart("more of a request"),), SHORT, joining=True)
    assert engine.waiting == 2, "it counts for nothing"
    await running.aclose()
    for stream in (*waiting, joined):
        await _finish(stream)
    await _finish(await _submit(engine))


async def test_a_prompt_longer_than_the_context_is_refused_with_both_numbers(
    start_engine: StartEngine,
) -> None:
    engine = await start_engine(ctx_size=256)
    with pytest.raises(Failure) as caught:
        await engine.submit((TokenPart((65,) * 300),), SHORT)
    assert caught.value.kind is FailureKind.CONTEXT_LENGTH_EXCEEDED
    assert "256" in caught.value.message
    assert "300" in caught.value.message
    assert engine.active == 0
    longest = await engine.submit((TokenPart((65,) * 255),), ENDLESS)
    assert (await _finish(longest)).completion_tokens == 1


@pytest.mark.parametrize("token", [-1, 1 << 20, 2**31 - 1])
async def test_a_token_out_of_range_is_refused(token: int, start_engine: StartEngine) -> None:
    engine = await start_engine()
    with pytest.raises(Failure, match="There is no token"):
        await engine.submit((TokenPart((1, token)),), SHORT)
    biased = Decoding(sampling=Sampling(logit_bias=((token, 1.0),)))
    with pytest.raises(Failure, match="There is no token"):
        await _submit(engine, decoding=biased)
    assert (await _finish(await _submit(engine))).completion_tokens == 5


async def test_a_worker_that_dies_fails_its_requests_and_is_replaced(
    start_engine: StartEngine,
) -> None:
    engine = await start_engine(slots=1)
    first = engine.pid
    assert first is not None
    streams = [await _submit(engine, decoding=ENDLESS) for _ in range(2)]
    os.kill(first, signal.SIGKILL)
    for stream in streams:
        with pytest.raises(Failure) as caught:
            await _finish(stream)
        assert caught.value.kind is FailureKind.WORKER_DIED
        assert "signal SIGKILL" in caught.value.message
    assert not engine.ready
    assert "SIGKILL" in engine.trouble
    next_one = await _submit(engine)
    assert engine.ready, "it has waited for the successor"
    assert engine.trouble == ""
    assert engine.pid != first
    assert (await _finish(next_one)).completion_tokens == 5


async def test_closing_ends_the_worker_and_fails_what_is_under_way(
    start_engine: StartEngine,
) -> None:
    engine = await start_engine(slots=1)
    pid = engine.pid
    assert pid is not None
    stream = await _submit(engine, decoding=ENDLESS)
    await engine.close()
    with pytest.raises(Failure) as caught:
        await _finish(stream)
    assert caught.value.kind is FailureKind.SHUTTING_DOWN
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(Failure):
        await _submit(engine)


async def test_an_idle_worker_uses_no_processor_time(start_engine: StartEngine) -> None:
    engine = await start_engine()
    await _finish(await _submit(engine))
    before = _processor_ticks(engine)
    await asyncio.sleep(1.0)  # the span that is measured
    assert _processor_ticks(engine) - before <= 1


def _processor_ticks(engine: Engine) -> int:
    fields = Path(f"/proc/{engine.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


async def test_a_huge_prompt_is_refused_at_once(start_engine: StartEngine) -> None:
    engine = await start_engine()
    with pytest.raises(Failure, match="at least") as caught:
        await _submit(engine, "many words " * 400_000)
    assert caught.value.kind is FailureKind.CONTEXT_LENGTH_EXCEEDED


async def test_a_huge_prompt_delays_nobody(start_engine: StartEngine) -> None:
    """It is to be cut, so that all of it is made into tokens."""
    engine = await start_engine()
    cut = Decoding(max_tokens=1, most_prompt=20)
    huge = asyncio.create_task(_submit(engine, "many words " * 400_000, cut))
    await asyncio.sleep(0)
    finish = await _finish(await _submit(engine))
    assert finish.completion_tokens == 5
    assert not huge.done(), "the short request overtakes it"
    assert (await _finish(await huge)).prompt_tokens == 20


async def test_a_huge_prompt_can_be_cancelled_while_it_is_tokenized(
    start_engine: StartEngine,
) -> None:
    engine = await start_engine(ctx_size=100_000, slots=1)
    tasks = [asyncio.create_task(_submit(engine, "a b" * 60_000, ENDLESS)) for _ in range(3)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (await _finish(await _submit(engine))).completion_tokens == 5


@pytest.mark.parametrize("kv_type", ["f32", "bf16", "q8_0", "q4_0", "iq4_nl"])
async def test_every_type_of_kv_cache_generates(kv_type: str, start_engine: StartEngine) -> None:
    engine = await start_engine(kv_type=kv_type, flash_attention="on")
    assert (await _finish(await _submit(engine))).completion_tokens == 5


async def test_a_model_that_only_embeds_says_so(start_engine: StartEngine) -> None:
    engine = await start_engine("embedding")
    assert not engine.info.decoder


async def test_who_waits_for_too_long_is_told_so(start_engine: StartEngine) -> None:
    engine = await start_engine(ctx_size=100_000, slots=1, bounds=Bounds(queue_seconds=0.2))
    running = await _submit(engine, decoding=ENDLESS)
    await _until(lambda: running.started)
    waiting = await _submit(engine)
    with pytest.raises(Failure) as caught:
        await _finish(waiting)
    assert caught.value.kind is FailureKind.QUEUE_FULL
    assert engine.waiting == engine.waiting_size == 0
    assert engine.active == 1, "who has a slot keeps it"
    await running.aclose()
    await _finish(await _submit(engine))


async def test_room_is_looked_for_before_any_work_is_done(start_engine: StartEngine) -> None:
    engine = await start_engine(slots=1, bounds=Bounds(queue_size=1))
    engine.check_room("", Urgency())
    streams = [await _submit(engine, decoding=ENDLESS) for _ in range(2)]
    with pytest.raises(Failure, match="1 requests run, 1 wait"):
        engine.check_room("", Urgency())
    for stream in streams:
        await stream.aclose()
    engine.check_room("", Urgency())
