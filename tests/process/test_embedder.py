"""Embeddings of a real worker: the same whatever is beside them, in order, bounded, cancelled."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import numpy as np
import pytest

from colonnade.engine import Bounds, Embedder, LoadError
from colonnade.messages import (
    Decoding,
    EmbedInput,
    Failure,
    FailureKind,
    LoadModel,
    TextPart,
    TokenPart,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from numpy.typing import NDArray

    from colonnade.engine import Rows
    from tests.conftest import RandomModel

    Start = Callable[..., Awaitable[Embedder]]

pytestmark = pytest.mark.anyio

TEXTS = ["A cat.", "The dog sat on the mat, and the cat did not mind.", "one two three " * 20]


@pytest.fixture
async def start(random_model: RandomModel) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def start(kind: str, *, bounds: Bounds | None = None, **wishes: object) -> Embedder:
            settings = {"threads": 1, "ctx_size": 512, "slots": 2, **wishes}
            load = LoadModel(str(random_model(kind)), **settings)  # type: ignore[arg-type]
            embedder = await Embedder.start(load, bounds=bounds or Bounds())
            stack.push_async_callback(embedder.close)
            return embedder

        yield start


def texts(*given: str) -> tuple[EmbedInput, ...]:
    return tuple(EmbedInput((TextPart(each),)) for each in given)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.001)


def assert_alike(found: NDArray[np.float32], expected: object) -> None:
    """The same but for rounding: weights of 8 bits are multiplied in other ways for few rows."""
    other = np.asarray(expected)
    lengths = np.linalg.norm(found, axis=-1) * np.linalg.norm(other, axis=-1)
    assert found.shape == other.shape
    assert ((found * other).sum(axis=-1) / lengths).min() > 0.998


def numbers(rows: Rows) -> NDArray[np.float32]:
    return np.frombuffer(b"".join(rows.parts), "<f4").reshape(rows.count, -1)


@pytest.mark.parametrize(
    ("kind", "pooling"),
    [
        ("bert", "cls"),
        ("nomic-bert", "mean"),
        ("jina-bert", "mean"),
        ("modern-bert", "mean"),
        ("qwen3-embedding", "last"),
        ("gemma-embedding", "mean"),
        ("llama", "last"),
        ("sliding", "last"),
        ("hybrid", "last"),
        ("recurrent", "last"),
    ],
)
async def test_what_is_beside_a_text_is_of_no_concern(
    start: Start, kind: str, pooling: str
) -> None:
    embedder = await start(kind)
    info = embedder.info
    assert (info.pooling, info.decoder) == (pooling, False)
    alone = [numbers(await embedder.embed(texts(each)))[0] for each in TEXTS]
    together = await asyncio.gather(*[embedder.embed(texts(*TEXTS)) for _ in range(3)])
    for rows in together:
        found = numbers(rows)
        assert found.shape == (3, info.row_size)
        assert_alike(found, alone)
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert embedder.totals.prompt_tokens == sum(rows.prompt_tokens for rows in together) + sum(
        [(await embedder.embed(texts(each))).prompt_tokens for each in TEXTS]
    )
    assert embedder.active == embedder.waiting == 0


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
async def test_a_text_that_is_read_in_pieces_is_the_same_as_a_whole_one(
    start: Start, pooling: str
) -> None:
    whole = await start("llama", pooling=pooling, batch_size=512)
    pieces = await start("llama", pooling=pooling, batch_size=64)
    given = texts(TEXTS[0], "one two three " * 60, TEXTS[1])
    expected = numbers(await whole.embed(given))
    found, _ = await asyncio.gather(pieces.embed(given), pieces.embed(texts(*TEXTS)))
    assert_alike(numbers(found), expected)


async def test_rows_of_many_inputs_are_in_their_order(start: Start) -> None:
    embedder = await start("bert", batch_size=128)
    given = [f"number {number} of many" for number in range(150)]
    found = numbers(await embedder.embed(texts(*given)))
    few = numbers(await embedder.embed(texts(given[149], given[0], given[77])))
    assert_alike(found[[149, 0, 77]], few)


async def test_dimensions_and_norms(start: Start) -> None:
    embedder = await start("bert")
    raw = numbers(await embedder.embed(texts(*TEXTS), norm=None))
    cut = numbers(await embedder.embed(texts(*TEXTS), dimensions=16))
    short = raw[:, :16]
    expected = short / np.linalg.norm(short, axis=1, keepdims=True)
    np.testing.assert_allclose(cut, expected, atol=1e-5)
    for order in (1, 3, 7):
        scaled = numbers(await embedder.embed(texts(*TEXTS), norm=order))
        expected = raw / np.linalg.norm(raw, ord=order, axis=1, keepdims=True)
        np.testing.assert_allclose(scaled, expected, rtol=1e-4, atol=1e-6)
    largest = numbers(await embedder.embed(texts(*TEXTS), norm=0))
    np.testing.assert_allclose(np.abs(largest).max(axis=1), 32760, rtol=1e-5)


async def test_a_long_input_is_refused_or_cut(start: Start) -> None:
    embedder = await start("embedding", ctx_size=128)
    long = "one two three four five six seven " * 40
    with pytest.raises(Failure) as raised:
        await embedder.embed(texts("short", long))
    assert raised.value.kind is FailureKind.CONTEXT_LENGTH_EXCEEDED
    assert raised.value.param == "input[1]"
    assert "128 tokens" in raised.value.message
    assert (await embedder.embed(texts("short", long), most_tokens=-1)).prompt_tokens > 128
    first, last = [
        numbers(await embedder.embed(texts(long), most_tokens=12, last_tokens=side))
        for side in (False, True)
    ]
    assert not np.allclose(first, last, atol=1e-3)
    with pytest.raises(Failure) as raised:
        await embedder.embed(texts("x" * (1 << 21)), most_tokens=12, last_tokens=True)
    assert raised.value.kind is FailureKind.INVALID_REQUEST
    assert (await embedder.embed(texts("x y " * (1 << 18)), most_tokens=12)).prompt_tokens == 12
    assert embedder.active == 0


async def test_tokens_as_they_are(start: Start) -> None:
    embedder = await start("qwen3-embedding")
    given = EmbedInput((TokenPart((1, 2, 3)),), bare=True)
    assert (await embedder.embed((given,))).prompt_tokens == 3
    with pytest.raises(Failure) as raised:
        await embedder.embed((EmbedInput((TokenPart((1 << 30,)),), bare=True),))
    assert raised.value.param == "input[0]"
    with pytest.raises(Failure):
        await embedder.embed((EmbedInput((), bare=True),))


async def test_scores_of_pairs(start: Start) -> None:
    embedder = await start("reranker")
    assert embedder.info.pooling == "rank"
    assert embedder.info.row_size == 1
    pairs = tuple(EmbedInput((TextPart("query"),), (TextPart(each),)) for each in TEXTS)
    found = numbers(await embedder.embed(pairs, norm=None))
    assert found.shape == (3, 1)
    assert np.isfinite(found).all()
    cut = EmbedInput((TextPart("query"),), (TextPart("one two " * 400),))
    assert (await embedder.embed((cut,), norm=None, most_tokens=-1)).prompt_tokens == 512


async def test_who_gives_up_leaves_nothing(start: Start) -> None:
    embedder = await start("bert", batch_size=64)
    big = asyncio.create_task(embedder.embed(texts(*(["one two three " * 10] * 1000))))
    await until(lambda: bool(embedder.active and not embedder.waiting))
    small = await embedder.embed(texts("a question"), client="another")
    assert small.count == 1
    assert not big.done(), "a question does not wait for the end of a library"
    big.cancel()
    await asyncio.wait([big])
    assert embedder.active == 0
    assert embedder.totals.ends["cancelled"] == 1
    assert (await embedder.embed(texts("a question"))).count == 1


async def test_bounds(start: Start) -> None:
    embedder = await start("bert", batch_size=64, bounds=Bounds(queue_memory=100_000))
    big = texts(*(["one two three " * 10] * 1000))
    first = asyncio.create_task(embedder.embed(big))
    await until(lambda: bool(embedder.active))
    with pytest.raises(Failure) as raised:
        await embedder.embed(big)
    assert raised.value.kind is FailureKind.QUEUE_FULL
    await first
    slow = await start("bert", batch_size=64, bounds=Bounds(request_seconds=0.05))
    with pytest.raises(Failure) as raised:
        await slow.embed(big)
    assert raised.value.kind is FailureKind.TIMEOUT


async def test_a_worker_that_dies_fails_its_requests_and_has_a_successor(start: Start) -> None:
    embedder = await start("bert", batch_size=64)
    big = asyncio.create_task(embedder.embed(texts(*(["one two three " * 10] * 1000))))
    await until(lambda: bool(embedder.active and not embedder.waiting))
    worker = embedder._supervisor.worker
    assert worker is not None
    worker.kill()
    with pytest.raises(Failure) as raised:
        await big
    assert raised.value.kind is FailureKind.WORKER_DIED
    assert (await embedder.embed(texts("again"))).count == 1
    assert embedder.restarts == 1


async def test_it_says_what_it_does_and_generates_nothing(start: Start) -> None:
    embedder = await start("bert")
    await embedder.embed(texts(*TEXTS))
    seen = await embedder.observe()
    assert seen.step_tokens.sum == embedder.totals.prompt_tokens
    with pytest.raises(Failure) as raised:
        await embedder.submit((TextPart("x"),), Decoding())
    assert raised.value.kind is FailureKind.UNSUPPORTED


@pytest.mark.parametrize(
    ("kind", "wishes", "words"),
    [
        ("bert", {"pooling": "rank"}, "no classifier"),
        ("bert", {"pooling": "sum"}, "pooling is 'sum'"),
    ],
)
async def test_what_cannot_be_loaded(
    start: Start, kind: str, wishes: dict[str, object], words: str
) -> None:
    with pytest.raises(LoadError, match=words):
        await start(kind, **wishes)


async def test_invariant_embeddings_are_the_same_to_the_bit(start: Start) -> None:
    embedder = await start("bert", batch_invariant=True)
    alone = await embedder.embed(texts(TEXTS[1]))
    together = await asyncio.gather(*[embedder.embed(texts(*TEXTS)) for _ in range(3)])
    for rows in together:
        assert numbers(rows)[1].tobytes() == b"".join(alone.parts)
