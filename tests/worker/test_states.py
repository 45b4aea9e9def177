"""The cache of states: what it keeps, finds and lets go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from colonnade.worker.states import StateCache

tokens = st.lists(st.integers(0, 2), min_size=1, max_size=6)


@given(st.lists(tokens, max_size=12), tokens, st.booleans(), st.integers(0, 30))
def test_the_budget_holds_and_what_is_found_fits(
    stored: list[list[int]], prompt: list[int], whole: bool, budget: int
) -> None:
    cache = StateCache(budget, whole=whole)
    for each in stored:
        cache.put(each, bytearray(each))
        assert cache.size <= budget
        assert not cache.size or len(cache)
    most = len(prompt) - 1
    found = cache.find(prompt, most)
    if found is not None:
        common, saved = found
        assert 0 < common <= most
        assert saved.tokens[:common] == prompt[:common]
        assert not whole or common == len(saved.tokens)
        assert list(saved.state) == saved.tokens


def test_the_one_unused_for_longest_goes_first() -> None:
    cache = StateCache(10, whole=False)
    for number in (1, 2, 3):
        cache.put([number] * 3, bytearray(3))
    assert cache.find([1, 1, 1, 0], 3) is not None
    cache.put([4] * 3, bytearray(3))
    assert [cache.holds([number] * 3) for number in (1, 2, 3, 4)] == [True, False, True, True]


def test_a_state_that_goes_further_makes_its_beginnings_needless() -> None:
    cuttable, whole = StateCache(100, whole=False), StateCache(100, whole=True)
    for cache in (cuttable, whole):
        cache.put([1, 2], bytearray(2))
        cache.put([1, 2, 3, 4], bytearray(4))
    assert (len(cuttable), len(whole)) == (1, 2)
    assert cuttable.holds([1, 2, 3])
    assert not whole.holds([1, 2, 3])
    assert whole.holds([1, 2])


def test_a_state_larger_than_the_budget_is_not_kept() -> None:
    cache = StateCache(3, whole=False)
    cache.put([1, 2], bytearray(2))
    cache.put([3], bytearray(4))
    assert cache.holds([1, 2])
    assert not cache.holds([3])


def test_earlier_prompts_are_remembered_by_their_tokens() -> None:
    cache = StateCache(0, whole=True)
    assert cache.seen([1, 2, 3]) == 0
    assert cache.seen([1, 2, 4]) == 2
    assert cache.seen([1, 2, 3]) == 3
    for number in range(1000):
        cache.seen([9, number])
    assert cache.seen([1, 2, 3]) == 0
