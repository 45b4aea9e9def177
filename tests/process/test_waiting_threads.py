"""How a worker's threads wait for each other: with two of them, on the library that is there."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from colonnade.engine.process import _environment
from colonnade.machine.memory import has_huge_pages
from colonnade.messages import Decoding, LoadModel, Sampling, TextPart
from colonnade.worker.llama import openmp_waits

if TYPE_CHECKING:
    from colonnade.engine import Engine
    from tests.process.conftest import StartEngine

pytestmark = pytest.mark.anyio

needs_openmp = pytest.mark.skipif(openmp_waits(2) is None, reason="llama.cpp without OpenMP")
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")

TUNABLES = "GLIBC_TUNABLES"

WAITS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
IDLE_SECONDS = 1.0


@pytest.fixture(autouse=True)
def _undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in WAITS:
        monkeypatch.delenv(name, raising=False)


async def answer(engine: Engine, tokens: int = 64) -> list[str]:
    decoding = Decoding(sampling=Sampling(temperature=0), max_tokens=tokens, ignore_eos=True)
    stream = await engine.submit((TextPart("Hello"),), decoding)
    return [output.text async for output in stream]


def environment_of(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


def ticks(pid: int) -> int:
    """CPU time of a process, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def huge_pages_of(pid: int) -> int:
    """Kilobytes of a process's own memory that lie in huge pages."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("AnonHugePages"))


@needs_openmp
async def test_a_worker_tries_both_ways_and_says_what_it_found(start_engine: StartEngine) -> None:
    engine = await start_engine(threads=2)
    assert engine.thread_wait is None
    await answer(engine)
    wait = engine.thread_wait
    assert wait is not None
    assert min(wait.spinning_ms, wait.asleep_ms) > 0


@needs_openmp
async def test_answers_are_the_same_whatever_is_tried_meanwhile(start_engine: StartEngine) -> None:
    two, one = await start_engine(threads=2), await start_engine(threads=1)
    assert await answer(two) == await answer(one)


async def test_one_thread_waits_for_nobody(start_engine: StartEngine) -> None:
    engine = await start_engine(threads=1)
    await answer(engine)
    assert engine.thread_wait is None


@needs_proc
@pytest.mark.parametrize("variable", WAITS)
async def test_what_the_operator_says_stands(
    start_engine: StartEngine, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    value = "passive" if variable == "OMP_WAIT_POLICY" else "5"
    monkeypatch.setenv(variable, value)
    engine = await start_engine(threads=2)
    await answer(engine)
    assert engine.thread_wait is None
    assert engine.pid is not None
    said = [each for each in environment_of(engine.pid) if each.startswith(b"OMP_WAIT_POLICY=")]
    assert said == ([b"OMP_WAIT_POLICY=passive"] if variable == "OMP_WAIT_POLICY" else [])


@needs_proc
async def test_an_idle_worker_takes_no_time(start_engine: StartEngine) -> None:
    """A thread that spun without end would take all of it."""
    engine = await start_engine(threads=2)
    await answer(engine)
    assert engine.pid is not None
    before = ticks(engine.pid)
    await asyncio.sleep(IDLE_SECONDS)
    taken = (ticks(engine.pid) - before) / os.sysconf("SC_CLK_TCK")
    assert taken <= 0.03 * IDLE_SECONDS


@pytest.mark.parametrize(
    ("huge_pages", "own", "expected"),
    [
        ("auto", {}, "glibc.malloc.hugetlb=1"),
        ("off", {}, None),
        ("off", {TUNABLES: "glibc.malloc.arena_max=2"}, "glibc.malloc.arena_max=2"),
        (
            "on",
            {TUNABLES: "glibc.malloc.arena_max=2"},
            "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=2",
        ),
        ("auto", {TUNABLES: "glibc.malloc.hugetlb=0"}, "glibc.malloc.hugetlb=0"),
    ],
)
async def test_glibc_is_told_of_huge_pages(huge_pages, own, expected) -> None:
    made = _environment(LoadModel("some.gguf", huge_pages=huge_pages), own)
    assert made.get(TUNABLES) == expected


@needs_proc
async def test_huge_pages_are_had_where_the_system_has_them(start_engine: StartEngine) -> None:
    if not has_huge_pages({TUNABLES: "glibc.malloc.hugetlb=1"}):
        pytest.skip("a system without huge pages")
    engine = await start_engine(huge_pages="on", slots=8, ctx_size=2048)
    assert engine.pid is not None
    assert huge_pages_of(engine.pid) >= 2048, "kilobytes: one page of them at least"
