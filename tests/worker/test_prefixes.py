"""The tree of prefixes against a plain list of sequences."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from colonnade.worker.prefixes import PrefixTree

sequences = st.lists(st.integers(0, 2), max_size=8)


def common(one: list[int], two: list[int]) -> int:
    return next(
        (i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b),
        min(len(one), len(two)),
    )


class TreeMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.tree: PrefixTree[int] = PrefixTree()
        self.stored: dict[tuple[int, ...], int] = {}

    @rule(tokens=sequences.filter(bool), value=st.integers())
    def put(self, tokens: list[int], value: int) -> None:
        self.tree.put(tokens, value)
        self.stored[tuple(tokens)] = value

    @rule(tokens=sequences)
    def remove(self, tokens: list[int]) -> None:
        self.tree.remove(tokens)
        self.stored.pop(tuple(tokens), None)

    @rule(tokens=sequences)
    def search(self, tokens: list[int]) -> None:
        assert self.tree.get(tokens) == self.stored.get(tuple(tokens))
        shares = {key: common(list(key), tokens) for key in self.stored}
        best = max(shares.values(), default=0)
        found = self.tree.nearest(tokens)
        if found is None:
            assert best == 0
        else:
            assert found.common == best
            assert any(
                share == best and len(key) == found.length and self.stored[key] == found.value
                for key, share in shares.items()
            )
        within = sorted((key for key, share in shares.items() if share == len(key)), key=len)
        assert [(m.length, m.value) for m in self.tree.within(tokens)] == [
            (len(key), self.stored[key]) for key in reversed(within)
        ]

    @invariant()
    def counts(self) -> None:
        assert len(self.tree) == len(self.stored)


TestTree = TreeMachine.TestCase


@given(st.lists(sequences.filter(bool), max_size=6), sequences)
def test_order_makes_no_difference(stored: list[list[int]], tokens: list[int]) -> None:
    one, two = PrefixTree[int](), PrefixTree[int]()
    for each in stored:
        one.put(each, len(each))
    for each in reversed(stored):
        two.put(each, len(each))
    first, second = one.nearest(tokens), two.nearest(tokens)
    assert (first and first.common) == (second and second.common)


def test_a_thousand_long_ones_are_searched_at_once() -> None:
    tree: PrefixTree[int] = PrefixTree()
    shared = list(range(1000))
    for number in range(1000):
        tree.put([*shared[: number % 900], -number - 1, *range(2000)], number)
    prompt = [*shared, 5]
    began = time.perf_counter()
    for _ in range(20):
        found = tree.nearest(prompt)
    assert found is not None
    assert found.common == 899
    assert (time.perf_counter() - began) / 20 < 0.05, "a bound against a search of all of them"
