"""Sequences of different adapters beside each other, on a model that checks every batch."""

from __future__ import annotations

from itertools import groupby, pairwise
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colonnade.messages import AdapterSet, Decoding
from colonnade.worker.adapter_turns import AdapterTurns
from colonnade.worker.sequence import Request, Sequence
from colonnade.worker.speculation import LookupGuesser, StepCosts
from colonnade.worker.states import StateCache
from tests.worker.fake_model import END, VOCAB, FakeModel, no_sampler, shift, unguided
from tests.worker.test_loop import Bench

PLAIN: AdapterSet = ()
FIRST: AdapterSet = ((0, 1.0),)
SECOND: AdapterSet = ((1, 1.0),)
SETS = (PLAIN, FIRST, SECOND)


def _says(prompt: list[int], adapters: AdapterSet, most: int) -> str:
    """What the fake model says with an adapter, up to ``most`` tokens."""
    said = []
    token = prompt[-1]
    for _ in range(most):
        token = (token + 1 + shift(adapters)) % VOCAB
        if token == END:
            break
        said.append(chr(token + 48))
    return "".join(said)


wanted = st.lists(
    st.tuples(
        st.lists(st.integers(0, 2), min_size=1, max_size=30),  # few tokens: prefixes recur
        st.integers(1, 9),
        st.integers(1, 3),
        st.sampled_from(SETS),
    ),
    min_size=2,
    max_size=8,
)


@settings(deadline=None)
@given(
    wanted,
    st.integers(1, 4),
    st.booleans(),
    st.sampled_from([0, 40, 100000]),
    st.booleans(),
    st.sampled_from([0.0, 1e-4, 0.05]),
)
def test_nothing_crosses_from_one_set_to_another(
    wanted: list[tuple[list[int], int, int, AdapterSet]],
    slots: int,
    cuttable: bool,
    cache_size: int,
    guess: bool,
    turn: float,
) -> None:
    """The model fails the test where a batch goes on with what was read with other adapters."""
    with (
        patch("colonnade.worker.slots._MANY", 4),
        patch("colonnade.worker.scheduler.TURN", turn),
        patch.object(StepCosts, "of", return_value=1.0),
    ):
        model = FakeModel(slots=slots, batch_size=6 * slots, max_outputs=4 * slots)
        model.cuttable = cuttable
        guesser = LookupGuesser() if guess else None
        bench = Bench(model, cache_size=cache_size, guesser=guesser)
        for number, (prompt, most, n, adapters) in enumerate(wanted):
            bench.submit(number, prompt, adapters=adapters, max_tokens=most, n=n)
        bench.run()
    for number, (prompt, most, n, adapters) in enumerate(wanted):
        for choice in range(n):
            assert bench.texts[number, choice] == _says(prompt, adapters, most)


@pytest.mark.parametrize("cuttable", [True, False])
def test_a_past_is_found_by_those_of_its_adapters_alone(cuttable: bool) -> None:
    bench = Bench(FakeModel(slots=2, ctx_size=200, cuttable=cuttable), cache_size=100_000)
    prompt = [1 + i % 7 for i in range(80)]
    further = [*prompt, *(3, 6, 4)]
    for number, adapters in enumerate(SETS):
        bench.submit(number, prompt, adapters=adapters, max_tokens=1)
        bench.run()
        assert bench.finishes[number, 0].cached_tokens == 0
    for number, adapters in enumerate(SETS, 3):  # whether a slot holds it or it was saved
        bench.submit(number, further, adapters=adapters, max_tokens=1)
        bench.run()
        assert bench.finishes[number, 0].cached_tokens == len(prompt)


def test_nobody_waits_for_or_borrows_from_a_reader_of_other_adapters() -> None:
    bench = Bench(FakeModel(slots=3, ctx_size=200, batch_size=30), cache_size=100_000)
    prompt = [1 + i % 7 for i in range(100)]
    for number, adapters in enumerate((PLAIN, FIRST, FIRST)):
        bench.submit(number, [*prompt, number], adapters=adapters, max_tokens=2)
    bench.take()
    bench.step()
    running = [each.request.id for each in bench.loop._scheduler.running]
    assert running == [0, 1], "the third one waits for the second one's reading"
    bench.run()
    cached = [bench.finishes[number, 0].cached_tokens for number in range(3)]
    assert cached == [0, 0, len(prompt)]


