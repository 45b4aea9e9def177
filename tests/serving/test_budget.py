"""Who has to go for whom."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from colonnade.serving.budget import Holding, Room, room_for

holdings = st.lists(
    st.builds(
        Holding,
        key=st.integers(),
        takes=st.integers(1, 50),
        last_used=st.floats(0, 100),
        busy=st.booleans(),
        pinned=st.booleans(),
        leaving=st.booleans(),
    ),
    max_size=8,
    unique_by=lambda each: each.key,
)


def test_what_fits_needs_nobody_to_go() -> None:
    assert room_for(5, [Holding(1, 5, 0.0)], 10) == Room(fits=True)


def test_the_one_unused_for_longest_goes() -> None:
    held = [Holding(1, 4, 9.0), Holding(2, 4, 1.0), Holding(3, 2, 5.0)]
    assert room_for(4, held, 10).go == (2,)


def test_busy_ones_are_asked_last_and_to_finish() -> None:
    held = [Holding(1, 4, 1.0, busy=True), Holding(2, 4, 9.0)]
    assert room_for(4, held, 8) == Room(fits=False, go=(2,))
    assert room_for(8, held, 8) == Room(fits=False, go=(2,), finish=(1,))


def test_small_ones_stay_where_a_large_one_suffices() -> None:
    held = [Holding(1, 1, 1.0), Holding(2, 8, 2.0)]
    assert room_for(8, held, 10).go == (2,)


def test_what_leaves_already_is_counted() -> None:
    held = [Holding(1, 5, 1.0, leaving=True), Holding(2, 5, 2.0)]
    assert room_for(5, held, 10) == Room(fits=False)


def test_pinned_ones_never_go() -> None:
    assert room_for(6, [Holding(1, 5, 0.0, pinned=True)], 10).never


@given(holdings, st.integers(1, 60), st.integers(1, 200))
def test_whoever_goes_suffices_and_nobody_is_asked_in_vain(held, takes, total) -> None:
    room = room_for(takes, held, total)
    by_key = {each.key: each for each in held}
    asked = [by_key[key] for key in (*room.go, *room.finish)]
    free = total - sum(each.takes for each in held)
    assert room.fits == (takes <= free)
    assert not any(each.pinned or each.leaving for each in asked)
    assert all(by_key[key].busy for key in room.finish)
    assert not any(by_key[key].busy for key in room.go)
    if room.fits or room.never:
        assert not asked
        return
    leaving = sum(each.takes for each in held if each.leaving)
    over = free + leaving + sum(each.takes for each in asked) - takes
    assert over >= 0
    assert all(each.takes > over for each in asked)
    idle = [e for e in held if not (e.busy or e.pinned or e.leaving)]
    if room.finish:
        unasked = [each for each in idle if each.key not in room.go]
        assert all(each.takes <= over + each.takes for each in unasked)
