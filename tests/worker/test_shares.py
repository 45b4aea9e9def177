"""Slots are shared by what was served: properties of the policy, on sequences that only cost."""

from __future__ import annotations

import itertools
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from colonnade.messages import Decoding, Urgency
from colonnade.worker.classes import WaitingClasses
from colonnade.worker.sequence import GENERATED, Request, Sequence
from colonnade.worker.shares import _MOST_PAST, Shares
from tests.worker.fake_model import no_sampler, unguided


class House:
    """Slots in which each sequence makes a token a step."""

    def __init__(self, slots: int = 1) -> None:
        self.line = WaitingClasses()
        self.slots = slots
        self.running: dict[Sequence, int] = {}
        """With the tokens that each still makes."""
        self.lengths: dict[int, int] = {}
        self.served: Counter[str] = Counter()
        self.started: list[str] = []
        self._numbers = itertools.count()

    def ask(self, client: str, length: int, urgency: Urgency | None = None) -> None:
        for sequence in self.running:
            self.line.charge(sequence)
        number = next(self._numbers)
        request = Request(
            number, [1], Decoding(), no_sampler, unguided, 0.0, client, urgency or Urgency()
        )
        self.lengths[number] = length
        self.line.add(request.sequences()[0])

    def step(self) -> None:
        self.admit()
        for sequence in list(self.running):
            if not sequence.tokens:
                sequence.begin()
            sequence.tokens.append(1)
            self.served[sequence.request.client] += 1
            self.running[sequence] -= 1
            if not self.running[sequence]:
                del self.running[sequence]
                self.line.ended(sequence)

    def admit(self) -> None:
        for sequence in self.running:
            self.line.charge(sequence)
        while len(self.running) < self.slots:
            entry = self.line.pop(Counter(each.request.client for each in self.running))
            if entry is None:
                return
            self.line.started(entry.sequence)
            self.running[entry.sequence] = self.lengths[entry.sequence.request.id]
            self.started.append(entry.sequence.request.client)

    def waits(self, client: str) -> int:
        """How many requests of a client have not begun."""
        lines = self.line._lines.values()
        return sum(len(line._lines.get(client, ())) for line in lines)


LONGEST = 20
"""Tokens of the longest answers below."""


@settings(max_examples=60)
@given(
    st.integers(1, 4),
    st.lists(st.lists(st.integers(1, LONGEST), min_size=1, max_size=4), min_size=2, max_size=5),
)
def test_those_who_always_wait_are_served_alike(slots: int, asked: list[list[int]]) -> None:
    """Within the work of the requests that fit into the slots, however long their answers are."""
    house = House(slots)
    lengths = {f"client {number}": itertools.cycle(each) for number, each in enumerate(asked)}
    for _ in range(400):
        for client, its in lengths.items():
            while house.waits(client) < slots:
                house.ask(client, next(its))
        house.step()
        served = [house.served[client] for client in lengths]
        assert max(served) - min(served) <= LONGEST * (slots + 1)


def test_one_request_beside_many_starts_after_the_one_that_runs() -> None:
    """With one slot, all that the other client holds ends between two of its answers."""
    house = House()
    for _ in range(60):
        house.ask("many", 10)
    for _ in range(15):
        house.step()
    house.ask("one", 3)
    house.ask("one", 3)
    for _ in range(20):
        house.step()
    assert house.started[:5] == ["many", "many", "one", "one", "many"]


def test_the_shorter_answers_get_more_turns() -> None:
    house = House()
    for _ in range(100):
        house.ask("long", 30)
        house.ask("short", 3)
    for _ in range(600):
        house.step()
    assert house.started.count("short") > 8 * house.started.count("long")
    assert abs(house.served["long"] - house.served["short"]) <= 60


def test_who_wants_nothing_gathers_no_claim() -> None:
    """Another one has had everything meanwhile; from now on they share."""
    house = House(2)
    house.ask("lazy", 900)
    for _ in range(200):
        house.ask("busy", 5)
    for _ in range(900):
        house.step()
    before = house.served["busy"]
    for _ in range(100):
        house.ask("lazy", 5)
        house.ask("busy", 5)
    for _ in range(60):
        house.step()
    assert house.served["busy"] - before >= 40


@given(st.integers(1, 3))
@settings(max_examples=5)
def test_ever_new_clients_keep_nobody_out(slots: int) -> None:
    """Who has had much waits until others could have had as much, and no longer."""
    house = House(slots)
    house.ask("patient", 100)
    house.ask("other", 100)
    for _ in range(90):
        house.step()
    house.ask("patient", 1)
    begun = house.started.count("patient")
    steps = 0
    while house.started.count("patient") == begun:
        while len(house.line) < 5:
            house.ask(f"new {len(house.lengths)}", 2)
        house.step()
        steps += 1
        assert steps < 100 * 12


def test_one_who_leaves_and_comes_back_is_not_new() -> None:
    house = House()
    house.ask("other", 10)
    house.ask("greedy", 50)
    for _ in range(2):
        house.ask("other", 40)
    for _ in range(61):
        house.step()
    assert house.started == ["other", "greedy", "other"]
    house.ask("greedy", 5)
    for _ in range(90):
        house.step()
    assert house.started == ["other", "greedy", "other", "other", "greedy"]


def test_past_clients_are_forgotten() -> None:
    shares = Shares()
    shares.join("here")
    for number in range(3 * _MOST_PAST):
        client = f"client {number}"
        shares.join(client)
        shares.charge(client, 10.0 + number, 10.0)
        shares.leave(client)
    assert len(shares) <= _MOST_PAST + 1
    shares.charge("here", 1e6, 10.0)
    shares.join("another")
    shares.leave("another")
    assert len(shares) == 1


def test_nothing_is_left_of_a_class_that_nobody_uses() -> None:
    house = House()
    for number in range(50):
        house.ask("a", 1, Urgency(priority=number))
    while len(house.line) or house.running:
        house.step()
    assert not house.line._shares
    assert not house.line._lines


def test_a_request_costs_what_is_computed_for_it() -> None:
    request = Request(1, [1] * 10, Decoding(), no_sampler, unguided, 0.0)
    (sequence,) = request.sequences()
    assert sequence.cost == 0
    sequence.begin()
    sequence.position = sequence.cached = 4
    assert sequence.cost == 0
    sequence.position = 9
    assert sequence.cost == 5
    sequence.tokens += [1, 1]
    sequence.position = 11
    assert sequence.cost == 6 + 2 * GENERATED
