"""Guessed tokens: what is guessed, when it pays, and that it changes nothing but the steps."""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.messages import Cancel, Decoding, Refused
from colonnade.worker.lookup import PromptLookup
from colonnade.worker.ports import DecodeError
from colonnade.worker.sequence import Request
from colonnade.worker.speculation import LookupGuesser, Speculation, StepCosts, Trust
from tests.worker.fake_model import VOCAB, FakeModel, no_sampler, unguided
from tests.worker.test_loop import Bench, Failing, _request

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.worker.sequence import Sequence

COUNTED = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 10]
"""The fake model counts on: 11, 12, ... to 19, and then 20, where a guess is wrong."""


def _counts_to(last: int) -> Bench:
    """An answer that counts from 11 on, with guesses."""
    bench = _bench()
    bench.submit(1, COUNTED, max_tokens=last - 10)
    bench.run()
    assert bench.texts[1, 0] == "".join(chr(48 + token) for token in range(11, last + 1))
    return bench


def _bench(slots: int = 1, **shape: int) -> Bench:
    return Bench(FakeModel(slots=slots, ctx_size=100, **shape), guesser=LookupGuesser())


@pytest.mark.usefixtures("free_rows")
def test_guesses_that_come_true_save_steps() -> None:
    bench = _counts_to(19)
    finish = bench.finishes[1, 0]
    assert len(bench.model.batches) < 6
    assert 0 < finish.accepted_tokens <= finish.drafted_tokens
    assert finish.completion_tokens == 9


@pytest.mark.usefixtures("free_rows")
def test_wrong_guesses_are_forgotten() -> None:
    bench = _counts_to(24)
    finish = bench.finishes[1, 0]
    assert finish.accepted_tokens < finish.drafted_tokens
    # a conversation goes on behind the last token read
    bench.submit(2, [*COUNTED, *range(11, 25), 1, 2], max_tokens=1)
    bench.run()
    assert bench.finishes[2, 0].cached_tokens == len(COUNTED) + 13


@pytest.mark.usefixtures("free_rows")
def test_who_has_no_guess_reads_fillers_beside_the_others() -> None:
    bench = _bench(slots=2, max_outputs=20, batch_size=40)
    bench.submit(1, COUNTED, max_tokens=9)
    bench.submit(2, [30], max_tokens=9)
    bench.run()
    wide = [b for b in bench.model.batches if len(b) == 2 and len(b[0].tokens) > 1]
    assert any(len(batch[0].tokens) == len(batch[1].tokens) for batch in wide)
    assert bench.texts[2, 0] == "".join(chr(48 + token) for token in range(31, 40))
    assert bench.finishes[2, 0].drafted_tokens == 0


@pytest.mark.usefixtures("free_rows")
def test_memory_that_cannot_be_cut_gets_no_guesses() -> None:
    bench = Bench(FakeModel(slots=1, ctx_size=100, cuttable=False), guesser=LookupGuesser())
    bench.submit(1, COUNTED, max_tokens=9)
    bench.run()
    assert bench.finishes[1, 0].drafted_tokens == 0


@pytest.mark.usefixtures("free_rows")
def test_stops_and_limits_inside_a_draft() -> None:
    bench = _bench(max_outputs=30, batch_size=40)
    stop = chr(48 + 17)
    bench.submit(1, COUNTED, max_tokens=30, stop=(stop,))
    bench.run()
    assert bench.texts[1, 0] == "".join(chr(48 + token) for token in range(11, 17))
    bench.submit(2, [*COUNTED[:-1], 61, 62, 63, 10, 11, 12, 60, 61], max_tokens=30)
    bench.run()
    assert bench.finishes[2, 0].completion_tokens == 2, "62, and the end token, both guessed"


@pytest.mark.usefixtures("free_rows")
def test_a_cancelled_request_leaves_nothing_of_its_draft() -> None:
    bench = _bench()
    bench.submit(1, COUNTED, max_tokens=50)
    bench.take()
    for _ in range(4):
        bench.step()
    bench.loop.obey(Cancel(1))
    bench.submit(2, [*COUNTED, 11, 12], max_tokens=1)
    bench.run()
    assert bench.finishes[2, 0].cached_tokens == len(COUNTED) + 1


