"""What is made of requests before they stand in the queue, and in which order."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from colonnade.messages import (
    Accepted,
    Cancel,
    Decoding,
    FailureKind,
    FromWorker,
    MediaKind,
    MediaPart,
    Refused,
    Sampling,
    Submit,
    TextPart,
    TokenPart,
)
from colonnade.worker.intake import Intake
from colonnade.worker.lane import Lane
from colonnade.worker.sequence import Request
from tests.worker.fake_model import VOCAB, FakeModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONG = 1 << 18


class Letters:
    """A vocabulary in which a character is a token; it can be held up before each part."""

    size = VOCAB
    bos = None
    infill = (None, None, None)

    def __init__(self) -> None:
        self.parts_made = 0
        self.reached = threading.Semaphore(0)
        self.go_on = threading.Semaphore(1 << 20)

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        return [token for part in self.parts(text, special=special) for token in part]

    def parts(self, text: str, *, special: bool) -> Iterator[list[int]]:
        assert special
        for begin in range(0, len(text), 1000):
            self.reached.release()
            assert self.go_on.acquire(timeout=10)
            self.parts_made += 1
            yield [ord(char) % VOCAB for char in text[begin : begin + 1000]]

    def least(self, texts: Iterable[str]) -> int:
        return sum(map(len, texts)) // 10

    def shared(self, ids: Iterable[int]) -> list[int]:
        return list(ids)


class Bench:
    def __init__(self, ctx_size: int = LONG) -> None:
        self.vocabulary = Letters()
        self.sent: SimpleQueue[FromWorker] = SimpleQueue()
        self.passed: SimpleQueue[Request | Cancel] = SimpleQueue()
        self.intake = Intake(
            cast("Any", FakeModel(ctx_size=ctx_size)),
            self.vocabulary,
            cast("Any", SimpleNamespace(tokens=lambda _text: [])),
            self.passed.put,
            self.sent.put,
        )

    def answer(self) -> FromWorker:
        return self.sent.get(timeout=10)


def submit(number: int, text: str, client: str = "", **wishes: Any) -> Submit:
    return Submit(number, (TextPart(text),), Decoding(**wishes), client=client)


def test_what_is_short_is_counted_to_its_end() -> None:
    bench = Bench(ctx_size=4000)
    bench.intake.submit(submit(1, "a" * 5000))
    refused = bench.answer()
    assert isinstance(refused, Refused)
    assert refused.kind is FailureKind.CONTEXT_LENGTH_EXCEEDED
    assert "resulted in 5000 tokens" in refused.message


@pytest.mark.parametrize(
    ("ctx_size", "parts", "words"),
    [(LONG // 10 - 1, 0, f"at least {LONG // 10}"), (LONG // 2, 132, "at least 132000")],
)
def test_what_is_long_is_refused_as_soon_as_it_is_too_long(
    ctx_size: int, parts: int, words: str
) -> None:
    """By its length, or as it is made into tokens."""
    bench = Bench(ctx_size)
    bench.intake.submit(submit(1, "a" * LONG))
    refused = bench.answer()
    assert isinstance(refused, Refused)
    assert refused.kind is FailureKind.CONTEXT_LENGTH_EXCEEDED
    assert f"resulted in {words} tokens" in refused.message
    assert bench.vocabulary.parts_made == parts


def test_what_may_be_cut_is_not_refused() -> None:
    bench = Bench(ctx_size=50)
    bench.intake.submit(submit(1, "a" * LONG, most_prompt=20))
    assert bench.answer() == Accepted(1, 20)


def test_who_has_left_is_worked_for_no_longer() -> None:
    bench = Bench()
    bench.vocabulary.go_on = threading.Semaphore(0)
    bench.intake.submit(submit(1, "a" * (LONG - 1)))
    bench.intake.submit(submit(2, "b" * (LONG - 1)))
    bench.intake.submit(submit(3, "c" * (LONG - 1)))
    assert bench.vocabulary.reached.acquire(timeout=10)
    bench.intake.cancel(Cancel(1))
    bench.intake.cancel(Cancel(2))
    bench.vocabulary.go_on.release(1 << 20)
    assert bench.answer() == Accepted(3, LONG - 1)
    assert bench.vocabulary.parts_made == 1 + -(-(LONG - 1) // 1000)
    assert bench.passed.get() == Cancel(1), "it may have been passed on just before"
    request = bench.passed.get()
    assert isinstance(request, Request)
    assert request.id == 3


def test_a_cancellation_comes_behind_its_request() -> None:
    bench = Bench()
    bench.intake.submit(submit(1, "abc"))
    bench.intake.cancel(Cancel(1))
    request = bench.passed.get()
    assert isinstance(request, Request)
    assert bench.passed.get() == Cancel(1)


def test_prompts_of_one_request_share_what_it_wishes() -> None:
    """Each comes in a message of its own."""
    bench = Bench()
    for number in (1, 2):
        bias = tuple((token, 1.0) for token in range(50))
        bench.intake.submit(submit(number, "abc", sampling=Sampling(logit_bias=bias)))
    first, second = bench.passed.get(), bench.passed.get()
    assert isinstance(first, Request)
    assert isinstance(second, Request)
    assert first.decoding is second.decoding


@pytest.mark.parametrize("ids", [(0, VOCAB), (-1, 0), (VOCAB,)])
def test_ids_that_are_no_tokens(ids: tuple[int, ...]) -> None:
    bench = Bench()
    bench.intake.submit(Submit(1, (TokenPart(ids),), Decoding()))
    refused = bench.answer()
    assert isinstance(refused, Refused)
    assert (refused.kind, refused.param) == (FailureKind.INVALID_REQUEST, "prompt")


def test_a_picture_for_a_model_of_text() -> None:
    bench = Bench()
    bench.intake.submit(Submit(1, (MediaPart(MediaKind.IMAGE, b"", ""),), Decoding()))
    refused = bench.answer()
    assert isinstance(refused, Refused)
    assert refused.kind is FailureKind.UNSUPPORTED
    assert "takes no image" in refused.message


def test_clients_take_turns_in_the_lane() -> None:
    taken: SimpleQueue[int] = SimpleQueue()
    reached, go_on = threading.Event(), threading.Event()

    def take(submit: Submit) -> None:
        reached.set()
        assert go_on.wait(timeout=10)
        taken.put(submit.id)

    lane = Lane(take, lambda _: None)
    for number in range(5):
        lane.put(submit(number, "", "many"))
    assert reached.wait(timeout=10)
    lane.put(submit(5, "", "one"))
    lane.put(submit(6, "", "other"))
    assert lane.cancel(3)
    assert not lane.cancel(3)
    assert not lane.cancel(99)
    go_on.set()
    assert [taken.get(timeout=10) for _ in range(6)] == [0, 1, 5, 6, 2, 4]
