"""LangChain's own suite for classes of embeddings, on its class for OpenAI's, against a server.

Unless told otherwise that class sends no texts but token ids, made by tiktoken for a model of
OpenAI's (docs/embeddings.md): here by a vocabulary of bytes, for it would download its own ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
import tiktoken
from langchain_openai import OpenAIEmbeddings
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from tests.running import start_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.running import RunningServer

BYTES = tiktoken.Encoding(
    "bytes",
    pat_str=r"[\s\S]",
    mergeable_ranks={bytes([byte]): byte for byte in range(256)},
    special_tokens={},
)


@pytest.fixture(scope="module")
def embedding_server(random_model: Any) -> Iterator[RunningServer]:
    """On a model whose first 256 tokens are the bytes."""
    running = start_server(str(random_model("gemma-embedding")), "--threads", "1")
    yield running
    running.stop()


AT_ONCE = httpx.Limits(max_keepalive_connections=0)
CLIENTS: dict[str, Any] = {
    "http_client": httpx.Client(limits=AT_ONCE),
    "http_async_client": httpx.AsyncClient(limits=AT_ONCE),
}
"""They close connections after each answer: LangChain closes no client."""


@pytest.fixture(autouse=True)
def environment(embedding_server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What LangChain's class finds out for itself."""
    monkeypatch.setenv("OPENAI_API_BASE", embedding_server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "unused")
    monkeypatch.setattr(tiktoken, "get_encoding", lambda _name: BYTES)


class _Texts:
    """Sends texts as they are."""

    @property
    def embeddings_class(self) -> type[OpenAIEmbeddings]:
        return OpenAIEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {
            "model": "gemma-embedding",
            "check_embedding_ctx_length": False,
            "max_retries": 0,
            **CLIENTS,
        }


class _Ids(_Texts):
    """Sends token ids, in pieces no longer than a context."""

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {
            "model": "gemma-embedding",
            "embedding_ctx_length": 512,
            "max_retries": 0,
            **CLIENTS,
        }


class TestTexts(_Texts, EmbeddingsIntegrationTests):
    pass


class TestIds(_Ids, EmbeddingsIntegrationTests):
    pass


class TestMade(_Texts, EmbeddingsUnitTests):
    pass


def test_ids_are_taken_as_they_are(embedding_server: RunningServer) -> None:
    [found] = OpenAIEmbeddings(**_Ids().embedding_model_params).embed_documents(["zq xv"])
    body = {"model": "gemma-embedding", "input": list(b"zq xv")}
    answer = httpx.post(f"{embedding_server.base_url}/embeddings", json=body)
    assert np.allclose(found, answer.json()["data"][0]["embedding"], atol=1e-4)


def test_a_long_text_is_embedded_in_pieces_by_ids_and_refused_as_a_text() -> None:
    text = "word " * 3000
    [vector] = OpenAIEmbeddings(**_Ids().embedding_model_params).embed_documents([text])
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)
    with pytest.raises(Exception, match="maximum context length"):
        OpenAIEmbeddings(**_Texts().embedding_model_params).embed_query(text)


def test_shorter_vectors() -> None:
    params = _Texts().embedding_model_params
    whole = OpenAIEmbeddings(**params).embed_query("some text")
    short = OpenAIEmbeddings(**params, dimensions=32).embed_query("some text")
    expected = np.array(whole[:32]) / np.linalg.norm(whole[:32])
    assert np.allclose(short, expected, atol=1e-5)


async def test_many_at_once() -> None:
    model = OpenAIEmbeddings(**_Texts().embedding_model_params, chunk_size=7)
    texts = [f"text number {number}" for number in range(50)]
    vectors = await model.aembed_documents(texts)
    assert np.allclose(vectors[41], model.embed_query(texts[41]), atol=1e-4)
