"""What a model will take, as it is found out before it is loaded, and what is refused for it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.estimates import measure
from colonnade.messages import LoadModel, Tuning
from colonnade.worker.llama import ModelError, footprint, room

if TYPE_CHECKING:
    from tests.conftest import RandomModel

KINDS = ("llama", "qwen2", "sliding", "hybrid", "recurrent", "embedding")
DEMO = Path(footprint.__file__).parents[2] / "demo" / "demo.gguf"


def _look(path: Path, **wishes: Any) -> footprint.Footprint:
    return footprint.footprint(LoadModel(str(path), threads=1, **wishes))


@pytest.mark.parametrize("mmap", [None, True])
def test_it_is_what_a_worker_takes(mmap: bool | None) -> None:
    load = LoadModel(str(DEMO), threads=1, ctx_size=2048, huge_pages="off", mmap=mmap)
    measured = asyncio.run(measure(load))
    assert abs(measured.off) < 0.15
    assert measured.loaded <= measured.full


def test_it_is_what_a_worker_that_embeds_takes(random_model: RandomModel) -> None:
    load = LoadModel(str(random_model("embedding")), threads=1, task="auto", huge_pages="off")
    measured = asyncio.run(measure(load))
    assert measured.load.task == "embed"
    assert abs(measured.off) < 0.15


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_context_is_computed_as_it_would_be(
    kind: str, random_model: RandomModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = random_model(kind)
    whole = _look(path, ctx_size=10_000, slots=2)
    monkeypatch.setattr(footprint, "_NEAR", 4096)
    computed = _look(path, ctx_size=10_000, slots=2)
    assert computed.cache == pytest.approx(whole.cache, rel=0.03, abs=1 << 16)
    assert computed.compute == pytest.approx(whole.compute, rel=0.03, abs=1 << 20)


def test_the_cache_grows_with_context_slots_and_type(random_model: RandomModel) -> None:
    path = random_model("llama")
    once = _look(path, ctx_size=2048, slots=2).cache
    assert _look(path, ctx_size=4096, slots=2).cache == pytest.approx(2 * once, rel=0.01)
    assert _look(path, ctx_size=2048, slots=4).cache == pytest.approx(2 * once, rel=0.01)
    assert _look(path, ctx_size=2048, slots=2, kv_type="f32").cache == pytest.approx(2 * once, 0.01)


def test_only_what_is_read_counts(random_model: RandomModel) -> None:
    path = random_model("qwen2")
    mapped, read = _look(path, mmap=True), _look(path, mmap=False)
    assert mapped.mapped + mapped.weights == read.weights > 0
    assert read.mapped == 0


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"ctx_size": 100_000_000}, "GiB for the context of 4 x 100000000 tokens"),
        ({"ctx_size": 4096, "memory": 30}, "--memory allows"),
        ({"batch_size": 1 << 20, "ctx_size": 1 << 20, "memory": 500}, "--memory allows"),
        ({"threads": 100_000}, "threads is 100000"),
        ({"threads_batch": 100_000}, "threads_batch is 100000"),
    ],
)
@pytest.mark.parametrize("kind", ["llama", "sliding", "hybrid"])
def test_what_is_too_large_is_refused(
    kind: str, wishes: dict[str, Any], words: str, random_model: RandomModel
) -> None:
    with pytest.raises(ModelError, match=words):
        room.check_room(LoadModel(str(random_model(kind)), **wishes))


def test_a_closer_look_is_taken_where_it_may_matter(random_model: RandomModel) -> None:
    path = str(random_model("llama"))
    assert room.check_room(LoadModel(path, memory=20_000)) is None
    assert room.check_room(LoadModel(path, memory=500)) is not None
    tuned = LoadModel(path, memory=20_000, tuning=Tuning(op_offload=False))
    assert room.check_room(tuned) is not None
    assert room.check_room(LoadModel(str(random_model("recurrent")), memory=20_000)) is not None


def test_the_bound_is_above_what_it_takes(random_model: RandomModel) -> None:
    for kind in ("llama", "qwen2", "sliding", "embedding"):
        load = LoadModel(str(random_model(kind)), ctx_size=50_000, slots=4)
        found = footprint.footprint(load)
        most = 2 * found.own - 1
        assert not room._fits_plainly(load, most), kind
