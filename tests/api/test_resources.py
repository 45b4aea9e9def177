"""Models, health, and the document that describes all of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from colonnade.api.fields import FIELDS, Endpoint, Standing
from colonnade.api.options import ApiOptions
from colonnade.app import create_app
from colonnade.generation import Generator, Models
from colonnade.web.access import Access

if TYPE_CHECKING:
    from tests.api.fakes import FakeEngine

MODEL = {
    "id": "fake/model",
    "object": "model",
    "created": 1700000000,
    "owned_by": "colonnade",
}
"""What OpenAI's own clients read of it."""


def _of_openai(model: dict[str, Any]) -> dict[str, Any]:
    return {name: model[name] for name in MODEL}


async def test_models_are_listed(client: httpx.AsyncClient) -> None:
    body = (await client.get("/v1/models")).json()
    assert body["object"] == "list"
    assert list(map(_of_openai, body["data"])) == [MODEL]


async def test_what_a_model_can_do_is_told(client: httpx.AsyncClient) -> None:
    model = (await client.get("/v1/models/fake/model")).json()
    assert model["state"] == model["status"]["value"] == "loaded"
    assert model["capabilities"] == ["completion", "infill"]
    assert model["max_model_len"] == 128
    assert model["architecture"]["output_modalities"] == ["text"]


@pytest.mark.parametrize("path", ["fake/model", "fake%2Fmodel"])
async def test_model_with_a_slash_in_its_id(client: httpx.AsyncClient, path: str) -> None:
    assert _of_openai((await client.get(f"/v1/models/{path}")).json()) == MODEL


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
    app = create_app(Generator(lenient), lenient, ApiOptions(), Access.for_anyone())
    transport = httpx.ASGITransport(cast("Any", app))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        names = {"gpt-4o": "fake/model", "fake/second": "fake/second", "": "fake/model"}
        for asked, answering in names.items():
            body = {"model": asked, "messages": [{"role": "user", "content": "Hi"}]}
            chat = await client.post("/v1/chat/completions", json=body)
            plain = await client.post("/v1/completions", json={"model": asked, "prompt": "Hi"})
            assert chat.json()["model"] == plain.json()["model"] == answering
        assert _of_openai((await client.get("/v1/models/gpt-4o")).json()) == MODEL


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


async def test_openapi_has_the_bounds_that_hold(client: httpx.AsyncClient) -> None:
    schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    fields = schemas["ChatRequest"]["properties"]
    assert fields["temperature"]["minimum"] == 0
    assert fields["top_p"]["maximum"] == 1
    (texts,) = (each for each in fields["stop"]["oneOf"] if each["type"] == "array")
    assert "maxItems" in texts | fields["stop"]


async def test_openapi_names_what_is_refused(client: httpx.AsyncClient) -> None:
    schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    for name, endpoint in (
        ("ChatRequest", Endpoint.CHAT),
        ("CompletionRequest", Endpoint.COMPLETIONS),
    ):
        refused = [
            field
            for field in FIELDS
            if field.standing is Standing.REFUSED and endpoint in field.endpoints
        ]
        assert refused
        for field in refused:
            described = schemas[name]["properties"][field.name]
            assert described == {
                "enum": [*json.loads(json.dumps(field.neutral)), None],
                "description": field.note,
            }


async def test_what_asks_for_nothing_is_told_from_zero_and_false(client: httpx.AsyncClient) -> None:
    """To Python they are the same."""
    neutral = {
        field.name: value
        for field in FIELDS
        if field.standing is Standing.REFUSED and Endpoint.CHAT in field.endpoints
        for value in field.neutral
        if value in (0, False)
    }
    assert neutral
    body = {"messages": [{"role": "user", "content": "hi"}]}
    for name, value in neutral.items():
        assert (await client.post("/v1/chat/completions", json=body | {name: value})).is_success
        other = int(value) if isinstance(value, bool) else False
        response = await client.post("/v1/chat/completions", json=body | {name: other})
        assert response.status_code == 400, name
