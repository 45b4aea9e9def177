"""How much one client may ask for: in any minute, and of how many it is remembered."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.messages import Failure, FailureKind
from colonnade.web.access import Caller, RequestLimit
from colonnade.web.access.limits import MOST_CLIENTS, WINDOW

if TYPE_CHECKING:
    from collections.abc import Sequence


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def charged(limit: RequestLimit, cost: int = 1, client: str = "a") -> bool:
    try:
        limit.charge(client, cost)
    except Failure:
        return False
    return True


STEPS = st.lists(
    st.tuples(st.one_of(st.just(0.0), st.floats(0, 1), st.floats(0, 70)), st.integers(1, 5)),
    max_size=60,
)


@given(st.integers(5, 20), STEPS)
def test_never_more_in_any_minute(most: int, steps: Sequence[tuple[float, int]]) -> None:
    clock = Clock()
    limit = RequestLimit(most, clock)
    granted: list[tuple[float, int]] = []
    for pause, cost in steps:
        clock.now += pause
        if charged(limit, cost):
            granted.append((clock.now, cost))
    for begin, _ in granted:
        within = [cost for at, cost in granted if begin <= at < begin + WINDOW]
        assert sum(within) <= most


@given(st.integers(5, 20), STEPS, st.integers(1, 5))
def test_who_waits_as_long_as_is_said_is_let_in(
    most: int, steps: Sequence[tuple[float, int]], cost: int
) -> None:
    clock = Clock()
    limit = RequestLimit(most, clock)
    for pause, each in steps:
        clock.now += pause
        charged(limit, each)
    with suppress(Failure):
        limit.charge("a", cost)
        return
    with pytest.raises(Failure) as refused:
        limit.charge("a", cost)
    assert refused.value.retry_after is not None
    assert 0 <= refused.value.retry_after <= WINDOW + 0.01
    clock.now += refused.value.retry_after
    assert charged(limit, cost)


def test_a_minute_s_edge_gives_nothing_twice() -> None:
    clock = Clock()
    clock.now = 1019.9  # a tenth of a second before a minute of this clock ends
    limit = RequestLimit(3, clock)
    assert [charged(limit) for _ in range(4)] == [True, True, True, False]
    clock.now = 1020.1
    assert not charged(limit)
    clock.now = 1019.9 + WINDOW
    assert charged(limit, 3)


def test_answers_are_counted_rather_than_requests() -> None:
    limit = RequestLimit(10, Clock())
    limit.charge("a")
    limit.charge("a", 6, paid=1)
    limit.charge("a")
    with pytest.raises(Failure) as refused:
        limit.charge("a", 5, paid=1)
    assert refused.value.kind is FailureKind.RATE_LIMITED
    limit.charge("a", 4, paid=1)
    assert not charged(limit)
    with pytest.raises(Failure, match="asks for 11 answers; a client may have 10") as never:
        limit.charge("b", 11, paid=1)
    assert (never.value.kind, never.value.param) == (FailureKind.UNSUPPORTED, "n")
    assert never.value.retry_after is None


def test_only_so_many_clients_are_remembered() -> None:
    limit = RequestLimit(1, Clock())
    assert charged(limit, client="first")
    for number in range(MOST_CLIENTS - 1):
        assert charged(limit, client=f"other {number}")
    assert not charged(limit, client="first"), "used last, it goes last"
    for number in range(10):
        assert charged(limit, client=f"more {number}")
    assert len(limit) == MOST_CLIENTS
    assert not charged(limit, client="first")


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
        ("key:name", "[key:name]"),
        ("", ""),
    ],
)
def test_what_counts_as_one_client(address: str, client: str) -> None:
    assert Caller("", address, admin=False).client == client
    assert Caller("name", address, admin=False).client == "key:name"
