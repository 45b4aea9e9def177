"""OpenAI's own clients, pointed at a real server. They never retry: a failure is a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openai
import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import httpx

    from tests.running import RunningServer


@pytest.fixture(scope="session")
def client(server: RunningServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.base_url, api_key="unused", max_retries=0) as client:
        yield client


@pytest.fixture
async def async_client(server: RunningServer) -> AsyncIterator[openai.AsyncOpenAI]:
    options = {"base_url": server.base_url, "api_key": "unused", "max_retries": 0}
    async with openai.AsyncOpenAI(**options) as client:  # type: ignore[arg-type]
        yield client


@pytest.fixture(scope="session")
def http(server: RunningServer) -> Iterator[httpx.Client]:
    """For what OpenAI's clients would never send."""
    with server.client() as client:
        yield client


@pytest.fixture(scope="session")
def model(client: openai.OpenAI) -> str:
    """The id of the model that the server serves."""
    return client.models.list().data[0].id
