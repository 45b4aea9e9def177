"""OpenAI's own clients ask for embeddings: floats, base64, texts, token ids, fewer dimensions."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import llama_cpp
import numpy as np
import openai
import pytest

from tests.running import start_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tests.running import RunningServer

TEXTS = ["the cat sat on the mat", "the cat sat on the hat", "prices of copper rose in may"]
WIDTH = 128
NEAR = 1e-3
"""By how much less than 1 the cosine may be of a text's vectors, computed beside other texts."""


@pytest.fixture(scope="module")
def embedding_server(random_model: Any) -> Iterator[RunningServer]:
    running = start_server(str(random_model("nomic-bert")), "--threads", "1")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def embeddings(embedding_server: RunningServer) -> Iterator[Any]:
    url = embedding_server.base_url
    with openai.OpenAI(base_url=url, api_key="unused", max_retries=0) as client:
        yield client.embeddings


def vectors(answer: Any) -> NDArray[np.float64]:
    assert [each.index for each in answer.data] == list(range(len(answer.data)))
    assert {each.object for each in answer.data} == {"embedding"}
    return np.array([each.embedding for each in answer.data])


def test_texts(embeddings: Any) -> None:
    answer = embeddings.create(model="nomic-bert", input=TEXTS)
    found = vectors(answer)
    assert answer.object == "list"
    assert answer.model == "nomic-bert"
    assert found.shape == (3, WIDTH)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-4)
    assert found[0] @ found[1] > found[0] @ found[2] + 0.1
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 3 * 5


def test_floats_and_base64_are_the_same_numbers(embeddings: Any) -> None:
    floats = embeddings.create(model="nomic-bert", input=TEXTS, encoding_format="float")
    packed = embeddings.create(model="nomic-bert", input=TEXTS, encoding_format="base64")
    raw = [base64.b64decode(each.embedding) for each in packed.data]
    unpacked = np.array([np.frombuffer(each, "<f4") for each in raw])
    assert np.allclose(vectors(floats), unpacked, atol=1e-6)


def test_one_text_and_a_list_of_one_are_the_same(embeddings: Any) -> None:
    one = embeddings.create(model="nomic-bert", input=TEXTS[0])
    listed = embeddings.create(model="nomic-bert", input=TEXTS[:1])
    assert np.allclose(vectors(one), vectors(listed), atol=1e-4)
    assert one.usage == listed.usage


def test_token_ids(embeddings: Any, random_model: Any) -> None:
    """Ids are taken as they are: with those of a text, the numbers are the text's."""
    model = llama_cpp.Llama(str(random_model("nomic-bert")), vocab_only=True, verbose=False)
    ids = model.tokenize(TEXTS[0].encode())
    model.close()
    text = embeddings.create(model="nomic-bert", input=TEXTS[0])
    as_ids = embeddings.create(model="nomic-bert", input=ids)
    listed = embeddings.create(model="nomic-bert", input=[ids, ids[:3]])
    assert np.allclose(vectors(as_ids), vectors(text), atol=1e-4)
    assert vectors(listed)[0] @ vectors(text)[0] > 1 - NEAR
    assert as_ids.usage.prompt_tokens == text.usage.prompt_tokens == len(ids)


def test_fewer_dimensions_are_the_first_ones_with_length_one(embeddings: Any) -> None:
    whole = vectors(embeddings.create(model="nomic-bert", input=TEXTS))
    short = vectors(embeddings.create(model="nomic-bert", input=TEXTS, dimensions=40))
    expected = whole[:, :40] / np.linalg.norm(whole[:, :40], axis=1, keepdims=True)
    assert np.allclose(short, expected, atol=1e-5)
    with pytest.raises(openai.BadRequestError, match=str(WIDTH)) as refused:
        embeddings.create(model="nomic-bert", input=TEXTS, dimensions=WIDTH + 1)
    assert refused.value.param == "dimensions"


async def test_many_at_once(embedding_server: RunningServer) -> None:
    texts = [f"this is text number {number} of a few" for number in range(40)]
    options: dict[str, Any] = {"base_url": embedding_server.base_url, "api_key": "unused"}
    async with openai.AsyncOpenAI(**options, max_retries=0) as client:
        create = client.embeddings.create
        answers = await asyncio.gather(
            *(create(model="nomic-bert", input=[text, texts[0]]) for text in texts)
        )
        whole = vectors(await create(model="nomic-bert", input=texts))
    beside = np.array([vectors(answer)[0] for answer in answers])
    assert np.einsum("ij,ij->i", beside, whole).min() > 1 - NEAR
