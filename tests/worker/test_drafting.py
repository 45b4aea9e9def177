"""Guesses by a draft model: it reads along, and what it is wrong about changes nothing."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from colonnade.worker.drafting import DraftModel, Text
from colonnade.worker.ports import Chunk, DecodeError
from colonnade.worker.speculation import DraftGuesser
from tests.worker.fake_model import VOCAB, FakeModel
from tests.worker.test_loop import Bench


def _draft(slots: int = 2, batch_size: int = 16) -> DraftModel:
    return DraftModel(FakeModel(slots=slots, batch_size=batch_size, ctx_size=100), VOCAB)


def _bench(draft: FakeModel, slots: int = 1) -> Bench:
    model = FakeModel(slots=slots, ctx_size=100, max_outputs=30, batch_size=40)
    return Bench(model, guesser=DraftGuesser(DraftModel(draft, VOCAB)))


@pytest.mark.usefixtures("free_rows")
def test_a_good_draft_saves_steps() -> None:
    bench = _bench(FakeModel(slots=2, ctx_size=100), slots=2)
    bench.submit(1, [1], max_tokens=20)
    bench.submit(2, [30, 31], max_tokens=20)
    bench.run()
    assert bench.texts[1, 0] == "".join(chr(48 + token) for token in range(2, 22))
    assert bench.texts[2, 0] == "".join(chr(48 + token) for token in range(32, 52))
    assert len(bench.model.batches) < 12
    finish = bench.finishes[1, 0]
    assert finish.accepted_tokens == finish.drafted_tokens > 10


_ON_TWO_CORES = {1: 20, 2: 49, 3: 58, 4: 70, 6: 90, 8: 76, 12: 95, 16: 110, 24: 150}
"""Milliseconds of a step by its rows, much as measured (docs/performance.md, layouts)."""


@pytest.mark.parametrize(("by", "most"), [(1, 12), (2, 64)], ids=["right", "wrong"])
def test_a_draft_is_tried_where_two_rows_cost_two_steps(by: int, most: int) -> None:
    """One that is right soon guesses many tokens at once, one that is wrong costs few steps."""
    bench = _bench(FakeModel(slots=1, ctx_size=100, by=by))

    def time_step(rows: int, _: float) -> None:
        speculation.costs.observe(rows, _ON_TWO_CORES[rows])

    speculation = bench.loop._speculation
    assert speculation is not None
    with patch.object(speculation, "time_step", time_step):
        bench.submit(1, [1], max_tokens=60)
        bench.run()
    assert bench.texts[1, 0] == "".join(chr(48 + token) for token in range(2, 62))
    rows = [len(batch[0].tokens) for batch in bench.model.batches]
    assert len(rows) <= most
    took = sum(_ON_TWO_CORES[count] for count in rows)
    assert took < 60 * _ON_TWO_CORES[1] * (0.7 if by == 1 else 1.2)


@pytest.mark.usefixtures("free_rows")
def test_a_bad_draft_is_given_up() -> None:
    bench = _bench(FakeModel(slots=1, ctx_size=100, by=2))
    bench.submit(1, [1], max_tokens=60)
    bench.run()
    assert bench.texts[1, 0] == "".join(chr(48 + token) for token in range(2, 62))
    finish = bench.finishes[1, 0]
    assert finish.accepted_tokens == 0
    assert finish.drafted_tokens > 0
    assert sum(len(batch[0].tokens) > 1 for batch in bench.model.batches) < 20


@pytest.mark.usefixtures("free_rows")
def test_the_draft_follows_a_slot_from_one_text_to_the_next() -> None:
    bench = _bench(FakeModel(slots=1, ctx_size=100))
    for number, first in enumerate([5, 20, 5, 6]):
        bench.submit(number, [first, first + 1], max_tokens=8)
        bench.run()
        expected = "".join(chr(48 + token) for token in range(first + 2, first + 10))
        assert bench.texts[number, 0] == expected
        assert bench.finishes[number, 0].accepted_tokens > 0


@pytest.mark.usefixtures("free_rows")
def test_while_the_draft_reads_a_prompt_nothing_is_filled_up() -> None:
    bench = _bench(FakeModel(slots=1, ctx_size=100, batch_size=10))
    bench.submit(1, list(range(30)), max_tokens=20)
    bench.run()
    steps = [len(batch[0].tokens) for batch in bench.model.batches]
    assert steps[:3] == [29, 1, 1]
    finish = bench.finishes[1, 0]
    assert finish.accepted_tokens == finish.drafted_tokens > 10


def test_a_long_prompt_is_read_by_one_batch_a_call() -> None:
    draft = _draft(batch_size=16)
    long, short = Text(0, list(range(40))), Text(1, [7])
    assert draft.draft([long, short], 3) == {1: [8, 9, 10]}
    assert draft.draft([long], 3) == {}
    assert draft.draft([long, short], 3) == {0: [40, 41, 42], 1: [8, 9, 10]}


def test_reading_a_prompt_takes_no_longer_than_a_step_may() -> None:
    """A model that reads a token in a millisecond, so that 100 ms are 100 tokens."""
    model = FakeModel(slots=2, batch_size=512, ctx_size=1000)
    draft = DraftModel(model, VOCAB, prefill_step_ms=100.0)
    clock = 0.0

    def decode(chunks: list[Chunk]) -> object:
        nonlocal clock
        clock += sum(len(chunk.tokens) for chunk in chunks) * 1e-3
        return FakeModel.decode(model, chunks)

    long, short = Text(0, [each % 60 for each in range(500)]), Text(1, [7])
    with (
        patch.object(model, "decode", decode),
        patch("colonnade.worker.drafting.time.perf_counter", lambda: clock),
    ):
        for _ in range(5):
            before = clock
            assert draft.draft([long, short], 1) == {1: [8]}, "not held up by the other one"
            assert clock - before < 0.15  # a tile of 65 tokens, or what 0.1 s allows


def test_wrong_guesses_are_taken_back() -> None:
    draft = _draft()
    assert draft.draft([Text(0, [1, 2])], 4) == {0: [3, 4, 5, 6]}
    assert draft.draft([Text(0, [1, 2, 3, 9])], 2) == {0: [10, 11]}
    assert draft.draft([Text(0, [1, 2, 3, 9])], 2) == {0: [10, 11]}


def test_tokens_that_the_model_does_not_have_are_not_guessed() -> None:
    draft = DraftModel(FakeModel(slots=1, ctx_size=100), vocab_size=12)
    assert draft.draft([Text(0, [9])], 5) == {0: [10, 11]}


def test_no_guess_beyond_the_context() -> None:
    draft = DraftModel(FakeModel(slots=1, ctx_size=6), VOCAB)
    assert draft.draft([Text(0, [1, 2, 3, 4])], 2) == {0: [5, 6]}
    assert draft.draft([Text(0, [1, 2, 3, 4, 5])], 2) == {}


def test_a_draft_that_fails_gives_no_guess_and_starts_again() -> None:
    model = FakeModel(slots=1, ctx_size=100)
    draft = DraftModel(model, VOCAB)
    draft.draft([Text(0, [1, 2])], 2)
    with patch.object(model, "decode", side_effect=DecodeError("no room")):
        assert draft.draft([Text(0, [1, 2, 3])], 2) == {}
    assert draft.draft([Text(0, [1, 2, 3])], 2) == {0: [4, 5]}


@pytest.mark.parametrize("seconds", [1.0, 100.0])
def test_the_time_of_drafting_counts(seconds: float) -> None:
    """A step with guesses costs what the draft model takes, too."""
    bench = _bench(FakeModel(slots=1, ctx_size=100))
    bench.submit(1, [1], max_tokens=20)
    clock = iter(range(10_000))
    with patch("colonnade.worker.speculation.time.perf_counter", lambda: next(clock) * seconds):
        bench.run()
    costs = bench.loop._speculation.costs._known
    assert max(cost for rows, (cost, _) in costs.items() if rows > 1) > seconds / 2
