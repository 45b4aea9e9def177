"""The order in which requests of several classes get their slots."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from colonnade.messages import Decoding, Tier, Urgency
from colonnade.worker.classes import _SHARE, WaitingClasses
from colonnade.worker.sequence import Request, Sequence
from tests.worker.fake_model import no_sampler, unguided

CLASSES = [Urgency(tier, priority) for tier in Tier for priority in (-1, 0)]


def _sequence(number: int, urgency: Urgency, client: str = "") -> Sequence:
    request = Request(number, [1], Decoding(), no_sampler, unguided, 0.0, client, urgency)
    return request.sequences()[0]


def _start(line: WaitingClasses) -> Sequence | None:
    entry = line.pop({})
    if entry is None:
        return None
    line.started(entry.sequence)
    line.ended(entry.sequence)
    return entry.sequence


def test_the_lesser_comes_first() -> None:
    assert sorted(CLASSES, reverse=True) == CLASSES[::-1]
    assert Urgency(Tier.PRIORITY, 9) < Urgency() < Urgency(priority=1) < Urgency(Tier.FLEX, -9)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.tuples(st.sampled_from(CLASSES), st.sampled_from("abc"))),
        st.tuples(st.sampled_from(["start", "start", "end", "remove", "peek"]), st.integers(0, 20)),
    ),
    max_size=120,
)


@given(steps)
def test_classes_then_the_least_served_then_the_oldest(
    wanted: list[tuple[str, int | tuple[Urgency, str]]],
) -> None:
    """Against a plain list that is searched as the rules say."""
    line = WaitingClasses()
    waiting: list[Sequence] = []
    running: list[Sequence] = []
    passed = 0
    for number, (what, which) in enumerate(wanted):
        held = Counter(each.request.client for each in running)
        if isinstance(which, tuple):
            sequence = _sequence(number, *which)
            line.add(sequence)
            waiting.append(sequence)
        elif what == "end" and running:
            line.ended(running.pop(which % len(running)))
        elif what == "remove" and waiting:
            line.remove(waiting.pop(which % len(waiting)).request)
        elif what in ("start", "peek"):
            best = min((each.request.urgency for each in waiting), default=None)
            others = [each.request.urgency for each in waiting if each.request.urgency != best]
            turn = others[0] if others and passed >= _SHARE - 1 else best
            able = [each for each in waiting if each.request.urgency == turn]

            def due(each: Sequence, held: Counter[str] = held) -> float:
                shares = line._shares[each.request.urgency]
                client = each.request.client
                return shares.served(client) + line._usual * held[client]

            first = min(able, key=due, default=None)
            entry = line.pop(held)
            assert (entry and entry.sequence) is first
            if entry is None or first is None:
                continue
            if what == "peek":
                line.put_back([entry])
                continue
            line.started(first)
            waiting.remove(first)
            running.append(first)
            passed = passed + 1 if turn == best and others else 0
        assert len(line) == len(waiting)


@given(st.lists(st.sampled_from(CLASSES), min_size=1, max_size=5), st.integers(1, 60))
def test_nobody_is_kept_out_for_ever(waiting: list[Urgency], others: int) -> None:
    """However many more urgent ones keep coming."""
    line = WaitingClasses()
    for number, urgency in enumerate(waiting):
        line.add(_sequence(number, urgency, "patient"))
    left = len(waiting)
    for number in range(_SHARE * left):
        for each in range(1 + others // 20):
            line.add(_sequence(100 + number * 10 + each, CLASSES[0], f"client {each}"))
        started = _start(line)
        left -= started is not None and started.request.client == "patient"
    assert not left


def test_the_urgent_get_all_but_their_share() -> None:
    line = WaitingClasses()
    for number in range(100):
        line.add(_sequence(number, Urgency(Tier.FLEX)))
        line.add(_sequence(100 + number, Urgency()))
    tiers = [started.request.urgency.tier for _ in range(_SHARE * 5) if (started := _start(line))]
    assert tiers == ([Tier.DEFAULT] * (_SHARE - 1) + [Tier.FLEX]) * 5


def test_further_choices_come_first_in_their_class_only() -> None:
    line = WaitingClasses()
    urgent, usual = _sequence(1, CLASSES[0]), _sequence(2, Urgency())
    choices = [_sequence(3, Urgency()), _sequence(4, Urgency())]
    line.add(usual)
    line.put_first(choices)
    line.put_first([])
    line.add(urgent)
    assert [_start(line) for _ in range(5)] == [urgent, *choices, usual, None]


def test_those_who_come_and_go_leave_nothing_behind() -> None:
    line = WaitingClasses()
    for number in range(100):
        line.add(_sequence(number, Urgency(priority=number)))
    for number in range(1000):
        gone = _sequence(number, Urgency(priority=-number))
        line.add(gone)
        line.remove(gone.request)
        taken = [line.pop({}) for _ in range(16)]
        line.put_back([each for each in taken if each is not None])
    assert len(line) == 100
    assert len(line._oldest) < 300
    assert len(line._order) == len(line._lines) == 100