@pytest.mark.usefixtures("free_rows")
def test_no_more_is_read_than_an_answer_may_have() -> None:
    bench = _bench(max_outputs=30, batch_size=40)
    bench.submit(1, COUNTED, max_tokens=4)
    bench.run()
    assert [len(batch[0].tokens) for batch in bench.model.batches] == [len(COUNTED) - 1, 1, 1, 2]


@pytest.mark.usefixtures("free_rows")
def test_a_state_that_is_left_for_others_holds_no_guesses() -> None:
    """Two prompts come beside one that guesses: the first one's is known but for its last token,
    which is where the second one goes on."""
    model = FakeModel(slots=4, ctx_size=100, max_outputs=40, batch_size=100)
    bench = Bench(model, cache_size=9999, guesser=LookupGuesser())
    known = [*range(40), *range(32)]
    bench.submit(1, known, max_tokens=1)
    bench.run()
    bench.submit(2, [*range(50), 0], max_tokens=40)
    bench.take()
    for _ in range(3):
        bench.step()
    bench.submit(3, [*known, 60], max_tokens=1)
    bench.submit(4, [*known, 60, 61, 1], max_tokens=1)
    bench.run()
    assert bench.finishes[4, 0].cached_tokens == len(known) + 1
    states = bench.loop._scheduler._slots.states
    assert len(states)
    for saved in states._saved.values():
        assert list(saved.state) == saved.tokens


@pytest.mark.usefixtures("free_rows")
def test_who_is_to_say_nothing_leaves_no_guesses() -> None:
    bench = _bench(slots=2, max_outputs=40, batch_size=100)
    bench.submit(1, [61, 62, 61, 62, 60], max_tokens=0)
    bench.run()
    bench.submit(2, [*range(50), 0], max_tokens=40)
    bench.take()
    for _ in range(3):
        bench.step()
    bench.submit(3, [61, 62, 61, 62, 60, 59], max_tokens=0)
    bench.run()
    assert bench.finishes[3, 0].cached_tokens == 5


@pytest.mark.usefixtures("free_rows")
def test_steps_with_guesses_do_not_tell_what_decoding_takes_beside_a_prompt() -> None:
    bench = _bench(max_outputs=30, batch_size=40)
    with patch.object(bench.loop._pacer, "observe") as observe:
        bench.submit(1, COUNTED, max_tokens=9)
        bench.run()
    plain = [batch for batch in bench.model.batches if len(batch[0].tokens) == 1]
    assert len(bench.model.batches) > len(plain) + 1
    assert [call.args[0] for call in observe.call_args_list] == [len(COUNTED) - 1] + [0] * len(
        plain
    )


def test_what_a_step_without_guesses_takes_is_always_known() -> None:
    """Not taken from fewer rows, which may have been timed once, long ago, in a bad moment."""
    speculation = Speculation(LookupGuesser())
    made = [_decoding_sequence() for _ in range(2)]
    speculation.costs.observe(1, 100.0)
    for _ in range(600):
        speculation.costs.observe(4, 1.9)
    speculation.prepare(made, 2)
    assert not any(each.draft for each in made)
    speculation.costs.observe(2, 1.0)
    speculation.prepare(made, 2)
    assert not any(each.draft for each in made), "it takes as long as it brings tokens"
    speculation.costs.observe(2, 1.9)
    speculation.costs.observe(2, 1.9)
    speculation.prepare(made, 2)
    assert all(each.draft and each.draft.tokens for each in made)


@pytest.mark.usefixtures("free_rows")
def test_guesses_are_thought_of_when_somebody_has_one() -> None:
    bench = _bench()
    bench.submit(1, [20], max_tokens=10)
    with patch.object(Speculation, "prepare", side_effect=AssertionError("nothing was said twice")):
        bench.run()
    bench.submit(2, COUNTED, max_tokens=9)
    with patch.object(LookupGuesser, "guess", return_value=[[]]) as guess:
        bench.run()
    assert guess.called


@pytest.mark.usefixtures("free_rows")
def test_a_batch_that_fails_leaves_nothing_of_its_guesses() -> None:
    bench = _bench(max_outputs=30, batch_size=40)
    bench.submit(1, COUNTED, max_tokens=9)
    bench.take()
    speculation = bench.loop._speculation
    assert speculation is not None
    while not speculation.hopeful:
        bench.step()
    with patch.object(bench.model, "decode", side_effect=DecodeError("no room")):
        bench.loop.step()
    bench.submit(2, COUNTED, max_tokens=9)
    with patch.object(Trust, "learn", autospec=True, side_effect=Trust.learn) as learn:
        bench.run()
    assert bench.texts[2, 0] == "".join(chr(48 + token) for token in range(11, 20))
    hoped = [call.args[1] for call in learn.call_args_list]
    assert hoped[0] == 0, "it reads its prompt"
    assert max(hoped) > 0


