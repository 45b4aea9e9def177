"""The order in which requests get their slots."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from colonnade.messages import Decoding
from colonnade.worker.sequence import Request, Sequence
from colonnade.worker.shares import Shares
from colonnade.worker.waiting import WaitingLine
from tests.worker.fake_model import no_sampler, unguided


def _sequence(number: int, client: str) -> Sequence:
    request = Request(number, [1], Decoding(), no_sampler, unguided, 0.0, client)
    return request.sequences()[0]


USUAL = 5.0

steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from("abcd")),
        st.tuples(st.sampled_from(["pop", "end", "serve", "remove", "peek"]), st.integers(0, 20)),
    ),
    max_size=60,
)


@given(steps)
def test_the_least_served_then_the_oldest(wanted: list[tuple[str, str | int]]) -> None:
    """Against a plain list that is searched as the rule says."""
    shares = Shares()
    line = WaitingLine(shares)
    waiting: list[Sequence] = []
    running: list[Sequence] = []
    for number, (what, which) in enumerate(wanted):
        held = Counter(each.request.client for each in running)
        if what == "add":
            sequence = _sequence(number, str(which))
            line.add(sequence)
            waiting.append(sequence)
        elif what == "end" and running:
            shares.leave(running.pop(int(which) % len(running)).request.client)
        elif what == "serve" and running:
            client = running[int(which) % len(running)].request.client
            shares.charge(client, int(which) % 4, 5.0)
        elif what == "remove" and waiting:
            gone = waiting.pop(int(which) % len(waiting))
            line.remove(gone.request)
        elif what in ("pop", "peek"):

            def turn(each: Sequence, held: Counter[str] = held) -> float:
                return shares.served(each.request.client) + USUAL * held[each.request.client]

            first = min(waiting, key=turn, default=None)
            entry = line.pop(held, USUAL)
            assert (entry and entry.sequence) is first
            if entry is not None and what == "peek":
                line.put_back([entry])
            elif first is not None:
                waiting.remove(first)
                running.append(first)
        assert len(line) == len(waiting)


def test_several_come_back_where_they_were() -> None:
    line = WaitingLine(Shares())
    sequences = [_sequence(number, "ab"[number % 2]) for number in range(6)]
    for sequence in sequences:
        line.add(sequence)
    taken = [line.pop({}, USUAL) for _ in range(4)]
    line.put_back([entry for entry in taken if entry is not None])
    assert [entry.sequence for _ in range(6) if (entry := line.pop({}, USUAL))] == sequences


def test_further_choices_come_before_what_their_client_waits_for() -> None:
    line = WaitingLine(Shares())
    later, *choices = (_sequence(number, "a") for number in range(3))
    line.add(later)
    line.put_first(choices)
    assert [entry.sequence for _ in range(3) if (entry := line.pop({}, USUAL))] == [*choices, later]


def test_those_who_come_and_go_leave_nothing_behind() -> None:
    """Nobody is taken meanwhile, or who is taken is put back."""
    line = WaitingLine(Shares())
    for number in range(100):
        line.add(_sequence(number, f"client {number}"))
    for number in range(1000):
        gone = _sequence(number, "another")
        line.add(gone)
        line.remove(gone.request)
        taken = [line.pop({}, USUAL) for _ in range(16)]
        line.put_back([each for each in taken if each is not None])
    assert len(line) == 100
    assert len(line._heads) < 300
    assert len(line._turns) < 300
