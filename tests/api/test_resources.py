"""Models, health, and the document that describes all of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from colonnade.api.options import ApiOptions
from colonnade.app import create_app
from colonnade.generation import Generator, Models

if TYPE_CHECKING:
    from tests.api.fakes import FakeEngine

MODEL = {
    "id": "fake/model",
    "object": "model",
    "created": 1700000000,
    "owned_by": "colonnade",
}


async def test_models_are_listed(client: httpx.AsyncClient) -> None:
    body = (await client.get("/v1/models")).json()
    assert body == {"object": "list", "data": [MODEL]}


@pytest.mark.parametrize("path", ["fake/model", "fake%2Fmodel"])
async def test_model_with_a_slash_in_its_id(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(f"/v1/models/{path}")).json() == MODEL


async def test_unknown_model(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/models/fake/other")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"
    assert "fake/model" in response.json()["error"]["message"]


async def test_any_name_where_the_operator_allows_it(models: Models) -> None:
    lenient = Models(any_name=True)
    served = models.find(None)
    other = replace(served, id="fake/second")
    lenient.add(served)
    lenient.add(other)
    app = create_app(Generator(lenient), lenient, ApiOptions())
    transport = httpx.ASGITransport(cast("Any", app))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        names = {"gpt-4o": "fake/model", "fake/second": "fake/second", "": "fake/model"}
        for asked, answering in names.items():
            body = {"model": asked, "messages": [{"role": "user", "content": "Hi"}]}
            chat = await client.post("/v1/chat/completions", json=body)
            plain = await client.post("/v1/completions", json={"model": asked, "prompt": "Hi"})
            assert chat.json()["model"] == plain.json()["model"] == answering
        assert (await client.get("/v1/models/gpt-4o")).json() == MODEL


async def test_health_is_always_ok_and_readiness_follows_the_model(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    for ready in (True, False):
        engine.ready = ready
        health = await client.get("/health")
        assert health.status_code == 200
        assert health.json()["status"] == "healthy"
        assert health.json()["model_loaded"] is ready
        assert (await client.get("/ready")).status_code == (200 if ready else 503)


async def test_openapi_describes_bodies_and_answers(client: httpx.AsyncClient) -> None:
    document = (await client.get("/schema/openapi.json")).json()
    assert document["info"]["title"] == "Colonnade"
    for path, request, answer in (
        ("/v1/chat/completions", "ChatRequest", "ChatCompletion"),
        ("/v1/completions", "CompletionRequest", "Completion"),
    ):
        operation = document["paths"][path]["post"]
        assert reference(operation["requestBody"]) == request
        assert reference(operation["responses"]["200"]) == answer
        assert reference(operation["responses"]["400"]) == "ErrorBody"
    fields = document["components"]["schemas"]["ChatRequest"]
    assert fields["required"] == ["messages"]
    assert {"temperature", "xtc_threshold", "stream_options"} <= fields["properties"].keys()


def reference(holder: dict[str, Any]) -> str:
    schema = holder["content"]["application/json"]["schema"]
    [schema] = schema.get("allOf", [schema])
    name: str = schema["$ref"].rpartition("/")[2]
    return name


async def test_documentation_pages(client: httpx.AsyncClient) -> None:
    for page in ("swagger", "redoc"):
        response = await client.get(f"/schema/{page}")
        assert response.status_code == 200
        assert "Colonnade" in response.text
