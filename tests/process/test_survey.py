"""What model files are and take, as a process of its own finds it out."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from benchmarks.random_gguf import write_random_gguf
from colonnade.engine import LoadError, Surveyor
from colonnade.messages import LoadModel, Tuning
from tests.process.conftest import StartEngine  # noqa: TC001 - in a test's signature

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.conftest import RandomModel


@asynccontextmanager
async def surveying(**wishes: float) -> AsyncIterator[Surveyor]:
    surveyor = Surveyor(**wishes)
    try:
        yield surveyor
    finally:
        await surveyor.close()
        assert surveyor.pid is None


def _load(path: Path, **wishes: Any) -> LoadModel:
    return LoadModel(str(path), **{"threads": 1, **wishes})


async def test_it_says_how_a_model_is_loaded_and_what_it_takes(random_model: RandomModel) -> None:
    async with surveying() as surveyor:
        load = _load(random_model("llama"), cache_size=7, hang_seconds=5.0)
        fit = await surveyor.fit(load, None)
        assert fit.load == msgspec.structs.replace(load, ctx_size=fit.load.ctx_size)
        assert fit.load.ctx_size == min(8192, (await surveyor.describe(load.path)).ctx_train)
        footprint = fit.footprint
        assert footprint.total == footprint.own + footprint.mapped > footprint.cache > 0
        mapped = await surveyor.fit(_load(Path(load.path), mmap=True), None)
        assert mapped.footprint.mapped > 0
        assert mapped.footprint.total == pytest.approx(footprint.total, rel=0.01)


async def test_an_engine_is_what_was_chosen_for_it(start_engine: StartEngine) -> None:
    engine = await start_engine(ctx_size=0, slots=0, memory=100)
    info = engine.info
    assert (info.ctx_size, info.slots) == (info.ctx_train, 4)
    async with surveying() as surveyor:
        load = _load(Path(info.path), ctx_size=0, slots=0)
        fit = await surveyor.fit(load, 100 << 20)
    assert (fit.load.ctx_size, fit.load.slots) == (info.ctx_size, info.slots)


async def test_what_does_not_fit_is_refused_with_the_sums(random_model: RandomModel) -> None:
    async with surveying() as surveyor:
        for wishes in ({}, {"ctx_size": 0, "slots": 0}):
            load = _load(random_model("llama"), **wishes)
            with pytest.raises(LoadError, match=r"llama.gguf takes .* room for 9 MiB"):
                await surveyor.fit(load, 9 << 20)


async def test_files_that_are_none_do_not_end_it(tmp_path: Path, random_model: RandomModel) -> None:
    whole = random_model("llama").read_bytes()
    files = {"empty": b"", "text": b"hello", "short": whole[:2000], "magic": b"GGUF" + b"\xff" * 60}
    async with surveying() as surveyor:
        for name, content in files.items():
            path = tmp_path / f"{name}.gguf"
            path.write_bytes(content)
            for order in (surveyor.fit(_load(path), None), surveyor.describe(path)):
                with pytest.raises(LoadError, match=str(path)):
                    await order
        with pytest.raises(LoadError, match="no such file"):
            await surveyor.describe(tmp_path / "none.gguf")
        assert (await surveyor.describe(random_model("qwen2"))).architecture == "qwen2"


async def test_an_abort_of_llama_cpp_ends_the_child_alone(random_model: RandomModel) -> None:
    """A fit whose child is killed under it stands for one that llama.cpp ends."""
    path = random_model("llama")
    async with surveying() as surveyor:
        await surveyor.describe(path)
        first = surveyor.pid
        assert first is not None
        os.kill(first, 19)  # SIGSTOP: it is in the middle of the order
        order = asyncio.create_task(surveyor.fit(_load(path), None))
        while not surveyor._jobs or surveyor._urgent:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)
        os.kill(first, 9)
        with pytest.raises(LoadError, match=f"{path.name}: looking at it failed.*SIGKILL"):
            await order
        assert (await surveyor.fit(_load(path), None)).footprint.total > 0
        assert surveyor.pid not in (None, first)


async def test_what_llama_cpp_does_not_survive_is_refused(random_model: RandomModel) -> None:
    """What ends its process as overrides would as a file's own numbers."""
    path = random_model("llama")
    tuning = Tuning(kv_overrides={"llama.block_count": 0})
    async with surveying() as surveyor:
        with pytest.raises(LoadError, match=rf"{path}: looking at it failed.*SIGABRT"):
            await surveyor.fit(_load(path, tuning=tuning), None)
        assert (await surveyor.fit(_load(path), None)).footprint.total > 0


async def test_an_order_has_its_time(random_model: RandomModel) -> None:
    path = random_model("llama")
    async with surveying() as surveyor:
        await surveyor.describe(path)
        assert surveyor.pid is not None
        os.kill(surveyor.pid, 19)
        surveyor._seconds = 0.1
        with pytest.raises(LoadError, match=r"took longer than 0\.1 seconds"):
            await surveyor.fit(_load(path), None)
        surveyor._seconds = 60
        assert (await surveyor.fit(_load(path), None)).footprint.total > 0


async def test_an_idle_process_ends_and_what_is_known_needs_none(
    random_model: RandomModel, tmp_path: Path
) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(random_model("llama").read_bytes())
    async with surveying(idle_seconds=0.01) as surveyor:
        fit = await surveyor.fit(_load(path), None)
        facts = await surveyor.describe(path)
        async with asyncio.timeout(20):
            while surveyor.pid is not None:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        assert await surveyor.fit(_load(path, cache_size=3), None) != fit
        assert (await surveyor.fit(_load(path), None), await surveyor.describe(path)) == (
            fit,
            facts,
        )
        with pytest.raises(LoadError, match="room for 1 MiB"):  # known, too
            await surveyor.fit(_load(path), 1 << 20)
        assert surveyor.pid is None
        write_random_gguf(path, kind="qwen2", size="tiny")
        assert (await surveyor.describe(path)).architecture == "qwen2"


async def test_those_who_ask_the_same_at_once_get_one_answer(random_model: RandomModel) -> None:
    async with surveying() as surveyor:
        load = _load(random_model("hybrid"))
        orders = [asyncio.create_task(surveyor.fit(load, None)) for _ in range(20)]
        await asyncio.sleep(0)
        orders[0].cancel()
        fits = await asyncio.gather(*orders[1:])
        assert all(each == fits[0] for each in fits)


async def test_after_the_end_nothing_is_looked_at(random_model: RandomModel) -> None:
    async with surveying() as surveyor:
        pass
    with pytest.raises(LoadError, match="shutting down"):
        await surveyor.describe(random_model("llama"))
