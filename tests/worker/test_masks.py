"""Masks that take long: they hold nobody up but whom they are for, and change no token."""

from __future__ import annotations

import time
from importlib.resources import files
from threading import Event, Thread
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from colonnade.messages import (
    Cancel,
    Constraint,
    Decoding,
    Failure,
    FailureKind,
    FromWorker,
    LoadModel,
    Refused,
    Sampling,
    Step,
    Submit,
    TextPart,
)
from colonnade.worker.grammar import GrammarCompiler
from colonnade.worker.grammar.usage import Usage
from colonnade.worker.intake import Intake
from colonnade.worker.llama import LlamaModel
from colonnade.worker.loop import Loop
from colonnade.worker.sequence import Request
from colonnade.worker.speculation import LookupGuesser
from tests.worker.fake_model import VOCAB, FakeModel, unguided
from tests.worker.test_loop import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

pytestmark = pytest.mark.usefixtures("free_rows")


class Slow:
    """A pace of masks that always take long."""

    quick = False
    slow = True

    def note(self, seconds: float) -> None:
        """Learn nothing."""


class Odd:
    """Allows what is as odd, or as even, as the token after the next; each mask waits for leave."""

    forced = 0
    done = False
    owes = False

    def __init__(self, pace: Slow, *, fails_at: int = -1) -> None:
        self.pace = pace
        self.leave = Event()
        self.begun = 0
        self._fails_at = fails_at
        self._last = 0

    def begin(self) -> list[int]:
        return []

    def mask(self) -> NDArray[np.uint8]:
        self.begun += 1
        assert self.leave.wait(20)
        if self.begun == self._fails_at:
            raise Failure(FailureKind.UNSUPPORTED, "too complex")
        return np.arange(VOCAB, dtype=np.uint8) % 2 if self.begun % 2 else np.ones(VOCAB, np.uint8)

    def take(self, token: int) -> list[int]:
        return [token]


def _submit(bench: Bench, number: int, guides: list[Odd] | None, most: int, n: int = 1) -> None:
    decoding = Decoding(max_tokens=most, n=n)
    samplers = bench.model.samplers(decoding)
    made = unguided if guides is None else lambda choice: guides[choice]
    now = time.perf_counter()
    bench.loop.obey(Request(number, [3, 4 + number], decoding, samplers, made, now))


def _expected(first: int, count: int) -> str:
    """What comes of a prompt where every other token has to be odd."""
    text, token = "", first
    for number in range(count):
        token += 1
        if number % 2 == 0 and token % 2 == 0:
            token = 1  # the likeliest of those that are odd is the first
        text += chr(token + 48)
    return text


def _until(bench: Bench, done: object, most: float = 20.0) -> None:
    end = time.monotonic() + most
    while not done():  # type: ignore[operator]
        assert time.monotonic() < end
        bench.step()


def test_a_late_mask_holds_up_nobody_else() -> None:
    bench = Bench(FakeModel(slots=2))
    guide = Odd(Slow())
    _submit(bench, 1, [guide], 6)
    _submit(bench, 2, None, 12)
    _until(bench, lambda: (2, 0) in bench.finishes)
    assert bench.finishes[2, 0].completion_tokens == 12
    assert (1, 0) not in bench.texts
    guide.leave.set()
    bench.run()
    assert bench.texts[1, 0] == _expected(5, 6)


def test_an_answer_alone_goes_on_with_each_mask() -> None:
    bench = Bench(FakeModel(slots=1))
    guide = Odd(Slow())
    _submit(bench, 1, [guide], 6)
    for _ in range(3):
        bench.step()  # waits a moment, and lets others have their turn
    assert len(bench.model.batches) == 2, "the prompt, and its last token"
    guide.leave.set()
    bench.run()
    assert bench.texts[1, 0] == _expected(5, 6)


def test_choices_of_one_grammar_wait_for_each_other() -> None:
    """Their masks are computed with the same lexer: no token is given to one meanwhile."""
    bench = Bench(FakeModel(slots=2))
    pace = Slow()
    guides = [Odd(pace), Odd(pace)]
    guides[0].leave.set()
    _submit(bench, 1, guides, 6, n=2)
    _until(bench, lambda: guides[1].begun)
    said = dict(bench.texts)
    for _ in range(5):
        bench.step()
    assert bench.texts == said
    guides[1].leave.set()
    bench.run()
    assert bench.texts == {(1, 0): _expected(5, 6), (1, 1): _expected(5, 6)}


def test_who_goes_away_meanwhile_leaves_nothing() -> None:
    bench = Bench(FakeModel(slots=1))
    guide = Odd(Slow())
    _submit(bench, 1, [guide], 6)
    _until(bench, lambda: bench.loop._answers.waiting)
    bench.loop.obey(Cancel(1))
    assert bench.loop.idle
    _submit(bench, 2, None, 4)
    bench.run()
    guide.leave.set()
    assert bench.finishes[2, 0].completion_tokens == 4
    assert not bench.loop._answers.waiting
    assert (1, 0) not in bench.texts


