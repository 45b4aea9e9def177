"""What a generation puts into its client's account, however it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from colonnade.api.batch import Batch
from colonnade.generation import (
    CompletionPrompt,
    Generator,
    Models,
    ServedModel,
    Turn,
    Used,
    asking,
)
from colonnade.messages import Decoding, Failure, FailureKind, Output
from colonnade.watch import About, about
from tests.api.fakes import PROMPT_TOKENS, FakeEngine, FakeTemplate, HereTemplate, Submitted

if TYPE_CHECKING:
    from collections.abc import Iterator

TURN = Turn(None, CompletionPrompt("a"), Decoding(n=2))


class Book:
    """Accounts, of clients that may go on for as long as they are not ``barred``."""

    def __init__(self) -> None:
        self.used: dict[str, Used] = {}
        self.barred = False

    def admit(self, client: str) -> None:
        if self.barred:
            raise Failure(FailureKind.QUOTA_EXCEEDED, f"{client} has had enough.")

    def note(self, client: str, used: Used) -> None:
        self.used[client] = self.used.get(client, Used()) + used


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.script = begin
    return engine


@pytest.fixture
def generator(book: Book, engine: FakeEngine) -> Iterator[Generator]:
    models = Models()
    models.add(ServedModel("fake", 0, cast("Any", engine), HereTemplate(FakeTemplate())))
    asked = asking.set("key:app")
    yield Generator(models, accounts=book)
    asking.reset(asked)


def begin(submitted: Submitted) -> None:
    """Two choices get a slot, and some tokens."""
    submitted.stream.started = True
    for choice in range(2):
        submitted.stream.put(Output(submitted.stream.id, choice, "x", tokens=3))


async def test_who_goes_away_pays_for_what_was_made(generator: Generator, book: Book) -> None:
    generation = await generator.start(TURN)
    assert book.used == {"key:app": Used(requests=1)}
    for _ in range(2):  # closing it again changes nothing
        await generation.aclose()
        assert book.used == {"key:app": Used(1, PROMPT_TOKENS, 6)}


async def test_the_end_and_a_failure_count_alike(
    generator: Generator, book: Book, engine: FakeEngine
) -> None:
    def end(submitted: Submitted) -> None:
        begin(submitted)
        for choice in range(2):
            submitted.end(choice)

    def fail(submitted: Submitted) -> None:
        begin(submitted)
        submitted.stream.fail(Failure(FailureKind.WORKER_DIED, "gone"))

    engine.script = end
    await generator.complete(TURN)
    assert book.used == {"key:app": Used(1, PROMPT_TOKENS, 6)}
    engine.script = fail
    with pytest.raises(Failure, match="gone"):
        await generator.complete(TURN)
    assert book.used == {"key:app": Used(2, 2 * PROMPT_TOKENS, 12)}


async def test_who_only_waited_pays_no_tokens(
    generator: Generator, book: Book, engine: FakeEngine
) -> None:
    engine.script = lambda _: None
    await (await generator.start(TURN)).aclose()
    assert book.used == {"key:app": Used(requests=1)}


async def test_several_prompts_are_one_request(generator: Generator, book: Book) -> None:
    token = about.set(About("id"))
    try:
        batch = await Batch.start(generator, [TURN] * 3)
        await batch.aclose()
    finally:
        about.reset(token)
    assert book.used == {"key:app": Used(1, 3 * PROMPT_TOKENS, 18)}


async def test_what_is_refused_costs_nothing(
    generator: Generator, book: Book, engine: FakeEngine
) -> None:
    engine.refusal = Failure(FailureKind.QUEUE_FULL, "full")
    with pytest.raises(Failure, match="full"):
        await generator.start(TURN)
    engine.refusal, book.barred = None, True
    with pytest.raises(Failure, match="key:app has had enough"):
        await generator.start(TURN)
    assert book.used == {}
    assert engine.submitted == []
