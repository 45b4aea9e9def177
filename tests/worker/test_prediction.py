"""Guesses from a predicted answer: where they are found, and that they change nothing but steps."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.messages import Decoding
from colonnade.worker import prediction as module
from colonnade.worker.lookup import WIDTH
from colonnade.worker.prediction import PredictedLookup, Prediction
from colonnade.worker.sequence import Request
from colonnade.worker.speculation import DraftGuesser, LookupGuesser
from tests.worker.fake_model import FakeModel, unguided
from tests.worker.test_loop import Bench

few = st.lists(st.integers(0, 3), max_size=60)


class Followed:
    """An answer that is drawn token by token beside its prediction."""

    def __init__(self, prompt: list[int], predicted: list[int]) -> None:
        self.tokens = list(prompt)
        self.lookup = PredictedLookup(self.tokens, Prediction(predicted), len(prompt))

    @property
    def expected(self) -> list[int]:
        """What the prediction has from here on, five tokens at the most."""
        at = self.lookup._at
        return [] if at is None else self.lookup._prediction.tokens[at : at + 5]

    def draw(self, *drawn: int) -> list[int]:
        """The guess behind some more tokens, of at most five."""
        before = len(self.tokens)
        self.tokens += drawn
        self.lookup.follow(before)
        return self.lookup.guess(5)


def test_the_answer_is_followed_through_the_prediction() -> None:
    answer = Followed([90, 91], [*range(10)])
    assert answer.draw(0) == [1, 2, 3, 4, 5]
    assert answer.lookup.predicted
    assert answer.draw(1, 2, 3, 4, 5, 6) == [7, 8, 9]
    assert answer.draw(7, 8, 9) == []
    assert answer.draw(50) == []


def test_behind_a_change_the_place_is_found_by_two_tokens() -> None:
    answer = Followed([], [*range(20)])
    answer.draw(0, 1, 2)
    assert answer.draw(50) == [], "3 was expected"
    assert answer.draw(51, 4) == []
    assert answer.draw(5) == [6, 7, 8, 9, 10], "a replaced token"
    assert answer.draw(6, 9) == []
    assert answer.draw(10) == [11, 12, 13, 14, 15], "two left out"


def test_far_away_the_place_is_found_by_three_tokens_and_behind_the_lost_one_first() -> None:
    far = [7, 8, 9, *range(100, 100 + module._CLOSE), 7, 8, 9, 60, 61]
    answer = Followed([], [*far, *range(200, 300), 7, 8, 9, 70, 71])
    answer.draw(7, 8, 9, 100, 101)
    answer.draw(1)
    answer.draw(7)
    answer.draw(8, 9)
    assert answer.expected == [60, 61, 200, 201, 202]
    answer.draw(70)
    answer.draw(71)
    assert answer.expected == [], "it is far, and two tokens are too few"
    answer.draw(7)
    answer.draw(8, 9)
    assert answer.expected == [70, 71]


def test_a_thought_before_the_answer_is_in_nobodys_way() -> None:
    answer = Followed([1], [20, 21, 22, 23, 24])
    for token in range(60, 80):
        assert answer.draw(token) == []
    assert answer.draw(20) == []
    assert answer.draw(21) == [22, 23, 24]


def test_its_own_text_is_taken_where_the_prediction_is_mostly_wrong() -> None:
    prompt = [*range(60)]
    answer = Followed(prompt, [0, 1, 2, 99] * 40)
    for token in range(40):
        guess = answer.draw(token)
    assert guess == [40, 41, 42, 43, 44]
    assert not answer.lookup.predicted


@given(few, few, few)
def test_a_guess_stands_behind_the_same_tokens(
    prompt: list[int], predicted: list[int], drawn: list[int]
) -> None:
    answer = Followed(prompt, predicted)
    for number, token in enumerate(drawn, 1):
        guess = answer.draw(token)
        lookup = answer.lookup
        assert lookup.guesses is bool(guess)
        assert lookup.expected(5) <= 5
        if not guess or not lookup.predicted:
            continue
        at = lookup._at
        assert at is not None
        assert guess == predicted[at : at + 5]
        same = min(2, number, at)
        assert predicted[at - same : at] == answer.tokens[-same:] or not same


@given(few, st.integers(1, 5))
def test_every_place_is_indexed_in_whatever_pieces(tokens: list[int], at_once: int) -> None:
    prediction = Prediction(tokens)
    with patch.object(module, "AT_ONCE", at_once):
        for _ in range(len(tokens) // at_once + 1):
            prediction.grow()
    for place in range(WIDTH, len(tokens)):
        found = prediction.place(tokens[place - WIDTH : place], len(tokens))
        assert found is not None
        assert tokens[found[0] - WIDTH : found[0]] == tokens[place - WIDTH : place]


def _bench(prediction: list[int] | None, *, n: int = 1, slots: int = 1) -> Bench:
    """A model that counts on from 10 to 39, which a prediction may know."""
    model = FakeModel(slots=slots, ctx_size=100, max_outputs=40, batch_size=60)
    bench = Bench(model, guesser=LookupGuesser())
    decoding = Decoding(max_tokens=30, n=n)
    request = Request(
        1,
        [9],
        decoding,
        model.samplers(decoding),
        unguided,
        0.0,
        prediction=None if prediction is None else Prediction(prediction),
    )
    bench.loop.commands.put(request)
    bench.run()
    return bench


TEXT = "".join(chr(48 + token) for token in range(10, 40))


@pytest.mark.usefixtures("free_rows")
@pytest.mark.parametrize("n", [1, 2])
def test_a_right_prediction_saves_most_steps(n: int) -> None:
    plain, bench = _bench(None, n=n, slots=n), _bench([*range(10, 40)], n=n, slots=n)
    for choice in range(n):
        finish = bench.finishes[1, choice]
        assert bench.texts[1, choice] == plain.texts[1, choice] == TEXT
        assert finish.predicted_right_tokens == finish.accepted_tokens > 15
        assert finish.predicted_tokens == finish.drafted_tokens
        assert plain.finishes[1, choice].predicted_tokens == 0
    assert len(bench.model.batches) < len(plain.model.batches) / 2


@pytest.mark.usefixtures("free_rows")
def test_a_prediction_that_is_wrong_in_places() -> None:
    bench = _bench([*range(10, 20), 60, 61, 22, 23, 24, *range(28, 40)])
    finish = bench.finishes[1, 0]
    assert bench.texts[1, 0] == TEXT
    assert 10 < finish.predicted_right_tokens < finish.predicted_tokens


@pytest.mark.usefixtures("free_rows")
def test_a_prediction_that_is_all_wrong() -> None:
    bench = _bench([50, 51, 52, 53])
    assert bench.texts[1, 0] == TEXT
    assert bench.finishes[1, 0].predicted_right_tokens == 0


def test_a_prediction_comes_before_a_draft_model() -> None:
    model = FakeModel(slots=1)
    guesser = DraftGuesser.__new__(DraftGuesser)
    decoding = Decoding()
    request = Request(1, [9], decoding, model.samplers(decoding), unguided, 0.0)
    request.prediction = Prediction([10, 11, 12])
    (sequence,) = request.sequences()
    sequence.begin()
    sequence.foresight = guesser.foresight(sequence)
    sequence.tokens.append(10)
    assert sequence.foresight.follow(1)
    assert guesser.guess([sequence], 4) == [[11, 12]]
