"""Classes of requests on a server with one slot."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.running import start_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.running import RunningServer

PATH = "/v1/chat/completions"
HELLO: dict[str, Any] = {
    "messages": [{"role": "user", "content": "Hello!"}],
    "max_tokens": 200,  # so that one answer surely arrives before the next one
    "ignore_eos": True,
}
ENDLESS: dict[str, Any] = {
    **HELLO,
    "stream": True,
    "stop": "\0never",
    "max_tokens": 60_000,
}


@pytest.fixture(scope="module")
def narrow_server(random_model: Any) -> Iterator[RunningServer]:
    """One slot, and a context that outlasts the requests that have to queue behind an answer."""
    model = str(random_model("llama"))
    server = start_server(model, "--threads", "1", "--slots", "1", "--ctx-size", "65536")
    yield server
    server.stop()


async def order_of(server: RunningServer, wishes: list[dict[str, Any]]) -> list[int]:
    """The order in which requests are answered that queue up in that of the list."""
    done: list[int] = []

    async def ask(number: int) -> None:
        response = await http.post(PATH, json=HELLO | wishes[number])
        assert response.status_code == 200, response.text
        done.append(number)

    async def queued(count: int) -> None:
        while True:
            metrics = (await http.get("/metrics")).text
            if re.search(rf"requests_waiting\S* {count}(\.0)?$", metrics, re.MULTILINE):
                return

    limits = httpx.Limits(max_connections=100)
    async with (
        asyncio.timeout(60),
        httpx.AsyncClient(base_url=server.root_url, timeout=60, limits=limits) as http,
        http.stream("POST", PATH, json=ENDLESS) as holder,
        asyncio.TaskGroup() as tasks,
    ):
        answer = holder.aiter_bytes()  # which closes it when it goes
        await anext(answer)
        for number in range(len(wishes)):
            tasks.create_task(ask(number))
            await queued(number + 1)
        await holder.aclose()
    return done


async def test_the_more_urgent_come_first(narrow_server: RunningServer) -> None:
    wishes: list[dict[str, Any]] = [
        {"service_tier": "flex"},
        {"priority": 1},
        {},
        {"service_tier": "auto"},
        {"priority": -1},
        {"service_tier": "priority", "priority": 2},
        {"service_tier": "fast"},
    ]
    assert await order_of(narrow_server, wishes) == [6, 5, 4, 2, 3, 1, 0]


async def test_the_last_class_has_its_share(narrow_server: RunningServer) -> None:
    wishes = [{"service_tier": "flex"}] * 2 + [{"service_tier": "priority"}] * 14
    order = await order_of(narrow_server, wishes)
    assert [order.index(0), order.index(1)] == [7, 15]


async def test_completions_have_priorities(narrow_server: RunningServer) -> None:
    async with httpx.AsyncClient(base_url=narrow_server.root_url, timeout=60) as http:
        body = {"prompt": "Hello", "max_tokens": 1, "priority": -3}
        assert (await http.post("/v1/completions", json=body)).status_code == 200
        refused = await http.post("/v1/completions", json=body | {"priority": "high"})
        assert refused.json()["error"]["param"] == "priority"