def test_a_mask_that_cannot_be_had_ends_its_request_alone() -> None:
    bench = Bench(FakeModel(slots=2))
    guide = Odd(Slow(), fails_at=3)
    guide.leave.set()
    _submit(bench, 1, [guide], 9)
    _submit(bench, 2, None, 9)
    bench.run()
    refused = [message for message in bench.sent if isinstance(message, Refused)]
    assert [(each.id, each.kind) for each in refused] == [(1, FailureKind.UNSUPPORTED)]
    assert bench.finishes[2, 0].completion_tokens == 9


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 12)), min_size=1, max_size=5),
    st.lists(st.integers(0, 4), max_size=40),
    st.booleans(),
)
def test_tokens_are_the_same_whenever_masks_come(
    requests: list[tuple[bool, int]], leaves: list[int], guessing: bool
) -> None:
    """Leave is given at any step, to any of them; guesses are made, or not."""
    bench = Bench(FakeModel(slots=3, ctx_size=64), guesser=LookupGuesser() if guessing else None)
    pace = Slow()
    guides = [Odd(pace) if held else None for held, _ in requests]
    for number, ((_, most), guide) in enumerate(zip(requests, guides, strict=True)):
        _submit(bench, number, None if guide is None else [guide], most)
    for leave in leaves:
        guide = guides[leave] if leave < len(guides) else None
        if guide is not None:
            guide.leave.set()
        bench.step()
    for guide in guides:
        if guide is not None:
            guide.leave.set()
    bench.run()
    for number, (held, most) in enumerate(requests):
        free = "".join(chr(4 + number + 49 + place) for place in range(most))
        assert bench.texts[number, 0] == (_expected(4 + number, most) if held else free)


@pytest.fixture(scope="module")
def demo() -> Iterator[LlamaModel]:
    path = files("colonnade") / "demo" / "demo.gguf"
    model = LlamaModel(LoadModel(str(path), slots=4, threads=1, ctx_size=256), lambda _: True)
    yield model
    model.close()


def _answers(model: LlamaModel, *, late: bool) -> dict[tuple[int, int], tuple[int, ...]]:
    """The tokens of several constrained and free choices on a real model, guesses among them."""
    sent: list[FromWorker] = []
    loop = Loop(model, sent.append, guesser=LookupGuesser())
    grammars = GrammarCompiler(model.token_table)
    _ = grammars.tokenizer
    constraint = Constraint("start: /([a-z]*[aeiou][a-z]{5} ){2,9}/\n")
    wishes = [
        Decoding(constraint=constraint, max_tokens=40, sampling=Sampling(seed=3), n=2),
        Decoding(constraint=constraint, max_tokens=40, sampling=Sampling(temperature=0)),
        Decoding(constraint=constraint, max_tokens=20, sampling=Sampling(seed=5), logprobs=2),
        Decoding(constraint=constraint, max_tokens=30, sampling=Sampling(seed=6, top_k=0)),
        Decoding(max_tokens=60, ignore_eos=True, sampling=Sampling(seed=7)),
    ]
    intake = Intake(model, model.vocabulary, grammars, loop.obey, sent.append)
    with patch.object(Usage, "quick", property(lambda _: not late)):
        for number, decoding in enumerate(wishes):
            matcher = grammars.matcher(constraint)
            assert matcher.pace.quick is not late
            part = TextPart(f"Tell me of number {number}.")
            asked = Submit(number, (part,), structs.replace(decoding, token_ids=True))
            intake.submit(asked)
            while not loop.idle:
                loop.step()
    assert not any(isinstance(message, Refused) for message in sent)
    found: dict[tuple[int, int], tuple[int, ...]] = {}
    for step in sent:
        for output in step.outputs if isinstance(step, Step) else ():
            key = output.id, output.choice
            found[key] = found.get(key, ()) + output.ids
    return found


def test_a_model_says_the_same_with_masks_from_beside(demo: LlamaModel) -> None:
    assert _answers(demo, late=True) == _answers(demo, late=False)


def test_while_a_mask_is_computed_it_is_known_whether_the_text_is_complete(
    demo: LlamaModel,
) -> None:
    constraint = Constraint("start: /([a-z]*[aeiou][a-z]{16})*/\n")
    matcher = GrammarCompiler(demo.token_table).matcher(constraint)

    def compute() -> None:
        for _ in range(150):
            allowed = np.flatnonzero(matcher.mask())
            matcher.consume([int(allowed[len(allowed) // 2])])

    computing = Thread(target=compute)
    computing.start()
    while computing.is_alive():
        assert not matcher.complete
    computing.join()
