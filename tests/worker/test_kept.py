"""States in a file: what is written is found, and what is not as it was written is not used."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.messages import Retire, Retired
from colonnade.worker.kept import Keeper, adopt
from colonnade.worker.ports import DecodeError
from colonnade.worker.slots import Slots
from colonnade.worker.states import StateCache
from tests.worker.fake_model import FakeModel

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = os.sysconf("SC_PAGE_SIZE")
ALL = Retire(1 << 30, 60.0)
LARGE = 1 << 30

tokens = st.lists(st.integers(0, 99), min_size=1, max_size=6)
states = st.dictionaries(tokens.map(tuple), st.integers(1, 3 * PAGE), max_size=6)


@pytest.fixture(scope="module")
def file() -> Iterator[int]:
    descriptor = os.memfd_create("test")
    yield descriptor
    os.close(descriptor)


def contents(size: int) -> bytearray:
    return bytearray((size + index) % 251 for index in range(size))


def written(file: int, stored: dict[tuple[int, ...], int], retire: Retire = ALL) -> StateCache:
    """A cache whose states were written."""
    os.ftruncate(file, 0)
    cache = StateCache(LARGE, whole=True)
    for each, size in stored.items():
        cache.put(list(each), contents(size))
    retired = Keeper(file, "build")(cache.offers(), retire)
    assert retired.size <= max(retire.most_bytes, PAGE)
    assert not len(cache)
    return cache


def found(file: int, *, build: str = "build", ctx_size: int = 6) -> StateCache:
    cache = StateCache(LARGE, whole=True)
    count = adopt(file, cache, build=build, ctx_size=ctx_size, vocab_size=100)
    assert count == len(cache)
    return cache


def usable(cache: StateCache, each: tuple[int, ...]) -> bytes | None:
    """The state of these tokens, None where there is none that would be used."""
    if not cache.holds(list(each)):
        return None
    match = cache.find([*each, 0], len(each))
    assert match is not None
    assert match[1].tokens == list(each)
    return bytes(match[1].state) if match[1].intact else None


@given(states)
def test_what_is_written_is_found(file: int, stored: dict[tuple[int, ...], int]) -> None:
    written(file, stored)
    cache = found(file)
    assert len(cache) == len(stored)
    for each, size in stored.items():
        assert usable(cache, each) == contents(size)


@given(states, st.integers(0, 12 * PAGE))
def test_there_is_no_more_than_there_is_room_for(
    file: int, stored: dict[tuple[int, ...], int], room: int
) -> None:
    written(file, stored, Retire(room, 60.0))
    cache = found(file)
    for each, size in stored.items():
        assert usable(cache, each) in (None, contents(size))
    newest = next(reversed(stored), None)
    if newest is not None and stored[newest] <= room - 2 * PAGE:
        assert usable(cache, newest) == contents(stored[newest])


@given(states, st.data())
def test_what_is_damaged_is_not_used(
    file: int, stored: dict[tuple[int, ...], int], data: st.DataObject
) -> None:
    written(file, stored)
    size = os.fstat(file).st_size
    at = data.draw(st.integers(0, size - 1))
    if data.draw(st.booleans()):
        os.ftruncate(file, at)
    else:
        [byte] = os.pread(file, 1, at)
        os.pwrite(file, bytes([byte ^ data.draw(st.integers(1, 255))]), at)
    cache = found(file)
    for each, count in stored.items():
        assert usable(cache, each) in (None, contents(count))


def test_states_of_another_library_or_context_are_not_used(file: int) -> None:
    written(file, {(1, 2, 3): 10, (1, 2, 3, 4): 10, (100,): 10})
    assert len(found(file, build="another")) == 0
    assert len(found(file, ctx_size=3)) == 1  # and no token 100 in a hundred


def test_memory_is_given_back_as_states_go(file: int) -> None:
    written(file, {(1,): 40 * PAGE, (2,): 40 * PAGE})

    def taken() -> int:
        return os.fstat(file).st_blocks * 512 // PAGE

    cache = found(file)
    assert taken() >= 80
    cache.put([1], bytearray(1))
    assert 40 <= taken() < 80
    assert usable(cache, (2,)) == contents(40 * PAGE)
    cache.put([2], bytearray(1))
    assert taken() < 10


def test_what_an_earlier_worker_kept_is_kept_again(file: int) -> None:
    written(file, {(1,): 10, (2,): 20})
    cache = found(file)
    other = os.memfd_create("other")
    retired = Keeper(other, "build")(cache.offers(), ALL)
    assert retired.states == 2
    again = found(other)
    assert usable(again, (1,)) == contents(10)
    assert usable(again, (2,)) == contents(20)
    os.close(other)


def test_damaged_states_are_not_kept_again(file: int) -> None:
    written(file, {(1,): 10, (2,): 20})
    cache = found(file)
    os.pwrite(file, bytes(1), PAGE)
    other = os.memfd_create("other")
    assert Keeper(other, "build")(cache.offers(), ALL).states == 1
    os.close(other)


def test_nothing_is_kept_where_it_cannot_be_written(file: int) -> None:
    reading = os.open(f"/proc/self/fd/{file}", os.O_RDONLY)
    cache = StateCache(LARGE, whole=True)
    cache.put([1], bytearray(9))
    os.ftruncate(file, 0)
    assert Keeper(reading, "build")(cache.offers(), ALL) == Retired(0, 0)
    os.close(reading)
    assert len(found(file)) == 0


def slots_with(model: FakeModel, residents: list[list[int]], saved: list[list[int]]) -> Slots:
    slots = Slots(model.slots, 1000, 1 << 20, model)
    for used, (slot, tokens) in enumerate(zip(slots._slots, residents, strict=True)):
        slot.resident, slot.last_used = tokens, used
        model.memory[slot.index] = list(tokens)
        model.read_with[slot.index] = [()] * len(tokens)
    for tokens in saved:
        slots.states.put(tokens, bytearray(tokens))
    return slots


@pytest.mark.parametrize("cuttable", [True, False])
def test_each_state_is_offered_once_and_the_newest_first(*, cuttable: bool) -> None:
    model = FakeModel(slots=3, ctx_size=1000, cuttable=cuttable)
    one, two, three = [1] * 100, [2] * 100, [3] * 100
    slots = slots_with(
        model,
        [one, [*one, 7], [4] * 10],
        [two, [3] * 80, three, one, [*one, 7, 8]],
    )
    offered = [offer.take().tokens for offer in slots.offers()]
    if cuttable:
        assert offered == [[*one, 7, 8], three, two]
    else:
        assert offered == [[*one, 7], one, [*one, 7, 8], three, [3] * 80, two]
    assert not len(slots.states)


def test_a_state_that_cannot_be_restored_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel(slots=1, ctx_size=1000)
    slots = slots_with(model, [[]], [[1] * 100])

    def refuse(_slot: int, _state: object) -> None:
        raise DecodeError

    monkeypatch.setattr(model, "load", refuse)
    request = SimpleNamespace(prompt=[1] * 120, adapters=())
    assert slots._prepare(slots._slots, request, 119)[1] == 0
    assert not slots.states.holds([1] * 100)


def test_states_read_with_adapters_are_found_with_them(file: int) -> None:
    os.ftruncate(file, 0)
    cache = StateCache(LARGE, whole=False)
    cache.put([1, 2], bytearray(3), ((0, 0.5),))
    cache.put([1, 2], bytearray(4))
    assert Keeper(file, "build")(cache.offers(), ALL).states == 2
    again = found(file)
    for adapters, size in (((), 4), (((0, 0.5),), 3)):
        match = again.find([1, 2, 3], 2, adapters)
        assert match is not None
        assert len(match[1].state) == size
    assert again.find([1, 2, 3], 2, ((1, 0.5),)) is None
