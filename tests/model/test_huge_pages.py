"""Weights in huge pages: when, and that they are then not mapped from the file."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from colonnade.machine import memory
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


def choose(load: LoadModel, huge_pages: str, **settings: object) -> bool:
    wish = LoadModel(load.path, huge_pages=huge_pages, **({"gpu_layers": 0} | settings))
    return loading.reads_whole(wish)


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


def test_what_is_said_of_mapping_comes_before_auto(load, system) -> None:
    system(huge_pages=True, free=1 << 50)
    assert not choose(load, "auto", mmap=True)
    assert choose(load, "off", mmap=False)
    assert choose(load, "on", mmap=False)
    with pytest.raises(ModelError, match="so is mmap"):
        choose(load, "on", mmap=True)


def test_not_by_itself_where_layers_go_to_a_gpu(load, system, monkeypatch) -> None:
    system(huge_pages=True, free=1 << 50)
    monkeypatch.setattr(loading.llama_cpp, "llama_supports_gpu_offload", lambda: True)
    assert choose(load, "auto")
    assert not choose(load, "auto", gpu_layers=-1)
    assert choose(load, "on", gpu_layers=-1)


ASKED = {"GLIBC_TUNABLES": "glibc.malloc.arena_max=2:glibc.malloc.hugetlb=1"}


@pytest.mark.parametrize(
    ("enabled", "environ", "glibc", "expected"),
    [
        ("[always] madvise never", {}, "2.17", True),
        ("always [madvise] never", ASKED, "2.36", True),
        ("always [madvise] never", ASKED, "2.34", False),
        ("always [madvise] never", {}, "2.36", False),
        ("always madvise [never]", ASKED, "2.36", False),
    ],
)
def test_huge_pages_are_there_where_they_can_be_had(
    monkeypatch, tmp_path, enabled, environ, glibc, expected
) -> None:
    path = tmp_path / "enabled"
    path.write_text(enabled)
    monkeypatch.setattr(memory, "_HUGE_PAGES", path)
    monkeypatch.setattr(memory.platform, "libc_ver", lambda: ("glibc", glibc))
    assert memory.has_huge_pages(environ) is expected
    monkeypatch.setattr(memory, "_HUGE_PAGES", tmp_path / "none")
    assert not memory.has_huge_pages(environ)


def test_free_memory_is_what_the_system_and_the_groups_leave(monkeypatch, tmp_path) -> None:
    path = tmp_path / "meminfo"
    path.write_text("MemTotal: 64 kB\nMemAvailable: 32 kB\n")
    monkeypatch.setattr(memory, "_MEMORY", path)
    monkeypatch.setattr(memory, "memory_left", lambda: None)
    assert memory.free_memory() == 32 << 10
    monkeypatch.setattr(memory, "memory_left", lambda: 1000)
    assert memory.free_memory() == 1000
    monkeypatch.setattr(memory, "_MEMORY", tmp_path / "none")
    assert memory.free_memory() is None


def test_on_is_refused_where_there_are_none(load, system) -> None:
    system(huge_pages=False, free=1 << 50)
    with pytest.raises(ModelError, match="huge_pages is on"):
        choose(load, "on")


def test_all_files_of_a_model_count(tmp_path, system) -> None:
    for number in (1, 2, 3):
        (tmp_path / f"large-{number:05}-of-00003.gguf").write_bytes(b"x" * 100)
    (tmp_path / "other-00001-of-00003.gguf").write_bytes(b"x" * 1000)
    first = LoadModel(str(tmp_path / "large-00001-of-00003.gguf"), gpu_layers=0)
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
