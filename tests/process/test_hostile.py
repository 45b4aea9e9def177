"""Requests and files that would end or stall a worker that believed them."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest

from colonnade.engine import Bounds, Engine, LoadError
from colonnade.messages import Decoding, Failure, FailureKind, LoadModel, Sampling, TextPart
from tests.altered import altered

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RandomModel
    from tests.process.conftest import StartEngine

pytestmark = pytest.mark.anyio

SHORT = Decoding(sampling=Sampling(temperature=0), max_tokens=2, ignore_eos=True)


async def _answer(engine: Engine, text: str = "Hello", decoding: Decoding = SHORT) -> str:
    stream = await engine.submit((TextPart(text),), decoding)
    return "".join([output.text async for output in stream])


@pytest.mark.parametrize("pre", ["tekken", "gpt-4o", "deepseek-llm", "falcon", "bloom", "default"])
async def test_a_long_run_of_one_character_does_not_end_the_worker(
    pre: str, random_model: RandomModel, tmp_path: Path
) -> None:
    path = altered(random_model("llama"), tmp_path / "m.gguf", {"tokenizer.ggml.pre": pre})
    engine = await Engine.start(LoadModel(str(path), threads=1, slots=1, ctx_size=512))
    try:
        before = engine.pid
        for character in "a!\n ":
            with pytest.raises(Failure) as caught:
                await _answer(engine, character * 60_000)
            assert caught.value.kind is FailureKind.CONTEXT_LENGTH_EXCEEDED
        await _answer(engine)
        assert engine.pid == before
    finally:
        await engine.close()


@pytest.mark.parametrize(
    ("changes", "arch"),
    [
        ({}, "x" * 1_000_000),
        ({"tokenizer.ggml.model": "no_vocab"}, None),
        ({"tokenizer.ggml.tokens": None}, None),
        ({"llama.block_count": None}, None),
        ({"llama.block_count": 4_000_000_000}, None),
        ({"llama.attention.head_count": 0}, None),
        ({"llama.context_length": 0}, None),
    ],
)
async def test_a_file_with_wrong_metadata_is_a_load_error_or_serves(
    changes: dict[str, object], arch: str | None, random_model: RandomModel, tmp_path: Path
) -> None:
    path = altered(random_model("llama"), tmp_path / "m.gguf", changes, arch=arch)
    async with asyncio.timeout(30):
        error = await _serve_or_fail(path)
    assert len(error) < 2000
    assert "\n" not in error


async def _serve_or_fail(path: Path) -> str:
    try:
        engine = await Engine.start(LoadModel(str(path), threads=1, slots=1))
    except LoadError as error:
        return str(error)
    await _answer(engine)
    await engine.close()
    return ""


async def test_a_path_that_cannot_be_written_down_is_a_load_error() -> None:
    with pytest.raises(LoadError):
        await Engine.start(LoadModel(os.fsdecode(b"/nowhere/\xff.gguf")))


async def test_costly_samplers_delay_nobody(start_engine: StartEngine) -> None:
    engine = await start_engine()
    breakers = tuple(f"break{i}" for i in range(16))
    dry = Sampling(dry_multiplier=1.0, dry_sequence_breakers=breakers)
    costly = asyncio.create_task(_answer(engine, decoding=Decoding(dry, max_tokens=2, n=64)))
    await asyncio.sleep(0)
    await _answer(engine)
    assert not costly.done()
    await costly


@pytest.mark.parametrize(
    "decoding",
    [
        Decoding(Sampling(dry_multiplier=1.0, dry_sequence_breakers=("x" * 41,))),
        Decoding(Sampling(dry_multiplier=1.0, dry_sequence_breakers=("x",) * 17)),
        Decoding(Sampling(dry_multiplier=1.0, dry_sequence_breakers=("",))),
        Decoding(stop=("x" * 1001,)),
        Decoding(stop=("",)),
        Decoding(stop=("x",) * 17),
    ],
)
async def test_strings_to_look_for_are_bounded(
    decoding: Decoding, start_engine: StartEngine
) -> None:
    engine = await start_engine()
    with pytest.raises(Failure) as caught:
        await _answer(engine, decoding=decoding)
    assert caught.value.kind is FailureKind.INVALID_REQUEST
    assert caught.value.param in {"stop", "dry_sequence_breakers"}


async def test_a_request_that_cannot_be_sent_takes_no_place_in_the_queue(
    start_engine: StartEngine,
) -> None:
    engine = await start_engine(slots=1, bounds=Bounds(queue_size=1))
    for _ in range(3):
        with pytest.raises(OverflowError):
            await _answer(engine, decoding=Decoding(Sampling(top_k=1 << 80)))
    assert engine.active == 0
    await _answer(engine)


@pytest.mark.parametrize("sizes", [(1, 1), (3, 1), (2, 2)])
async def test_the_smallest_batches_still_give_prompt_logprobs(
    sizes: tuple[int, int], start_engine: StartEngine
) -> None:
    slots, batch_size = sizes
    engine = await start_engine(slots=slots, batch_size=batch_size)
    wanted = Decoding(max_tokens=1, prompt_logprobs=0)
    texts = ["Some words to look at, and some more of them"] * 4
    await asyncio.gather(*[_answer(engine, text, wanted) for text in texts])


async def test_a_context_is_as_long_as_asked_for(start_engine: StartEngine) -> None:
    engine = await start_engine(ctx_size=300)
    assert engine.info.ctx_size == 300


async def test_a_worker_does_not_import_from_where_it_was_started(
    start_engine: StartEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    assert await _answer(await start_engine())


async def test_signals_for_the_whole_group_leave_the_worker_to_the_server(
    start_engine: StartEngine,
) -> None:
    """systemd and Ctrl-C tell all processes at once, and answers under way are still to come."""
    engine = await start_engine()
    pid = engine.pid
    assert pid is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(pid, number)
        assert await _answer(engine)
    assert engine.pid == pid