@pytest.mark.usefixtures("free_rows")
def test_steps_with_settled_tokens_teach_no_costs() -> None:
    bench = _bench(slots=2, max_outputs=30, batch_size=40)
    bench.loop.obey(_request(bench.model, 1, [3, 4], [10, 11, 12], most=9))
    assert bench.loop._speculation is not None
    with patch.object(bench.loop._speculation, "time_step") as timed:
        bench.run()
    alike = [batch for batch in bench.model.batches if len(batch[0].tokens) == 1]
    assert [call.args[0] for call in timed.call_args_list] == [1] * (len(alike) - 1), "the prompt"
    assert len(alike) < len(bench.model.batches)


@pytest.mark.usefixtures("free_rows")
def test_a_grammar_that_gives_up_behind_a_guess() -> None:
    """At its second row of a step: the other choice's samplers are gone with the request."""
    bench = _bench(slots=3, max_outputs=30, batch_size=60)
    bench.submit(1, COUNTED, max_tokens=9)
    decoding = Decoding(max_tokens=6, n=2)
    guides: Any = [Failing(at=99), Failing(at=5)]
    samplers = bench.model.samplers(decoding)
    request = Request(2, COUNTED, decoding, samplers, guides.__getitem__, 0.0)
    bench.loop.obey(request)
    bench.run()
    assert [message.id for message in bench.sent if isinstance(message, Refused)] == [2]
    drew = [batch for batch in bench.model.batches if batch[-1].slot == 2]
    assert len(drew) < 5, "the fifth draw was one of several in its step"
    assert len(drew[-1][-1].tokens) > 1
    assert drew[-1] is bench.model.batches[-1]
    assert bench.texts[1, 0] == "".join(chr(48 + token) for token in range(11, 20))
    assert all(sampler.closed for sampler in bench.model.made_samplers)


def _decoding_sequence() -> Sequence:
    """One that says the same for ever, and has a guess."""
    request = Request(1, [7] * 20, Decoding(), no_sampler, unguided, 0.0)
    [sequence] = request.sequences()
    sequence.begin()
    sequence.limit = 1000
    sequence.foresight = _told([7] * 10, *[7] * 10)
    return sequence


def _told(tokens: list[int], *more: int) -> PromptLookup:
    """A lookup on a text that comes token by token after ``tokens``."""
    text = list(tokens)
    lookup = PromptLookup(text)
    lookup.follow(len(text))
    for token in more:
        text.append(token)
        lookup.follow(len(text) - 1)
    return lookup


def _repeating(right: int) -> PromptLookup:
    """A lookup on a text that repeats what it began with, after so many right guesses."""
    return _told([7, 8, 9, *range(100, 150), 7, 8, 9], *range(100, 100 + right))


def test_the_guess_is_what_stood_behind_the_same_tokens() -> None:
    assert _told([1, 2, 3, 4, 5, 1, 2, 3]).guess(2) == [4, 5]
    assert _told([1, 2, 3, 4, 5], 1, 2, 3).guess(2) == [4, 5]
    assert _told([1, 2, 3, 4, 5, 1, 2]).guess(5) == [], "two tokens are too few"
    assert _told([1, 2, 3]).guess(5) == []


def test_of_several_places_the_last_one_counts() -> None:
    assert _told([1, 2, 3, 8, 8, 1, 2, 3, 9, 9, 1, 2, 3]).guess(2) == [9, 9]


def test_four_tokens_tell_more_than_three() -> None:
    text = [1, 2, 3, 4, 9, 9]
    assert _told([*text, 1, 2, 3, 4]).expected(4) > _told([*text, 0, 2, 3, 4]).expected(4) > 0


def test_repetition_is_taken_to_go_on() -> None:
    assert _told([5, 6, 7, 5, 6, 7, 5, 6]).guess(7) == [7, 5, 6, 7, 5, 6, 7]


