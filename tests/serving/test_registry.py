"""Models that come and go at awkward moments, in a registry without a server around it."""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from colonnade.hub import ModelError, resolve_model
from colonnade.serving import LoadPlan, ModelRegistry, State
from colonnade.settings import (
    LimitSettings,
    ModelSettings,
    ModelTable,
    RegistrySettings,
    Settings,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

_MODEL = ModelSettings(ctx_size=256, slots=1, threads=1, cache_size=32)


@pytest.fixture
def folder(random_model, tmp_path) -> Path:
    for name in ("a", "b"):
        shutil.copy(random_model("llama"), tmp_path / f"{name}.gguf")
    return tmp_path


@asynccontextmanager
async def _registry(
    folder: Path, memory: int = 0, tables: tuple[ModelTable, ...] = ()
) -> AsyncIterator[ModelRegistry]:
    settings = Settings(
        model=_MODEL,
        limits=LimitSettings(memory=memory),
        registry=RegistrySettings(models_dir=(str(folder),)),
        models=tables,
    )
    registry = ModelRegistry(settings)
    try:
        async with asyncio.timeout(100), registry.kept_up():
            yield registry
    finally:
        await registry.close()


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - a state sets no event
            await asyncio.sleep(0.005)


async def _room_for_one(folder: Path) -> int:
    """MiB for one of the models and a half."""
    async with _registry(folder) as registry:
        for name in ("a", "b"):
            await registry.models.obtain(name)
        return (registry.find("b").takes * 3 // 2 >> 20) + 4


async def test_what_was_given_up_is_loaded_for_whoever_comes_next(folder) -> None:
    async with _registry(folder) as registry:
        entry = registry.find("a")
        first = asyncio.create_task(registry.models.obtain("a"))
        await _until(lambda: entry.state is State.LOADING)
        first.cancel()
        await asyncio.wait({first})
        assert (await registry.models.obtain("a")).id == "a"
        assert entry.state is State.LOADED


async def test_a_model_is_loaded_beside_one_whose_file_is_gone(folder) -> None:
    table = ModelTable(name="table", model=str(folder / "a.gguf"))
    async with _registry(folder, tables=(table,)) as registry:
        await registry.models.obtain("table")
        (folder / "a.gguf").unlink()
        assert (await registry.models.obtain("b")).id == "b"
        assert registry.find("table").takes > 1 << 20


async def test_an_operator_does_not_wait_for_a_model_that_makes_room(folder) -> None:
    memory = await _room_for_one(folder)
    async with _registry(folder, memory) as registry:
        entry = registry.find("a")
        served = await registry.models.obtain("a")
        with served.use.held():
            waiting = asyncio.create_task(registry.models.obtain("b"))
            await _until(lambda: entry.state is State.UNLOADING)
            async with asyncio.timeout(10):
                await registry.unload(entry, 0.0, keep=False)
            assert entry.served is None
        assert (await waiting).id == "b"


async def test_what_an_operator_unloads_does_not_come_back(folder) -> None:
    memory = await _room_for_one(folder)
    async with _registry(folder, memory) as registry:
        entry = registry.find("a")
        served = await registry.models.obtain("a")
        with served.use.held():
            waiting = asyncio.create_task(registry.models.obtain("b"))
            await _until(lambda: entry.state is State.UNLOADING)
            unloading = asyncio.create_task(registry.unload(entry, 50.0))
            await asyncio.sleep(0)
            waiting.cancel()  # nobody needs its room any more
            await asyncio.wait({waiting})
            await asyncio.sleep(0.05)
        await unloading
        assert entry.served is None
        assert served not in registry.models


def test_two_tables_whose_models_are_called_the_same_are_refused(folder) -> None:
    tables = tuple(ModelTable(model=str(folder / sub / "a.gguf")) for sub in ("x", "y"))
    with pytest.raises(ModelError, match=r"two .* 'a'"):
        ModelRegistry(Settings(models=tables))


async def test_names_that_are_no_text_are_passed_over(folder) -> None:
    (folder / os.fsdecode(b"\xff.gguf")).write_bytes(b"GGUF")
    (folder / "line\nbreak.gguf").write_bytes(b"GGUF")
    async with _registry(folder) as registry:
        assert [entry.id for entry in registry.catalogue] == ["a", "b"]


async def test_who_takes_a_name_takes_its_place(folder) -> None:
    async with _registry(folder) as registry:
        entry = registry.find("a")
        await registry.models.obtain("a")
        settings = Settings(model=_MODEL)
        resolved = resolve_model(str(folder / "a.gguf"), lambda _: None)
        served = await registry.choose(LoadPlan(resolved, settings))
        assert await registry.models.obtain("a") is served
        await _until(lambda: entry.served is None)
