"""Room in the queue, and what is said where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.engine.backlog import Backlog, Entry
from colonnade.messages import (
    Decoding,
    Failure,
    FailureKind,
    Finish,
    FinishReason,
    MediaKind,
    MediaPart,
    TextPart,
    Tier,
    TokenPart,
    Urgency,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY = 1 << 20
START = 1000.0


class Clock:
    now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock()
    with patch("colonnade.engine.backlog.time.monotonic", clock):
        yield clock


def entry(
    client: str = "", tier: Tier = Tier.DEFAULT, *, joining: bool = False, **wishes: Any
) -> Entry:
    decoding = Decoding(**{"max_tokens": 100, **wishes})
    return Entry.of((TextPart("a"),), decoding, client, Urgency(tier), joining=joining)


def finish(tokens: int) -> Finish:
    return Finish(FinishReason.STOP, 1, 0, tokens, 0.0, 0.0, 0.0)


def refusal(backlog: Backlog, client: str = "", tier: Tier = Tier.DEFAULT, size: int = 0) -> str:
    with pytest.raises(Failure) as caught:
        backlog.check(client, tier, size)
    assert caught.value.kind is FailureKind.QUEUE_FULL
    assert caught.value.retry_after is not None
    return caught.value.message


def fill(backlog: Backlog, count: int, *, first: int = 0, **how: Any) -> None:
    for number in range(first, first + count):
        one = entry(**how)
        backlog.check(one.client, one.tier, one.size)
        backlog.add(number, one)


def test_the_numbers_of_a_burst_are_true() -> None:
    """Nobody has a slot yet, and four will have one in a moment."""
    backlog = Backlog(4, 7, MEMORY)
    fill(backlog, 11)
    assert refusal(backlog).endswith("4 requests run, 7 wait.")
    for number in range(4):
        backlog.started(number)
        backlog.started(number)
    assert refusal(backlog).endswith("4 requests run, 7 wait.")
    backlog.remove(0)
    backlog.check("", Tier.DEFAULT)
    backlog.remove(99)
    backlog.add(11, entry())
    assert refusal(backlog).endswith("4 requests run, 7 wait.")


def test_one_request_may_hold_all_slots() -> None:
    backlog = Backlog(4, 2, MEMORY)
    fill(backlog, 1, n=64)
    backlog.started(0)
    fill(backlog, 2, first=1)
    assert refusal(backlog).endswith("1 requests run, 2 wait.")
    backlog.served([(0, 1, finish(1))] * 61)
    backlog.check("", Tier.DEFAULT)


def test_parts_of_a_request_are_no_requests() -> None:
    backlog = Backlog(2, 2, MEMORY)
    fill(backlog, 3)
    for number in range(10, 500):
        backlog.add(number, entry(joining=True))
    fill(backlog, 1, first=3)
    assert backlog.waiting == 4
    refusal(backlog)


def test_what_comes_later_does_not_stand_in_the_way() -> None:
    backlog = Backlog(1, 3, MEMORY)
    fill(backlog, 4, tier=Tier.FLEX)
    refusal(backlog, tier=Tier.FLEX)
    fill(backlog, 4, first=10, tier=Tier.DEFAULT)
    refusal(backlog, tier=Tier.DEFAULT)
    refusal(backlog, tier=Tier.FLEX)
    backlog.check("", Tier.PRIORITY)


def test_nobody_fills_the_queue_for_all() -> None:
    backlog = Backlog(1, 16, MEMORY)
    fill(backlog, 17, client="many")
    refusal(backlog, "many")
    fill(backlog, 1, first=100, client="one")
    refusal(backlog, "one")
    fill(backlog, 1, first=101, client="another")
    refusal(backlog, "a third"), "and not everybody finds more room"


def test_the_memory_of_those_who_wait_is_bounded() -> None:
    backlog = Backlog(1, 100, 1000)
    large = Entry.of((TextPart("a" * 400),), Decoding(), "", Urgency())
    assert large.size > 1000
    backlog.check("", Tier.DEFAULT, large.size)
    backlog.add(1, large)
    assert backlog.waiting_size == large.size
    assert "memory" in refusal(backlog, size=1)
    backlog.started(1)
    backlog.check("", Tier.DEFAULT, large.size)
    assert Entry.of((TokenPart((1,) * 400),), Decoding(), "", Urgency()).size > large.size
    picture = MediaPart(MediaKind.IMAGE, b"0" * 400, "")
    assert Entry.of((picture,), Decoding(), "", Urgency()).size > 400


@pytest.mark.parametrize("wish", [None, 50, 100])
def test_when_to_come_back(clock: Clock, wish: int | None) -> None:
    """Four slots make 100 tokens a second together, in answers of 50; 18 such answers take 9 s."""
    backlog = Backlog(4, 64, MEMORY)
    assert backlog.seconds == 1
    fill(backlog, 4, max_tokens=wish)
    for number in range(4):
        backlog.started(number)
    for step in range(1, 51):
        clock.now = START + step * 0.04
        last = finish(50) if step == 50 else None
        backlog.served([(number, 1, last) for number in range(4)])
    for number in range(4):
        backlog.remove(number)
    clock.now += 100  # nobody was there
    fill(backlog, 18, first=10, max_tokens=wish)
    assert backlog.seconds == pytest.approx(9, rel=0.1)
    for number in range(10, 14):
        backlog.started(number)
    for _ in range(25):
        clock.now += 0.04
        backlog.served([(number, 1, None) for number in range(10, 14)])
    assert backlog.seconds == pytest.approx(8, rel=0.1)


ops = st.lists(
    st.tuples(
        st.sampled_from(["add", "start", "serve", "end", "remove"]),
        st.integers(0, 9),
        st.sampled_from(list(Tier)),
        st.booleans(),
        st.integers(1, 3),
    ),
    max_size=50,
)


@given(ops)
def test_what_is_counted_in_is_counted_out(
    wanted: list[tuple[str, int, Tier, bool, int]],
) -> None:
    backlog = Backlog(2, 5, MEMORY)
    left: dict[int, int] = {}
    for what, number, tier, joining, n in wanted:
        if what == "add" and number not in left:
            backlog.add(number, entry(str(number % 3), tier, joining=joining, n=n))
            left[number] = n
        elif what == "start":
            backlog.started(number)
        elif what == "serve":
            backlog.served([(number, 1, None)])
        elif what == "end" and left.get(number):
            left[number] -= 1
            backlog.served([(number, 1, finish(3))])
        elif what == "remove":
            backlog.remove(number)
            left.pop(number, None)
        assert backlog.waiting >= 0
        assert backlog.seconds >= 1
    for number in left:
        backlog.remove(number)
    assert backlog.waiting == backlog.waiting_size == backlog._running == backlog._busy == 0
    assert not backlog._waiting_of