def test_a_guess_that_fails_is_expected_less() -> None:
    again = _told([1, 2, 3, 4, 5, 6, 7, 8], 1, 2, 3, 4, 5, 6)
    before = again.expected(4)
    wrong = _told([1, 2, 3, 4, 5, 6, 7, 8], 1, 2, 30, 1, 2, 40, 1, 2)
    assert 0 < wrong.expected(4) < before < 4


def test_a_long_prompt_is_known_piece_by_piece() -> None:
    text = list(range(100, 112))
    with patch("colonnade.worker.lookup.AT_ONCE", 5):
        lookup = PromptLookup(text)
        text += [103, 104, 105]
        found = []
        for _ in range(3):
            lookup.follow(len(text))
            found.append(lookup.guess(2))
    assert found == [[], [], [106, 107]], "also where a piece ends within the three tokens"


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(1, 8))
def test_a_guess_is_always_a_piece_of_the_text(tokens: list[int], count: int) -> None:
    lookup = _told(tokens[:1], *tokens[1:])
    guess = lookup.guess(count)
    assert len(guess) == (count if lookup.guesses else 0)
    assert set(guess) <= set(tokens)
    assert 0 <= lookup.expected(count) <= count


def test_costs_are_learnt_and_unknown_ones_tried_step_by_step() -> None:
    costs = StepCosts()
    assert costs.of(4) == 0.0
    costs.observe(4, 1.0)
    assert costs.of(4) == 1.0
    assert 1.0 < costs.of(8) < 2.0, "taken to be cheap until it is known"
    assert costs.of(9) == inf
    costs.observe(8, 3.0)
    assert costs.of(8) == 3.0
    assert costs.of(16) > 3.0


def test_costs_between_known_ones_lie_on_the_line_through_them() -> None:
    costs = StepCosts()
    costs.observe(4, 10.0)
    costs.observe(16, 22.0)
    assert costs.of(8) == pytest.approx(14.0)
    costs.observe(8, 30.0)
    assert costs.of(6) == pytest.approx(20.0)
    assert costs.of(12) == pytest.approx(26.0)


def test_a_cost_of_long_ago_is_no_end_of_a_line() -> None:
    costs = StepCosts()
    costs.observe(8, 1000.0)
    for _ in range(600):
        costs.observe(1, 1.0)
        costs.observe(2, 1.5)
    assert costs.of(4) < 3.0


def test_a_run_of_right_guesses_makes_the_next_one_likelier() -> None:
    """As measured on real answers: 0.7 behind one, 0.9 behind ten, 0.97 behind thirty."""
    hopes = [_repeating(right).expected(1) for right in range(40)]
    assert hopes[0] < hopes[1] < hopes[10] < hopes[30]
    assert 0.5 < hopes[0] < 0.75
    assert 0.6 < hopes[1] < 0.8
    assert 0.85 < hopes[10] < 0.95
    assert hopes[30] > 0.95


def test_hopes_of_more_tokens_are_more_and_each_adds_less() -> None:
    lookup = _repeating(5)
    hopes = [lookup.expected(count) for count in range(20)]
    added = [more - less for less, more in pairwise(hopes)]
    assert hopes[0] == 0.0
    assert added[0] == lookup.expected(1)
    assert all(later < earlier for earlier, later in pairwise(added))
    assert [lookup.expected(count) for count in range(20)] == hopes


def test_one_bad_moment_does_not_stand_for_ever() -> None:
    costs = StepCosts()
    costs.observe(1, 1.0)
    costs.observe(2, 100.0)
    for _ in range(600):
        costs.observe(1, 1.0)
    assert costs.of(2) < 2.0


def test_trust_is_lost_by_guesses_and_comes_back_without() -> None:
    trust = Trust()
    for _ in range(50):
        trust.learn(4.0, 1.0)
    assert 1.0 <= trust.of(4.0) < 1.2
    for _ in range(500):
        trust.learn(0.0, 0.0)
    assert trust.of(4.0) > 3.5


@pytest.mark.parametrize(
    ("cost", "guessed"),
    [(lambda _: 1.0, True), (float, False)],
    ids=["rows are free", "each row costs a step"],
)
def test_guessing_is_on_where_it_pays(cost: Callable[[int], float], guessed: bool) -> None:
    with patch.object(StepCosts, "of", lambda _, rows: cost(rows)):
        bench = _bench(max_outputs=20, batch_size=40)
        bench.submit(1, [*range(VOCAB - 2), 0], max_tokens=30)
        bench.run()
    assert (bench.finishes[1, 0].drafted_tokens > 0) == guessed
