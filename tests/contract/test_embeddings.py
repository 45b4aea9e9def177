"""Embeddings and scores over HTTP: OpenAI's client and the shapes of others, on real workers."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import openai
import pytest
from openai.types import embedding_create_params

from colonnade.api.fields import Endpoint, Field, Standing
from colonnade.api.fields.texts import TEXT_FIELDS
from colonnade.api.schema.embeddings import EmbeddingRequest
from colonnade.api.schema.rerank import RerankRequest, ScoreRequest
from tests.running import RunningServer, start_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.conftest import RandomModel

WIDTH = 128
DOCUMENTS = ["A panda is a bear.", "It rains.", "Nothing at all."]
TEXTS = ["hello there", "a world of cats and dogs"]
PATHS = {
    Endpoint.EMBEDDINGS: "/v1/embeddings",
    Endpoint.RERANK: "/v1/rerank",
    Endpoint.SCORE: "/v1/score",
}
PLAIN: dict[Endpoint, dict[str, Any]] = {
    Endpoint.EMBEDDINGS: {"input": TEXTS},
    Endpoint.RERANK: {"query": "What is a panda?", "documents": DOCUMENTS},
    Endpoint.SCORE: {"text_1": "What is a panda?", "text_2": DOCUMENTS},
}
STRUCTS = {
    Endpoint.EMBEDDINGS: EmbeddingRequest,
    Endpoint.RERANK: RerankRequest,
    Endpoint.SCORE: ScoreRequest,
}


@pytest.fixture(scope="module")
def embedding_server(random_model: RandomModel) -> Iterator[RunningServer]:
    running = start_server(
        *(str(random_model("nomic-bert")), "--threads", "1", "--max-inputs", "300"),
        *("--query-prefix", "search_query: ", "--ctx-size", "256"),
    )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def rank_server(random_model: RandomModel) -> Iterator[RunningServer]:
    running = start_server(
        *(str(random_model("qwen3-reranker")), "--threads", "1", "--ctx-size", "256")
    )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def plain_rank_server(random_model: RandomModel) -> Iterator[RunningServer]:
    """Of a reranker of one class, whose scores are any numbers."""
    running = start_server(*(str(random_model("reranker")), "--threads", "1", "--ctx-size", "256"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def sdk(embedding_server: RunningServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=embedding_server.base_url, api_key="x", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def embed_http(embedding_server: RunningServer) -> Iterator[httpx.Client]:
    with embedding_server.client() as client:
        yield client


@pytest.fixture(scope="module")
def rank_http(rank_server: RunningServer) -> Iterator[httpx.Client]:
    with rank_server.client() as client:
        yield client


@pytest.fixture(scope="module")
def plain_rank_http(plain_rank_server: RunningServer) -> Iterator[httpx.Client]:
    with plain_rank_server.client() as client:
        yield client


def vectors(http: httpx.Client, **body: Any) -> np.ndarray[Any, Any]:
    response = http.post("/v1/embeddings", json=body)
    assert response.status_code == 200, response.text
    return np.array([each["embedding"] for each in response.json()["data"]])


def refused(http: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    response = http.post(path, json=body)
    assert response.status_code == 400, response.text
    error: dict[str, Any] = response.json()["error"]
    return error


def test_openai_client(sdk: openai.OpenAI) -> None:
    """It asks for base64 where its user asks for nothing."""
    plain = sdk.embeddings.create(model="nomic-bert", input=TEXTS)
    floats = sdk.embeddings.create(model="nomic-bert", input=TEXTS, encoding_format="float")
    assert [each.index for each in plain.data] == [0, 1]
    assert plain.object == "list"
    assert plain.model == "nomic-bert"
    for each, other in zip(plain.data, floats.data, strict=True):
        assert len(each.embedding) == WIDTH
        np.testing.assert_allclose(each.embedding, other.embedding, atol=1e-6)
        assert np.linalg.norm(each.embedding) == pytest.approx(1, abs=1e-5)
    assert plain.usage.prompt_tokens == plain.usage.total_tokens == floats.usage.prompt_tokens
    one = [sdk.embeddings.create(model="nomic-bert", input=each) for each in TEXTS]
    assert sum(each.usage.prompt_tokens for each in one) == plain.usage.prompt_tokens
    short = sdk.embeddings.create(model="nomic-bert", input=TEXTS[0], dimensions=8)
    expected = np.array(floats.data[0].embedding[:8])
    expected /= np.linalg.norm(expected)
    assert (short.data[0].embedding @ expected) == pytest.approx(1, abs=1e-3)


def test_base64_is_of_the_same_numbers(embed_http: httpx.Client) -> None:
    body = {"input": TEXTS, "encoding_format": "base64"}
    data = embed_http.post("/v1/embeddings", json=body).json()["data"]
    found = [np.frombuffer(base64.b64decode(each["embedding"]), "<f4") for each in data]
    np.testing.assert_allclose(found, vectors(embed_http, input=TEXTS), atol=1e-6)


def test_a_large_answer_comes_whole(embed_http: httpx.Client) -> None:
    """It is sent in pieces beyond a megabyte."""
    given = [f"number {number}" for number in range(300)]
    response = embed_http.post("/v1/embeddings", json={"input": given})
    assert len(response.content) == int(response.headers["content-length"])
    data = response.json()["data"]
    assert [each["index"] for each in data] == [*range(300)]
    again = vectors(embed_http, input=[given[299], given[0]])
    found = np.array([data[299]["embedding"], data[0]["embedding"]])
    assert (found * again).sum(axis=1).min() > 0.998


def test_without_a_version_and_by_token_ids(embed_http: httpx.Client) -> None:
    assert embed_http.post("/embeddings", json={"input": "x"}).status_code == 200
    one = vectors(embed_http, input=[5, 6, 7])
    two = vectors(embed_http, input=[[5, 6, 7], [8]])
    assert (len(one), len(two)) == (1, 2)
    assert one[0] @ two[0] == pytest.approx(1, abs=2e-3)


def test_the_name_of_a_special_token_is_text(embed_http: httpx.Client) -> None:
    spelled = embed_http.post("/v1/embeddings", json={"input": "[SEP][SEP][SEP]"}).json()
    assert spelled["usage"]["prompt_tokens"] > 2 + 3


def test_prefixes(embed_http: httpx.Client) -> None:
    query = vectors(embed_http, input="cats", input_type="query")
    spelled = vectors(embed_http, input="search_query: cats")
    plain = vectors(embed_http, input="cats", input_type="passage")
    assert query[0] @ spelled[0] == pytest.approx(1, abs=1e-3)
    assert plain[0] @ vectors(embed_http, input="cats")[0] == pytest.approx(1, abs=1e-3)
    assert query[0] @ plain[0] < 0.999


@pytest.mark.parametrize(
    ("body", "param", "code", "words"),
    [
        ({}, "input", "invalid_request", "required"),
        ({"input": ""}, "input", "invalid_request", "empty"),
        ({"input": ["a", ""]}, "input[1]", "invalid_request", "empty"),
        ({"input": []}, "input", "invalid_request", "empty list"),
        ({"input": [[]]}, "input[0]", "invalid_request", "no token"),
        ({"input": ["a", 1]}, "input", "invalid_request", "must be a string"),
        ({"input": [1, "a"]}, "input", "invalid_request", "no token id"),
        ({"input": ["a"] * 301}, "input", "invalid_request", "at most 300"),
        ({"input": [1 << 20]}, "input", "invalid_request", "no token 1048576"),
        ({"input": [[1], [-1]]}, "input[1]", "invalid_request", "-1"),
        ({"input": "a " * 300}, "input", "context_length_exceeded", "256 tokens.*302 tokens"),
        ({"input": ["a", "a " * 300]}, "input[1]", "context_length_exceeded", "302 tokens"),
        ({"input": "a", "dimensions": 129}, "dimensions", "invalid_request", "have 128"),
        ({"input": "a", "dimensions": 0}, "dimensions", "invalid_request", "wrong"),
        ({"input": "a", "truncate_prompt_tokens": 257}, None, "invalid_request", "256"),
        ({"input": "a", "truncate_prompt_tokens": 2}, None, "context_length_exceeded", "2 already"),
        ({"input": "a", "input_type": "image"}, "input_type", "unsupported", "can be query"),
        ({"input": [1], "input_type": "query"}, "input_type", "invalid_request", "as they are"),
    ],
)
def test_what_is_refused(
    embed_http: httpx.Client, body: dict[str, Any], param: str | None, code: str, words: str
) -> None:
    error = refused(embed_http, "/v1/embeddings", **body)
    assert error["code"] == code
    if param is not None:
        assert error["param"] == param
    assert re.search(words, error["message"])


def test_a_long_input_may_be_cut(embed_http: httpx.Client) -> None:
    body = {"input": "one two three four " * 100, "truncate_prompt_tokens": -1}
    assert embed_http.post("/v1/embeddings", json=body).json()["usage"]["prompt_tokens"] == 256
    body["truncate_prompt_tokens"] = 10
    assert embed_http.post("/v1/embeddings", json=body).json()["usage"]["prompt_tokens"] == 10


def test_each_model_is_asked_for_what_it_can(
    embed_http: httpx.Client, rank_http: httpx.Client, server: RunningServer
) -> None:
    chat = {"messages": [{"role": "user", "content": "hi"}]}
    for client in (embed_http, rank_http):
        error = refused(client, "/v1/chat/completions", **chat)
        assert (error["param"], error["code"]) == ("model", "unsupported")
    for path in ("/v1/rerank", "/v1/score"):
        body = PLAIN[Endpoint.RERANK] if path == "/v1/rerank" else PLAIN[Endpoint.SCORE]
        assert "no reranker" in refused(embed_http, path, **body)["message"]
    assert "makes no embeddings" in refused(rank_http, "/v1/embeddings", input="x")["message"]
    with server.client() as generating:
        error = refused(generating, "/v1/embeddings", input="x")
    assert error["code"] == "unsupported"
    assert "--embeddings on" in error["message"]


def test_a_model_that_generates_embeds_where_that_is_allowed() -> None:
    running = start_server("demo", "--threads", "1", "--embeddings", "on", "--pooling", "mean")
    try:
        with running.client() as http:
            assert vectors(http, input=TEXTS).shape == (2, 256)
            chat = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 2}
            assert http.post("/v1/chat/completions", json=chat).status_code == 200
            numbers = http.get("/metrics").text
        assert 'colonnade_ready{engine="0",model="colonnade-demo@embeddings"} 1.0' in numbers
        assert 'colonnade_ready{engine="0",model="colonnade-demo"} 1.0' in numbers
    finally:
        running.stop()


def test_probes_and_slots_of_a_model_that_embeds(embed_http: httpx.Client) -> None:
    assert embed_http.get("/ready").json()["status"] == "ready"
    assert [each["state"] for each in embed_http.get("/slots").json()] == ["idle"]
    numbers = embed_http.get("/metrics").text
    assert (
        'colonnade_request_success_total{engine="0",finished_reason="stop",model="nomic-bert"}'
        in numbers
    )


def test_what_keys_have_used(random_model: RandomModel) -> None:
    """Texts are counted as prompts are, and what is refused is not."""
    key = "key-of-the-library"
    running = start_server(
        *(str(random_model("nomic-bert")), "--threads", "1", "--ctx-size", "256"),
        *("--admin-key", key, "--rate-limit", "10"),
    )
    try:
        with running.client(headers={"authorization": f"Bearer {key}"}) as http:
            found = http.post("/v1/embeddings", json={"input": TEXTS}).json()
            refused(http, "/v1/embeddings", input="word " * 300)
            numbers = http.get("/metrics").text
            count = found["usage"]["prompt_tokens"]
            assert re.search(rf'key_prompt_tokens_total{{key=".*"}} {count}\.0', numbers), numbers
            many = http.post("/v1/embeddings", json={"input": ["a"] * 64 * 11})
            assert many.status_code == 400
            assert "11 answers" in many.json()["error"]["message"]
    finally:
        running.stop()


def test_rankings(rank_http: httpx.Client) -> None:
    body = PLAIN[Endpoint.RERANK]
    whole = rank_http.post("/v1/rerank", json=body).json()
    scores = [each["relevance_score"] for each in whole["results"]]
    assert sorted(scores, reverse=True) == scores
    assert all(0 <= each <= 1 for each in scores)
    assert {each["index"] for each in whole["results"]} == {0, 1, 2}
    assert whole["usage"]["prompt_tokens"] == whole["usage"]["total_tokens"] > 0
    best = rank_http.post("/rerank", json=body | {"top_n": 1, "return_documents": True}).json()
    first = best["results"][0]
    assert first["index"] == whole["results"][0]["index"]
    assert first["document"] == {"text": DOCUMENTS[first["index"]]}
    for path in ("/v2/rerank", "/v1/reranking", "/reranking"):
        objects = body | {"documents": [{"text": each} for each in DOCUMENTS]}
        assert rank_http.post(path, json=objects).json()["results"] == whole["results"]
    texts = {"query": body["query"], "texts": DOCUMENTS, "return_text": True}
    tei = rank_http.post("/rerank", json=texts).json()
    assert [each["index"] for each in tei] == [each["index"] for each in whole["results"]]
    assert tei[0]["text"] == DOCUMENTS[tei[0]["index"]]


def test_scores(rank_http: httpx.Client) -> None:
    ranked = rank_http.post("/v1/rerank", json=PLAIN[Endpoint.RERANK]).json()["results"]
    expected = {each["index"]: each["relevance_score"] for each in ranked}
    found = rank_http.post("/v1/score", json=PLAIN[Endpoint.SCORE]).json()["data"]
    assert [each["index"] for each in found] == [0, 1, 2]
    for each in found:
        assert each["score"] == pytest.approx(expected[each["index"]], abs=5e-2)
    pairs = {"queries": ["a", "b"], "documents": ["c", "d"]}
    assert len(rank_http.post("/v1/score", json=pairs).json()["data"]) == 2
    wrong = {"text_1": ["a", "b"], "text_2": DOCUMENTS}
    assert "2 texts for 3" in refused(rank_http, "/v1/score", **wrong)["message"]


def test_a_document_that_is_too_long_is_refused_or_cut(rank_http: httpx.Client) -> None:
    body = {"query": "q", "documents": ["a", "b " * 400]}
    error = refused(rank_http, "/v1/rerank", **body)
    assert (error["code"], error["param"]) == ("context_length_exceeded", "documents[1]")
    cut = rank_http.post("/v1/rerank", json=body | {"truncate_prompt_tokens": -1})
    assert cut.status_code == 200
    for wrong in ({"documents": ["a"]}, {"query": "q"}, {"query": "q", "documents": []}):
        refused(rank_http, "/v1/rerank", **wrong)


def test_the_examples_of_the_openapi_document(
    embed_http: httpx.Client, rank_http: httpx.Client
) -> None:
    paths = embed_http.get("/openapi.json").json()["paths"]
    for path in ("/v1/embeddings", "/v1/rerank", "/v1/reranking", "/v1/score"):
        media = paths[path]["post"]["requestBody"]["content"]["application/json"]
        named = [each["value"] for each in media.get("examples", {}).values()]
        examples = named or media["schema"]["examples"]
        assert examples
        for body in examples:
            http = embed_http if path == "/v1/embeddings" else rank_http
            assert http.post(path, json=body).status_code == 200


@pytest.mark.parametrize("endpoint", STRUCTS)
def test_the_table_and_the_bodies_know_the_same_fields(endpoint: Endpoint) -> None:
    names = [field.name for field in TEXT_FIELDS if endpoint in field.endpoints]
    assert sorted(names) == sorted(STRUCTS[endpoint].__struct_fields__)


def test_the_table_holds_every_field_of_openai_client() -> None:
    names = {each.name for each in TEXT_FIELDS if Endpoint.EMBEDDINGS in each.endpoints}
    assert set(embedding_create_params.EmbeddingCreateParams.__annotations__) <= names


def _rows(*standings: Standing) -> list[Any]:
    return [
        pytest.param(field, endpoint, id=f"{endpoint}-{field.name}")
        for field in TEXT_FIELDS
        if field.standing in standings
        for endpoint in field.endpoints
    ]


def _answer(http: httpx.Client, endpoint: Endpoint, **fields: Any) -> Any:
    response = http.post(PATHS[endpoint], json=PLAIN[endpoint] | fields)
    assert response.status_code == 200, response.text
    body = response.json()
    if isinstance(body, dict):
        body.pop("id", None)
        body.pop("created", None)
    return body


@pytest.mark.parametrize(("field", "endpoint"), _rows(Standing.REFUSED, Standing.WITHOUT_EFFECT))
def test_fields_that_change_nothing(
    embed_http: httpx.Client, rank_http: httpx.Client, field: Field, endpoint: Endpoint
) -> None:
    http = embed_http if endpoint is Endpoint.EMBEDDINGS else rank_http
    plain = _answer(http, endpoint)
    for value in (*field.neutral, None):
        assert _answer(http, endpoint, **{field.name: value}) == plain
    if field.standing is Standing.WITHOUT_EFFECT:
        assert _answer(http, endpoint, **{field.name: field.example}) == plain
        return
    body = PLAIN[endpoint] | {field.name: field.example}
    error = refused(http, PATHS[endpoint], **body)
    assert (error["param"], error["message"]) == (field.name, field.note)


EFFECTS: dict[str, Any] = {
    "embeddings.input": "another text",
    "embeddings.encoding_format": "base64",
    "embeddings.dimensions": 3,
    "embeddings.truncate_prompt_tokens": 3,
    "embeddings.truncation_side": "left",
    "embeddings.add_special_tokens": False,
    "embeddings.normalize": False,
    "embeddings.embd_normalize": 1,
    "embeddings.input_type": "query",
    "rerank.query": "Why?",
    "rerank.documents": ["one"],
    "rerank.texts": DOCUMENTS,
    "rerank.top_n": 1,
    "rerank.return_documents": True,
    "rerank.return_text": True,
    "rerank.raw_scores": False,
    "rerank.use_activation": True,
    "rerank.truncate_prompt_tokens": 16,
    "score.text_1": "Why?",
    "score.text_2": "one",
    "score.queries": ["Why?"],
    "score.documents": ["one"],
    "score.use_activation": False,
    "score.truncate_prompt_tokens": 16,
}
BESIDE: dict[str, dict[str, Any]] = {
    "embeddings.truncation_side": {"input": "one two three four", "truncate_prompt_tokens": 4},
    "rerank.texts": {"documents": None},
    "rerank.return_text": {"documents": None, "texts": DOCUMENTS},
    "score.queries": {"text_1": None},
    "score.documents": {"text_2": None},
}


@pytest.mark.parametrize(("field", "endpoint"), _rows(Standing.DONE))
def test_fields_that_do_something(
    embed_http: httpx.Client, plain_rank_http: httpx.Client, field: Field, endpoint: Endpoint
) -> None:
    http = embed_http if endpoint is Endpoint.EMBEDDINGS else plain_rank_http
    key = f"{endpoint}.{field.name}"
    if field.name == "model":
        response = http.post(PATHS[endpoint], json=PLAIN[endpoint] | {"model": "nobody"})
        assert response.status_code == 404
        return
    body = PLAIN[endpoint] | BESIDE.get(key, {})
    without = http.post(PATHS[endpoint], json=body)
    changed = http.post(PATHS[endpoint], json=body | {field.name: EFFECTS[key]})
    assert changed.status_code == 200, changed.text

    def told(response: httpx.Response) -> Any:
        found = response.json()
        return found.get("data", found.get("results")) if isinstance(found, dict) else found

    assert told(changed) != (told(without) if without.status_code == 200 else None)
