"""HEAD, OPTIONS, preflights, and the paths without ``/v1``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from colonnade.api.options import ApiOptions
from colonnade.app import create_app
from colonnade.generation import Generator, Models
from colonnade.web.access import Access
from colonnade.web.pages import PageRules
from tests.api.test_errors import check_shape

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

GOOD, EVIL = "https://good.example", "https://evil.example"


@pytest.fixture
async def picky(models: Models) -> AsyncIterator[httpx.AsyncClient]:
    """A server that the pages of one origin may call."""
    app = create_app(
        Generator(models), models, ApiOptions(pages=PageRules((GOOD,))), Access.for_anyone()
    )
    transport = httpx.ASGITransport(cast("Any", app))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


def preflight(origin: str) -> dict[str, str]:
    return {"origin": origin, "access-control-request-method": "POST"}


async def test_a_refused_preflight_is_an_error_as_any(picky: httpx.AsyncClient) -> None:
    for path in ("/v1/chat/completions", "/nowhere"):
        response = await picky.options(path, headers=preflight(EVIL))
        assert response.status_code == 403
        error = check_shape(response)
        assert error["code"] == "foreign_origin"
        assert EVIL in str(error["message"])
        assert "access-control-allow-origin" not in response.headers


async def test_an_allowed_preflight(picky: httpx.AsyncClient) -> None:
    response = await picky.options("/v1/chat/completions", headers=preflight(GOOD))
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == GOOD


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/fake/model"])
async def test_what_a_path_allows(picky: httpx.AsyncClient, path: str) -> None:
    for method, status in (("OPTIONS", 204), ("PUT", 405)):
        response = await picky.request(method, path)
        assert response.status_code == status
        assert response.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_without_the_version(client: httpx.AsyncClient) -> None:
    """As llama-server has it, for clients whose base URL has no ``/v1``."""
    hi: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}
    for path, body in (("/chat/completions", hi), ("/completions", {"prompt": "hi"})):
        shown = (await client.post(path, json=body)).json()
        assert shown["object"] == (await client.post(f"/v1{path}", json=body)).json()["object"]
        refused = await client.post(path, json=body | {"n": 0})
        assert refused.status_code == 400
        assert check_shape(refused)["param"] == "n"
    for path in ("/models", "/models/fake/model", "/models/fake%2Fmodel"):
        assert (await client.get(path)).json() == (await client.get(f"/v1{path}")).json()


async def test_slashes_too_many(client: httpx.AsyncClient) -> None:
    for path in ("/v1/models/", "//v1//models"):
        assert (await client.get(path)).json()["object"] == "list"
