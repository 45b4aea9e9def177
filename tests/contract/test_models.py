"""Models through OpenAI's client, and the operators' routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openai
import pytest

if TYPE_CHECKING:
    import httpx


def test_models(client: openai.OpenAI, model: str) -> None:
    listed = list(client.models.list())
    assert [each.id for each in listed] == [model]
    assert client.models.retrieve(model) == listed[0]
    assert listed[0].object == "model"
    assert listed[0].created > 1.7e9


def test_unknown_model(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("no/such model")
    assert caught.value.code == "model_not_found"


def test_operators_routes(http: httpx.Client) -> None:
    assert http.get("/health").json()["status"] == "healthy"
    for path in ("/health", "/ready", "/v1/models"):
        head = http.head(path)  # as `wget --spider` and many monitors ask
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["x-request-id"]
    assert http.get("/ready").status_code == 200
    assert http.get("/schema/openapi.json").json()["info"]["title"] == "Colonnade"