def test_a_scale_is_a_set_of_its_own() -> None:
    cache = StateCache(100, whole=False)
    cache.put([1, 2, 3], bytearray(3), ((0, 0.5),))
    assert cache.find([1, 2, 3, 4], 4, ((0, 1.0),)) is None
    assert cache.find([1, 2, 3, 4], 4) is None
    found = cache.find([1, 2, 3, 4], 4, ((0, 0.5),))
    assert found is not None
    assert found[0] == 3
    assert not cache.holds([1, 2, 3])
    assert cache.holds([1, 2, 3], ((0, 0.5),))


def test_a_state_pushes_out_those_of_other_sets_and_leaves_no_tree() -> None:
    cache = StateCache(10, whole=True)
    for number in range(40):
        adapters = ((0, float(number)),)
        cache.put([1, 2, 3], bytearray(3), adapters)
        for last in range(20):
            cache.seen([1, last], adapters)
    assert len(cache) == len(cache._trees) == 3
    assert cache.size == 9
    assert len(cache._prompts) <= 256 // 20 + 2


def _running(*sets: AdapterSet) -> list[Sequence]:
    """Sequences that decode, one of each set, in the order of their coming."""
    return [
        Request(
            number, [1], Decoding(), no_sampler, unguided, float(number), adapters=adapters
        ).sequences()[0]
        for number, adapters in enumerate(sets)
    ]


def test_sets_take_turns_of_the_same_time() -> None:
    turns = AdapterTurns(0.05)
    running = _running(PLAIN, FIRST, SECOND, FIRST)
    for each in running:
        each.begin()
    order = []
    for _ in range(30):
        chosen = turns.choose(running)
        assert {each.request.adapters for each in chosen} == {turns.current}
        order.append(turns.current)
        turns.took(0.01)
    assert [len(list(group)) for _, group in groupby(order)] == [5] * 6
    assert [key for key, _ in groupby(order)] == [FIRST, SECOND, PLAIN] * 2


def test_who_comes_while_one_set_runs_alone_is_next() -> None:
    turns = AdapterTurns(0.05)
    plain, first = _running(PLAIN, FIRST)
    for each in (plain, first):
        each.begin()
    for _ in range(100):
        turns.choose([plain])
        turns.took(0.01)
    assert turns.choose([plain, first]) == [first]
    turns.took(0.01)
    assert turns.choose([plain, first]) == [first]


def test_one_that_comes_and_goes_does_not_starve_another() -> None:
    turns = AdapterTurns(0.0)
    plain, first, second = _running(PLAIN, FIRST, SECOND)
    for each in (plain, first, second):
        each.begin()
    chosen = []
    for step in range(60):
        here = [plain, first, second] if step % 2 else [plain, first]
        chosen += turns.choose(here)
        turns.took(0.01)
    assert all(chosen.count(each) >= 15 for each in (plain, first, second))


def test_a_long_prompt_does_not_stop_those_of_other_adapters() -> None:
    with patch("colonnade.worker.scheduler.TURN", 0.0):
        bench = Bench(FakeModel(slots=2, ctx_size=400, batch_size=300))
        bench.submit(0, [1], max_tokens=30)
        bench.take()
        bench.step()
        bench.submit(1, [2] * 300, adapters=FIRST, max_tokens=1)
        bench.run()
    pieces = [
        len(chunk.tokens)
        for batch, used in zip(bench.model.batches, bench.model.used, strict=True)
        for chunk in batch
        if used == FIRST
    ]
    assert max(pieces) < 150, "it is read in pieces, as beside one of its own set"
    assert bench.model.used[:6] == [PLAIN, FIRST, PLAIN, FIRST, PLAIN, FIRST]


def test_a_change_of_adapters_says_nothing_of_how_long_steps_take() -> None:
    with patch("colonnade.worker.scheduler.TURN", 0.0):
        bench = Bench(FakeModel(slots=2, ctx_size=200), guesser=LookupGuesser())
        for number, adapters in enumerate((PLAIN, FIRST)):
            bench.submit(number, [1, 2, 3], adapters=adapters, max_tokens=20)
        seen = []
        costs = bench.loop._speculation
        assert costs is not None
        with patch.object(costs.costs, "observe", side_effect=lambda *a: seen.append(a)):
            bench.run()
    changes = sum(one != two for one, two in pairwise(bench.model.used))
    assert changes > 20
    assert len(seen) <= len(bench.model.batches) - changes
