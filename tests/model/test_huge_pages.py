"""Weights in huge pages: when, and that they are then not mapped from the file."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from colonnade.messages import LoadModel
from colonnade.worker.llama import LlamaModel, ModelError, loading

if TYPE_CHECKING:
    from tests.conftest import RandomModel

needs_proc = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no /proc")


@pytest.fixture
def load(random_model: RandomModel) -> LoadModel:
    return LoadModel(str(random_model("llama")), ctx_size=64, slots=1, threads=1)


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch):
    """A system with or without huge pages, and with so much memory."""

    def make(*, huge_pages: bool, free: int | None) -> None:
        monkeypatch.setattr(loading, "has_huge_pages", lambda: huge_pages)
        monkeypatch.setattr(loading, "free_memory", lambda: free)

    return make


def choose(load: LoadModel, huge_pages: str) -> bool:
    return loading.reads_whole(LoadModel(load.path, huge_pages=huge_pages, gpu_layers=0))


def test_by_itself_where_half_of_the_free_memory_suffices(load, system) -> None:
    size = Path(load.path).stat().st_size
    system(huge_pages=True, free=2 * size)
    assert choose(load, "auto")
    system(huge_pages=True, free=2 * size - 2)
    assert not choose(load, "auto")
    system(huge_pages=True, free=None)
    assert not choose(load, "auto")
    system(huge_pages=False, free=1 << 50)
    assert not choose(load, "auto")


def test_off_and_on_are_obeyed(load, system) -> None:
    system(huge_pages=True, free=0)
    assert choose(load, "on")
    system(huge_pages=True, free=1 << 50)
    assert not choose(load, "off")


def test_on_is_refused_where_there_are_none(load, system) -> None:
    system(huge_pages=False, free=1 << 50)
    with pytest.raises(ModelError, match="huge_pages is on"):
        choose(load, "on")


def test_all_files_of_a_model_count(tmp_path, system) -> None:
    for number in (1, 2, 3):
        (tmp_path / f"large-{number:05}-of-00003.gguf").write_bytes(b"x" * 100)
    (tmp_path / "other-00001-of-00003.gguf").write_bytes(b"x" * 1000)
    first = LoadModel(str(tmp_path / "large-00001-of-00003.gguf"))
    system(huge_pages=True, free=600)
    assert choose(first, "auto")
    system(huge_pages=True, free=598)
    assert not choose(first, "auto")


@needs_proc
@pytest.mark.parametrize(("huge_pages", "mapped"), [("auto", False), ("off", True)])
def test_weights_that_are_read_are_not_mapped(load, system, huge_pages, mapped) -> None:
    system(huge_pages=True, free=1 << 50)
    wish = LoadModel(
        load.path, ctx_size=64, slots=1, threads=1, huge_pages=huge_pages, gpu_layers=0
    )
    with closing(LlamaModel(wish, lambda _: True)):
        assert (load.path in Path("/proc/self/maps").read_text()) is mapped
